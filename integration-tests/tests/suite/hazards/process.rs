//! P: a run that is stopped. Signals are in the orchestrator's own suite, locks and the ledger in theirs.

use super::region;
use engine::Class;
use integration_tests::{Bench, EVERYTHING, all_done};
use std::time::Duration;

#[tokio::test(start_paused = true)]
async fn p2_a_run_that_is_cancelled_records_what_was_in_flight() {
    let bench = Bench::new();
    // NAT gateways, the balancer and the database are on their way then.
    let outcome = bench.deploy_until(EVERYTHING, Duration::from_secs(90)).await.unwrap();
    assert!(outcome.skipped > 0 && outcome.failed.iter().all(|(_, fault)| fault.class == Class::Cancelled), "{:#?}", outcome.failed);
    let there = |bench: &Bench| {
        let made = region(bench, |region| (region.ec2.nat_gateways.len(), region.load_balancers.len(), region.db_instances.len()));
        (made, bench.tagged())
    };
    let (made, objects) = there(&bench);
    assert_eq!(made, (2, 1, 1), "they were not in flight");
    // Each is recorded as done: nothing is looked for or made again.
    let named: usize = bench.census().values().sum();
    assert_eq!(named, objects);
    bench.emulator.clear_calls();
    all_done(bench.deploy(EVERYTHING).await);
    for action in ["CreateNatGateway", "CreateLoadBalancer", "CreateDBInstance"] {
        assert!(!bench.emulator.calls().iter().any(|call| call.action == action), "{action} was made twice");
    }
    assert!(!bench.plan(EVERYTHING).await.changes());
}
