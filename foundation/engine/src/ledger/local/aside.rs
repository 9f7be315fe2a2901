//! A damaged journal is moved aside, never deleted: what it held may still be read by people.

use super::{LocalStore, io, journal, lock::Lock, sync_dir};
use crate::LayerName;
use crate::ledger::{Holder, LedgerError};

impl LocalStore {
    /// Moves the layer's journal aside under its lock; where it is now.
    pub(super) fn aside(&self, layer: LayerName, holder: &Holder) -> Result<String, LedgerError> {
        let lock = Lock::take(&self.dir, layer, holder)?;
        let path = journal(&self.dir, layer);
        let names = (1..).map(|number| self.dir.join(format!("{layer}.jsonl.damaged-{number}")));
        let kept = names.into_iter().find(|name| !name.exists()).unwrap_or_else(|| path.with_extension("damaged"));
        std::fs::rename(&path, &kept).map_err(|source| io(&path, "moved aside", source))?;
        sync_dir(&self.dir)?;
        lock.release()?;
        Ok(kept.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Store;

    #[tokio::test]
    async fn a_damaged_ledger_is_moved_aside_and_never_over_another() {
        let dir = tempfile::tempdir().unwrap();
        let store = LocalStore::new(dir.path().to_owned());
        for number in 1..3 {
            std::fs::write(journal(dir.path(), LayerName::Network), format!("damage {number}\n")).unwrap();
            assert!(matches!(store.read(LayerName::Network).await, Err(LedgerError::Damaged { .. })));
            let kept = store.set_aside(LayerName::Network, &Holder::default()).await.unwrap().unwrap();
            assert_eq!(std::fs::read_to_string(kept).unwrap(), format!("damage {number}\n"));
            assert_eq!(store.read(LayerName::Network).await.unwrap().sequence, 0);
        }
    }
}
