//! The rounds: everybody in turn, each with a world of its own, so that what the machine does meanwhile hits all of them.

use super::contender::{Contender, STEPS, Step};
use super::memory;
use super::server::Server;
use serde_json::Value;
use std::collections::BTreeMap;
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

/// Runs everything.
///
/// # Panics
/// When a contender fails, or when two of them made different worlds.
pub async fn rounds(size: &Size, contenders: &[Contender]) -> Figures {
    let dirs: Vec<_> = contenders.iter().map(|_| tempfile::tempdir().unwrap()).collect();
    let mut figures = Figures::new();
    for latency in &size.latencies {
        for round in 0..size.rounds {
            let mut worlds: BTreeMap<&str, Value> = BTreeMap::new();
            for (contender, dir) in contenders.iter().zip(&dirs) {
                let place = dir.path().join(format!("{latency}-{round}"));
                std::fs::create_dir(&place).unwrap();
                contender.prepare(&place);
                let server = Server::start(Duration::from_millis(*latency));
                for step in STEPS {
                    let (took, memory) = timed(contender, &place, &server.url, step).await;
                    let read = server.read().await;
                    if step == Step::Deploy {
                        worlds.insert(contender.name(), read["objects"].clone());
                    }
                    let figure = figures.entry((contender.name(), *latency, step)).or_default();
                    figure.took.push(took);
                    figure.memory.push(memory);
                    figure.bytes.push(read["bytes"].as_u64().unwrap() as usize);
                    figure.calls.push(read["calls"].as_object().unwrap().values().map(|calls| calls.as_u64().unwrap() as usize).sum());
                    crate::told!("{latency} ms, round {}: {}: {} in {took:.2?}", round + 1, contender.name(), step.name());
                }
            }
            let mut all = worlds.values();
            let first = all.next().unwrap();
            assert!(all.all(|world| world == first), "not the same work: {worlds:#?}");
        }
    }
    figures
}

async fn timed(contender: &Contender, dir: &std::path::Path, url: &str, step: Step) -> (Duration, f64) {
    let mut command = contender.command(dir, url, step);
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
