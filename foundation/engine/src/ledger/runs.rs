//! The history of a layer: its last runs, and what each of them did.

use super::Entry;
use crate::Address;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many runs a ledger remembers.
pub const RUNS: usize = 50;
/// How many addresses of a run are remembered; the numbers count all.
const ADDRESSES: usize = 20;

/// One run over a layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(default)]
pub struct RunRecord {
    /// Its id.
    pub run: String,
    /// The command.
    pub command: String,
    /// Who ran it.
    pub who: String,
    /// When it began, RFC 3339.
    pub at: String,
    /// The version of this tool.
    pub tool: String,
    /// When it ended, RFC 3339; `None` when it did not say so.
    pub ended: Option<String>,
    /// How it ended; `None` when it did not.
    pub ok: Option<bool>,
    /// How it ended, in its own words.
    pub summary: String,
    /// How many creates it began.
    pub created: usize,
    /// How many changes it began.
    pub changed: usize,
    /// How many deletes it began.
    pub deleted: usize,
    /// The first objects that it touched.
    pub touched: Vec<Address>,
}

impl RunRecord {
    fn touch(&mut self, at: &Address) {
        if self.touched.len() < ADDRESSES && !self.touched.contains(at) {
            self.touched.push(at.clone());
        }
    }
}

/// What an entry says about the runs. `known` tells whether an object was there before.
pub(super) fn take(runs: &mut Vec<RunRecord>, entry: &Entry, known: impl Fn(&(Address, u32)) -> bool) {
    match entry {
        Entry::RunStarted { run, command, who, at, tool } => {
            if runs.len() == RUNS {
                runs.remove(0);
            }
            let (run, command, who, at, tool) = (run.clone(), command.clone(), who.clone(), at.clone(), tool.clone());
            runs.push(RunRecord { run, command, who, at, tool, ..RunRecord::default() });
        }
        Entry::RunFinished { run, ok, at, summary } => {
            if let Some(last) = runs.iter_mut().rev().find(|it| it.run == *run) {
                (last.ended, last.ok, last.summary) = (Some(at.clone()), Some(*ok), summary.clone());
            }
        }
        _ => {
            let Some(last) = runs.last_mut().filter(|last| last.ended.is_none()) else { return };
            match entry {
                Entry::Intent { row } => {
                    let known = known(&(row.who.address.clone(), row.who.generation));
                    *(if known { &mut last.changed } else { &mut last.created }) += 1;
                    last.touch(&row.who.address);
                }
                Entry::Deleting { address, .. } => {
                    last.deleted += 1;
                    last.touch(address);
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::fold;

    fn started(run: &str) -> Entry {
        let (command, who, at, tool) = ("deploy".into(), "ada".into(), "2026-11-24T10:00:00Z".into(), "0.1.0".into());
        Entry::RunStarted { run: run.into(), command, who, at, tool }
    }

    #[test]
    fn the_last_runs_are_remembered_with_their_end() {
        let finished = Entry::RunFinished { run: "r59".into(), ok: true, at: "2026-11-24T10:05:00Z".into(), summary: "3 done".into() };
        let entries: Vec<Entry> = (0..60).map(|run| started(&format!("r{run}"))).chain([finished]).collect();
        let runs = fold(entries).runs;
        assert_eq!((runs.len(), runs[0].run.as_str(), runs[0].ok), (RUNS, "r10", None));
        let last = runs.last().unwrap();
        assert_eq!((last.ok, last.summary.as_str(), last.ended.as_deref()), (Some(true), "3 done", Some("2026-11-24T10:05:00Z")));
    }

    #[test]
    fn what_a_run_did_is_counted() {
        let address = Address::new(crate::LayerName::Network, "vpc");
        let deleting = |generation| Entry::Deleting { address: address.clone(), generation };
        let entries = [deleting(1), started("r1"), deleting(2), deleting(3)];
        let runs = fold(entries).runs;
        assert_eq!((runs[0].created, runs[0].changed, runs[0].deleted, runs[0].touched.as_slice()), (0, 0, 2, &[address.clone()][..]));
    }
}
