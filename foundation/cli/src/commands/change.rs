//! plan, deploy, destroy: the same road, as far as each goes.

use super::context::Context;
use super::run::{Ending, Run};
use super::secrets;
use super::stop::confirmed;
use crate::app::{App, Declared, Part};
use crate::args::{Begin, ChangeCommand, Format, Layers};
use crate::out::{note, tell};
use crate::problem::{EXIT_CHANGES, Problem};
use crate::{out, render, store};
use engine::apply::{Apply, Outcome};
use engine::event::Fact;
use engine::ledger::{Folded, Guard};
use engine::plan::Plan;
use engine::planner::Allow;
use engine::{Class, Fault, Graph, Kinds, LayerName, Level, Sink};
use futures::join;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// How often a destroy looks whether something is left.
const LOOKS: usize = 3;
const BETWEEN_LOOKS: Duration = Duration::from_secs(3);

/// Runs one of these commands.
pub(super) async fn run<A: App>(at: &Context<'_, A>, command: &ChangeCommand) -> Result<ExitCode, Problem> {
    let change = |which: &Layers, allow: &[String], destroy: bool| {
        Ok::<_, Problem>(Change { at, layers: at.chosen(&which.layers), allow: at.allow(allow)?, destroy })
    };
    match command {
        ChangeCommand::Plan { which, out, detailed_exitcode, allow_destroy } => {
            let changes = change(which, allow_destroy, false)?.plan(out.as_deref()).await?;
            return Ok(if changes && *detailed_exitcode { ExitCode::from(EXIT_CHANGES) } else { ExitCode::SUCCESS });
        }
        ChangeCommand::Deploy { which, begin, plan, allow_destroy } => {
            change(which, allow_destroy, false)?.apply(*begin, plan.as_deref()).await?;
        }
        ChangeCommand::Destroy { which, begin, allow_destroy } => change(which, allow_destroy, true)?.apply(*begin, None).await?,
    }
    Ok(ExitCode::SUCCESS)
}

struct Change<'a, A> {
    at: &'a Context<'a, A>,
    layers: Vec<LayerName>,
    allow: Allow,
    destroy: bool,
}

