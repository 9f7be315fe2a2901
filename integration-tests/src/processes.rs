//! The real binary as processes that share a stack, each behind a gate of its own: what it calls is its own doing.
#![allow(clippy::disallowed_methods)]

use crate::gate::{self, Arrival, Keeper, Pass};
use crate::process::ROOT;
use emulator::Emulator;
use engine::LayerName;
use engine::ledger::{Ledger, LocalLedger};
use futures::future::BoxFuture;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Where the ledgers of a suite are kept: a name, and the line of the env file that says so.
pub const STORES: [(&str, &str); 2] = [("local", ""), ("S3", "ledger = \"s3://shop-ledger-123456789012/teams\"")];

/// A stack in an AWS of its own, with a directory that processes run in.
pub struct Shop {
    /// The world.
    pub emulator: Emulator,
    /// Where the processes run.
    pub dir: tempfile::TempDir,
    binary: PathBuf,
    /// Whether the ledgers are in a bucket.
    pub shared: bool,
}

impl Shop {
    /// An empty account. `store` is a line of [`STORES`].
    ///
    /// # Panics
    /// When there is no room for it.
    pub fn new(binary: &Path, store: &str) -> Shop {
        let dir = tempfile::tempdir().unwrap();
        let envs = dir.path().join("envs");
        std::fs::create_dir(&envs).unwrap();
        std::fs::copy(Path::new(ROOT).join("envs/base.toml"), envs.join("base.toml")).unwrap();
        let local = std::fs::read_to_string(Path::new(ROOT).join("envs/local.toml")).unwrap();
        std::fs::write(envs.join("local.toml"), format!("{store}\n{local}")).unwrap();
        let emulator = crate::account(6000.0, 3);
        Shop { emulator, dir, binary: binary.to_owned(), shared: !store.is_empty() }
    }

    /// Makes the bucket of a shared ledger.
    pub async fn ready(&self) {
        if self.shared {
            self.must(&["init"], 0, "init").await;
        }
    }

