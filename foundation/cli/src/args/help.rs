//! `--help`: the commands by task, and examples for each.

use super::Cli;
use clap::{Command, CommandFactory};
use std::fmt::Write;

/// The commands by task. What stands here and is not built in is left out.
const TASKS: &[(&str, &[&str])] = &[
    ("Deploy", &["init", "plan", "deploy", "destroy"]),
    ("Develop", &["dev"]),
    ("Run", &["release", "rollback", "secrets", "exec", "tunnel", "connect"]),
    ("Look", &["status", "drift", "logs", "history", "outputs", "graph"]),
    ("Repair", &["doctor", "adopt", "unlock", "ledger"]),
    ("Tool", &["emulator", "completions", "man"]),
];

/// How each is used. The tests read every line as if it had been typed.
const EXAMPLES: &[(&str, &[&str])] = &[
    ("init", &["init --env prod", "init --env dev --stack shop --region eu-north-1 --image shop/app:1.0 --size small"]),
    ("plan", &["plan --env prod", "plan --env prod --layer compute --out plan.json", "plan --env prod --format markdown"]),
    ("deploy", &["deploy --env local", "deploy --env prod --plan plan.json --yes --wait 10m", "deploy --env prod --layer network"]),
    ("destroy", &["destroy --env dev", "destroy --env prod --allow-destroy database/instance"]),
    ("dev", &["dev", "dev --emulator ministack --app ../shop", "dev stop", "dev reset --env local"]),
    ("release", &["release --env prod --image 123456789012.dkr.ecr.eu-north-1.amazonaws.com/shop/app:1.4.2"]),
    ("rollback", &["rollback --env prod", "rollback --env prod --to 17"]),
    ("status", &["status --env prod", "status --env prod --watch", "status --env prod --format json", "status --all"]),
    ("drift", &["drift --env prod", "drift --env prod --exit-code"]),
    ("history", &["history --env prod", "history --env prod -n 5 --layer compute"]),
    ("secrets", &["secrets list --env prod", "secrets rotate database --env prod", "secrets set stripe-key --env prod --stdin"]),
    ("exec", &["exec --env prod -- sh", "exec --env prod --task 4f1c -- python -m flask routes"]),
    ("tunnel", &["tunnel database --env prod", "tunnel database --env prod --port 15432"]),
    ("connect", &["connect --env prod", "connect --env prod -- -c \\dt"]),
    (
        "logs",
        &[
            "logs --env prod --follow",
            "logs --env prod --since 2h --filter ERROR --json",
            "logs query latency --env prod --since 6h",
            "logs export --env prod --to s3://bucket/prefix --since 7d",
        ],
    ),
    ("outputs", &["outputs --env prod", "outputs --env prod edge.url"]),
    ("graph", &["graph --format mermaid", "graph --format dot"]),
    ("doctor", &["doctor --env prod", "doctor --env prod --rebuild --layer database"]),
    ("adopt", &["adopt network/vpc vpc-0a1b2c3d --env prod"]),
    ("unlock", &["unlock 01JCD0A3Z8F4V5Q0T5M2W1N7XR --env prod"]),
    ("ledger", &["ledger push --env prod"]),
    ("emulator", &["emulator --env local --listen 127.0.0.1:4566"]),
    ("completions", &["completions bash", "completions zsh"]),
    ("man", &["man --out /usr/local/share/man/man1"]),
];

/// The command line with its help, under the name that the binary was called by.
pub fn command() -> Command {
    let mut command = Cli::command().name(called());
    for (name, lines) in EXAMPLES {
        if command.find_subcommand(name).is_some() {
            let called = called();
            let text = lines.iter().fold("Examples:".to_owned(), |text, line| text + "\n  " + &called + " " + line);
            command = command.mut_subcommand(*name, |sub| sub.after_help(text));
        }
    }
    let template = format!("{{about-with-newline}}\n{{usage-heading}} {{usage}}\n{}\nOptions:\n{{options}}{{after-help}}", tasks(&command));
    command.help_template(template)
}

/// The name of this program, as it was called.
pub(crate) fn called() -> String {
    let path = std::env::args_os().next().map(std::path::PathBuf::from);
    let name = path.and_then(|path| path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "orchestrator".to_owned())
}

fn tasks(command: &Command) -> String {
    let mut text = String::new();
    let placed = |name: &str| TASKS.iter().any(|(_, names)| names.contains(&name));
    let others: Vec<&str> = command.get_subcommands().map(Command::get_name).filter(|name| !placed(name) && *name != "help").collect();
    let tasks = TASKS.iter().map(|(task, names)| (*task, names.to_vec())).chain([("More", others)]);
    for (task, names) in tasks {
        let found: Vec<&Command> = names.iter().filter_map(|name| command.find_subcommand(name)).collect();
        if found.is_empty() {
            continue;
        }
        writeln!(text, "\n{task}:").ok();
        for sub in found {
            let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
            let about = about.split_once(". ").map_or(about.as_str(), |(first, _)| first);
            writeln!(text, "  {:<12} {about}", sub.get_name()).ok();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_task_and_examples_that_can_be_typed() {
        let command = command();
        for sub in command.get_subcommands().map(Command::get_name) {
            assert!(TASKS.iter().any(|(_, names)| names.contains(&sub)), "{sub} has no task");
            assert!(EXAMPLES.iter().any(|(name, lines)| *name == sub && !lines.is_empty()), "{sub} has no example");
        }
        for line in EXAMPLES.iter().flat_map(|(_, lines)| *lines) {
            let words = std::iter::once("orchestrator").chain(line.split(' '));
            let read = super::command().try_get_matches_from(words);
            assert!(read.is_ok(), "{line}: {}", read.unwrap_err());
        }
        command.debug_assert();
    }
}
