//! A run that was stopped while others broke its lock and took over: when it wakes it writes nothing and changes nothing.

use integration_tests::process::binary;
use integration_tests::processes::{Gate, STORES, Shop, of_the_stack};
use integration_tests::sweep::full;
use std::time::Instant;

/// At how many changing calls a usual run of the suite stops the holder; `SWEEP=full` stops it at every one.
const SAMPLE: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_wakes_after_others_took_over_writes_nothing_and_changes_nothing() {
    let binary = binary();
    for (name, line) in STORES {
        let calm = Shop::new(binary, line);
        calm.ready().await;
        let gate = Gate::open();
        let mut run = calm.start("calm", &["deploy", "--yes"], &gate).await;
        assert_eq!(run.ended().await.code, Some(0), "{}", run.said());
        let (wanted, calls) = (calm.objects(), gate.changing());
        let step = if full() { 1 } else { calls.div_ceil(SAMPLE) };
        let (started, mut lives) = (Instant::now(), 0);
        for at in (1..calls).step_by(step) {
            // What was in flight is answered, or its answer is lost, in turn.
            let (shop, loses) = (Shop::new(binary, line), lives % 2 == 1);
            let what = format!("{name}: stopped at changing call {at}, answers {}", if loses { "lost" } else { "kept" });
            shop.ready().await;
            one(&shop, at, loses, &what).await;
            assert_eq!(shop.objects(), wanted, "{what}");
            lives += 1;
        }
        integration_tests::told!("{name}: {lives} of {calls} calls in {:.1} s (SWEEP=full for all)", started.elapsed().as_secs_f64());
    }
}

async fn one(shop: &Shop, at: usize, loses: bool, what: &str) {
    let gate = Gate::closing(at, loses);
    let mut stale = shop.start("ada", &["deploy", "--yes"], &gate).await;
    gate.closed().await;
    stale.signal("STOP");
    // What it had sent is carried out.
    gate.reopen();
    let run = shop.holder().await.unwrap();
    let told = shop.must(&["unlock", &run, "--yes"], 0, what).await;
    assert!(told.contains("the lock of ada on ") && told.contains("is alive on this machine"), "{what}: {told}");
    shop.must(&["deploy", "--yes"], 0, what).await;
    let (journals_before, calls_before) = (shop.journals(), gate.changing());
    stale.signal("CONT");
    let ended = stale.ended().await;
    let said = stale.said();
    let since: Vec<String> = gate.arrived().into_iter().filter(of_the_stack).skip(calls_before).map(|call| call.call).collect();
    assert_eq!(since, Vec::<String>::new(), "{what}: it changed something after it woke: {said}");
    assert!(shop.journals() == journals_before, "{what}: it wrote into a ledger: {said}");
    assert_eq!(ended.code, Some(1), "{what}: {said}");
    assert!(said.contains("may not change ") || said.contains("worked on by another run"), "{what}: {said}");
    shop.all_named(what);
    shop.must(&["plan", "--detailed-exitcode"], 0, what).await;
}