    /// Starts the binary as `who` behind `gate`.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(&self, who: &str, args: &[&str], gate: &Arc<Gate>) -> Process {
        self.start_with(who, &[], args, gate).await
    }

    /// Starts the binary as `who` with a tag of this value on every object: whoever enters has something to change.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_tagging(&self, who: &str, value: &str, args: &[&str], gate: &Arc<Gate>) -> Process {
        self.start_with(who, &[("ORCHESTRATOR_TAGS__ROUND", value)], args, gate).await
    }

    /// Starts the binary as `who` with these environment variables.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_with(&self, who: &str, variables: &[(&str, &str)], args: &[&str], gate: &Arc<Gate>) -> Process {
        let mut command = Command::new(&self.binary);
        command.envs(variables.iter().copied());
        self.start_by(command, who, args, gate).await
    }

    /// Starts the binary with at most `blocks` (512 bytes each) in every file that it writes: a disk without room.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_cramped(&self, blocks: usize, args: &[&str], gate: &Arc<Gate>) -> Process {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")]).arg(&self.binary);
        self.start_by(shell, "cramped", args, gate).await
    }

    async fn start_by(&self, mut command: Command, who: &str, args: &[&str], gate: &Arc<Gate>) -> Process {
        let (url, server) = gate::serve(self.emulator.clone(), gate.clone()).await;
        let log = self.dir.path().join(format!("{who}.log"));
        // A pipe has room even when its own files have none.
        let (mut from, out) = std::io::pipe().unwrap();
        let (mut file, err) = (std::fs::File::create(&log).unwrap(), out.try_clone().unwrap());
        let listener = std::thread::spawn(move || std::io::copy(&mut from, &mut file));
        command
            // Before what stands after a `--`.
            .args([&["--env", "local", "--endpoint-url", &url], args].concat())
            .env("ORCHESTRATOR_SPEED", "6000")
            .env("USER", who)
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err);
        let (started, child) = (Instant::now(), command.spawn().unwrap());
        Process { started, child, log, listener: Some(listener), server }
    }

    /// Runs the binary to its end; its exit code must be this one. What it said.
    ///
    /// # Panics
    /// When it ended otherwise.
    pub async fn must(&self, args: &[&str], code: i32, what: &str) -> String {
        let mut process = self.start("calm", args, &Gate::open()).await;
        let ended = process.ended().await;
        assert_eq!(ended.code, Some(code), "{what}: {args:?}: {}", process.said());
        process.said()
    }

    /// The ledgers as they are: every journal on disk, or everything in the bucket.
    ///
    /// # Panics
    /// When they cannot be read.
    pub fn journals(&self) -> BTreeMap<String, Vec<u8>> {
        if self.shared {
            let buckets = self.emulator.with_world(|world| serde_json::to_vec(&world.account.buckets).unwrap());
            return BTreeMap::from([("buckets".to_owned(), buckets)]);
        }
        let files = std::fs::read_dir(self.ledger()).unwrap().flatten();
        let journals = files.filter(|file| file.path().extension().is_some_and(|end| end == "jsonl"));
        journals.map(|file| (file.file_name().to_string_lossy().into_owned(), std::fs::read(file.path()).unwrap())).collect()
    }

    /// Where the local ledgers are.
    pub fn ledger(&self) -> PathBuf {
        self.dir.path().join(".orchestrator/local/ledger")
    }

    /// How many living objects carry each address that the ledgers name.
    ///
    /// # Panics
    /// When a ledger cannot be read.
    pub fn objects(&self) -> BTreeMap<String, usize> {
        if self.shared {
            // The ledgers are in the bucket: the objects themselves are counted.
            return BTreeMap::from([("every address".to_owned(), self.emulator.tagged("orchestrator:stack", "shop").len())]);
        }
        let rows = LayerName::ALL.into_iter().flat_map(|layer| LocalLedger::read(&self.ledger(), layer).unwrap().folded().rows.into_keys());
        let addresses = rows.map(|(address, _)| address.to_string());
        addresses.map(|at| (at.clone(), self.emulator.tagged("orchestrator:address", &at).len())).filter(|(_, count)| *count > 0).collect()
    }

    /// Every object has a row in a ledger, and no address has two.
    ///
    /// # Panics
    /// When one has none.
    pub fn all_named(&self, what: &str) {
        let (named, there): (usize, usize) = (self.objects().values().sum(), self.emulator.tagged("orchestrator:stack", "shop").len());
        assert_eq!(named, there, "{what}: an object exists that the ledger does not name");
    }

    /// The run that holds a lock, as `status` tells it.
    ///
    /// # Panics
    /// When `status` fails.
    pub async fn holder(&self) -> Option<String> {
        let said = self.must(&["status", "--ledger", "--format", "json"], 0, "status").await;
        let status: serde_json::Value = serde_json::from_str(&said).unwrap();
        status["layers"].as_array().unwrap().iter().find_map(|layer| layer["locked_by"]["run"].as_str().map(str::to_owned))
    }
}

/// A process of the binary; it dies with its handle.
pub struct Process {
    started: Instant,
    child: Child,
    log: PathBuf,
    listener: Option<std::thread::JoinHandle<std::io::Result<u64>>>,
    server: tokio::task::JoinHandle<()>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// How long it lived.
    pub after: Duration,
}

