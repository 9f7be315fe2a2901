//! What the binary is beside a deployment tool.

use clap::Subcommand;
use std::net::SocketAddr;

/// The tool itself.
#[derive(Clone, Debug, Subcommand)]
pub enum ToolCommand {
    /// Serve the embedded AWS over HTTP.
    Emulator {
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:4566")]
        listen: SocketAddr,
    },
}
