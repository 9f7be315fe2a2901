//! Help, completion and manuals: without any configuration, and in the shell itself.
#![allow(clippy::disallowed_methods)]

use integration_tests::process::{binary, command, said};
use std::path::Path;
use std::process::Command;

fn must(dir: &Path, args: &[&str]) -> String {
    let output = command(dir, args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// What bash offers for the last of these words.
fn offered(dir: &Path, words: &[&str]) -> Vec<String> {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let line = format!(
        "set -e; source <(orchestrator completions bash); COMP_WORDS=({}); COMP_CWORD={}; COMP_TYPE=9; \
         f=$(complete -p orchestrator | sed -E 's/.*-F ([^ ]+).*/\\1/'); $f orchestrator \"${{COMP_WORDS[$COMP_CWORD]}}\" ''; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        quoted.join(" "),
        words.len() - 1
    );
    let path = format!("{}:{}", binary().parent().unwrap().display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash").args(["--norc", "-c", &line]).env("PATH", path).current_dir(dir).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{words:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap().lines().map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
}

#[test]
fn bash_completes_commands_options_environments_and_layers() {
    let dir = tempfile::tempdir().unwrap();
    for (place, names) in [("envs", &["prod", "preview", "dev", "base"] as &[&str]), ("other", &["elsewhere"])] {
        std::fs::create_dir(dir.path().join(place)).unwrap();
        names.iter().for_each(|name| std::fs::write(dir.path().join(place).join(format!("{name}.toml")), "").unwrap());
    }
    let offers = |words: &[&str]| offered(dir.path(), words);
    assert_eq!(offers(&["orchestrator", "de"]), ["deploy", "destroy"]);
    assert!(offers(&["orchestrator", "plan", "--deta"]).contains(&"--detailed-exitcode".to_owned()));
    assert_eq!(offers(&["orchestrator", "plan", "--env", "p"]), ["preview", "prod"]);
    assert_eq!(offers(&["orchestrator", "--config", "other", "plan", "--env", ""]), ["elsewhere"]);
    assert_eq!(offers(&["orchestrator", "plan", "--layer", "n"]), ["network"]);
    assert_eq!(offers(&["orchestrator", "plan", "--layer", ""]).len(), 7);
    assert_eq!(offers(&["orchestrator", "completions", ""])[..4], ["bash", "zsh", "fish", "powershell"]);
    assert!(offers(&["orchestrator", "plan", "--format", ""]).contains(&"markdown".to_owned()));
}

#[test]
fn each_shell_gets_a_script_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    for (shell, word) in [("bash", "complete "), ("zsh", "compdef"), ("fish", "complete --"), ("powershell", "Register-ArgumentCompleter")]
    {
        let text = must(dir.path(), &["completions", shell]);
        assert!(text.contains(word) && text.contains("orchestrator"), "{shell}: {text}");
        // Where the shell is, it reads the script.
        let file = dir.path().join(shell);
        std::fs::write(&file, text).unwrap();
        if let ("bash" | "zsh" | "fish", Ok(checked)) = (shell, Command::new(shell).arg("-n").arg(&file).output()) {
            assert!(checked.status.success(), "{shell}: {}", said(&checked));
        }
    }
    assert_eq!(command(dir.path(), &["completions", "tcsh"]).output().unwrap().status.code(), Some(3));
}

#[test]
fn every_command_has_a_manual_page() {
    let dir = tempfile::tempdir().unwrap();
    must(dir.path(), &["man", "--out", "share/man1"]);
    let pages: Vec<String> =
        std::fs::read_dir(dir.path().join("share/man1")).unwrap().flatten().map(|it| it.file_name().into_string().unwrap()).collect();
    for page in ["orchestrator.1", "orchestrator-plan.1", "orchestrator-deploy.1", "orchestrator-ledger-push.1", "orchestrator-man.1"] {
        assert!(pages.iter().any(|name| name == page), "{page} is not among {pages:?}");
    }
    let plan = std::fs::read_to_string(dir.path().join("share/man1/orchestrator-plan.1")).unwrap();
    assert!(plan.contains("detailed") && plan.contains("Examples"), "{plan}");
    assert!(!dir.path().join("envs").exists() && !dir.path().join(".orchestrator").exists());
}

#[test]
fn help_groups_commands_by_task_and_shows_examples() {
    let dir = tempfile::tempdir().unwrap();
    let help = must(dir.path(), &["--help"]);
    let at = |word: &str| help.find(word).unwrap_or_else(|| panic!("no {word} in {help}"));
    let order = [
        "\nDeploy:",
        "\n  plan ",
        "\nRun:",
        "\n  release ",
        "\nLook:",
        "\n  status ",
        "\nRepair:",
        "\n  doctor ",
        "\nTool:",
        "\n  man ",
        "\nOptions:",
        "Exit codes:",
    ];
    assert!(order.windows(2).all(|pair| at(pair[0]) < at(pair[1])), "{help}");
    assert!(!help.contains("\nMore:"), "a command has no task: {help}");
    let release = must(dir.path(), &["release", "--help"]);
    assert!(release.contains("Examples:\n  orchestrator release --env prod --image"), "{release}");
}
