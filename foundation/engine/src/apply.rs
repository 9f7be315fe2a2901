//! Does what the plan says: one graph across layers, no barrier between them, the longest remaining path first.

mod ensure;
mod step;
mod walk;

use crate::driver::Kinds;
use crate::event::{Fact, Sink};
use crate::fault::{Class, Fault};
use crate::graph::Graph;
use crate::handle::Handle;
use crate::ledger::{Entry, Ledger, LedgerError};
use crate::plan::{Plan, Step};
use crate::resource::Identity;
use crate::{Address, LayerName};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use walk::{At, Walk};

/// How many steps run at once. AWS's request rates per account bound it: 24 polling steps stay far below them.
pub const CONCURRENCY: usize = 24;
/// How long it counts that the plan saw nothing of an object: the time of a short confirmation.
const FRESH: Duration = Duration::from_secs(60);

/// What apply works with.
#[derive(Clone)]
pub struct Apply {
    /// The declaration that the plan was made from.
    pub graph: Graph,
    /// The drivers.
    pub kinds: Kinds,
    /// The open, locked ledgers of the plan's layers.
    pub ledgers: BTreeMap<LayerName, Arc<dyn Ledger>>,
    /// The exported outputs of the layers.
    pub doors: BTreeMap<LayerName, BTreeMap<&'static str, Handle<Value>>>,
    /// When AWS was looked at for the plan.
    pub looked: Instant,
    /// Where facts and ticks go.
    pub sink: Sink,
    /// Cancelled when nothing new may start.
    pub cancel: CancellationToken,
}

/// How a run ended.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Steps that were done.
    pub done: usize,
    /// Steps that failed.
    pub failed: Vec<(Address, Fault)>,
    /// Steps that were not started.
    pub skipped: usize,
    /// The outputs of the layers that are complete.
    pub outputs: BTreeMap<LayerName, BTreeMap<String, Value>>,
}

impl Outcome {
    /// Whether everything was done.
    pub fn ok(&self) -> bool {
        self.failed.is_empty() && self.skipped == 0
    }
}

/// How a step ended: its place, the step, its start, its output.
struct Ended {
    place: At,
    step: Step,
    started: Instant,
    result: Result<Option<Value>, Fault>,
}

/// Steps in flight.
type Running = JoinSet<Ended>;

impl Apply {
    /// Walks the plan.
    ///
    /// # Errors
    /// [`LedgerError`] when outputs cannot be recorded; failures of steps are in the [`Outcome`].
    pub async fn run(self, plan: Plan) -> Result<Outcome, LedgerError> {
        let mut walk = Walk::new(plan);
        let mut running = Running::new();
        let shared = Arc::new(self);
        loop {
            let stop = walk.halted || shared.cancel.is_cancelled();
            while !stop && running.len() < CONCURRENCY {
                let Some((place, step)) = walk.next() else { break };
                shared.start(&mut walk, place, step, &mut running);
            }
            let Some(ended) = shared.next_end(&mut walk, &mut running).await else { break };
            match ended {
                Ok(ended) => shared.ended(&mut walk, ended),
                Err(panic) => {
                    walk.halted = true;
                    let fault = Fault::new(Class::Bug, format!("a step ended unexpectedly: {panic}"));
                    walk.outcome.failed.push((Address::new(LayerName::Network, "?"), fault));
                }
            }
        }
        walk.outcome.skipped += walk.waiting().count();
        // A ledger that refused a step refuses the outputs as well.
        if !walk.outcome.failed.iter().any(|(_, fault)| fault.is_ledger()) {
            shared.record_outputs(&mut walk).await?;
        }
        Ok(walk.outcome)
    }

    /// The next step that ends. What is in flight is never dropped: a cancelled run waits on, and says once for what.
    async fn next_end(&self, walk: &mut Walk, running: &mut Running) -> Option<Result<Ended, JoinError>> {
        if !walk.stopping {
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => {}
                ended = running.join_next() => return ended,
            }
            walk.stopping = true;
            self.sink.fact(Fact::Stopping { waiting: walk.flight.values().cloned().collect() });
        }
        running.join_next().await
    }

    fn start(self: &Arc<Self>, walk: &mut Walk, place: At, mut step: Step, running: &mut Running) {
        if step.verb.changes() {
            walk.flight.insert(place, step.address().clone());
            self.sink.fact(Fact::StepStarted { address: step.address().clone(), kind: step.kind.clone(), verb: step.verb });
        }
        let reads = self.graph.nodes().get(step.address()).into_iter().flat_map(|node| &node.reads);
        let (apply, outputs) = (self.clone(), walk.outputs.of(reads));
        running.spawn(async move {
            let started = Instant::now();
            let result = step::run(&apply, &mut step, &outputs).await;
            Ended { place, step, started, result }
        });
    }

    fn ended(&self, walk: &mut Walk, Ended { place, step, started, result }: Ended) {
        let Step { who: Identity { address, .. }, kind, verb, .. } = step;
        let seconds = started.elapsed().as_secs_f64();
        walk.flight.remove(&place);
        match result {
            Ok(output) => {
                if let Some(output) = output {
                    walk.outputs.set(address.clone(), output);
                }
                if verb.changes() {
                    walk.outcome.done += 1;
                    self.sink.fact(Fact::StepFinished { address, kind, verb, seconds });
                }
                walk.release(place);
            }
            Err(fault) => {
                walk.halted |= fault.is_ledger() || fault.is_expired();
                self.sink.fact(Fact::StepFailed { address: address.clone(), kind, verb, seconds, fault: fault.clone() });
                walk.outcome.failed.push((address.clone(), fault));
                for step in walk.block(place, &address) {
                    let (address_, kind) = (step.address().clone(), step.kind.clone());
                    self.sink.fact(Fact::StepSkipped { address: address_, kind, verb: step.verb, because: address.clone() });
                }
            }
        }
    }

    /// Records the outputs of every layer in which nothing failed.
    async fn record_outputs(&self, walk: &mut Walk) -> Result<(), LedgerError> {
        let failed: BTreeSet<LayerName> = walk.broken.iter().copied().chain(walk.waiting().map(|step| step.address().layer)).collect();
        for (layer, exported) in &self.doors {
            let (Some(ledger), false) = (self.ledgers.get(layer), failed.contains(layer)) else { continue };
            let Ok(doors) = crate::layer::record(exported, &walk.outputs) else { continue };
            let outputs: BTreeMap<String, Value> = doors.iter().map(|(name, door)| (name.clone(), door.value.clone())).collect();
            let mut known = false;
            ledger.look(&mut |before| known = before.doors.as_ref() == Some(&doors) && !before.doors_stale);
            if !known {
                ledger.append(Entry::Outputs { doors }).await?;
            }
            self.sink.fact(Fact::OutputsRecorded { layer: *layer, outputs: outputs.clone() });
            walk.outcome.outputs.insert(*layer, outputs);
        }
        Ok(())
    }
}
