//! Few objects to read, however long a stack lives: snapshots, and a history of bounded length behind them.

use super::body::{Snapshot, seal};
use super::load::Loaded;
use super::{HISTORY, SNAPSHOT_EVERY, Shelf};
use engine::ledger::LEDGER_VERSION;

impl Shelf {
    /// Makes a snapshot when there is much to read without one, and deletes what two snapshots and the history do not need.
    /// The error is a warning: the ledger is as good without.
    pub(super) async fn tidy(&self, loaded: &Loaded) -> Result<(), String> {
        if loaded.fresh < SNAPSHOT_EVERY {
            return Ok(());
        }
        let snapshot = Snapshot {
            v: LEDGER_VERSION,
            of: self.of(),
            object: loaded.object,
            previous: loaded.previous.clone(),
            anchor: loaded.anchor.clone(),
            folded: loaded.folded.clone(),
        };
        let said = |problem: String| format!("no snapshot of the {} ledger was made: {problem}", self.layer);
        let (text, _) = seal(&snapshot).map_err(|error| said(error.to_string()))?;
        // Whoever was there before wrote the same: a snapshot follows from the objects.
        self.objects.put_new(&self.snapshot_key(loaded.object), &text).await.map_err(|fault| said(fault.to_string()))?;
        // The snapshot before this one stays, with every object after it: should one be lost, the other is enough.
        let Some(before) = loaded.snapshots.last().copied() else { return Ok(()) };
        let old = |number: &&u64| **number <= before.min(loaded.object.saturating_sub(HISTORY));
        let objects = loaded.objects.iter().filter(old).map(|number| self.entries_key(*number));
        let snapshots = loaded.snapshots.iter().filter(|number| **number < before).map(|number| self.snapshot_key(*number));
        for key in objects.chain(snapshots) {
            self.objects.prune(&key).await.map_err(|fault| format!("the history of the {} ledger stays longer: {fault}", self.layer))?;
        }
        Ok(())
    }
}
