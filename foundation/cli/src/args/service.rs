//! release, rollback: what the service runs.

use clap::Subcommand;

/// Change what the service runs.
#[derive(Clone, Debug, Subcommand)]
pub enum ServiceCommand {
    /// Give the service another image: the revision changes in nothing else, no other layer is read or locked.
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
}
