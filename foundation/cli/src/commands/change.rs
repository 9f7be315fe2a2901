//! plan, deploy, destroy: the same road, as far as each goes.

use super::stop::{Stop, confirmed};
use crate::app::{App, Declared, Wanted};
use crate::args::Begin;
use crate::args::{Common, Format};
use crate::config::Settings;
use crate::problem::{Problem, declare};
use crate::render;
use crate::store::{self, Ledgers, Queue};
use engine::apply::{Apply, Outcome};
use engine::event::Fact;
use engine::ledger::{Entry, Folded, Guard, Store};
use engine::plan::Plan;
use engine::planner::{Allow, PlanError, Request};
use engine::{Class, Fault, Graph, Kinds, LayerName, Sink};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// How often a destroy looks whether something is left.
const LOOKS: usize = 3;
const BETWEEN_LOOKS: Duration = Duration::from_secs(3);

pub(super) struct Change<'a, A> {
    pub app: &'a A,
    pub common: &'a Common,
    pub settings: &'a Settings,
    pub store: &'a dyn Store,
    pub layers: Vec<LayerName>,
    pub allow: Allow,
    pub destroy: bool,
}

/// A run that holds its locks.
struct Running {
    run: String,
    ledgers: Ledgers,
    guard: Guard,
    stop: Stop,
}

