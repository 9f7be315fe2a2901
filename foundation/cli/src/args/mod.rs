//! The command line: one file per group of commands.

mod change;
mod complete;
mod dev;
mod help;
mod init;
mod logs;
mod memory;
mod read;
mod secrets;
mod service;
mod session;
mod show;
mod tool;

pub use change::{Begin, ChangeCommand, Layers};
pub use dev::{DevArgs, DevCommand, DevWhat, Emulator};
pub(crate) use help::called;
pub use help::command;
pub use init::{InitArgs, Size};
pub use logs::{LogsCommand, LogsWhat, ReadLogs, Service};
pub use memory::{LedgerCommand, MemoryCommand};
pub use read::allow;
pub use secrets::{SecretCommand, SecretsCommand};
pub use service::ServiceCommand;
pub use session::{SessionCommand, TunnelTo};
pub use show::ShowCommand;
pub use tool::{Shell, ToolCommand};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::engine::ArgValueCandidates;
use std::path::PathBuf;

/// Deploys a web application to AWS and keeps it there.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    after_help = "Exit codes: 0 done · 1 failed · 2 the plan has changes (--detailed-exitcode) · 3 bad configuration · 4 locked by another run · 5 stopped before any change · 6 denied by AWS · 130 interrupted"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What every command understands.
    #[command(flatten)]
    pub common: Common,
}

/// What every command understands.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// The environment: the name of a file in the configuration directory.
    #[arg(long, global = true, default_value = "local", env = "ORCHESTRATOR_ENV", add = ArgValueCandidates::new(complete::environments))]
    pub env: String,
    /// The directory with base.toml and one file per environment.
    #[arg(long, global = true, default_value = "envs", env = "ORCHESTRATOR_CONFIG")]
    pub config: PathBuf,
    /// Another end than AWS: an emulator.
    #[arg(long, global = true, env = "AWS_ENDPOINT_URL")]
    pub endpoint_url: Option<String>,
    /// The AWS region; the configuration's when not given.
    #[arg(long, global = true)]
    pub region: Option<String>,
    /// How to write: for people, one JSON document per line, as a drawing (`graph`) or for a pull request (`plan`).
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// When to use colour.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
}

impl From<PathBuf> for Common {
    /// The usual options, and this configuration directory.
    fn from(config: PathBuf) -> Common {
        Common { env: "local".into(), config, endpoint_url: None, region: None, format: Format::Human, color: Color::Auto }
    }
}

/// How to write.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Format {
    /// For people.
    Human,
    /// One event per line.
    Json,
    /// Graphviz, for `graph`.
    Dot,
    /// Mermaid, for `graph`.
    Mermaid,
    /// A comment on a pull request, for `plan`.
    Markdown,
}

/// When to use colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Color {
    /// On a terminal without NO_COLOR.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    #[command(flatten)]
    Change(ChangeCommand),
    #[command(flatten)]
    Dev(DevCommand),
    #[command(flatten)]
    Service(ServiceCommand),
    #[command(flatten)]
    Secret(SecretCommand),
    #[command(flatten)]
    Session(SessionCommand),
    #[command(flatten)]
    Show(ShowCommand),
    #[command(flatten)]
    Logs(LogsCommand),
    #[command(flatten)]
    Memory(MemoryCommand),
    #[command(flatten)]
    Tool(ToolCommand),
}
