//! Facts and ticks: the one stream that every report is made from.

use crate::fault::Fault;
use crate::plan::{Plan, Verb};
use crate::settle::Settle;
use crate::{Address, LayerName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::future::Future;
use std::time::Instant;
use tokio::sync::mpsc;

/// The version of the event documents.
pub const EVENT_VERSION: u32 = 1;

/// Something that happened: owned, ordered, never dropped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// A run began.
    RunStarted { run: String, command: String, stack: String, env: String },
    /// A lock was taken.
    LockTaken { layer: LayerName },
    /// The world is being read.
    Observing { resources: usize },
    /// The plan is made.
    PlanMade { plan: Plan },
    /// A step began.
    StepStarted { address: Address, kind: String, verb: Verb },
    /// A step ended well.
    StepFinished { address: Address, kind: String, verb: Verb, seconds: f64 },
    /// A step failed.
    StepFailed { address: Address, kind: String, verb: Verb, seconds: f64, fault: Fault },
    /// A step was not started because something it needs failed.
    StepSkipped { address: Address, kind: String, verb: Verb, because: Address },
    /// A layer's outputs were recorded.
    OutputsRecorded { layer: LayerName, outputs: BTreeMap<String, Value> },
    /// The run was told to stop: it starts nothing new and waits for these, which are in flight.
    Stopping { waiting: Vec<Address> },
    /// Something worth a line that is not a failure.
    Warning { message: String },
    /// The run ended.
    RunFinished { run: String, ok: bool, done: usize, failed: usize, skipped: usize, seconds: f64 },
}

/// What flows to the consumers. Ticks may be dropped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Event {
    /// A fact.
    Fact(Fact),
    /// Still waiting: a line about progress.
    Tick { tick: Address, message: String },
}

/// Where events go. Sending never fails and never blocks: no consumer can influence the run.
#[derive(Clone, Debug)]
pub struct Sink {
    to: Option<mpsc::UnboundedSender<Event>>,
}

impl Sink {
    /// A sink and the stream that comes out of it.
    pub fn channel() -> (Sink, mpsc::UnboundedReceiver<Event>) {
        let (to, from) = mpsc::unbounded_channel();
        (Sink { to: Some(to) }, from)
    }

    /// A sink that swallows everything.
    pub fn none() -> Sink {
        Sink { to: None }
    }

    /// Tells a fact.
    pub fn fact(&self, fact: Fact) {
        if let Some(to) = &self.to {
            // A closed stream means that nobody listens any more, which is no failure of the run.
            to.send(Event::Fact(fact)).ok();
        }
    }

    /// Says a warning.
    pub fn warn(&self, message: impl Into<String>) {
        self.fact(Fact::Warning { message: message.into() });
    }

    /// Carries out a step that no plan has, and tells its begin and its end as those of a plan are told.
    ///
    /// # Errors
    /// Those of `work`.
    pub async fn step<T>(&self, at: &Address, kind: &str, verb: Verb, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        let (address, kind, started) = (at.clone(), kind.to_owned(), Instant::now());
        self.fact(Fact::StepStarted { address: address.clone(), kind: kind.clone(), verb });
        let result = work.await;
        let seconds = started.elapsed().as_secs_f64();
        self.fact(match &result {
            Ok(_) => Fact::StepFinished { address, kind, verb, seconds },
            Err(fault) => Fact::StepFailed { address, kind, verb, seconds, fault: fault.clone() },
        });
        result
    }

    /// The ticks of one address.
    pub fn ticks(&self, at: &Address) -> Ticks {
        Ticks { at: at.clone(), sink: self.clone(), settle: Settle::default(), absent: false }
    }
}

/// What a step gives its driver: says what the resource is waiting for, knows how far reads may be behind, and what the plan looked for.
#[derive(Clone, Debug)]
pub struct Ticks {
    at: Address,
    sink: Sink,
    /// How far the reads of the other end may be behind.
    pub settle: Settle,
    /// Whether AWS was asked for the object a moment ago and has none: a create need not ask again.
    pub absent: bool,
}

impl Ticks {
    /// The same for another end.
    pub fn settled(self, settle: Settle) -> Ticks {
        Ticks { settle, ..self }
    }

    /// Says one line, for example `2 of 3 targets healthy`.
    pub fn say(&self, message: impl Into<String>) {
        if let Some(to) = &self.sink.to {
            to.send(Event::Tick { tick: self.at.clone(), message: message.into() }).ok();
        }
    }
}
