//! A ledger that lives as long as the process: for tests and simulations.

use super::{Entry, Folded, Ledger, LedgerError, fold};
use crate::LayerName;
use futures::future::BoxFuture;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Entries in memory; clones share them.
#[derive(Clone, Debug)]
pub struct MemoryLedger {
    layer: LayerName,
    held: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    entries: Vec<Entry>,
    folded: Folded,
}

impl MemoryLedger {
    /// An empty ledger of one layer.
    pub fn new(layer: LayerName) -> MemoryLedger {
        MemoryLedger { layer, held: Arc::default() }
    }

    /// A ledger with these entries.
    pub fn holding(layer: LayerName, entries: Vec<Entry>) -> MemoryLedger {
        let folded = fold(entries.clone());
        MemoryLedger { layer, held: Arc::new(Mutex::new(Held { entries, folded })) }
    }

    /// Every entry so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.held().entries.clone()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger for MemoryLedger {
    fn layer(&self) -> LayerName {
        self.layer
    }

    fn folded(&self) -> Folded {
        self.held().folded.clone()
    }

    fn look(&self, look: &mut dyn FnMut(&Folded)) {
        look(&self.held().folded);
    }

    fn append(&self, entry: Entry) -> BoxFuture<'_, Result<(), LedgerError>> {
        let mut held = self.held();
        held.entries.push(entry.clone());
        held.folded.take(entry);
        Box::pin(std::future::ready(Ok(())))
    }
}