impl<A: App> Change<'_, A> {
    /// Shows the plan; whether it has changes.
    pub(super) async fn plan(&self, out: Option<&Path>) -> Result<bool, Problem> {
        let memory = store::memory(self.store).await?;
        let (plan, declared) = self.make(&memory, &Guard::default()).await?;
        self.not_lost(&memory, &declared).await?;
        self.show(&plan);
        if let Some(path) = out {
            let text = serde_json::to_string_pretty(&plan).map_err(|error| Problem::Io(error.to_string()))?;
            std::fs::write(path, text).map_err(|error| Problem::Io(format!("{} cannot be written: {error}", path.display())))?;
        }
        self.stopped(&plan)?;
        Ok(plan.changes())
    }

    /// Plans, asks and applies.
    pub(super) async fn apply(&self, begin: Begin, promised: Option<&Path>) -> Result<(), Problem> {
        let run = ulid::Ulid::generate().to_string();
        let holder = store::holder(&run, self.command());
        let stop = Stop::listen()?;
        let queue = Queue { wait: begin.wait, cancel: &stop.cancel };
        let (ledgers, warnings) = store::open(self.store, &self.layers, &holder, queue).await?;
        for warning in warnings {
            anstream::eprintln!("warning: {warning}");
        }
        let running = Running { run, guard: Guard::new(ledgers.values().cloned().collect()), ledgers, stop };
        running.stop.holds(&running.ledgers, &running.guard);
        let applied = self.locked(&running, begin.yes, promised).await;
        // What went wrong under the lock is worth more than what goes wrong with it.
        applied.and(store::close(&running.ledgers).await)
    }

    async fn locked(&self, running: &Running, yes: bool, promised: Option<&Path>) -> Result<(), Problem> {
        let mut memory = store::memory(self.store).await?;
        memory.extend(running.ledgers.iter().map(|(layer, ledger)| (*layer, ledger.folded())));
        let (plan, declared) = running.stop.or(self.make(&memory, &running.guard)).await?;
        self.not_lost(&memory, &declared).await?;
        if let Some(path) = promised {
            same(path, &plan)?;
        }
        self.show(&plan);
        self.stopped(&plan)?;
        if let Some(warning) = expiring(plan.expected(), declared.expires, SystemTime::now()) {
            anstream::eprintln!("warning: {warning}");
        }
        let question = if self.destroy { "Delete all of this?" } else { "Apply this plan?" };
        if plan.changes() && !yes && !running.stop.or(confirmed(question)).await? {
            return Err(Problem::Declined);
        }
        let kinds = declared.kinds.clone();
        let had: BTreeSet<String> = memory.values().flat_map(|folded| folded.rows.values()).map(|row| row.kind.clone()).collect();
        let outcome = self.walk(running, plan, declared).await?;
        self.end(&outcome, running.stop.cancel.is_cancelled())?;
        if self.destroy { self.nothing_left(&kinds, &had).await } else { Ok(()) }
    }

    fn command(&self) -> &'static str {
        if self.destroy { "destroy" } else { "deploy" }
    }

    async fn make(&self, memory: &BTreeMap<LayerName, Folded>, guard: &Guard) -> Result<(Plan, Declared), Problem> {
        let endpoint_url = self.common.endpoint_url.as_deref();
        let wanted = Wanted { settings: self.settings, endpoint_url, layers: &self.layers, memory, guard };
        let declared = if self.destroy {
            Declared {
                graph: Graph::new(),
                kinds: self.app.kinds(wanted).await?,
                doors: BTreeMap::new(),
                warnings: Vec::new(),
                expires: None,
            }
        } else {
            self.app.declare(wanted).await?
        };
        let (scope, graph, kinds) = (&self.settings.scope(), &declared.graph, &declared.kinds);
        let request = Request { scope, graph, kinds, memory, layers: &self.layers, allow: &self.allow };
        let rows = self.layers.iter().filter_map(|layer| memory.get(layer)).flat_map(|folded| folded.rows.values());
        for warning in declared.warnings.iter().chain(&kinds.settle.notice(rows)) {
            anstream::eprintln!("warning: {warning}");
        }
        match engine::planner::plan(&request).await {
            Ok(plan) => Ok((plan, declared)),
            Err(PlanError::Declare(error)) => Err(declare(error, self.settings)),
            Err(error) => Err(error.into()),
        }
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
        let (scope, declares) = (self.settings.scope(), |kind| declared.graph.nodes().values().any(|node| node.rules.kind == kind));
        let found = engine::scan::look(&declared.kinds, &scope, &empty, declares).await?.found;
        let Some(first) = found.first() else { return Ok(()) };
        let count = found.len();
        Err(Problem::Stopped(format!(
            "{count} objects carry the tags of this stack, and no ledger knows them (for example {first})\nhint: run `doctor --rebuild` first"
        )))
    }

    fn show(&self, plan: &Plan) {
        if self.common.format == Format::Json {
            if let Ok(text) = serde_json::to_string(&Fact::PlanMade { plan: plan.clone() }) {
                println!("{text}");
            }
        } else {
            anstream::print!("{}", render::plan(plan));
        }
    }

    fn stopped(&self, plan: &Plan) -> Result<(), Problem> {
        match plan.stops.len() {
            0 => Ok(()),
            count => Err(Problem::Stopped(format!("the plan may not be applied: {count} stop(s) above; nothing was changed"))),
        }
    }

    async fn walk(&self, running: &Running, plan: Plan, declared: Declared) -> Result<Outcome, Problem> {
        let started = Instant::now();
        let (sink, events) = Sink::channel();
        let consumer = tokio::spawn(render::consume(events, self.common.format));
        let Running { run, ledgers, stop, .. } = running;
        let (run, command) = (run.clone(), self.command().to_owned());
        let quiet = plan.steps.values().all(|step| step.verb == engine::plan::Verb::Keep);
        if !quiet {
            let (who, at, tool) = (store::who(), jiff::Timestamp::now().to_string(), env!("CARGO_PKG_VERSION").into());
            note(ledgers, &Entry::RunStarted { run: run.clone(), command: command.clone(), who, at, tool }).await?;
        }
        let (stack, env) = (self.settings.top.stack.clone(), self.settings.env.clone());
        sink.fact(Fact::RunStarted { run: run.clone(), command, stack, env });
        let Declared { graph, kinds, doors, .. } = declared;
        let (ledgers_, cancel) = (ledgers.clone(), stop.cancel.clone());
        let apply = Apply { scope: self.settings.scope(), graph, kinds, ledgers: ledgers_, doors, sink: sink.clone(), cancel };
        let mut ended = apply.run(plan).await.map_err(Problem::from);
        if let Ok(outcome) = &ended {
            let (done, failed, skipped, ok) = (outcome.done, outcome.failed.len(), outcome.skipped, outcome.ok());
            let summary = format!("{done} done, {failed} failed, {skipped} not started");
            let entry = Entry::RunFinished { run: run.clone(), ok, at: jiff::Timestamp::now().to_string(), summary };
            // A ledger that refused a step is not asked for the end of the run: what it refused is worth more.
            let noted = if quiet || lost(outcome).is_some() { Ok(()) } else { note(ledgers, &entry).await };
            sink.fact(Fact::RunFinished { run, ok, done, failed, skipped, seconds: started.elapsed().as_secs_f64() });
            ended = noted.and(ended);
        }
        // What was told is read to its end, however the run ended.
        drop(sink);
        consumer.await.map_err(|error| Problem::Io(error.to_string()))?;
        ended
    }

    /// Says from a tag scan, not from the ledger, that nothing is left.
    async fn nothing_left(&self, kinds: &Kinds, had: &BTreeSet<String>) -> Result<(), Problem> {
        let (scope, mut looks) = (self.settings.scope(), 0);
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
            anstream::eprintln!("warning: there never was a {kind} here, and whether one is left cannot be read: {fault}");
        }
        for it in &found {
            anstream::eprintln!("left: {it}");
        }
        if !found.is_empty() {
            return Err(Problem::Left { count: found.len() });
        }
        if self.common.format != Format::Json {
            anstream::println!("nothing in AWS carries the tags of {} {} any more", self.settings.top.stack, self.settings.env);
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
        if self.common.format != Format::Json {
            for (layer, outputs) in &outcome.outputs {
                outputs.iter().for_each(|(name, value)| anstream::println!("{layer}.{name} = {value}"));
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

/// Writes one entry into every ledger of the run, each whatever becomes of the others; the first error.
pub(super) async fn note(ledgers: &Ledgers, entry: &Entry) -> Result<(), Problem> {
    let noted = futures::future::join_all(ledgers.values().map(|ledger| ledger.append(entry.clone()))).await;
    noted.into_iter().collect::<Result<Vec<()>, _>>()?;
    Ok(())
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
