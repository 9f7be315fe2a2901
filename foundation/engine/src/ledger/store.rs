//! Where the ledgers of an environment are kept: read, opened under a lock, unlocked.

use super::{Folded, Ledger, LedgerError};
use crate::LayerName;
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Who works on a layer: written into its lock and shown whole to whoever finds it taken.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Holder {
    /// The run's id: what `unlock` takes.
    pub run: String,
    /// The person.
    pub who: String,
    /// The machine.
    pub host: String,
    /// The process on that machine.
    pub process: u32,
    /// The version of this tool.
    pub tool: String,
    /// What it does: `deploy`, `destroy`.
    pub command: String,
    /// Since when, RFC 3339.
    pub at: String,
    /// Which running system its process is one of: two runs with the same one can see each other's processes. Empty when that is
    /// not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub machine: String,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Holder { run, who, host, process, tool, command, at, .. } = self;
        write!(f, "{who} on {host} (process {process}, version {tool}): {command} since {at}, run {run}")
    }
}

/// An open ledger and what is worth a line about it.
pub struct Opened {
    /// The ledger, locked until it is closed.
    pub ledger: Arc<dyn Ledger>,
    /// A torn last entry that was cut off, a rescue copy that was taken in.
    pub warnings: Vec<String>,
}

/// The ledgers of one environment.
pub trait Store: Send + Sync {
    /// Where they are, for people: a directory, or `s3://bucket/prefix`.
    fn place(&self) -> String;

    /// Reads a layer's ledger without its lock.
    ///
    /// # Errors
    /// [`LedgerError`], never [`LedgerError::Locked`].
    fn read(&self, layer: LayerName) -> BoxFuture<'_, Result<Folded, LedgerError>>;

    /// Opens a layer's ledger for writing and takes its lock.
    ///
    /// # Errors
    /// [`LedgerError::Locked`] with the holder when somebody works on it.
    fn open<'a>(&'a self, layer: LayerName, holder: &'a Holder) -> BoxFuture<'a, Result<Opened, LedgerError>>;

    /// Moves a ledger that cannot be read out of the way, under its lock, and says where it is now; `None` where this kind of store
    /// cannot.
    ///
    /// # Errors
    /// [`LedgerError`] when it cannot be locked or moved.
    fn set_aside<'a>(&'a self, _layer: LayerName, _holder: &'a Holder) -> BoxFuture<'a, Result<Option<String>, LedgerError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Who holds a layer's lock, if anybody does.
    ///
    /// # Errors
    /// [`LedgerError`] when the lock cannot be read.
    fn holder(&self, layer: LayerName) -> BoxFuture<'_, Result<Option<Holder>, LedgerError>>;

    /// Breaks the lock that `run` holds on a layer; whether it held it. That run can write nothing afterwards.
    ///
    /// # Errors
    /// [`LedgerError`] when the lock cannot be broken.
    fn unlock<'a>(&'a self, layer: LayerName, run: &'a str) -> BoxFuture<'a, Result<bool, LedgerError>>;
}
