//! secrets list, set, rotate, history, reveal.

use super::read::patience;
use clap::Subcommand;
use std::time::Duration;

/// See to the secrets.
#[derive(Clone, Debug, Subcommand)]
pub enum SecretCommand {
    /// See to the secrets: who reads them, how old they are, another value. No value is shown except by `reveal`.
    Secrets {
        /// What to do.
        #[command(subcommand)]
        what: SecretsCommand,
    },
}

/// What to do with the secrets.
#[derive(Clone, Debug, Subcommand)]
pub enum SecretsCommand {
    /// Every secret: its version and age, who reads it, when it is due for another value.
    List,
    /// Every version of a secret: when, by whom, in which run.
    History {
        /// The secret: `database`, or an environment variable of `[secrets.app]`.
        name: String,
    },
    /// Give a secret a value, typed without an echo or read from standard input, and start the tasks that read it anew.
    #[command(after_help = "Example: orchestrator secrets set FLASK_SECRET_KEY --env prod < key.txt")]
    Set {
        /// The secret: `database`, or an environment variable of `[secrets.app]`.
        name: String,
        /// Read the value from standard input although that is a terminal; a line break at its end is not part of it.
        #[arg(long)]
        stdin: bool,
        /// Wait this long for a lock that another run holds: 90s, 5m.
        #[arg(long, value_parser = patience, default_value = "0s")]
        wait: Duration,
    },
    /// Give a secret a generated value, and start the tasks that read it anew; the database's password is changed in RDS between the two.
    #[command(after_help = "Example: orchestrator secrets rotate database --env prod")]
    Rotate {
        /// The secret: `database`, or an environment variable of `[secrets.app]`.
        name: String,
        /// Wait this long for a lock that another run holds: 90s, 5m.
        #[arg(long, value_parser = patience, default_value = "0s")]
        wait: Duration,
    },
    /// Show the value of a secret, after a question.
    Reveal {
        /// The secret: `database`, or an environment variable of `[secrets.app]`.
        name: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
}