impl<A: App> Change<'_, A> {
    /// Shows the plan; whether it has changes.
    async fn plan(&self, out: Option<&Path>) -> Result<bool, Problem> {
        let memory = store::memory(self.at.store).await?;
        let (plan, ..) = self.make(&memory, &Guard::default()).await?;
        self.foresee(&memory, &plan).await;
        self.show(&plan);
        if let Some(path) = out {
            let text = serde_json::to_string_pretty(&plan).map_err(|error| Problem::Io(error.to_string()))?;
            std::fs::write(path, text).map_err(|error| Problem::Io(format!("{} cannot be written: {error}", path.display())))?;
        }
        self.stopped(&plan)?;
        Ok(plan.changes())
    }

    /// Says what a deploy of this would meet in the account. Whoever may not ask that may plan all the same.
    async fn foresee(&self, memory: &BTreeMap<LayerName, Folded>, plan: &Plan) {
        let guard = Guard::default();
        if !plan.changes() {
            return;
        }
        for sign in self.at.app.preflight(self.at.wanted(&self.layers, memory, &guard)).await.unwrap_or_default() {
            if sign.level != Level::Ok {
                let hint = sign.hint.map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
                note!("warning: {}: {}{hint}", sign.subject, sign.text);
            }
        }
    }

    /// Plans, asks and applies.
    async fn apply(&self, begin: Begin, promised: Option<&Path>) -> Result<(), Problem> {
        let command = if self.destroy { "destroy" } else { "deploy" };
        let run = Run::begin(self.at, &self.layers, command, begin.wait).await?;
        let applied = self.locked(&run, begin.yes, promised).await;
        run.end(applied).await
    }

    async fn locked(&self, running: &Run, yes: bool, promised: Option<&Path>) -> Result<(), Problem> {
        let mut memory = store::memory(self.at.store).await?;
        memory.extend(running.ledgers.iter().map(|(layer, ledger)| (*layer, ledger.folded())));
        let (plan, declared, looked) = running.stop.or(self.make(&memory, &running.guard)).await?;
        if let Some(path) = promised {
            same(path, &plan)?;
        }
        self.show(&plan);
        self.stopped(&plan)?;
        if let Some(warning) = expiring(plan.expected(), declared.expires, SystemTime::now()) {
            note!("warning: {warning}");
        }
        let question = if self.destroy { "Delete all of this?" } else { "Apply this plan?" };
        if plan.changes() && !yes && !running.stop.or(confirmed(question)).await? {
            return Err(Problem::Declined);
        }
        let kinds = declared.kinds.clone();
        let had: BTreeSet<String> = memory.values().flat_map(|folded| folded.rows.values()).map(|row| row.kind.clone()).collect();
        let outcome = self.walk(running, plan, declared, looked).await?;
        self.end(&outcome, running.stop.cancel.is_cancelled())?;
        if self.destroy { self.nothing_left(&kinds, &had).await } else { Ok(()) }
    }

    /// The plan, what it was made from, and since when AWS was looked at for it.
    async fn make(&self, memory: &BTreeMap<LayerName, Folded>, guard: &Guard) -> Result<(Plan, Declared, Instant), Problem> {
        let looked = Instant::now();
        let wanted = self.at.wanted(&self.layers, memory, guard);
        let declared = if self.destroy {
            Declared {
                graph: Graph::new(),
                kinds: self.at.app.kinds(wanted).await?,
                doors: BTreeMap::new(),
                warnings: Vec::new(),
                expires: None,
            }
        } else {
            self.at.app.declare(wanted).await?
        };
        let rows = self.layers.iter().filter_map(|layer| memory.get(layer)).flat_map(|folded| folded.rows.values());
        for warning in declared.warnings.iter().chain(&declared.kinds.settle.notice(rows)) {
            note!("warning: {warning}");
        }
        let (plan, lost) = join!(self.at.plan(&declared, &self.layers, memory, &self.allow), self.not_lost(memory, &declared));
        lost?;
        Ok((plan?, declared, looked))
    }

    /// A ledger that was never written, and objects that carry our tags: it is lost, and a plan without it would make again what is
    /// there in a later generation.
    async fn not_lost(&self, memory: &BTreeMap<LayerName, Folded>, declared: &Declared) -> Result<(), Problem> {
        let empty = |layer: &&LayerName| memory.get(layer).is_none_or(|folded| folded.sequence == 0);
        // What declares nothing makes nothing twice.
        let makes = |layer: &&LayerName| declared.graph.nodes().keys().any(|at| at.layer == **layer);
        let empty: Vec<LayerName> = self.layers.iter().filter(empty).filter(makes).copied().collect();
        if self.destroy || empty.is_empty() {
            return Ok(());
        }
        let (scope, declares) = (self.at.settings.scope(), |kind| declared.graph.nodes().values().any(|node| node.rules.kind == kind));
        let found = engine::scan::look(&declared.kinds, &scope, &empty, declares).await?.found;
        let Some(first) = found.first() else { return Ok(()) };
        let count = found.len();
        Err(Problem::Stopped(format!(
            "{count} objects carry the tags of this stack, and no ledger knows them (for example {first})\nhint: run `doctor --rebuild` first"
        )))
    }

    fn show(&self, plan: &Plan) {
        match self.at.common.format {
            Format::Json => render::document(&Fact::PlanMade { plan: plan.clone() }),
            Format::Markdown => out::data(&render::markdown(plan)),
            _ => out::data(&render::plan(plan, out::width())),
        }
    }

    fn stopped(&self, plan: &Plan) -> Result<(), Problem> {
        match plan.stops.len() {
            0 => Ok(()),
            count => Err(Problem::Stopped(format!("the plan may not be applied: {count} stop(s) above; nothing was changed"))),
        }
    }

    async fn walk(&self, running: &Run, plan: Plan, declared: Declared, looked: Instant) -> Result<Outcome, Problem> {
        let finishes = !self.destroy && secrets::unfinished(running);
        let quiet = !finishes && plan.steps.values().all(|step| step.verb == engine::plan::Verb::Keep);
        let Declared { graph, kinds, doors, .. } = declared;
        let (ledgers, cancel) = (running.ledgers.clone(), running.stop.cancel.clone());
        let work = |sink: Sink| async move {
            if finishes {
                secrets::finish(self.at, running, Part::Before, &sink).await?;
            }
            let apply = Apply { graph, kinds, ledgers, doors, looked, sink: sink.clone(), cancel };
            let outcome = apply.run(plan).await?;
            if finishes && outcome.ok() {
                secrets::finish(self.at, running, Part::After, &sink).await?;
            }
            Ok(outcome)
        };
        let ending = |ended: &Result<Outcome, Problem>| {
            if let (Err(problem), true) = (ended, finishes) {
                let noted = !matches!(problem, Problem::Ledger(_)) && !matches!(problem, Problem::Fault(fault) if fault.is_ledger());
                return Some(Ending { ok: false, done: 0, failed: 1, skipped: 0, summary: problem.to_string(), noted });
            }
            let outcome = ended.as_ref().ok()?;
            let (done, failed, skipped, ok) = (outcome.done, outcome.failed.len(), outcome.skipped, outcome.ok());
            let summary = format!("{done} done, {failed} failed, {skipped} not started");
            Some(Ending { ok, done, failed, skipped, summary, noted: lost(outcome).is_none() })
        };
        running.carry_out(self.at, quiet, work, ending).await
    }

    /// Says from a tag scan, not from the ledger, that nothing is left.
    async fn nothing_left(&self, kinds: &Kinds, had: &BTreeSet<String>) -> Result<(), Problem> {
        let (scope, mut looks) = (self.at.settings.scope(), 0);
        let (found, unread) = loop {
            let scan = engine::scan::look(kinds, &scope, &self.layers, |kind| had.contains(kind)).await?;
            looks += 1;
            // AWS may list for a few seconds what it has just deleted.
            if scan.found.is_empty() || looks == LOOKS {
                break (scan.found, scan.unread);
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        };
        for (kind, fault) in unread {
            note!("warning: there never was a {kind} here, and whether one is left cannot be read: {fault}");
        }
        for it in &found {
            note!("left: {it}");
        }
        if !found.is_empty() {
            return Err(Problem::Left { count: found.len() });
        }
        if !self.at.json() {
            tell!("nothing in AWS carries the tags of {} {} any more", self.at.settings.top.stack, self.at.settings.env);
        }
        Ok(())
    }

    fn end(&self, outcome: &Outcome, interrupted: bool) -> Result<(), Problem> {
        if let Some(fault) = lost(outcome) {
            return Err(Problem::Fault(fault.clone()));
        }
        if interrupted && outcome.failed.is_empty() && outcome.skipped > 0 {
            return Err(Problem::Interrupted(format!("what was in flight is done and recorded, {} not started", outcome.skipped)));
        }
        if !outcome.ok() {
            let class = outcome.failed.iter().map(|(_, fault)| fault.class).max().unwrap_or(Class::Cancelled);
            return Err(Problem::Incomplete { failed: outcome.failed.len(), skipped: outcome.skipped, class });
        }
        if !self.at.json() {
            for (layer, outputs) in &outcome.outputs {
                outputs.iter().for_each(|(name, value)| tell!("{layer}.{name} = {value}"));
            }
        }
        Ok(())
    }
}

