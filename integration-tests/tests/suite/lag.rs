//! Reads that are behind writes: nothing is made twice, and up to the settle window everything succeeds. Beyond it the run refuses.

use emulator::Lag;
use emulator::weather::{Death, Fault, Of, Weather};
use integration_tests::sweep::{again, full, only};
use integration_tests::{Bench, EVERYTHING, all_done, calm};
use std::collections::BTreeMap;
use std::time::Duration;

/// In seconds; the last is the settle window.
const LAGS: [u64; 6] = [0, 1, 5, 30, 120, 300];

fn lags() -> impl Iterator<Item = u64> {
    LAGS.into_iter().filter(|lag| only("LAG").is_none_or(|only: u64| only == *lag))
}

fn behind(seconds: u64, unknown_ids: bool) -> Bench {
    let bench = Bench::new();
    bench.emulator.lag(Some(Lag { reads: Duration::from_secs(seconds), unknown_ids }));
    bench
}

async fn undisturbed() -> (BTreeMap<String, usize>, usize) {
    let calm = calm(EVERYTHING).await;
    let calls = calm.changing().len();
    (calm.population, calls)
}

async fn ends_well(bench: &Bench, population: &BTreeMap<String, usize>, what: &str) {
    let outcome = bench.deploy(EVERYTHING).await.unwrap_or_else(|problem| panic!("{what}: {problem}"));
    assert!(outcome.ok(), "{what}: {:#?}", outcome.failed);
    assert_eq!(&bench.population(), population, "{what}: something is there twice or missing");
    bench.emulator.lag(None);
    assert_eq!(bench.unsettled(EVERYTHING).await, Vec::<String>::new(), "{what}");
}

#[tokio::test(start_paused = true)]
async fn a_deploy_ends_well_however_late_reads_show_it() {
    let (population, _) = undisturbed().await;
    for lag in lags() {
        for unknown_ids in [false, true] {
            let what = again("lag::a_deploy", &[("LAG", lag.to_string())]);
            ends_well(&behind(lag, unknown_ids), &population, &format!("unknown ids: {unknown_ids}; {what}")).await;
        }
    }
}

/// A changing call for each lag; every one with `SWEEP=full`.
fn points(lag: u64, calls: usize) -> Vec<usize> {
    match only("POINT") {
        Some(point) => vec![point],
        None if full() => (0..calls).collect(),
        None => vec![(lag as usize * 31 + 17) % calls],
    }
}

#[tokio::test(start_paused = true)]
async fn lost_answers_are_found_however_late_reads_show_them() {
    let (population, calls) = undisturbed().await;
    for lag in lags() {
        for at in points(lag, calls) {
            let what = again("lag::lost", &[("LAG", lag.to_string()), ("POINT", at.to_string())]);
            let bench = behind(lag, false);
            bench.emulator.weather(Weather::on_change(Fault::CommittedThenLost, at, 1));
            ends_well(&bench, &population, &what).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_died_is_resumed_however_late_reads_show_what_it_made() {
    let (population, calls) = undisturbed().await;
    let events = calm(EVERYTHING).await.events();
    for lag in lags() {
        for at in points(lag, calls) {
            let what = again("lag::a_run_that_died", &[("LAG", lag.to_string()), ("POINT", at.to_string())]);
            let bench = behind(lag, false);
            assert!(bench.die(Some(EVERYTHING), &Death::at(at * events / calls, true)).await, "{what}: it lives");
            ends_well(&bench, &population, &what).await;
        }
    }
}

/// No table holds more than it does after an undisturbed run.
fn none_twice(bench: &Bench, population: &BTreeMap<String, usize>, what: &str) {
    for (table, count) in bench.population() {
        assert!(count <= population.get(&table).copied().unwrap_or_default(), "{what}: {count} {table}");
    }
}

#[tokio::test(start_paused = true)]
async fn beyond_the_settle_window_a_run_refuses() {
    let (population, _) = undisturbed().await;
    for operation in ["CreateVpc", "AllocateAddress", "CreateSubnet"] {
        let bench = behind(900, false);
        bench.emulator.weather(Weather::hitting(Fault::CommittedThenLost, Of::Operation(operation.into()), 0, 1));
        let first = bench.deploy(EVERYTHING).await.unwrap();
        assert!(!first.ok(), "{operation}: it did not stop");
        let refused = first.failed.iter().filter(|(_, fault)| fault.code == engine::settle::HIDDEN).count();
        assert!(refused > 0, "{operation}: {:#?}", first.failed);
        none_twice(&bench, &population, operation);
        // Again at once: the next run knows what it does not see.
        let again = bench.deploy(EVERYTHING).await;
        assert!(again.is_err(), "{operation}: {again:#?}");
        none_twice(&bench, &population, operation);
        // When reads have caught up it goes on.
        tokio::time::sleep(Duration::from_secs(900)).await;
        bench.emulator.lag(None);
        all_done(bench.deploy(EVERYTHING).await);
        assert_eq!(bench.population(), population, "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_resume_that_sees_nothing_of_what_was_made_refuses() {
    let (population, _) = undisturbed().await;
    let bench = behind(900, false);
    assert!(bench.die(Some(EVERYTHING), &Death::at(60, true)).await);
    let refused = bench.deploy(EVERYTHING).await.unwrap_err();
    assert!(refused.contains("reads are behind"), "{refused}");
    none_twice(&bench, &population, "resume");
    bench.emulator.lag(None);
    all_done(bench.deploy(EVERYTHING).await);
    assert_eq!(bench.population(), population);
}
