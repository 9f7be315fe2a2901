//! A ledger that lives as long as the process: for tests and simulations.

use super::{Entry, Folded, Ledger, LedgerError, fold};
use crate::LayerName;
use futures::future::BoxFuture;
use std::sync::{Arc, Mutex, PoisonError};

/// Entries in memory; clones share them.
#[derive(Clone, Debug)]
pub struct MemoryLedger {
    layer: LayerName,
    entries: Arc<Mutex<Vec<Entry>>>,
}

impl MemoryLedger {
    /// An empty ledger of one layer.
    pub fn new(layer: LayerName) -> MemoryLedger {
        MemoryLedger { layer, entries: Arc::default() }
    }

    /// A ledger with these entries.
    pub fn holding(layer: LayerName, entries: Vec<Entry>) -> MemoryLedger {
        MemoryLedger { layer, entries: Arc::new(Mutex::new(entries)) }
    }

    /// Every entry so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Ledger for MemoryLedger {
    fn layer(&self) -> LayerName {
        self.layer
    }

    fn folded(&self) -> Folded {
        fold(self.entries.lock().unwrap_or_else(PoisonError::into_inner).iter())
    }

    fn append(&self, entry: Entry) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
        Box::pin(std::future::ready(Ok(())))
    }
}
