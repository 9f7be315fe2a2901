//! Every call of a changing operation fails for ever: the run stops with the right class, what does not depend on it is finished, and
//! when the fault is gone the same command ends as if there had been none.

use emulator::weather::{Fault, Weather};
use engine::apply::Outcome;
use engine::ledger::Ledger;
use engine::{Address, Class};
use integration_tests::sweep::{again, points, skips};
use integration_tests::{Bench, EVERYTHING, all_done};
use std::collections::{BTreeMap, BTreeSet};

/// How many operations are hit with each fault in a usual run.
const SAMPLE: usize = 1;

struct Calm {
    population: BTreeMap<String, usize>,
    operations: Vec<String>,
    reads: BTreeMap<Address, BTreeSet<Address>>,
    done: usize,
}

async fn calm() -> Calm {
    let bench = Bench::new();
    let done = all_done(bench.deploy(EVERYTHING).await).done;
    let changing = bench.emulator.calls().into_iter().filter(|call| call.changing);
    let operations: BTreeSet<String> = changing.map(|call| format!("{}:{}", call.service, call.action)).collect();
    let rows = bench.ledgers.values().flat_map(|ledger| ledger.folded().rows.into_values());
    let reads = rows.map(|row| (row.who.address, row.reads)).collect();
    Calm { population: bench.population(), operations: operations.into_iter().collect(), reads, done }
}

impl Calm {
    /// How many objects need one of those that failed, directly or not.
    fn need(&self, failed: &BTreeSet<Address>) -> usize {
        let mut lost = failed.clone();
        loop {
            let more: Vec<&Address> =
                self.reads.iter().filter(|(at, reads)| !lost.contains(*at) && !reads.is_disjoint(&lost)).map(|(at, _)| at).collect();
            if more.is_empty() {
                return lost.len() - failed.len();
            }
            lost.extend(more.into_iter().cloned());
        }
    }
}

fn classes(fault: Fault) -> &'static [Class] {
    match fault {
        Fault::Throttle => &[Class::Throttled],
        Fault::AccessDenied | Fault::ExpiredToken => &[Class::Denied],
        _ => &[Class::InDoubt],
    }
}

fn check(calm: &Calm, fault: Fault, outcome: &Outcome, what: &str) {
    // An answer that is lost each time is found by looking: such a run may succeed.
    assert!(fault.commits() || !outcome.ok(), "{what}: it did not stop");
    for (at, failed) in &outcome.failed {
        assert!(classes(fault).contains(&failed.class), "{what}: {at} failed as {:?}: {failed:?}", failed.class);
        assert!(!failed.next_step().is_empty());
    }
    if fault == Fault::ExpiredToken {
        return;
    }
    let failed: BTreeSet<Address> = outcome.failed.iter().map(|(at, _)| at.clone()).collect();
    assert_eq!(outcome.skipped, calm.need(&failed), "{what}: something was skipped that does not need what failed");
    assert_eq!(outcome.done + failed.len() + outcome.skipped, calm.done, "{what}");
}

async fn ever(calm: &Calm, fault: Fault, at: usize) {
    let operation = &calm.operations[at];
    let again = again("weather_ever", &[("FAULT", fault.name().into()), ("POINT", at.to_string())]);
    let what = format!("{operation} fails for ever; {again}");
    let bench = Bench::new();
    bench.emulator.weather(Weather::always(fault, operation));
    let outcome = bench.deploy(EVERYTHING).await.unwrap_or_else(|problem| panic!("{what}: {problem}"));
    check(calm, fault, &outcome, &what);
    // Nothing goes on behind the stop.
    let calls = bench.emulator.calls().len();
    tokio::time::sleep(std::time::Duration::from_secs(600)).await;
    assert_eq!(bench.emulator.calls().len(), calls, "{what}: calls after the stop");
    bench.emulator.weather(Weather::calm());
    let second = bench.deploy(EVERYTHING).await.unwrap_or_else(|problem| panic!("{what}, then calm: {problem}"));
    assert!(second.ok(), "{what}, then calm: {:#?}", second.failed);
    assert_eq!(bench.population(), calm.population, "{what}: something is there twice or missing");
    assert_eq!(bench.unsettled(EVERYTHING).await, Vec::<String>::new(), "{what}");
}

#[tokio::test(start_paused = true)]
async fn a_fault_for_ever_stops_only_what_needs_it_and_a_calm_rerun_ends_well() {
    let calm = calm().await;
    for fault in Fault::ALL.into_iter().filter(|fault| !skips(*fault)) {
        let name = format!("each changing operation fails for ever ({})", fault.name());
        for at in points(&name, calm.operations.len(), SAMPLE, 7 * (fault as usize + 1)) {
            ever(&calm, fault, at).await;
        }
    }
}