/// The fault that says that the run lost its ledger.
fn lost(outcome: &Outcome) -> Option<&Fault> {
    outcome.failed.iter().map(|(_, fault)| fault).find(|fault| fault.is_ledger())
}

/// What to say of credentials that end before the run usually does.
fn expiring(expected: Duration, expires: Option<SystemTime>, now: SystemTime) -> Option<String> {
    let left = expires?.duration_since(now).unwrap_or_default();
    let minutes = |time: Duration| time.as_secs().div_ceil(60);
    (left < expected).then(|| {
        let (left, expected) = (minutes(left), minutes(expected));
        format!("the credentials end in {left} min and this usually takes {expected}: it will stop cleanly then, and continue when it is run again")
    })
}

/// A saved plan is applied only while it is still what would be planned.
fn same(path: &Path, now: &Plan) -> Result<(), Problem> {
    let text = std::fs::read(path).map_err(|error| Problem::Io(format!("{} cannot be read: {error}", path.display())))?;
    let saved: Plan = serde_json::from_slice(&text).map_err(|error| Problem::Config(format!("{}: not a plan: {error}", path.display())))?;
    if saved.promise() == now.promise() && saved.layers == now.layers {
        return Ok(());
    }
    Err(Problem::Stopped(format!("{} is stale: the world or the declaration changed since; run `plan` again", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_that_end_too_early_are_said_and_others_are_not() {
        let (now, minute) = (SystemTime::UNIX_EPOCH, Duration::from_secs(60));
        let said = expiring(15 * minute, Some(now + 5 * minute), now).unwrap();
        assert!(said.contains("end in 5 min") && said.contains("takes 15"), "{said}");
        assert_eq!(expiring(15 * minute, Some(now + 60 * minute), now), None);
        assert_eq!(expiring(15 * minute, None, now), None);
    }
}
