//! Ctrl-C and SIGTERM of the real binary: once, and twice.

use engine::LayerName;
use engine::ledger::{Ledger, LocalLedger};
use integration_tests::process::binary;
use integration_tests::processes::{Gate, Shop};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const DEPLOY: [&str; 2] = ["deploy", "--yes"];

async fn calm(binary: &std::path::Path) -> BTreeMap<String, usize> {
    let shop = Shop::new(binary, "");
    shop.must(&DEPLOY, 0, "calm").await;
    shop.objects()
}

async fn ends_as(shop: &Shop, wanted: &BTreeMap<String, usize>, what: &str) {
    shop.all_named(what);
    shop.must(&DEPLOY, 0, what).await;
    assert_eq!(&shop.objects(), wanted, "{what}");
    shop.must(&["plan", "--detailed-exitcode"], 0, what).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_signal_starts_nothing_new_says_what_it_waits_for_and_records_it() {
    let binary = binary();
    let wanted = calm(binary).await;
    for (at, name) in [(0, "INT"), (20, "TERM"), (60, "INT")] {
        let (shop, what) = (Shop::new(binary, ""), format!("SIG{name} at changing call {at}"));
        let gate = Gate::closing(at, false);
        let mut run = shop.start("ada", &["deploy", "--yes", "--format", "json"], &gate).await;
        gate.closed().await;
        run.signal(name);
        run.says("\"fact\":\"stopping\"").await;
        assert!(run.poll().is_none(), "{what}: it left what was in flight");
        gate.reopen();
        let ended = run.ended().await;
        let said = run.said();
        assert_eq!(ended.code, Some(130), "{what}: {said}");
        let facts: Vec<serde_json::Value> = said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let stopping = facts.iter().position(|fact| fact["fact"] == "stopping").unwrap();
        let waiting: Vec<&serde_json::Value> = facts[stopping]["waiting"].as_array().unwrap().iter().collect();
        let later =
            |kind: &str| facts[stopping..].iter().filter(|fact| fact["fact"] == kind).map(|fact| &fact["address"]).collect::<Vec<_>>();
        assert!(!waiting.is_empty(), "{what}: {said}");
        assert_eq!(later("step_started"), Vec::<&serde_json::Value>::new(), "{what}: it started something new");
        let mut finished = later("step_finished");
        finished.sort_by_key(|address| address.to_string());
        let mut waited = waiting.clone();
        waited.sort_by_key(|address| address.to_string());
        assert_eq!(finished, waited, "{what}: {said}");
        let last = LocalLedger::read(&shop.ledger(), LayerName::Network).unwrap().folded().runs.pop().unwrap();
        assert_eq!(last.ok, Some(false), "{what}: its end is not recorded");
        assert_eq!(shop.holder().await, None, "{what}");
        ends_as(&shop, &wanted, &what).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_signal_leaves_at_once_with_a_valid_ledger_and_free_locks() {
    let binary = binary();
    let wanted = calm(binary).await;
    for (at, first, second) in [(0, "INT", "TERM"), (40, "INT", "INT"), (80, "TERM", "TERM")] {
        let (shop, what) = (Shop::new(binary, ""), format!("SIG{first} and SIG{second} at changing call {at}"));
        let gate = Gate::closing(at, false);
        let mut run = shop.start("ada", &DEPLOY, &gate).await;
        gate.closed().await;
        run.signal(first);
        run.says("interrupted: nothing new is started; waiting for ").await;
        let asked = Instant::now();
        run.signal(second);
        let ended = run.ended().await;
        assert_eq!(ended.code, Some(130), "{what}: {}", run.said());
        assert!(asked.elapsed() < Duration::from_secs(3), "{what}: it left after {:?}", asked.elapsed());
        assert_eq!(shop.holder().await, None, "{what}");
        // What it had sent is carried out, as AWS would.
        gate.reopen();
        tokio::time::sleep(Duration::from_millis(100)).await;
        ends_as(&shop, &wanted, &what).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_before_anything_is_changed_ends_the_run_and_frees_its_locks() {
    let (binary, what) = (binary(), "while it plans");
    let shop = Shop::new(binary, "");
    let gate = Gate::shut();
    let mut run = shop.start("ada", &DEPLOY, &gate).await;
    gate.closed().await;
    assert!(shop.holder().await.is_some());
    run.signal("TERM");
    let ended = run.ended().await;
    assert_eq!(ended.code, Some(130), "{what}: {}", run.said());
    assert!(run.said().contains("interrupted: nothing was changed"), "{what}: {}", run.said());
    assert_eq!((shop.holder().await, shop.emulator.tagged("orchestrator:stack", "shop").len()), (None, 0), "{what}");
}
