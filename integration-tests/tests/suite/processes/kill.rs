//! SIGKILL of the real binary at changing calls, over HTTP: whatever the moment, the next run ends as an undisturbed one, and at
//! the moment of the kill nothing exists that the ledger does not name.
#![allow(clippy::disallowed_methods)]

use emulator::Emulator;
use engine::LayerName;
use engine::ledger::{Ledger, LocalLedger};
use integration_tests::gate::{self, Arrival, Keeper, Pass};
use integration_tests::process::binary;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// How many calls of each run are hit in a usual run of the suite; `SWEEP=full` hits every one.
const SAMPLE: usize = 10;

/// When the process dies, relative to a changing call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Moment {
    /// The call has arrived and is not carried out.
    Before,
    /// It is carried out and not answered.
    Committed,
    /// It was answered: the process dies at its next call of any kind.
    Answered,
}

/// Kills the process at its `at`-th changing call.
struct Killer {
    at: usize,
    moment: Moment,
    seen: AtomicUsize,
    child: Mutex<Option<Child>>,
}

impl Killer {
    fn never() -> Arc<Killer> {
        Killer::at(usize::MAX, Moment::Before)
    }

    fn at(at: usize, moment: Moment) -> Arc<Killer> {
        Arc::new(Killer { at, moment, seen: AtomicUsize::new(0), child: Mutex::new(None) })
    }

    fn kill(&self) -> bool {
        self.child.lock().unwrap().as_mut().is_some_and(|child| child.kill().is_ok())
    }
}

impl Keeper for Killer {
    fn arrives(&self, arrival: &Arrival) -> Pass {
        let before = self.seen.fetch_add(usize::from(arrival.changing), Ordering::SeqCst);
        // What the dead process had sent already is carried out, as AWS would.
        match self.moment {
            Moment::Before if arrival.changing && before == self.at && self.kill() => Pass::Closed,
            Moment::Committed if arrival.changing && before == self.at => Pass::Unanswered,
            Moment::Answered if before == self.at + 1 && self.kill() => Pass::Closed,
            _ => Pass::Through,
        }
    }

    fn served(&self, arrival: &Arrival) {
        if self.moment == Moment::Committed && arrival.changing && self.seen.load(Ordering::SeqCst) > self.at {
            self.kill();
        }
    }
}

struct Shop {
    emulator: Emulator,
    binary: PathBuf,
    dir: tempfile::TempDir,
}

impl Shop {
    fn new(binary: &Path) -> Shop {
        let emulator = integration_tests::account(6000.0, 3);
        Shop { emulator, binary: binary.to_owned(), dir: tempfile::tempdir().unwrap() }
    }

    /// Runs the binary behind the killer; its exit code (`None` when it was killed) and the changing calls that arrived.
    async fn run(&self, args: &[&str], killer: Arc<Killer>) -> (Option<i32>, usize) {
        let (url, server) = gate::serve(self.emulator.clone(), killer.clone()).await;
        let log = std::fs::File::create(self.dir.path().join("log")).unwrap();
        let child = Command::new(&self.binary)
            .args(args)
            .args(["--env", "local", "--endpoint-url", &url, "--config"])
            .arg(Path::new(ROOT).join("envs"))
            .env("ORCHESTRATOR_SPEED", "6000")
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        *killer.child.lock().unwrap() = Some(child);
        let status = loop {
            if let Some(status) = killer.child.lock().unwrap().as_mut().unwrap().try_wait().unwrap() {
                break status;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        // What had been sent arrives.
        tokio::time::sleep(Duration::from_millis(20)).await;
        server.abort();
        (status.code(), killer.seen.load(Ordering::SeqCst))
    }

    async fn must(&self, args: &[&str], what: &str) {
        let (code, _) = self.run(args, Killer::never()).await;
        let said = std::fs::read_to_string(self.dir.path().join("log")).unwrap();
        assert_eq!(code, Some(0), "{what}: {args:?}: {said}");
    }

    /// How many living objects carry each address, and how many carry the stack's name: seen in one moment, in which nothing leaves.
    fn look(&self) -> (BTreeMap<String, usize>, usize) {
        let ledger = self.dir.path().join(".orchestrator/local/ledger");
        let rows = LayerName::ALL.into_iter().flat_map(|layer| LocalLedger::read(&ledger, layer).unwrap().folded().rows.into_keys());
        let addresses: Vec<String> = rows.map(|(address, _)| address.to_string()).collect();
        self.emulator.with_world(|world| {
            let counts = addresses.into_iter().map(|at| (at.clone(), world.tagged("orchestrator:address", &at).len()));
            (counts.filter(|(_, count)| *count > 0).collect(), world.tagged("orchestrator:stack", "shop").len())
        })
    }

    fn objects(&self) -> BTreeMap<String, usize> {
        self.look().0
    }

    /// Nothing exists that the ledger does not name (promise P2).
    fn all_named(&self, what: &str) {
        let (objects, there) = self.look();
        assert_eq!(objects.values().sum::<usize>(), there, "{what}: an object exists that the ledger does not name");
    }
}

/// The calls to hit: all of them, or a few that are spread evenly and begin elsewhere for each moment.
fn points(calls: usize, moment: Moment, run: &str) -> Vec<usize> {
    let step = if integration_tests::sweep::full() { 1 } else { calls.div_ceil(SAMPLE).max(1) };
    let points: Vec<usize> = ((moment as usize * step / 3)..calls).step_by(step).collect();
    integration_tests::told!("SIGKILL {moment:?} of {run}: {} of {calls} calls (SWEEP=full for all)", points.len());
    points
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_deploy_is_finished_by_the_next_and_a_killed_destroy_as_well() {
    let binary = binary();
    let calm = Shop::new(binary);
    let (_, creates) = calm.run(&["deploy", "--yes"], Killer::never()).await;
    let wanted = calm.objects();
    assert!(wanted.len() > 40, "{wanted:?}");
    let (_, deletes) = calm.run(&["destroy", "--yes"], Killer::never()).await;
    assert_eq!(calm.emulator.tagged("orchestrator:stack", "shop"), Vec::<String>::new());
    for moment in [Moment::Before, Moment::Committed, Moment::Answered] {
        for at in points(creates, moment, "deploy") {
            let what = format!("deploy killed {moment:?} changing call {at}");
            let shop = Shop::new(binary);
            let (code, _) = shop.run(&["deploy", "--yes"], Killer::at(at, moment)).await;
            assert!(code.is_none() || moment == Moment::Answered, "{what}: it was not killed ({code:?})");
            shop.all_named(&what);
            shop.must(&["deploy", "--yes"], &what).await;
            assert_eq!(shop.objects(), wanted, "{what}");
            shop.must(&["plan", "--detailed-exitcode"], &what).await;
            let last = shop.run(&["destroy", "--yes"], Killer::at(at * deletes / creates, moment)).await;
            shop.all_named(&format!("{what}, then destroy ended with {last:?}"));
            shop.must(&["destroy", "--yes"], &what).await;
            assert_eq!(shop.emulator.tagged("orchestrator:stack", "shop"), Vec::<String>::new(), "{what}");
        }
    }
}
