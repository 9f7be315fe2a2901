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

/// A shell that finds the binary, and no settings of whoever runs the suite.
fn shell(dir: &Path, name: &str, args: &[&str]) -> Command {
    let path = format!("{}:{}", binary().parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut command = Command::new(name);
    command.args(args).env("PATH", path).env("HOME", dir).env("XDG_CONFIG_HOME", dir).env("TERM", "xterm").current_dir(dir);
    command
}

/// Whether a shell is there; said by name when it is not.
fn there(name: &str) -> bool {
    let there = Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    if !there {
        integration_tests::process::skipped(&format!("there is no {name}; its completion was not tried"));
    }
    there
}

/// What bash offers for the last of these words.
fn offered_by_bash(dir: &Path, words: &[&str]) -> Vec<String> {
    let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    let line = format!(
        "set -e; source <(orchestrator completions bash); COMP_WORDS=({}); COMP_CWORD={}; COMP_TYPE=9; \
         f=$(complete -p orchestrator | sed -E 's/.*-F ([^ ]+).*/\\1/'); $f orchestrator \"${{COMP_WORDS[$COMP_CWORD]}}\" ''; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        quoted.join(" "),
        words.len() - 1
    );
    let output = shell(dir, "bash", &["--norc", "-c", &line]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{words:?}: {}", said(&output));
    String::from_utf8(output.stdout).unwrap().lines().map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
}

/// What fish offers at the end of a line.
fn offered_by_fish(dir: &Path, words: &[&str]) -> Vec<String> {
    let script = "source (orchestrator completions fish | psub); complete --do-complete $argv[1]";
    let output = shell(dir, "fish", &["--no-config", "-c", script, &words.join(" ")]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{words:?}: {}", said(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect()
}

/// What an interactive zsh is told first: it shows what is added to the matches, and ends.
const INNER: &str = r#"PROMPT=
autoload -Uz compinit && compinit -u -D
source <(orchestrator completions zsh)
bindkey '^I' complete-word
starts() { print -r -- '<<<' }
ends() { print -r -- '>>>'; exit }
compprefuncs=(starts)
comppostfuncs=(ends)
compadd() {
    [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]] && { builtin compadd "$@"; return }
    local -a found
    builtin compadd -O found "$@"
    print -rl -- $found
    builtin compadd "$@"
}
print ready
"#;

/// Starts an interactive zsh in a terminal of its own, types a line and presses Tab.
const OUTER: &str = r#"zmodload zsh/zpty
zpty inner zsh -f -i
zpty -w inner "source $1"
until [[ $line == *ready* ]]; do zpty -r inner line || exit 1; done
zpty -w -n inner "$2"$'\t'
while zpty -r inner line; do print -rn -- "$line"; done
"#;

/// What zsh offers at the end of a line.
fn offered_by_zsh(dir: &Path, words: &[&str]) -> Vec<String> {
    let (inner, outer) = (dir.join("inner.zsh"), dir.join("outer.zsh"));
    std::fs::write(&inner, INNER).unwrap();
    std::fs::write(&outer, OUTER).unwrap();
    let (inner, outer) = (inner.display().to_string(), outer.display().to_string());
    let output = shell(dir, "timeout", &["60", "zsh", "-f", &outer, &inner, &words.join(" ")]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let offers = text.split_once("<<<").and_then(|(_, rest)| rest.split_once(">>>")).map(|(offers, _)| offers);
    let offers = offers.unwrap_or_else(|| panic!("{words:?}: {}", said(&output)));
    offers.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// The same questions for every shell that is here.
#[test]
fn shells_complete_commands_options_environments_and_layers() {
    let dir = tempfile::tempdir().unwrap();
    for (place, names) in [("envs", &["prod", "preview", "dev", "base"] as &[&str]), ("other", &["elsewhere"])] {
        std::fs::create_dir(dir.path().join(place)).unwrap();
        names.iter().for_each(|name| std::fs::write(dir.path().join(place).join(format!("{name}.toml")), "").unwrap());
    }
    type Offered = fn(&Path, &[&str]) -> Vec<String>;
    let shells: [(&str, Offered); 3] = [("bash", offered_by_bash), ("zsh", offered_by_zsh), ("fish", offered_by_fish)];
    for (shell, offered) in shells.into_iter().filter(|(shell, _)| there(shell)) {
        let offers = |words: &[&str]| offered(dir.path(), words);
        let is = |words: &[&str], wanted: &[&str]| assert_eq!(offers(words), wanted, "{shell}: {words:?}");
        is(&["orchestrator", "de"], &["deploy", "destroy", "dev"]);
        is(&["orchestrator", "plan", "--deta"], &["--detailed-exitcode"]);
        is(&["orchestrator", "plan", "--env", "p"], &["preview", "prod"]);
        is(&["orchestrator", "--config", "other", "plan", "--env", ""], &["elsewhere"]);
        is(&["orchestrator", "plan", "--layer", "n"], &["network"]);
        let all = ["network", "secrets", "observability", "database", "edge", "compute", "bastion"];
        is(&["orchestrator", "plan", "--layer", ""], &all);
        assert_eq!(offers(&["orchestrator", "completions", ""])[..4], ["bash", "zsh", "fish", "powershell"], "{shell}");
        assert!(offers(&["orchestrator", "plan", "--format", ""]).contains(&"markdown".to_owned()), "{shell}");
    }
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
