//! Every death of every kind of run, and every death of every resume: before and after each changing call and each ledger write.
//! The end state is that of an undisturbed run, nothing exists twice, and the ledger names everything at every moment.

use super::{Config, Fate, Life, Want};
use crate::cloud::Cloud;
use engine::Graph;
use engine::ledger::MemoryLedger;

/// A place with its size, shape, name and parents.
type Line = (usize, u32, u32, u32, &'static [usize]);

fn config(lines: &[Line]) -> Config {
    let want = |(at, size, shape, variant, parents): &Line| {
        (*at, Want { size: *size, shape: *shape, variant: *variant, parents: parents.to_vec() })
    };
    lines.iter().map(want).collect()
}

const WHOLE: &[Line] =
    &[(0, 1, 0, 0, &[]), (1, 1, 0, 0, &[0]), (2, 1, 0, 0, &[0]), (3, 1, 0, 0, &[2]), (4, 1, 0, 0, &[0, 2]), (5, 1, 0, 0, &[1, 4])];
const RESIZED: &[Line] =
    &[(0, 2, 0, 0, &[]), (1, 2, 0, 0, &[0]), (2, 1, 0, 0, &[0]), (3, 2, 0, 0, &[2]), (4, 1, 0, 0, &[0, 2]), (5, 2, 0, 0, &[1, 4])];
const RESHAPED: &[Line] =
    &[(0, 1, 1, 0, &[]), (1, 1, 1, 0, &[0]), (2, 1, 0, 0, &[0]), (3, 1, 0, 1, &[2]), (4, 1, 1, 0, &[0, 2]), (5, 1, 0, 0, &[1, 4])];
const FEWER: &[Line] = &[(0, 1, 0, 0, &[]), (1, 1, 0, 0, &[]), (5, 1, 0, 0, &[1])];

const REWIRED: &[Line] =
    &[(0, 1, 0, 0, &[]), (1, 1, 0, 0, &[]), (2, 1, 0, 0, &[]), (3, 1, 0, 0, &[0]), (4, 1, 0, 0, &[2]), (5, 1, 0, 0, &[0, 4])];
const ALL_NEW: &[Line] =
    &[(0, 1, 1, 0, &[]), (1, 1, 0, 1, &[0]), (2, 1, 1, 0, &[0]), (3, 1, 0, 1, &[2]), (4, 1, 1, 0, &[0, 2]), (5, 1, 1, 1, &[1, 4])];

/// What was there before, and what is wanted.
const SCENARIOS: [(&str, &[Line], &[Line]); 10] = [
    ("create", &[], WHOLE),
    ("update", WHOLE, RESIZED),
    ("replace", WHOLE, RESHAPED),
    ("replace everything", WHOLE, ALL_NEW),
    ("replace what is read by fewer", RESHAPED, FEWER),
    ("rewire", WHOLE, REWIRED),
    ("rewire and replace", REWIRED, ALL_NEW),
    ("grow", FEWER, WHOLE),
    ("shrink", WHOLE, FEWER),
    ("destroy", WHOLE, &[]),
];

/// The world after `before`, and the declaration of `wanted`.
async fn prepared(before: &[Line], wanted: &[Line]) -> Life {
    let mut life = Life { cloud: Cloud::new(), ledger: MemoryLedger::new(super::LAYER), config: config(before) };
    life.deploy(Fate::Calm).await;
    life.config = config(wanted);
    life
}

impl Life {
    /// Runs with this fate, whatever comes of it; how many events there were.
    async fn disturbed(&self, fate: Fate) -> u32 {
        let graph = if self.config.is_empty() { Graph::new() } else { super::graph(&self.config) };
        self.run(graph, fate).await;
        self.always();
        self.cloud.events()
    }
}

/// Deaths of a run with so many events.
fn deaths(events: u32) -> impl Iterator<Item = Fate> {
    (0..events).flat_map(|at| [Fate::DiesBefore(at), Fate::DiesAfter(at)])
}

type Scenario = (&'static str, &'static [Line], &'static [Line]);

/// Goes through the deaths of these kinds of runs; how many, and how many pairs.
async fn sweep(scenarios: Vec<Scenario>) -> (usize, usize) {
    let (mut singles, mut pairs) = (0, 0);
    for (name, before, wanted) in scenarios {
        let events = prepared(before, wanted).await.disturbed(Fate::Calm).await;
        assert!(events > 10, "{name}");
        for first in deaths(events) {
            let life = prepared(before, wanted).await;
            life.disturbed(first).await;
            let (cloud, entries) = (life.cloud.state.lock().unwrap().clone(), life.ledger.entries());
            let again = || Life {
                cloud: Cloud::holding(cloud.clone()),
                ledger: MemoryLedger::holding(super::LAYER, entries.clone()),
                config: config(wanted),
            };
            let resumed = again();
            let events = resumed.disturbed(Fate::Calm).await;
            resumed.as_declared().await;
            singles += 1;
            for second in deaths(events) {
                let life = again();
                life.disturbed(second).await;
                life.disturbed(Fate::Calm).await;
                life.as_declared().await;
                pairs += 1;
            }
        }
    }
    (singles, pairs)
}

#[test]
#[allow(clippy::disallowed_macros)]
fn every_death_and_every_death_of_the_resume_end_as_an_undisturbed_run() {
    // Two threads, each with a clock of its own: one would take longer than all the other models together.
    let part = |odd: usize| SCENARIOS.into_iter().skip(odd).step_by(2).collect::<Vec<Scenario>>();
    let run = |scenarios| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(sweep(scenarios))
    };
    let other = std::thread::spawn(move || run(part(1)));
    let (one, other) = (run(part(0)), other.join().unwrap());
    let (singles, pairs) = (one.0 + other.0, one.1 + other.1);
    println!("crash sweep of the engine: {singles} deaths and {pairs} pairs of a death and a death of its resume");
    assert!(singles > 200 && pairs >= 10_000, "{singles} deaths, {pairs} pairs");
}
