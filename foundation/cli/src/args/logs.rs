//! logs, and what can be done with them.

use super::read::ago;
use clap::{Args, Subcommand, ValueEnum};
use std::time::Duration;

/// Read logs.
#[derive(Clone, Debug, Subcommand)]
pub enum LogsCommand {
    /// Show what the application wrote, the oldest line first; query it, export it.
    #[command(args_conflicts_with_subcommands = true)]
    Logs {
        #[command(flatten)]
        read: ReadLogs,
        /// What to do with them instead of showing them.
        #[command(subcommand)]
        what: Option<LogsWhat>,
    },
}

/// Which lines.
#[derive(Clone, Debug, Args)]
pub struct ReadLogs {
    /// Go on until Ctrl-C with what is written from now on.
    #[arg(long, short)]
    pub follow: bool,
    /// How far back: 90s, 10m, 2h, 7d.
    #[arg(long, value_parser = ago, default_value = "10m")]
    pub since: Duration,
    /// Only lines that pass this filter of CloudWatch: `ERROR`, `"not ready"`, `?a ?b`, `-x`, `{ $.status >= 500 }`.
    #[arg(long, allow_hyphen_values = true)]
    pub filter: Option<String>,
    /// Whose log.
    #[arg(long, value_enum, default_value_t = Service::App)]
    pub service: Service,
    /// One JSON document per line: the same as `--format json`.
    #[arg(long)]
    pub json: bool,
}

/// Whose log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Service {
    /// The application's containers.
    App,
    /// What operators typed in `exec`.
    Exec,
    /// PostgreSQL and its upgrades.
    Database,
    /// The VPC's traffic (`observability.flow_logs`).
    Flow,
}

/// What to do with logs instead of showing them.
#[derive(Clone, Debug, Subcommand)]
pub enum LogsWhat {
    /// Run a saved query of `[observability.queries]`: errors, slow, status, latency, or your own.
    Query {
        /// Its name there.
        name: String,
        /// How far back: 90s, 10m, 2h, 7d.
        #[arg(long, value_parser = ago, default_value = "1h")]
        since: Duration,
    },
    /// Write logs into a bucket, packed, and wait until they are there. AWS makes one export at a time.
    Export {
        /// Where: `s3://bucket/prefix`.
        #[arg(long)]
        to: String,
        /// How far back: 90s, 10m, 2h, 7d.
        #[arg(long, value_parser = ago, default_value = "24h")]
        since: Duration,
        /// Whose log.
        #[arg(long, value_enum, default_value_t = Service::App)]
        service: Service,
    },
}