impl Process {
    /// Its end, if it has ended.
    ///
    /// # Panics
    /// When the system does not tell.
    pub fn poll(&mut self) -> Option<Ended> {
        let ended = self.child.try_wait().unwrap().map(|status| Ended { code: status.code(), after: self.started.elapsed() })?;
        // What it said last is in the log before its end is told.
        self.listener.take().into_iter().for_each(|listener| drop(listener.join().unwrap()));
        Some(ended)
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not come within two minutes.
    pub async fn ended(&mut self) -> Ended {
        for _ in 0..24_000 {
            if let Some(ended) = self.poll() {
                return ended;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("it does not end: {}", self.said());
    }

    /// What it has said so far.
    ///
    /// # Panics
    /// When its log cannot be read.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until it has said this.
    ///
    /// # Panics
    /// When it does not within half a minute.
    pub async fn says(&self, words: &str) {
        for _ in 0..6000 {
            if self.said().contains(words) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("it does not say `{words}`: {}", self.said());
    }

    /// Sends it a signal: `STOP`, `CONT`, `INT`, `TERM`.
    ///
    /// # Panics
    /// When it cannot be sent.
    pub fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        self.server.abort();
    }
}

/// Whether a call changes the stack: what goes to S3 is the ledger's own.
pub fn of_the_stack(arrival: &Arrival) -> bool {
    arrival.changing && !arrival.call.starts_with("s3:")
}

/// The gate of one process: keeps its calls, and may be closed from one of its changing calls on.
pub struct Gate {
    who: usize,
    closes: Option<usize>,
    loses: bool,
    arrived: Mutex<Vec<Arrival>>,
    log: Log,
    shut: watch::Sender<bool>,
}

/// The changing calls of several processes, in the order of their arrival: who called.
pub type Log = Arc<Mutex<Vec<usize>>>;

impl Gate {
    /// A gate that lets everything through.
    pub fn open() -> Arc<Gate> {
        Gate::logging(0, &Log::default(), None)
    }

    /// The gate of process `who`, which writes its changing calls into `log` and closes as [`Gate::closing`] does.
    pub fn logging(who: usize, log: &Log, closes: Option<usize>) -> Arc<Gate> {
        let (arrived, shut) = (Mutex::default(), watch::Sender::new(false));
        Arc::new(Gate { who, closes, loses: false, arrived, log: log.clone(), shut })
    }

    /// A gate that closes when changing call `at` (the first is 0) arrives: it and whatever comes later waits, until [`Gate::reopen`].
    /// With `loses` they are carried out then, and not answered.
    pub fn closing(at: usize, loses: bool) -> Arc<Gate> {
        let (arrived, shut) = (Mutex::default(), watch::Sender::new(false));
        Arc::new(Gate { who: 0, closes: Some(at), loses, arrived, log: Log::default(), shut })
    }

    /// A gate that is closed from the first call on.
    pub fn shut() -> Arc<Gate> {
        let gate = Gate::open();
        gate.shut.send_replace(true);
        gate
    }

    /// Waits until it has closed and nothing more arrives: the process waits for answers and does nothing else.
    pub async fn closed(&self) {
        self.shut.subscribe().wait_for(|shut| *shut).await.ok();
        let mut before = None;
        while before != Some(self.arrived().len()) || before == Some(0) {
            before = Some(self.arrived().len());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Lets everything through from now on.
    pub fn reopen(&self) {
        self.shut.send_replace(false);
    }

    /// Every call that has arrived.
    ///
    /// # Panics
    /// Never.
    pub fn arrived(&self) -> Vec<Arrival> {
        self.arrived.lock().unwrap().clone()
    }

    /// How many changing calls have arrived.
    pub fn changing(&self) -> usize {
        self.arrived().iter().filter(|arrival| of_the_stack(arrival)).count()
    }
}

impl Keeper for Gate {
    fn arrives(&self, arrival: &Arrival) -> Pass {
        let mut arrived = self.arrived.lock().unwrap();
        let before = arrived.iter().filter(|arrival| of_the_stack(arrival)).count();
        arrived.push(arrival.clone());
        if of_the_stack(arrival) {
            self.log.lock().unwrap().push(self.who);
            if self.closes == Some(before) {
                self.shut.send_replace(true);
            }
        }
        if self.loses && *self.shut.borrow() { Pass::Unanswered } else { Pass::Through }
    }

    fn holds(&self, _: &Arrival) -> BoxFuture<'static, ()> {
        let mut shut = self.shut.subscribe();
        Box::pin(async move {
            shut.wait_for(|shut| !*shut).await.ok();
        })
    }
}
