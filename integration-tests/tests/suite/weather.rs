//! Each changing call fails once, each way: a re-run ends where an undisturbed run does, with nothing twice.

use emulator::weather::{Fault, Weather};
use integration_tests::{Bench, EVERYTHING, all_done};

async fn calm() -> (usize, usize) {
    let bench = Bench::new();
    all_done(bench.deploy(EVERYTHING).await);
    (bench.tagged(), bench.changing_calls())
}

/// How many calls of a sweep are hit in a usual run; `SWEEP=full` hits every one.
const SAMPLE: usize = 24;

/// The calls to hit: all of them, or every so many.
#[allow(clippy::disallowed_methods, clippy::disallowed_macros)]
fn points(calls: usize, fault: Fault) -> Vec<usize> {
    let full = std::env::var("SWEEP").is_ok_and(|size| size == "full");
    let step = if full { 1 } else { calls.div_ceil(SAMPLE).max(1) };
    // Each fault begins elsewhere, so that a usual run hits other calls with each.
    let points: Vec<usize> = (fault as usize % step..calls).step_by(step).collect();
    println!("{fault:?}: {} of {calls} calls (SWEEP=full for all)", points.len());
    points
}

/// Hits changing calls one by one and re-runs until the deploy is done.
async fn sweep(fault: Fault, times: usize, unaided: bool) {
    let (objects, calls) = calm().await;
    for at in points(calls, fault) {
        let bench = Bench::new();
        bench.emulator.weather(Weather::on_change(fault, at, times));
        let first = bench.deploy(EVERYTHING).await.unwrap();
        assert!(first.ok() || !unaided, "call {at}, {fault:?}: {:#?}", first.failed);
        let mut runs = 1;
        while !bench.deploy(EVERYTHING).await.unwrap().ok() {
            runs += 1;
            assert!(runs < 3, "call {at}, {fault:?}: still not done after {runs} runs");
        }
        assert_eq!(bench.tagged(), objects, "call {at}, {fault:?}: something is there twice or missing");
        assert!(!bench.plan(EVERYTHING).await.changes(), "call {at}, {fault:?}");
        all_done(bench.destroy().await);
        assert_eq!(bench.tagged(), 0, "call {at}, {fault:?}: something was left");
    }
}

#[tokio::test(start_paused = true)]
async fn throttled_three_times_at_each_call() {
    sweep(Fault::Throttle, 3, true).await;
}

#[tokio::test(start_paused = true)]
async fn committed_and_lost_at_each_call() {
    sweep(Fault::CommittedThenLost, 1, false).await;
}

#[tokio::test(start_paused = true)]
async fn an_internal_error_at_each_call() {
    sweep(Fault::Http500, 1, false).await;
}

#[tokio::test(start_paused = true)]
async fn the_connection_reset_at_each_call() {
    sweep(Fault::ResetBefore, 1, false).await;
}
