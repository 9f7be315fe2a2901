//! From entries to rows.

use super::runs::{self, RunRecord};
use super::{Entry, Row};
use crate::Address;
use crate::layer::Door;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, BTreeSet};

/// What a layer's entries amount to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Folded {
    /// The number of entries.
    pub sequence: u64,
    /// Every object that may exist, by address and generation.
    #[serde(with = "list")]
    pub rows: BTreeMap<(Address, u32), Row>,
    /// The layer's recorded outputs; `None` before the first complete run and after a destroy.
    pub doors: Option<BTreeMap<String, Door>>,
    /// Whether something was changed after the outputs were recorded.
    pub doors_stale: bool,
    /// The last runs, the oldest first.
    pub runs: Vec<RunRecord>,
    /// Highest generation ever used per address: a generation is never used twice.
    pub highest: BTreeMap<Address, u32>,
    /// Objects whose delete was about to be sent and whose end is not known.
    pub deleting: BTreeSet<(Address, u32)>,
    /// Tasks that were begun and whose end is not known, with how far they had come.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub underway: BTreeMap<String, Value>,
    /// Tasks that ended, the last of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<Ended>,
}

/// A task that ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// Which.
    pub task: String,
    /// What is remembered of it.
    pub outcome: Value,
}

/// So many tasks that ended are remembered.
const REMEMBERED: usize = 200;

/// Rows as a list: a row says itself which it is.
mod list {
    use super::{Address, Row};
    use serde::{Deserialize, Deserializer, Serializer};
    use std::collections::BTreeMap;

    pub(super) fn serialize<S: Serializer>(rows: &BTreeMap<(Address, u32), Row>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(rows.values())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<(Address, u32), Row>, D::Error> {
        let rows = Vec::<Row>::deserialize(deserializer)?;
        Ok(rows.into_iter().map(|row| ((row.who.address.clone(), row.who.generation), row)).collect())
    }
}

impl Folded {
    /// The newest generation of an address; older ones wait to be deleted.
    pub fn current(&self, at: &Address) -> Option<&Row> {
        self.rows.range((at.clone(), 0)..=(at.clone(), u32::MAX)).map(|(_, row)| row).next_back()
    }

    /// The newest generation of an address that is known to be there: a newer one without an output was cut off.
    pub fn made(&self, at: &Address) -> Option<&Row> {
        self.rows.range((at.clone(), 0)..=(at.clone(), u32::MAX)).map(|(_, row)| row).rfind(|row| row.output.is_some())
    }

    /// Generations that a successor has replaced.
    pub fn superseded(&self) -> impl Iterator<Item = &Row> {
        self.rows.values().filter(|row| self.current(&row.who.address).is_some_and(|now| now.who.generation > row.who.generation))
    }

    /// The run that began last.
    pub fn last_run(&self) -> Option<&RunRecord> {
        self.runs.last()
    }

    /// Takes one entry in.
    pub fn take(&mut self, entry: Entry) {
        self.sequence += 1;
        runs::take(&mut self.runs, &entry, |key| self.rows.contains_key(key));
        match entry {
            Entry::RunStarted { .. } | Entry::RunFinished { .. } => {}
            Entry::Intent { row } | Entry::Done { row } => self.put(row),
            Entry::Deleting { address, generation } => {
                self.doors_stale = true;
                self.deleting.insert((address, generation));
            }
            Entry::Gone { address, generation } => {
                let gone = (address, generation);
                self.deleting.remove(&gone);
                self.rows.remove(&gone);
                if self.rows.is_empty() {
                    self.doors = None;
                    // What tasks were about is gone.
                    self.underway.clear();
                    self.ended.clear();
                }
            }
            Entry::Underway { task, state } => drop(self.underway.insert(task, state)),
            Entry::Ended { task, outcome } => self.end(task, outcome),
            Entry::Outputs { doors } => {
                self.doors = Some(doors);
                self.doors_stale = false;
            }
        }
    }

    fn end(&mut self, task: String, outcome: Value) {
        self.underway.remove(&task);
        self.ended.push(Ended { task, outcome });
        let surplus = self.ended.len().saturating_sub(REMEMBERED);
        self.ended.drain(..surplus);
    }

    fn put(&mut self, row: Row) {
        self.doors_stale = true;
        let key = (row.who.address.clone(), row.who.generation);
        self.deleting.remove(&key);
        match self.rows.entry(key) {
            // What is known of it has its generation counted already.
            Slot::Occupied(mut known) => drop(known.insert(row)),
            Slot::Vacant(free) => {
                let (at, generation) = free.key().clone();
                let highest = self.highest.entry(at).or_default();
                *highest = generation.max(*highest);
                free.insert(row);
            }
        }
    }
}

/// Folds entries in their order.
pub fn fold(entries: impl IntoIterator<Item = Entry>) -> Folded {
    let mut folded = Folded::default();
    for entry in entries {
        folded.take(entry);
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::RowState;
    use crate::{Identity, IdentityBy, LayerName};

    fn row(name: &str, state: RowState) -> Row {
        let at = Address::new(LayerName::Network, "vpc");
        let by = IdentityBy::Name(name.into());
        let who =
            Identity { address: at, generation: 1, by, token: name.into(), tags: BTreeMap::from([("name".into(), name.into())]).into() };
        let reads = [Address::new(LayerName::Secrets, name)].into();
        Row { who, kind: name.into(), state, spec: name.into(), output: Some(name.into()), reads, at: Some(name.len() as f64) }
    }

    #[test]
    fn what_an_entry_says_of_an_object_takes_the_place_of_all_that_was_said() {
        let (old, new) = (row("old", RowState::Intended), row("newer", RowState::Done));
        let folded = fold([Entry::Intent { row: old }, Entry::Done { row: new.clone() }]);
        assert_eq!(folded.rows.values().collect::<Vec<_>>(), [&new]);
        let none = Row { output: None, at: None, ..new.clone() };
        let folded = fold([Entry::Done { row: new }, Entry::Intent { row: none.clone() }]);
        assert_eq!(folded.rows.values().collect::<Vec<_>>(), [&none]);
    }
}
