//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use engine::{Address, LayerName};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

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
    #[arg(long, global = true, default_value = "local", env = "ORCHESTRATOR_ENV")]
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
    /// How to write: for people, one JSON document per line, or (`graph` only) as a drawing.
    #[arg(long, global = true, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// When to use colour.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
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

fn layer(text: &str) -> Result<LayerName, String> {
    let known = LayerName::ALL.map(LayerName::as_str).join(", ");
    LayerName::parse(text).ok_or_else(|| format!("there is no layer `{text}` (there are: {known})"))
}

fn address(text: &str) -> Result<Address, String> {
    Address::parse(text).ok_or_else(|| format!("`{text}` is not an address (layer/name); `graph` shows them all"))
}

/// `90s`, `5m`, `1h 30m`.
fn patience(text: &str) -> Result<Duration, String> {
    let told: jiff::SignedDuration = text.parse().map_err(|_| format!("`{text}` is no time (write 90s, 5m or 1h30m)"))?;
    Duration::try_from(told).map_err(|_| format!("`{text}` is less than no time"))
}

/// How a run that changes something begins.
#[derive(Clone, Copy, Debug, Args)]
pub struct Begin {
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
    /// Wait this long for a lock that another run holds: 90s, 5m.
    #[arg(long, value_parser = patience, default_value = "0s")]
    pub wait: Duration,
}

/// Which layers.
#[derive(Clone, Debug, Args)]
pub struct Layers {
    /// Only this layer; may be repeated.
    #[arg(long = "layer", value_parser = layer)]
    pub layers: Vec<LayerName>,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Show what deploy would do.
    Plan {
        #[command(flatten)]
        which: Layers,
        /// Write the plan to a file for `deploy --plan`.
        #[arg(long)]
        out: Option<PathBuf>,
        /// Exit with 2 when there are changes.
        #[arg(long)]
        detailed_exitcode: bool,
        /// Let this protected object be replaced or deleted, or `all`.
        #[arg(long)]
        allow_destroy: Vec<String>,
    },
    /// Bring AWS to what is declared.
    Deploy {
        #[command(flatten)]
        which: Layers,
        #[command(flatten)]
        begin: Begin,
        /// Apply exactly this plan or stop.
        #[arg(long)]
        plan: Option<PathBuf>,
        /// Let this protected object be replaced or deleted, or `all`.
        #[arg(long)]
        allow_destroy: Vec<String>,
    },
    /// Delete everything that was deployed.
    Destroy {
        #[command(flatten)]
        which: Layers,
        #[command(flatten)]
        begin: Begin,
        /// Let this protected object be deleted, or `all`.
        #[arg(long)]
        allow_destroy: Vec<String>,
    },
    /// Give the service another image: the revision changes in nothing else, no other layer is read or locked.
    #[command(after_help = "Example: orchestrator release --env prod --image 123456789012.dkr.ecr.eu-north-1.amazonaws.com/shop/app:1.4.2")]
    Release {
        /// The image, with a tag or a digest.
        #[arg(long)]
        image: String,
        /// End when AWS has taken the order, and not when all tasks run.
        #[arg(long)]
        detach: bool,
    },
    /// Give the service an earlier revision again.
    Rollback {
        /// The revision's number; the newest one with another image when none is given.
        #[arg(long)]
        to: Option<u32>,
        /// End when AWS has taken the order, and not when all tasks run.
        #[arg(long)]
        detach: bool,
    },
    /// Make the bucket of a shared ledger, or complete it.
    Init,
    /// See to the ledgers.
    Ledger {
        /// What to do.
        #[command(subcommand)]
        what: LedgerCommand,
    },
    /// Check that the ledgers and the tags in AWS agree.
    Doctor {
        #[command(flatten)]
        which: Layers,
        /// Write what the ledgers lack, found by tags; a damaged ledger is moved aside and made anew.
        #[arg(long)]
        rebuild: bool,
    },
    /// Take over an object that others made for a declared address.
    Adopt {
        /// The declared address, `layer/name`.
        #[arg(value_parser = address)]
        address: Address,
        /// The object's id, name or ARN.
        id: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
        /// Adopt it although the next deploy would replace it.
        #[arg(long)]
        allow_destroy: Vec<String>,
    },
    /// Break the locks of a run that cannot end any more. It changes nothing afterwards, even if it wakes.
    Unlock {
        /// The run's id, as the refused run or `status` shows it.
        run: String,
        #[command(flatten)]
        which: Layers,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
    /// Serve the embedded AWS over HTTP.
    Emulator {
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:4566")]
        listen: SocketAddr,
    },
    /// Show what is deployed.
    Status,
    /// Show the outputs of the layers.
    Outputs {
        /// Only this one: `network.vpc_id`.
        name: Option<String>,
    },
    /// Draw the resources and what they read.
    Graph,
}

/// What to do with the ledgers.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum LedgerCommand {
    /// Write what an earlier run could not write and kept on this machine.
    Push,
}

/// What `--allow-destroy` names.
///
/// # Errors
/// A sentence about a name that is no address.
pub fn allow(names: &[String]) -> Result<engine::planner::Allow, String> {
    if names.iter().any(|name| name == "all") {
        return Ok(engine::planner::Allow::All);
    }
    let parsed: Result<_, String> = names
        .iter()
        .map(|name| Address::parse(name).ok_or_else(|| format!("--allow-destroy {name}: not an address (layer/name) and not `all`")))
        .collect();
    Ok(engine::planner::Allow::Only(parsed?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_told_as_people_write_it() {
        assert_eq!(patience("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(patience("1h30m"), Ok(Duration::from_secs(5400)));
        for wrong in ["-5m", "5", "soon", ""] {
            assert!(patience(wrong).is_err(), "{wrong}");
        }
    }
}
