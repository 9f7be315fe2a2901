//! dev, and how it ends.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Work on the application.
#[derive(Clone, Debug, Subcommand)]
pub enum DevCommand {
    /// Run the stack on an emulator of this machine: deploy, follow the logs, redeploy what changes, until Ctrl-C.
    Dev {
        #[command(flatten)]
        how: DevArgs,
        /// How to end it instead.
        #[command(subcommand)]
        what: Option<DevWhat>,
    },
}

/// On what, and what of.
#[derive(Clone, Debug, Args)]
pub struct DevArgs {
    /// On which emulator. Otherwise what is there decides: `--endpoint-url`, the container of an earlier run, Docker (LocalStack with
    /// its token, else MiniStack), the embedded AWS.
    #[arg(long, value_enum)]
    pub emulator: Option<Emulator>,
    /// The directory with the application's Dockerfile; `examples/flask-app` or the working directory when one is there. Without any the
    /// settings' image runs.
    #[arg(long)]
    pub app: Option<PathBuf>,
}

/// An emulator that can be started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Emulator {
    /// LocalStack in a container; whole only with `LOCALSTACK_AUTH_TOKEN`.
    #[value(name = "localstack")]
    LocalStack,
    /// MiniStack in a container.
    #[value(name = "ministack")]
    MiniStack,
    /// The AWS inside this process, which runs no containers.
    Embedded,
}

impl Emulator {
    /// Its name, as it is written on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Emulator::LocalStack => "localstack",
            Emulator::MiniStack => "ministack",
            Emulator::Embedded => "embedded",
        }
    }
}

/// How to end it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Subcommand)]
pub enum DevWhat {
    /// Remove the emulator's container with what it started and what is remembered of it; the embedded AWS keeps its world.
    Stop,
    /// Remove everything: containers, the embedded AWS's world, and what is remembered of them.
    Reset,
}
