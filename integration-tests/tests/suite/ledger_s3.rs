//! The ledger in a bucket, one layer of it: what is written together, who is refused, what a lost answer and a conflict do.

use emulator::weather::{Fault, Weather};
use engine::ledger::{Entry, Folded, Ledger, LedgerError, Store};
use engine::{Class, LayerName};
use integration_tests::shared::{SharedBench, holder, over_s3};
use std::sync::Arc;

const LAYER: LayerName = LayerName::Network;

pub fn entry(number: usize) -> Entry {
    Entry::RunStarted { run: format!("r{number}"), command: "deploy".into(), who: "ada".into(), at: String::new(), tool: "1".into() }
}

async fn open(bench: &SharedBench, run: usize) -> Arc<dyn Ledger> {
    bench.store.open(LAYER, &holder(run)).await.unwrap().ledger
}

async fn last_run(bench: &SharedBench) -> (u64, String) {
    let Folded { sequence, mut runs, .. } = bench.store.read(LAYER).await.unwrap();
    (sequence, runs.pop().unwrap_or_default().run)
}

fn calls(bench: &SharedBench, action: &str) -> usize {
    bench.emulator.calls().iter().filter(|call| call.action == action && call.error.is_none()).count()
}

#[tokio::test(start_paused = true)]
async fn what_is_appended_together_goes_out_together() {
    let bench = SharedBench::new().await;
    let ledger = open(&bench, 1).await;
    futures::future::try_join_all((1..=50).map(|number| ledger.append(entry(number)))).await.unwrap();
    assert_eq!(bench.keys("entries/").len(), 1);
    assert_eq!(last_run(&bench).await, (50, "r50".into()));
    assert_eq!(ledger.folded(), bench.store.read(LAYER).await.unwrap());
    ledger.close().await.unwrap();
    assert_eq!(bench.keys("lock.json"), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_append_that_is_given_up_is_written_with_the_next() {
    let bench = SharedBench::new().await;
    let ledger = open(&bench, 1).await;
    // The answer is lost for good, and whoever waited for it goes away.
    bench.emulator.weather(over_s3(Fault::CommittedThenLost, 0, 100));
    let gone = tokio::time::timeout(std::time::Duration::from_millis(1), ledger.append(entry(1))).await;
    assert!(gone.is_err());
    bench.emulator.weather(Weather::default());
    ledger.append(entry(2)).await.unwrap();
    assert_eq!(last_run(&bench).await, (2, "r2".into()));
    ledger.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_second_run_is_refused_with_the_holder() {
    let bench = SharedBench::new().await;
    let _held = open(&bench, 1).await;
    let refused = bench.elsewhere().await.open(LAYER, &holder(2)).await.err().unwrap();
    let LedgerError::Locked { holder: found, layer } = refused else { panic!("{refused}") };
    assert_eq!((*found, layer), (holder(1), LAYER));
    assert_eq!(bench.store.holder(LAYER).await.unwrap(), Some(holder(1)));
    assert!(bench.store.open(LayerName::Secrets, &holder(2)).await.is_ok(), "one lock per layer");
}

/// OpenTofu #4405: the lock is put, the answer is lost, the retry finds it taken, by itself.
#[tokio::test(start_paused = true)]
async fn a_lock_whose_answer_was_lost_is_ours_and_goes_again() {
    for fault in [Fault::CommittedThenLost, Fault::ResetBefore, Fault::Http500, Fault::Throttle] {
        for (from, what) in [(0, "the lock"), (1, "an entry"), (2, "the release")] {
            let bench = SharedBench::new().await;
            bench.emulator.weather(Weather::on_change(fault, from, 1));
            let ledger = open(&bench, 1).await;
            ledger.append(entry(1)).await.unwrap();
            ledger.close().await.unwrap();
            assert_eq!(bench.keys("lock.json"), Vec::<String>::new(), "{fault:?} hits {what}: an orphan");
            assert_eq!((bench.keys("entries/").len(), last_run(&bench).await), (1, (1, "r1".into())), "{fault:?} hits {what}");
            open(&bench, 2).await.close().await.unwrap();
        }
    }
}

/// The answers are lost for longer than the SDK tries: a look tells that the write has landed.
#[tokio::test(start_paused = true)]
async fn an_entry_is_written_once_however_often_its_answer_is_lost() {
    for lost in [3, 8, 9, 12, 17] {
        let bench = SharedBench::new().await;
        let ledger = open(&bench, 1).await;
        bench.emulator.weather(over_s3(Fault::CommittedThenLost, 0, lost));
        ledger.append(entry(1)).await.unwrap();
        ledger.append(entry(2)).await.unwrap();
        assert_eq!((bench.keys("entries/").len(), last_run(&bench).await), (2, (2, "r2".into())), "{lost} answers lost");
        ledger.close().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_tried_again_and_an_endless_one_is_told() {
    let bench = SharedBench::new().await;
    bench.bucket(|bucket| bucket.conflicts = 3);
    let ledger = open(&bench, 1).await;
    bench.bucket(|bucket| bucket.conflicts = 3);
    ledger.append(entry(1)).await.unwrap();
    assert_eq!(last_run(&bench).await, (1, "r1".into()));
    bench.bucket(|bucket| bucket.conflicts = 10_000);
    let refused = ledger.append(entry(2)).await.unwrap_err();
    let LedgerError::Remote { fault, rescue: Some(_), .. } = refused else { panic!("{refused}") };
    assert_eq!((fault.class, fault.code.as_str()), (Class::Busy, "ConditionalRequestConflict"));
}

#[tokio::test(start_paused = true)]
async fn after_unlock_the_stale_holder_writes_nothing() {
    let bench = SharedBench::new().await;
    let stale = open(&bench, 1).await;
    stale.append(entry(1)).await.unwrap();
    assert!(!bench.store.unlock(LAYER, "somebody else").await.unwrap());
    stale.check().await.unwrap();
    assert!(bench.store.unlock(LAYER, &holder(1).run).await.unwrap());
    assert!(matches!(stale.check().await, Err(LedgerError::Superseded { .. })));
    let next = bench.elsewhere().await.open(LAYER, &holder(2)).await.unwrap().ledger;
    next.append(entry(2)).await.unwrap();
    let before = bench.keys("");
    for _ in 0..3 {
        let refused = stale.append(entry(3)).await.unwrap_err();
        assert!(matches!(refused, LedgerError::Superseded { .. }) && refused.to_string().contains("unlock"), "{refused}");
    }
    stale.close().await.unwrap();
    assert_eq!(bench.keys(""), before, "it has written, or taken the other's lock away");
    assert_eq!(bench.rescues(), Vec::<std::path::PathBuf>::new(), "a stale run has nothing to rescue");
    next.append(entry(4)).await.unwrap();
    assert_eq!(last_run(&bench).await, (3, "r4".into()));
    next.close().await.unwrap();
}

/// The holder sleeps so long that the number it wants is taken and deleted with the history: it is found out all the same.
#[tokio::test(start_paused = true)]
async fn a_holder_that_overslept_its_own_history_is_stopped() {
    let bench = SharedBench::new().await;
    let stale = open(&bench, 1).await;
    stale.append(entry(1)).await.unwrap();
    assert!(bench.store.unlock(LAYER, &holder(1).run).await.unwrap());
    for run in 2..8 {
        let next = open(&bench, run).await;
        for number in 0..60 {
            next.append(entry(number)).await.unwrap();
        }
        next.close().await.unwrap();
    }
    assert!(!bench.keys("entries/").iter().any(|key| key.ends_with("00000002.json")), "the history is too long for this test");
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert!(matches!(stale.append(entry(2)).await, Err(LedgerError::Superseded { .. })));
    assert!(matches!(stale.append(entry(3)).await, Err(LedgerError::Superseded { .. })));
    assert_eq!(bench.store.read(LAYER).await.unwrap().sequence, 361);
}

#[tokio::test(start_paused = true)]
async fn snapshots_keep_the_reading_short_and_the_history_bounded() {
    let bench = SharedBench::new().await;
    let mut all = Vec::new();
    for run in 1..=20 {
        let ledger = open(&bench, run).await;
        for number in 0..40 {
            let entry = entry(1000 * run + number);
            ledger.append(entry.clone()).await.unwrap();
            all.push(entry);
        }
        assert_eq!(ledger.folded(), engine::ledger::fold(all.clone()));
        ledger.close().await.unwrap();
        bench.emulator.clear_calls();
        assert_eq!(bench.store.read(LAYER).await.unwrap(), engine::ledger::fold(all.clone()), "run {run}");
        assert!(calls(&bench, "GetObject") <= 1 + 160, "run {run}: {} objects are read", calls(&bench, "GetObject"));
    }
    assert_eq!(bench.keys("snapshots/").len(), 2);
    let kept = bench.keys("entries/").len();
    assert!((50..400).contains(&kept), "{kept} objects of 800 are kept");
}

#[tokio::test(start_paused = true)]
async fn without_its_bucket_the_next_step_is_init() {
    let bench = SharedBench::new().await;
    bench.emulator.with_world(|world| world.account.buckets.clear());
    let refused = bench.store.open(LAYER, &holder(1)).await.err().unwrap();
    let LedgerError::Remote { fault, .. } = &refused else { panic!("{refused}") };
    assert!(fault.next_step().contains("orchestrator init --env test"), "{}", fault.next_step());
    assert!(fault.request_id.is_some());
    assert_eq!(bench.rescues().len(), 0, "there is no lock to remember");
}
