//! The rounds: everybody in turn, each with a world of its own, so that what the machine does meanwhile hits all of them.

use super::contender::{Contender, Step};
use super::memory;
use super::server::Server;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// How much is done.
#[derive(Clone, Debug)]
pub struct Size {
    /// How often each step.
    pub rounds: usize,
    /// What every request takes on its way, in milliseconds.
    pub latencies: Vec<u64>,
}

/// One step of one contender at one latency, over all rounds.
#[derive(Clone, Debug, Default)]
pub struct Figure {
    /// How long it took.
    pub took: Vec<Duration>,
    /// How many AWS calls.
    pub calls: Vec<usize>,
    /// The bodies of all requests and answers.
    pub bytes: Vec<usize>,
    /// The sum of the peaks of all its processes, in MiB.
    pub memory: Vec<f64>,
}

/// By contender, latency and step.
pub type Figures = BTreeMap<(&'static str, u64, Step), Figure>;

/// How often a step is done that is short and changes little, over all rounds at least.
const TIMES: usize = 5;
/// After so long whoever destroys has done its work and waits, for states or late writers: the next one begins beside its wait.
const WORKED: Duration = Duration::from_secs(10);

/// Runs everything.
///
/// # Panics
/// When a contender fails, or when two of them made different worlds.
pub async fn rounds(size: &Size, contenders: &[Contender]) -> Figures {
    let dir = tempfile::tempdir().unwrap();
    let mut figures = Figures::new();
    for latency in &size.latencies {
        for round in 0..size.rounds {
            let places: Vec<Place<'_>> =
                contenders.iter().enumerate().map(|(at, of)| Place::new(of, &dir, &format!("{latency}-{round}-{at}"), *latency)).collect();
            let again = TIMES.div_ceil(size.rounds);
            for (step, times) in [(Step::Deploy, 1), (Step::Plan, again), (Step::Change, again)] {
                for time in 0..times {
                    for place in &places {
                        place.measured(&mut figures, step, place.does(step, time).await).await;
                    }
                    if step == Step::Deploy {
                        same(&places).await;
                    }
                }
            }
            for (place, took) in places.iter().zip(destroyed(&places).await) {
                place.measured(&mut figures, Step::Destroy, took).await;
            }
        }
    }
    figures
}

/// Everybody destroys, one beside the long wait of the one before.
async fn destroyed(places: &[Place<'_>]) -> Vec<Took> {
    let in_turn = places.iter().zip(0..).map(|(place, turn)| async move {
        tokio::time::sleep(WORKED * turn).await;
        place.does(Step::Destroy, 0).await
    });
    futures::future::join_all(in_turn).await
}

/// How long a step took, and the memory of all its processes in MiB.
type Took = (Duration, f64);

/// A contender with a world of its own.
struct Place<'a> {
    contender: &'a Contender,
    dir: PathBuf,
    latency: u64,
    server: Server,
}

impl Place<'_> {
    fn new<'a>(contender: &'a Contender, dir: &tempfile::TempDir, name: &str, latency: u64) -> Place<'a> {
        let dir = dir.path().join(name);
        std::fs::create_dir(&dir).unwrap();
        contender.prepare(&dir);
        Place { contender, dir, latency, server: Server::start(Duration::from_millis(latency)) }
    }

    async fn does(&self, step: Step, time: usize) -> Took {
        timed(self.contender, &self.dir, &self.server.url, step, time).await
    }

    async fn measured(&self, figures: &mut Figures, step: Step, (took, memory): Took) {
        let (read, name) = (self.server.meter().await, self.contender.name());
        let figure = figures.entry((name, self.latency, step)).or_default();
        figure.took.push(took);
        figure.memory.push(memory);
        figure.bytes.push(read["bytes"].as_u64().unwrap() as usize);
        figure.calls.push(read["calls"].as_object().unwrap().values().map(|calls| calls.as_u64().unwrap() as usize).sum());
        crate::told!("{} ms: {name}: {} in {took:.2?}", self.latency, step.name());
    }
}

/// Everybody has made the same.
async fn same(places: &[Place<'_>]) {
    let first = places[0].server.world().await;
    for place in &places[1..] {
        let (world, mut differ) = (place.server.world().await, Vec::new());
        engine::decide::compare(&[], "", Some(&first), Some(&world), &mut differ);
        let lines: Vec<String> = differ.iter().map(|it| format!("{}: {:?} / {:?}", it.field, it.from, it.to)).collect();
        assert!(differ.is_empty(), "{} made something else: {lines:#?}", place.contender.name());
    }
}

async fn timed(contender: &Contender, dir: &std::path::Path, url: &str, step: Step, time: usize) -> Took {
    let mut command = contender.command(dir, url, step, time);
    let (said, name) = (dir.join("said"), contender.name());
    let out = std::fs::File::create(&said).unwrap();
    command.stdin(Stdio::null()).stderr(out.try_clone().unwrap()).stdout(out);
    let run = move || {
        let began = Instant::now();
        memory::wait(&mut command.spawn().unwrap(), began)
    };
    let (ok, took, memory) = tokio::task::spawn_blocking(run).await.unwrap();
    assert!(ok, "{name}: {}: {}", step.name(), std::fs::read_to_string(&said).unwrap());
    (took, memory)
}
