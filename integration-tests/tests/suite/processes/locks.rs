//! Who may work on a layer: processes of the real binary that start together, wait, are told who holds what, and break a lock.

use engine::LayerName;
use engine::ledger::{Holder, LocalStore, Store};
use integration_tests::process::binary;
use integration_tests::processes::{Ended, Gate, Log, Process, STORES, Shop};
use integration_tests::sweep::full;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a refused process may live.
const REFUSED: Duration = Duration::from_secs(5);

const SECRETS: [&str; 4] = ["deploy", "--yes", "--layer", "secrets"];

/// Processes that start together: each its own gate, name and tag, so that whoever enters has something to change.
struct Crowd {
    processes: Vec<Process>,
    gates: Vec<Arc<Gate>>,
    log: Log,
}

impl Crowd {
    async fn start(shop: &Shop, count: usize, round: usize, closes: Option<usize>) -> Crowd {
        let log = Log::default();
        let gates: Vec<Arc<Gate>> = (0..count).map(|who| Gate::logging(who, &log, closes)).collect();
        let mut processes = Vec::new();
        for (who, gate) in gates.iter().enumerate() {
            let value = format!("r{round}-{who}");
            processes.push(shop.start_tagging(&format!("runner{who}"), &value, &SECRETS, gate).await);
        }
        Crowd { processes, gates, log }
    }

    /// How each of them ended; `None` for one that has not.
    fn poll(&mut self) -> Vec<Option<Ended>> {
        self.processes.iter_mut().map(Process::poll).collect()
    }

