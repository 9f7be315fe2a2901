//! How many calls a command makes, how many of them wait for each other, and what a run takes in AWS's own time. On the paused clock, with
//! calls that each take a while, the time of a run counts its round trips; the figures are the same on every machine.

use integration_tests::bench::{scale, simulated};
use integration_tests::script::Script;
use integration_tests::{Bench, EVERYTHING, all_done, deployed, furnish};
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
    let calls: usize = script.counts().values().sum();
    integration_tests::told!("{calls} calls, {deep:.2} deep");
    assert!(deep < 3.01 && calls <= 102, "{calls} calls, {deep:.2} deep: {:#?}", script.counts());
}

#[tokio::test(start_paused = true)]
async fn a_run_is_as_long_as_its_longest_chain() {
    for env in [EVERYTHING, &simulated::reference()] {
        let (deploy, destroy) = simulated::makespans(env).await;
        integration_tests::told!("deploy {deploy:?}, destroy {destroy:?}");
        assert!(deploy.over_critical() <= 1.03, "{deploy:?}");
        assert!(deploy.under_layered() >= 1.3, "{deploy:?}");
        assert!(destroy.over_critical() <= 1.05, "{destroy:?}");
    }
}

#[tokio::test]
async fn the_engine_grows_with_its_resources() {
    // Warm, and small enough for a build that is not optimized; the benchmark goes to 30,000.
    scale::measure(100).await;
    let (small, large) = (scale::measure(300).await, scale::measure(3_000).await);
    integration_tests::told!("{small:?}, {large:?}");
    // Ten times as many: n log n is thirteen times as long, and a square a hundred times.
    assert!(large.plan < small.plan * 30 && large.apply < small.apply * 30, "{small:?}, {large:?}");
}

/// Its longest chain of steps, with the calls that AWS needs for each: what the plan did not find is not looked for again, and what
/// the answer of a create tells is not looked at.
#[tokio::test(start_paused = true)]
async fn a_first_deploy_waits_for_few_calls() {
    let script = Script::default().slow(LATENCY);
    let emulator = integration_tests::account(1e6, 7);
    emulator.with_world(furnish);
    let bench = Bench { emulator, script: Some(script.clone()), polls: 1e6, ..Bench::new() };
    let began = Instant::now();
    all_done(bench.deploy(EVERYTHING).await);
    let deep = began.elapsed().as_secs_f64() / LATENCY.as_secs_f64();
    let calls: usize = script.counts().values().sum();
    integration_tests::told!("{calls} calls, {deep:.2} deep");
    assert!(deep < 24.5 && calls <= 215, "{calls} calls, {deep:.2} deep");
}
