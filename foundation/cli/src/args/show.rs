//! status, outputs, graph.

use clap::Subcommand;

/// Look, and change nothing.
#[derive(Clone, Debug, Subcommand)]
pub enum ShowCommand {
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
