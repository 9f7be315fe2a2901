//! plan, deploy, destroy.

use super::complete::layers;
use super::read::{layer, patience};
use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCandidates;
use engine::LayerName;
use std::path::PathBuf;
use std::time::Duration;

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
    #[arg(long = "layer", value_parser = layer, add = ArgValueCandidates::new(layers))]
    pub layers: Vec<LayerName>,
}

/// Bring AWS to what is declared.
#[derive(Clone, Debug, Subcommand)]
pub enum ChangeCommand {
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
}
