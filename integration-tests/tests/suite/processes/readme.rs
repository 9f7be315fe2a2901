//! Every console block of the README is typed into a shell, in order, in a directory with the repository's `envs/`; what comes out is
//! what stands there. `…` stands for anything within a line, and alone for any lines.

use integration_tests::process::{ROOT, binary};
use std::path::Path;
use std::process::Command;

/// A command and what it says.
struct Typed {
    line: usize,
    command: String,
    code: i32,
    says: Vec<String>,
}

/// The commands of the blocks marked `console`. A comment `# exit code N` says how one ends; 0 without.
fn typed(readme: &str) -> Vec<Typed> {
    let (mut found, mut open): (Vec<Typed>, Option<bool>) = (Vec::new(), None);
    for (number, line) in readme.lines().enumerate() {
        if let Some(kind) = line.strip_prefix("```") {
            open = if open.is_some() { None } else { Some(kind == "console") };
            continue;
        }
        match (open, line.strip_prefix("$ ")) {
            (Some(console), Some(command)) => {
                assert!(console, "README line {}: a block with commands is not marked `console`", number + 1);
                let (command, code) =
                    command.split_once("# exit code ").map_or((command, 0), |(command, code)| (command, code.trim().parse().unwrap()));
                found.push(Typed { line: number + 1, command: command.trim().to_owned(), code, says: Vec::new() });
            }
            (Some(true), None) => found.last_mut().unwrap().says.push(line.trim_end().to_owned()),
            _ => {}
        }
    }
    found
}

/// Whether the lines are as expected. Empty lines at the ends do not count.
fn same(expected: &[String], said: &[&str]) -> bool {
    match (expected, said) {
        ([], []) => true,
        ([], _) => false,
        ([first, rest @ ..], _) if first.trim() == "…" => (0..=said.len()).any(|skipped| same(rest, &said[skipped..])),
        ([first, rest @ ..], [line, more @ ..]) => like(first, line) && same(rest, more),
        (_, []) => false,
    }
}

fn like(expected: &str, line: &str) -> bool {
    match expected.split_once('…') {
        None => expected == line,
        Some((start, rest)) => line
            .strip_prefix(start)
            .is_some_and(|left| (0..=left.len()).filter(|at| left.is_char_boundary(*at)).any(|at| like(rest, &left[at..]))),
    }
}

#[test]
fn a_difference_is_seen() {
    let expected: Vec<String> = ["a … c", "…", "end"].map(str::to_owned).into();
    assert!(same(&expected, &["a b c", "end"]) && same(&expected, &["a b c", "x", "y", "end"]));
    assert!(!same(&expected, &["a b d", "end"]) && !same(&expected, &["a b c", "end", "more"]) && !same(&expected, &["a b c"]));
}

#[test]
fn every_console_block_is_true() {
    let dir = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").arg("-r").arg(Path::new(ROOT).join("envs")).arg(dir.path()).status().unwrap();
    assert!(copied.success());
    let commands = typed(&std::fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap());
    assert!(commands.len() >= 5, "the README shows nothing");
    #[allow(clippy::disallowed_methods)]
    let path = format!("{}:{}", binary().parent().unwrap().display(), std::env::var("PATH").unwrap());
    for Typed { line, command, code, says } in commands {
        let mut shell = Command::new("bash");
        shell.args(["-c", &format!("{{ {command}\n}} 2>&1")]).current_dir(dir.path());
        let output = shell.env("PATH", &path).env("ORCHESTRATOR_SPEED", "6000").env_remove("AWS_ENDPOINT_URL").output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(code), "README line {line}: {command}\n{said}");
        let lines: Vec<&str> = said.trim_matches('\n').lines().map(str::trim_end).collect();
        let first = says.iter().position(|line| !line.is_empty()).unwrap_or(says.len());
        let last = says.iter().rposition(|line| !line.is_empty()).map_or(first, |last| last + 1);
        assert!(
            same(&says[first..last], &lines),
            "README line {line}: {command}\nshould say:\n{}\nsays:\n{said}",
            says[first..last].join("\n")
        );
    }
}
