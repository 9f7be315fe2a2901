//! How many calls a command makes, and how many of them wait for each other: on the paused clock, with calls that each take a while, the
//! time of a run counts its round trips.

use integration_tests::script::Script;
use integration_tests::{EVERYTHING, deployed};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

const LATENCY: Duration = Duration::from_millis(50);

#[tokio::test(start_paused = true)]
async fn a_plan_without_changes_asks_once() {
    let mut bench = deployed(EVERYTHING).await;
    let script = Script::default().slow(LATENCY);
    bench.script = Some(script.clone());
    let began = Instant::now();
    assert!(!bench.plan(EVERYTHING).await.changes());
    let deep = began.elapsed().as_secs_f64() / LATENCY.as_secs_f64();
    let left = script.left();
    let mut waves: BTreeMap<u128, BTreeMap<&str, usize>> = BTreeMap::new();
    for (at, call) in &left {
        *waves.entry((*at - began).as_millis()).or_default().entry(call).or_default() += 1;
    }
    integration_tests::told!("{} calls, {deep} deep: {waves:#?}", left.len());
}
