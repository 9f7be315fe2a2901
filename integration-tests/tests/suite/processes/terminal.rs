//! Pipes and terminals: what the real binary does when its reader goes away, and what it draws in a terminal of its own (a pty, by
//! `script`).

use integration_tests::process::{ROOT, command, judged, said};
use integration_tests::terminal::{Terminal, plain};
use std::path::Path;
use std::process::{Command, Output};

/// A directory with the repository's environments.
fn shop() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("envs")).unwrap();
    for name in ["base.toml", "local.toml"] {
        std::fs::copy(Path::new(ROOT).join("envs").join(name), dir.path().join("envs").join(name)).unwrap();
    }
    dir
}

fn quick(command: &mut Command) -> &mut Command {
    command.envs(integration_tests::models::environment());
    command.env("ORCHESTRATOR_SPEED", "6000").env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").env_remove("CI")
}

/// Runs a line of shell with the binary as `$0`.
fn shell(dir: &Path, line: &str) -> Output {
    let mut shell = Command::new("bash");
    shell.args(["-c", line]).arg(judged()).current_dir(dir).env_remove("AWS_ENDPOINT_URL");
    quick(&mut shell).output().unwrap()
}

/// What is drawn in a terminal of so many columns.
fn terminal(dir: &Path, columns: usize, args: &str, variables: &str) -> String {
    let line = format!("{variables} {} {args}", judged().display());
    let (code, drawn) = Terminal { dir, size: (columns, 40), variables: &[] }.run(&line, |_, _| {});
    assert_eq!(code, Some(0), "{line}: {drawn}");
    drawn
}

#[test]
fn a_reader_that_has_enough_changes_neither_code_nor_run() {
    let dir = shop();
    for (line, code) in [
        ("$0 plan | head -1 >/dev/null; exit ${PIPESTATUS[0]}", 0),
        ("$0 plan --detailed-exitcode | true; exit ${PIPESTATUS[0]}", 2),
        ("$0 graph --format json | true; exit ${PIPESTATUS[0]}", 0),
        ("$0 deploy --yes 2>/dev/null | head -1 >/dev/null; exit ${PIPESTATUS[0]}", 0),
        ("$0 plan --detailed-exitcode", 0),
        ("$0 --help | true; exit ${PIPESTATUS[0]}", 0),
        ("$0 plan --layer nowhere 2>&1 | true; exit ${PIPESTATUS[0]}", 3),
        ("$0 plan 2>&- >/dev/null", 0),
    ] {
        let output = shell(dir.path(), line);
        assert_eq!(output.status.code(), Some(code), "{line}: {}", said(&output));
        assert!(!said(&output).contains("panicked") && !said(&output).contains("Broken pipe"), "{line}: {}", said(&output));
    }
}

#[test]
fn a_full_disk_is_a_failure_and_is_said() {
    let dir = shop();
    let output = shell(dir.path(), "$0 plan > /dev/full");
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("cannot be written") && said(&output).contains("No space left"), "{}", said(&output));
}

#[test]
fn data_is_on_stdout_and_everything_else_is_not() {
    let dir = shop();
    let run = |args: &[&str]| {
        let output = quick(&mut command(dir.path(), args)).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", said(&output));
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (out, err) = run(&["deploy", "--yes", "--format", "json"]);
    assert!(out.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{out}");
    assert_eq!(err, "");
    let (out, err) = run(&["release", "--image", "shop/app:1.1"]);
    assert!(out.starts_with("shop/app:1.1 runs as") && out.lines().count() == 1, "{out}");
    assert!(err.lines().any(|line| line.starts_with("hint: ")), "{err}");
    assert!(run(&["outputs", "network.vpc_id"]).0.starts_with("vpc-"));
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let dir = shop();
    let coloured = |drawn: &str| drawn.contains("\u{1b}[32m");
    assert!(coloured(&terminal(dir.path(), 120, "plan", "")));
    assert!(!coloured(&terminal(dir.path(), 120, "plan", "NO_COLOR=1")));
    assert!(!coloured(&terminal(dir.path(), 120, "plan --color never", "")));
    assert!(coloured(&terminal(dir.path(), 120, "plan --color always", "NO_COLOR=1")));
    assert!(!coloured(&said(&shell(dir.path(), "$0 plan"))));
    assert!(coloured(&said(&shell(dir.path(), "$0 plan --color always"))));
}

#[test]
fn a_narrow_terminal_cuts_values_and_a_pipe_does_not() {
    let dir = shop();
    assert!(quick(&mut command(dir.path(), &["deploy", "--yes"])).output().unwrap().status.success());
    let change = "ORCHESTRATOR_COMPUTE__MEMORY=1024";
    for columns in [60, 80, 100] {
        let drawn = plain(&terminal(dir.path(), columns, "plan", change));
        let fields: Vec<&str> = drawn.lines().map(str::trim_end).filter(|line| line.starts_with("      ")).collect();
        assert!(fields.iter().any(|line| line.contains("memory: 512 → 1024")), "{drawn}");
        let wide: Vec<&&str> = fields.iter().filter(|line| line.chars().count() > columns).collect();
        assert!(wide.is_empty(), "wider than {columns}: {wide:#?}");
        assert!(fields.iter().any(|line| line.contains('…')), "{columns}: {drawn}");
    }
    let whole = said(&shell(dir.path(), &format!("{change} $0 plan")));
    assert!(
        whole.contains("arn:aws:ecs:eu-north-1:123456789012:task-definition/shop-local-app:1 → ‹compute/task-definition.id›"),
        "{whole}"
    );
    let status = plain(&terminal(dir.path(), 70, "status", ""));
    assert!(status.lines().all(|line| line.trim_end().chars().count() <= 70), "{status}");
}

#[test]
fn each_stream_of_a_log_has_its_colour_on_a_terminal() {
    let dir = shop();
    assert!(quick(&mut command(dir.path(), &["deploy", "--yes"])).output().unwrap().status.success());
    let drawn = terminal(dir.path(), 120, "logs --filter Booting", "");
    // Two tasks: the colour, the time, the container and its task.
    let head = |line: &str| line.split("\u{1b}[0m").next().unwrap().to_owned();
    let heads: Vec<String> = drawn.lines().map(head).filter(|head| head.starts_with("\u{1b}[") && head.contains(" app/")).collect();
    let of_task = |head: &String| (head.rsplit('/').next().unwrap().to_owned(), head[..5].to_owned());
    let tasks: std::collections::BTreeMap<String, String> = heads.iter().map(of_task).collect();
    assert!(tasks.len() == 2 && heads.iter().map(of_task).all(|(task, colour)| tasks[&task] == colour), "{drawn}");
    assert!(!terminal(dir.path(), 120, "logs --filter Booting", "NO_COLOR=1").contains('\u{1b}'));
    let query = plain(&terminal(dir.path(), 60, "logs query errors", ""));
    assert!(query.lines().all(|line| line.trim_end().chars().count() <= 60), "{query}");
}
