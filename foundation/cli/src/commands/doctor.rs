//! doctor: do ledger and tags agree; doctor --rebuild: a ledger from the tags.

use super::context::Context;
use crate::app::{App, Wanted};
use crate::document::{self, Check, Level};
use crate::out::{note, tell};
use crate::problem::Problem;
use crate::store::{self, Ledgers};
use engine::LayerName;
use engine::ledger::{Entry, Folded, Guard, LedgerError};
use engine::planner::{Allow, Request};
use engine::rebuild::rebuild;
use engine::scan::{Difference, compare, scan};
use std::collections::BTreeMap;

pub(super) struct Doctor<'a, A> {
    pub at: &'a Context<'a, A>,
    pub layers: Vec<LayerName>,
    /// It only reads: nothing has to be asked.
    pub guard: Guard,
}

fn ok(message: String) -> Check {
    Check { level: Level::Ok, message, hint: None }
}

fn warn(message: String, hint: &str) -> Check {
    Check { level: Level::Warn, message, hint: Some(hint.to_owned()) }
}

fn fail(message: String, hint: &str) -> Check {
    Check { level: Level::Fail, message, hint: Some(hint.to_owned()) }
}

const REBUILD: &str = "run `doctor --rebuild`: it finds everything by its tags and writes what the ledger lacks";

/// A line for each layer that agrees, and one for each object that does not.
fn lines(difference: &Difference, memory: &BTreeMap<LayerName, Folded>, layers: &[LayerName]) -> Vec<Check> {
    let unknown = difference.unknown.iter().filter_map(|it| it.place()).map(|(at, _)| at.layer);
    let missing = difference.missing.iter().map(|row| row.who.address.layer);
    let differ: Vec<LayerName> = unknown.chain(missing).collect();
    let agrees = |layer: &&LayerName| memory.contains_key(layer) && !differ.contains(layer);
    let objects = |layer: &LayerName| memory.get(layer).map_or(0, |folded| folded.rows.len());
    let agree = layers.iter().filter(agrees);
    let agree = agree.map(|layer| ok(format!("{layer}: ledger and tags agree on {} objects", objects(layer))));
    let unknown = difference.unknown.iter().map(|it| fail(format!("{it} is ours, and the ledger does not know it"), REBUILD));
    let missing = difference.missing.iter().map(|row| {
        let text = format!("{}#{} ({}) is remembered, and nothing carries its tags", row.who.address, row.who.generation, row.kind);
        warn(text, "run `plan`: it shows whether the object is gone or has lost its tags, and `deploy` repairs either")
    });
    let astray = difference.astray.iter().map(|it| {
        let text = format!("{it} carries the identity of another object, or a damaged one");
        fail(text, "look in the AWS console which of them is in use, and take the `orchestrator:` tags off the other")
    });
    agree.chain(unknown).chain(missing).chain(astray).collect()
}

impl<A: App> Doctor<'_, A> {
    /// Compares ledgers and tags. Takes no lock and changes nothing.
    pub(super) async fn check(&self) -> Result<(), Problem> {
        let mut memory = BTreeMap::new();
        let mut report = Vec::new();
        for layer in &self.layers {
            match self.at.store.read(*layer).await {
                Ok(folded) => drop(memory.insert(*layer, folded)),
                Err(error @ LedgerError::Damaged { .. }) => report.push(fail(error.to_string(), REBUILD)),
                Err(error) => return Err(error.into()),
            }
        }
        let kinds = self.at.app.kinds(self.wanted(&memory)).await?;
        let scan = scan(&kinds, &self.at.settings.scope(), &self.layers).await?;
        report.extend(lines(&compare(&scan, &memory, &self.layers), &memory, &self.layers));
        self.show(&report)
    }

    fn wanted<'b>(&'b self, memory: &'b BTreeMap<LayerName, Folded>) -> Wanted<'b> {
        self.at.wanted(&self.layers, memory, &self.guard)
    }

    /// Writes what the ledgers lack, under their locks.
    pub(super) async fn rebuild(&self) -> Result<(), Problem> {
        let run = ulid::Ulid::generate().to_string();
        let (ledgers, warnings) = store::mended(self.at.store, &self.layers, &store::holder(&run, "doctor --rebuild")).await?;
        for warning in warnings {
            note!("warning: {warning}");
        }
        let done = self.locked(&run, &ledgers).await;
        done.and(store::close(&ledgers).await)
    }

    async fn locked(&self, run: &str, ledgers: &Ledgers) -> Result<(), Problem> {
        let mut memory: BTreeMap<LayerName, Folded> = BTreeMap::new();
        for layer in LayerName::ALL {
            let folded = match ledgers.get(&layer) {
                Some(ledger) => ledger.folded(),
                None => self.at.store.read(layer).await?,
            };
            memory.insert(layer, folded);
        }
        let declared = self.at.app.declare(self.wanted(&memory)).await?;
        let (scope, graph, kinds) = (&self.at.settings.scope(), &declared.graph, &declared.kinds);
        let request = Request { scope, graph, kinds, memory: &memory, layers: &self.layers, allow: &Allow::Nothing };
        let rebuilt = rebuild(&request, ledgers, &declared.doors).await?;
        let mut report = Vec::new();
        for layer in &self.layers {
            let rows = rebuilt.rows.iter().filter(|(at, _)| at.layer == *layer).count();
            let doors = if rebuilt.doors.contains(layer) { ", and its outputs" } else { "" };
            report.push(ok(format!("{layer}: {rows} objects written into the ledger{doors}")));
            if rows > 0
                && let Some(ledger) = ledgers.get(layer)
            {
                let (run, at) = (run.to_owned(), jiff::Timestamp::now().to_string());
                ledger.append(Entry::RunFinished { run, ok: true, at, summary: format!("rebuilt {rows} rows") }).await?;
            }
        }
        let left = Difference { unknown: Vec::new(), ..rebuilt.before };
        report.extend(lines(&left, &BTreeMap::new(), &self.layers));
        self.show(&report)
    }

    fn show(&self, report: &[Check]) -> Result<(), Problem> {
        if self.at.json() {
            document::write(document::Doctor { checks: report.to_vec() });
        } else {
            for Check { level, message, hint } in report {
                let hint = hint.as_ref().map(|hint| format!("\n      hint: {hint}")).unwrap_or_default();
                tell!("{:<5} {message}{hint}", level.as_str());
            }
        }
        match report.iter().filter(|line| line.level == Level::Fail).count() {
            0 => Ok(()),
            failed => Err(Problem::Unwell { failed }),
        }
    }
}