    /// Waits until all of them but `left` have ended.
    async fn all_but(&mut self, left: usize) -> Vec<Option<Ended>> {
        loop {
            let ends = self.poll();
            if ends.iter().filter(|end| end.is_none()).count() <= left {
                return ends;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn refused(&self, who: usize, end: &Ended, what: &str) {
        let said = self.processes[who].said();
        assert_eq!(end.code, Some(4), "{what}: {said}");
        assert!(said.contains("secrets is locked by runner") && said.contains(": deploy since"), "{what}: {said}");
        assert!(end.after < REFUSED, "{what}: it was refused after {:?}", end.after);
        assert_eq!(self.gates[who].changing(), 0, "{what}");
    }

    /// The changing calls of one process are not among those of another.
    fn serial(&self, what: &str) {
        let mut turns = self.log.lock().unwrap().clone();
        turns.dedup();
        let mut once = turns.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(turns.len(), once.len(), "{what}: changing calls of several runs between each other: {turns:?}");
    }
}

/// One of them is held at its first changing call until all the others have ended: exactly one enters.
async fn one_enters(shop: &Shop, count: usize, round: usize) {
    let what = format!("{count} processes, round {round}");
    let mut crowd = Crowd::start(shop, count, round, Some(0)).await;
    let ends = crowd.all_but(1).await;
    let entered = ends.iter().position(Option::is_none).unwrap();
    for (who, end) in ends.iter().enumerate() {
        if let Some(end) = end {
            crowd.refused(who, end, &what);
            let said = crowd.processes[who].said();
            assert!(said.contains(&format!("locked by runner{entered} on ")), "{what}: {said}");
        }
    }
    // The others may have been refused while it still planned.
    crowd.gates[entered].closed().await;
    crowd.gates[entered].reopen();
    let end = crowd.processes[entered].ended().await;
    assert_eq!(end.code, Some(0), "{what}: {}", crowd.processes[entered].said());
    crowd.serial(&what);
}

/// Nobody is held: those that enter do so one after the other.
async fn in_turn(shop: &Shop, count: usize, round: usize) {
    let what = format!("{count} processes, round {round}");
    let mut crowd = Crowd::start(shop, count, round, None).await;
    let ends = crowd.all_but(0).await;
    for (who, end) in ends.iter().flatten().enumerate() {
        match end.code {
            Some(0) => assert!(crowd.gates[who].changing() > 0, "{what}: {who} had nothing to do"),
            _ => crowd.refused(who, end, &what),
        }
    }
    assert!(ends.iter().flatten().any(|end| end.code == Some(0)), "{what}: nobody entered");
    crowd.serial(&what);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_processes_that_start_together_one_enters_at_a_time() {
    let (binary, rounds) = (binary(), if full() { 50 } else { 2 });
    for (name, line) in STORES {
        for count in [2, 8, 32] {
            let shop = Shop::new(binary, line);
            shop.ready().await;
            shop.must(&SECRETS, 0, "before").await;
            let started = Instant::now();
            for round in 0..rounds {
                if round % 2 == 0 { one_enters(&shop, count, round).await } else { in_turn(&shop, count, round).await }
            }
            integration_tests::told!(
                "{name}: {count} processes, {rounds} rounds in {:.1} s (SWEEP=full for 50)",
                started.elapsed().as_secs_f64()
            );
            shop.all_named("after");
            shop.must(&["plan", "--layer", "secrets"], 0, "after").await;
            assert_eq!(shop.holder().await, None);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_waits_is_told_for_whom_and_enters_after_it() {
    let binary = binary();
    for (_, line) in STORES {
        let shop = Shop::new(binary, line);
        shop.ready().await;
        let log = Log::default();
        let (first, second) = (Gate::logging(0, &log, Some(0)), Gate::logging(1, &log, None));
        let mut holder = shop.start("ada", &SECRETS, &first).await;
        first.closed().await;
        let mut waits = shop.start_tagging("bob", "bobs", &[&SECRETS[..], &["--wait", "1m"]].concat(), &second).await;
        waits.says("waiting for it, 60 s at most").await;
        assert!(waits.said().contains("secrets is locked by ada on "), "{}", waits.said());
        let impatient = shop.must(&[&SECRETS[..], &["--wait", "1s"]].concat(), 4, "impatient").await;
        assert!(impatient.contains("waiting for it, 1 s at most") && impatient.contains("error: secrets is locked by ada"), "{impatient}");
        assert_eq!((waits.poll().is_none(), second.changing()), (true, 0));
        first.reopen();
        let ends = (holder.ended().await.code, waits.ended().await.code);
        assert_eq!(ends, (Some(0), Some(0)), "{}{}", holder.said(), waits.said());
        let mut turns = log.lock().unwrap().clone();
        turns.dedup();
        assert_eq!(turns, [0, 1]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_refused_one_lock_gives_back_the_others_and_status_says_who_holds_it() {
    let binary = binary();
    for (_, line) in STORES {
        let shop = Shop::new(binary, line);
        shop.ready().await;
        let gate = Gate::closing(0, false);
        let mut holder = shop.start("ada", &SECRETS, &gate).await;
        gate.closed().await;
        // The whole stack: the network's lock comes before the one that is taken.
        let refused = shop.must(&["deploy", "--yes"], 4, "the whole stack").await;
        assert!(refused.contains("secrets is locked by ada"), "{refused}");
        shop.must(&["deploy", "--yes", "--layer", "network"], 0, "the network alone").await;
        let status = shop.must(&["status", "--ledger"], 0, "status").await;
        assert!(status.contains("secrets is locked by ada on ") && !status.contains("network is locked"), "{status}");
        let run = shop.holder().await.unwrap();
        assert!(refused.contains(&format!("`unlock {run}`")), "{refused}");
        let wrong = shop.must(&["unlock", "01NOBODY", "--yes"], 5, "a run that holds nothing").await;
        assert!(wrong.contains("01NOBODY holds no lock") && wrong.contains("secrets is locked by ada"), "{wrong}");
        shop.must(&["unlock", &run, "--layer", "network", "--yes"], 5, "a layer that it does not hold").await;
        assert!(shop.must(&["unlock", &run], 5, "without an answer").await.contains("add --yes"));
        assert_eq!(shop.holder().await, Some(run));
        gate.reopen();
        assert_eq!(holder.ended().await.code, Some(0), "{}", holder.said());
        assert_eq!(shop.holder().await, None);
    }
}

/// No clock breaks a lock: neither one that is behind nor one that is ahead.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_is_a_lock_whatever_its_holders_clock_says() {
    let binary = binary();
    for (hour, at) in [(8, "2016-11-25T08:00:00Z"), (12, "2046-11-25T12:00:00Z")] {
        let shop = Shop::new(binary, "");
        let held = Holder { run: format!("run{hour}"), who: "ada".into(), command: "deploy".into(), at: at.into(), ..Holder::default() };
        let store = LocalStore::new(shop.ledger());
        let opened = store.open(LayerName::Secrets, &held).await.unwrap();
        let refused = shop.must(&[&SECRETS[..], &["--wait", "2s"]].concat(), 4, at).await;
        assert!(refused.contains(&format!("deploy since {at}, run run{hour}")), "{refused}");
        opened.ledger.close().await.unwrap();
        shop.must(&SECRETS, 0, at).await;
    }
}
