//! status, drift, outputs, graph, history.

use super::change::Layers;
use super::read::patience;
use clap::Subcommand;
use std::time::Duration;

/// Look, and change nothing.
#[derive(Clone, Debug, Subcommand)]
pub enum ShowCommand {
    /// Show what is deployed, what others changed since, and how it is now; exits with 1 when something is not well.
    Status {
        /// Every environment that has a file in the configuration directory, a line each, and below what is not well.
        #[arg(long, conflicts_with = "watch")]
        all: bool,
        /// Show it again and again, in place, with this pause between.
        #[arg(long, value_name = "PAUSE", num_args = 0..=1, default_missing_value = "5s", value_parser = patience)]
        watch: Option<Duration>,
        /// Only what the ledgers say, without a call to AWS; exits with 0 whatever they say.
        #[arg(long, conflicts_with = "watch")]
        ledger: bool,
    },
    /// Show what others changed, deleted or put in our places, field by field.
    Drift {
        #[command(flatten)]
        which: Layers,
        /// Exit with 2 when there is something.
        #[arg(long)]
        exit_code: bool,
    },
    /// Show the outputs of the layers.
    Outputs {
        /// Only this one: `network.vpc_id`.
        name: Option<String>,
    },
    /// Draw the resources and what they read.
    Graph,
    /// Show the last runs: who, when, what changed, how long, how they ended.
    History {
        #[command(flatten)]
        which: Layers,
        /// How many runs at most.
        #[arg(long, short = 'n', default_value_t = 20)]
        limit: usize,
    },
}
