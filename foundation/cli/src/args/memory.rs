//! What sees to ledgers, locks and what others made.

use super::change::Layers;
use super::init::InitArgs;
use super::read::address;
use clap::Subcommand;
use engine::Address;

/// See to ledgers, locks and what others made.
#[derive(Clone, Debug, Subcommand)]
pub enum MemoryCommand {
    /// Write the file of an environment, and make the bucket of its shared ledger. What is there is completed, never overwritten.
    Init(InitArgs),
    /// See to the ledgers.
    Ledger {
        /// What to do.
        #[command(subcommand)]
        what: LedgerCommand,
    },
    /// Check ledgers against tags, locks, credentials, quotas, offers and names: what a deploy would meet, with the fix.
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
}

/// What to do with the ledgers.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum LedgerCommand {
    /// Write what an earlier run could not write and kept on this machine.
    Push,
}
