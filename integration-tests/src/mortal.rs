//! A ledger whose writer may die at a write.

use emulator::weather::Death;
use engine::LayerName;
use engine::ledger::{Entry, Folded, Ledger, LedgerError, MemoryLedger};
use futures::future::BoxFuture;

/// A ledger in memory, written by a process that may die.
pub struct Mortal {
    /// What was written.
    pub inner: MemoryLedger,
    /// When the writer dies.
    pub death: Death,
}

impl Ledger for Mortal {
    fn layer(&self) -> LayerName {
        self.inner.layer()
    }

    fn folded(&self) -> Folded {
        self.inner.folded()
    }

    fn look(&self, look: &mut dyn FnMut(&Folded)) {
        self.inner.look(look);
    }

    fn append(&self, entry: Entry) -> BoxFuture<'_, Result<(), LedgerError>> {
        Box::pin(async move { self.death.or(|| self.inner.append(entry)).await.await })
    }
}
