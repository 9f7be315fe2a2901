//! A deploy and a destroy in AWS's own time, on the paused clock: what they take, and what they could not be faster than.

use crate::process::ROOT;
use crate::{Bench, all_done};
use engine::event::{Event, Fact};
use engine::plan::{Plan, Verb};
use engine::{LayerName, Sink};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

/// So often is asked that nobody waits for a state that is there.
const AT_ONCE: f64 = 20.0;

/// How long each step of a run took, by address and whether it deletes.
type Took = BTreeMap<(String, bool), Duration>;

/// One run.
#[derive(Clone, Copy, Debug)]
pub struct Makespan {
    /// What it took.
    pub took: Duration,
    /// Its longest chain of steps that wait for each other, each as long as AWS needs.
    pub critical: Duration,
    /// The sum of the layers' own longest chains: one after the other, each as fast as it can be.
    pub layered: Duration,
}

impl Makespan {
    /// How much longer than the critical path.
    pub fn over_critical(&self) -> f64 {
        self.took.as_secs_f64() / self.critical.as_secs_f64()
    }

    /// How much faster than layer by layer.
    pub fn under_layered(&self) -> f64 {
        self.layered.as_secs_f64() / self.took.as_secs_f64()
    }
}

/// The settings of the reference stack, wherever they are read.
///
/// # Panics
/// When they cannot be read.
pub fn reference() -> String {
    let env = std::fs::read_to_string(Path::new(ROOT).join("envs/reference.toml")).unwrap();
    env.replace("envs/bastion.pub", &Path::new(ROOT).join("envs/bastion.pub").display().to_string())
}

/// A deploy of these settings, and the destroy that follows. Call it on a paused clock.
///
/// # Panics
/// When something fails.
pub async fn makespans(env: &str) -> (Makespan, Makespan) {
    let (bench, ideal) = (Bench::new(), Bench { polls: AT_ONCE, ..Bench::new() });

    let plan = ideal.plan(env).await;
    let (sink, events) = Sink::channel();
    all_done(ideal.deploy_telling(env, sink).await);
    let began = Instant::now();
    all_done(bench.deploy(env).await);
    let deploy = makespan(began.elapsed(), &plan, &steps(events));

    let plan = ideal.plan_destroy().await;
    let (sink, events) = Sink::channel();
    all_done(ideal.destroy_telling(sink).await);
    let began = Instant::now();
    all_done(bench.destroy().await);
    (deploy, makespan(began.elapsed(), &plan, &steps(events)))
}

fn steps(mut events: UnboundedReceiver<Event>) -> Took {
    let mut took = Took::new();
    while let Ok(event) = events.try_recv() {
        if let Event::Fact(Fact::StepFinished { address, verb, seconds, .. }) = event {
            took.insert((address.to_string(), verb == Verb::Delete), Duration::from_secs_f64(seconds));
        }
    }
    took
}

fn makespan(run: Duration, plan: &Plan, took: &Took) -> Makespan {
    let layered = LayerName::ALL.iter().map(|layer| longest(plan, took, Some(*layer))).sum();
    Makespan { took: run, critical: longest(plan, took, None), layered }
}

/// The longest chain of a plan, or of the steps of one layer.
fn longest(plan: &Plan, took: &Took, layer: Option<LayerName>) -> Duration {
    fn ends(plan: &Plan, took: &Took, layer: Option<LayerName>, id: &str, known: &mut BTreeMap<String, Duration>) -> Duration {
        if let Some(known) = known.get(id) {
            return *known;
        }
        let Some(step) = plan.steps.get(id).filter(|step| layer.is_none_or(|layer| step.who.address.layer == layer)) else {
            return Duration::ZERO;
        };
        let before = step.after.iter().map(|id| ends(plan, took, layer, id, known)).max().unwrap_or_default();
        let own = took.get(&(step.who.address.to_string(), step.verb == Verb::Delete)).copied().unwrap_or_default();
        known.insert(id.to_owned(), before + own);
        before + own
    }
    let mut known = BTreeMap::new();
    plan.steps.keys().map(|id| ends(plan, took, layer, id, &mut known)).max().unwrap_or_default()
}
