//! doctor: do ledger and tags agree, what would a deploy meet; doctor --rebuild: a ledger from the tags.

use super::context::Context;
use super::run::Run;
use crate::app::{App, Wanted};
use crate::document;
use crate::out::tell;
use crate::problem::Problem;
use crate::render;
use crate::store::{self, Ledgers};
use engine::ledger::{Folded, Guard, Holder, LedgerError};
use engine::planner::{Allow, Request};
use engine::rebuild::rebuild;
use engine::scan::{Difference, compare, scan};
use engine::{Class, LayerName, Level, Sign};
use std::collections::BTreeMap;

pub(super) struct Doctor<'a, A> {
    pub at: &'a Context<'a, A>,
    pub layers: Vec<LayerName>,
    /// It only reads: nothing has to be asked.
    pub guard: Guard,
}

fn fail(subject: &str, text: String) -> Sign {
    Sign::new(None, subject, Level::Fail, text)
}

const REBUILD: &str = "run `doctor --rebuild`: it finds everything by its tags and writes what the ledger lacks";

/// The lines, or one for the call that failed: ended credentials end everything.
fn told(subject: &str, asked: Result<Vec<Sign>, Problem>) -> Result<Vec<Sign>, Problem> {
    match asked {
        Err(Problem::Fault(fault)) if !fault.is_expired() && !fault.call.is_empty() => {
            let hint = match fault.class {
                Class::Denied => "allow the call that AWS refused: the line `permissions` names what is missing",
                _ => fault.next_step(),
            };
            Ok(vec![fail(subject, format!("{}: {}", fault.call, fault.message)).hint(hint)])
        }
        asked => asked,
    }
}

/// A line for each layer that agrees, and one for each object that does not.
fn lines(difference: &Difference, memory: &BTreeMap<LayerName, Folded>, layers: &[LayerName]) -> Vec<Sign> {
    let unknown = difference.unknown.iter().filter_map(|it| it.place()).map(|(at, _)| at.layer);
    let missing = difference.missing.iter().map(|row| row.who.address.layer);
    let differ: Vec<LayerName> = unknown.chain(missing).collect();
    let agrees = |layer: &&LayerName| memory.contains_key(layer) && !differ.contains(layer);
    let objects = |layer: &LayerName| memory.get(layer).map_or(0, |folded| folded.rows.len());
    let agree = layers.iter().filter(agrees);
    let agree =
        agree.map(|layer| Sign::new(*layer, "ledger", Level::Ok, format!("{layer}: ledger and tags agree on {} objects", objects(layer))));
    let unknown =
        difference.unknown.iter().map(|it| fail("ledger", format!("{it} is ours, and the ledger does not know it")).hint(REBUILD));
    let missing = difference.missing.iter().map(|row| {
        let text = format!("{}#{} ({}) is remembered, and nothing carries its tags", row.who.address, row.who.generation, row.kind);
        Sign::new(row.who.address.layer, "ledger", Level::Warn, text)
            .hint("run `plan`: it shows whether the object is gone or has lost its tags, and `deploy` repairs either")
    });
    let astray = difference.astray.iter().map(|it| {
        let text = format!("{it} carries the identity of another object, or a damaged one");
        fail("tags", text).hint("look in the AWS console which of them is in use, and take the `orchestrator:` tags off the other")
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
                Err(error @ LedgerError::Damaged { .. }) => report.push(fail("ledger", error.to_string()).hint(REBUILD)),
                Err(error) => return Err(error.into()),
            }
        }
        // Who may not look is told what to allow, and everything else that can be told.
        report.extend(self.at.app.permissions(self.wanted(&memory)).await?);
        report.extend(told("tags", self.agreement(&memory).await)?);
        report.extend(self.locks().await?);
        report.extend(told("preflight", self.at.app.preflight(self.wanted(&memory)).await)?);
        // Without its ledger a layer would seem to be new.
        if memory.len() == self.layers.len() {
            report.extend(self.collisions(&memory).await);
        }
        self.show(&report)
    }

    /// Whether ledgers and tags agree.
    async fn agreement(&self, memory: &BTreeMap<LayerName, Folded>) -> Result<Vec<Sign>, Problem> {
        let kinds = self.at.app.kinds(self.wanted(memory)).await?;
        let scan = scan(&kinds, &self.at.settings.scope(), &self.layers).await?;
        Ok(lines(&compare(&scan, memory, &self.layers), memory, &self.layers))
    }

    /// Who holds a lock, and whether that process can still end.
    async fn locks(&self) -> Result<Vec<Sign>, Problem> {
        let held = store::holders(self.at.store, &self.layers).await?;
        let told = |(layer, holder): (&LayerName, &Holder)| {
            let sign = Sign::new(*layer, "lock", Level::Warn, format!("{layer} is locked by {holder}"));
            sign.hint(format!("wait for that run to end, or, if it cannot end any more: `unlock {}`", holder.run))
        };
        let free = || vec![Sign::new(None, "lock", Level::Ok, format!("nobody holds a lock in {}", self.at.store.place()))];
        Ok(if held.is_empty() { free() } else { held.iter().map(told).collect() })
    }

    /// What stops a plan: names that others hold, settings that cannot work.
    async fn collisions(&self, memory: &BTreeMap<LayerName, Folded>) -> Vec<Sign> {
        match self.at.outlook(&self.layers, memory).await {
            Err(problem) => vec![fail("plan", problem.to_string())],
            Ok(plan) if plan.stops.is_empty() => vec![Sign::new(None, "names", Level::Ok, "no name is taken by an object of others")],
            Ok(plan) => {
                plan.stops.iter().map(|stop| fail("names", format!("{}: {}", stop.address, stop.problem)).hint(&stop.hint)).collect()
            }
        }
    }

    fn wanted<'b>(&'b self, memory: &'b BTreeMap<LayerName, Folded>) -> Wanted<'b> {
        self.at.wanted(&self.layers, memory, &self.guard)
    }

    /// Writes what the ledgers lack, under their locks.
    pub(super) async fn rebuild(&self) -> Result<(), Problem> {
        let run = Run::mending(self.at, &self.layers, "doctor --rebuild").await?;
        let rebuilt = run.noted(self.locked(&run.ledgers), |(rows, _)| format!("{rows} rows written from the tags")).await;
        let (_, report) = run.end(rebuilt).await?;
        self.show(&report)
    }

    /// How many rows were written, and the report.
    async fn locked(&self, ledgers: &Ledgers) -> Result<(usize, Vec<Sign>), Problem> {
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
            report.push(Sign::new(*layer, "ledger", Level::Ok, format!("{layer}: {rows} objects written into the ledger{doors}")));
        }
        let left = Difference { unknown: Vec::new(), ..rebuilt.before };
        report.extend(lines(&left, &BTreeMap::new(), &self.layers));
        Ok((rebuilt.rows.len(), report))
    }

    fn show(&self, report: &[Sign]) -> Result<(), Problem> {
        if self.at.json() {
            document::write(document::Doctor { checks: report.to_vec() });
        } else {
            report.iter().for_each(|sign| tell!("{}", render::sign(sign)));
        }
        match report.iter().filter(|sign| sign.level == Level::Fail).count() {
            0 => Ok(()),
            failed => Err(Problem::Unwell { failed }),
        }
    }
}
