//! No secret value is anywhere but in AWS (promise P9): every generated value is read back from the embedded AWS and looked for, in
//! each form it may hide in, in everything that a run leaves, says or shows.

mod forms;
mod lies;
mod panics;
mod rotation;

use bytes::Bytes;
use emulator::Emulator;
use engine::{Sink, event::Event};
pub use forms::found;
use forms::secrets;
use integration_tests::liar::{self, Liar};
use integration_tests::process::command;
use integration_tests::{Bench, EVERYTHING, all_done};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

/// Three secrets beside the database's password, of every alphabet.
const ENV: &str = r#"
embedded = true
speed = 6000.0
protect = false
[secrets]
key_deletion_days = 7
[secrets.app.FLASK_SECRET_KEY]
length = 60
alphabet = "symbols"
[secrets.app.SALT]
length = 32
alphabet = "hex"
[database]
deletion_protection = false
final_snapshot = false
[edge]
deletion_protection = false
[bastion]
enabled = true
"#;

#[tokio::test(start_paused = true)]
async fn in_memory_no_ledger_plan_event_or_outcome_has_a_value() {
    let bench = Bench::new();
    let (sink, mut events) = Sink::channel();
    let first = serde_json::to_string_pretty(&bench.plan(EVERYTHING).await).unwrap();
    let outcome = all_done(bench.deploy_telling(EVERYTHING, sink).await);
    let mut told: Vec<Event> = Vec::new();
    while let Ok(event) = events.try_recv() {
        told.push(event);
    }
    let told = format!("{told:?}{}", serde_json::to_string(&told).unwrap());
    let again = serde_json::to_string(&bench.plan(&EVERYTHING.replace("length = 50", "length = 60")).await).unwrap();
    let secrets = bench.emulator.with_world(|world| secrets(world));
    assert_eq!(secrets.len(), 2, "the password is one of them");
    assert!(told.contains("secret-flask-secret-key"));
    let ledgers = format!("{:?}{}", bench.ledgers, serde_json::to_string(&outcome.outputs).unwrap());
    for (what, text) in
        [("plan", &first), ("plan again", &again), ("events", &told), ("ledgers", &ledgers), ("outcome", &format!("{outcome:?}"))]
    {
        assert_eq!(found(&secrets, text), Vec::<String>::new(), "{what}");
    }
}

/// Watches the process from outside, while it calls.
struct Watch<L> {
    liar: L,
    process: Mutex<Option<u32>>,
    seen: Mutex<String>,
}

impl<L: Liar> Liar for Watch<L> {
    fn instead(&self, call: &str, body: &[u8]) -> Option<http::Response<Bytes>> {
        if let Some(process) = *self.process.lock().unwrap() {
            for what in ["cmdline", "environ", "status"] {
                let text = std::fs::read(format!("/proc/{process}/{what}")).unwrap_or_default();
                let text = String::from_utf8_lossy(&text).into_owned();
                let mut seen = self.seen.lock().unwrap();
                if !seen.contains(&text) {
                    seen.push_str(&text);
                }
            }
        }
        self.liar.instead(call, body)
    }

    fn changed(&self, call: &str, answer: http::Response<Bytes>) -> http::Response<Bytes> {
        self.liar.changed(call, answer)
    }
}

/// A directory, its world, and what was seen of its processes.
struct Shop {
    emulator: Emulator,
    dir: tempfile::TempDir,
    seen: String,
    runs: usize,
}

impl Shop {
    fn new() -> Shop {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("envs")).unwrap();
        std::fs::write(dir.path().join("envs/base.toml"), "stack = \"shop\"\nregion = \"eu-north-1\"\n").unwrap();
        std::fs::write(dir.path().join("envs/test.toml"), ENV).unwrap();
        Shop { emulator: integration_tests::account(6000.0, 11), dir, seen: String::new(), runs: 0 }
    }

    /// Runs the binary against `liar`; its exit code. What it says is in a file of the directory.
    async fn run(&mut self, args: &[&str], liar: impl Liar) -> Option<i32> {
        self.run_told(args, liar, "").await
    }

    /// The same, with something on standard input.
    async fn run_told(&mut self, args: &[&str], liar: impl Liar, told: &str) -> Option<i32> {
        let watch = Arc::new(Watch { liar, process: Mutex::new(None), seen: Mutex::default() });
        let (url, server) = liar::serve(self.emulator.clone(), watch.clone()).await;
        self.runs += 1;
        let file = |what: &str| std::fs::File::create(self.dir.path().join(format!("{}.{what}", self.runs))).unwrap();
        let mut command = command(self.dir.path(), args);
        command.args(["--env", "test", "--config", "envs", "--endpoint-url", &url]);
        command.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full");
        let mut child = command.stdin(Stdio::piped()).stdout(file("out")).stderr(file("err")).spawn().unwrap();
        // One that ends before it has read is none that was meant to read.
        child.stdin.take().unwrap().write_all(told.as_bytes()).ok();
        *watch.process.lock().unwrap() = Some(child.id());
        let status = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
        server.abort();
        self.seen += &watch.seen.lock().unwrap();
        status.code()
    }

    fn said(&self, run: usize) -> String {
        let read = |what: &str| std::fs::read_to_string(self.dir.path().join(format!("{run}.{what}"))).unwrap();
        read("out") + &read("err")
    }

    /// Every file of the directory and what was seen of the processes, without an occurrence of a secret.
    fn is_clean(&self, more: &[String], what: &str) {
        let mut secrets = self.emulator.with_world(|world| secrets(world));
        secrets.extend(more.iter().cloned());
        assert!(!secrets.is_empty(), "{what}: nothing to look for");
        assert!(self.seen.contains("orchestrator") && self.seen.contains("RUST_LOG"), "{what}: the process was not seen");
        assert_eq!(found(&secrets, &self.seen), Vec::<String>::new(), "{what}: in arguments or environment");
        let mut files = Vec::new();
        walk(self.dir.path(), &mut files);
        assert!(files.iter().any(|file| file.ends_with("ledger/secrets.jsonl")), "{what}: {files:?}");
        for file in files {
            // Secrets may be in no file at all, so bytes that are no text are looked at as well.
            let text = String::from_utf8_lossy(&std::fs::read(self.dir.path().join(&file)).unwrap()).into_owned();
            assert_eq!(found(&secrets, &text), Vec::<String>::new(), "{what}: in {file}");
        }
    }
}

fn walk(dir: &Path, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        if entry.path().is_dir() {
            walk(&entry.path(), files);
        } else {
            files.push(entry.path().display().to_string());
        }
    }
}

struct Honest;
impl Liar for Honest {}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_file_output_argument_or_variable_of_the_binary_has_a_value() {
    let mut shop = Shop::new();
    assert_eq!(shop.run(&["deploy", "--yes", "--format", "json"], Honest).await, Some(0), "{}", shop.said(1));
    std::fs::write(shop.dir.path().join("envs/test.toml"), ENV.replace("length = 60", "length = 64")).unwrap();
    assert_eq!(shop.run(&["plan", "--out", "plan.json"], Honest).await, Some(0));
    assert_eq!(shop.run(&["deploy", "--yes", "--plan", "plan.json"], Honest).await, Some(0), "{}", shop.said(3));
    for args in [&["outputs"] as &[&str], &["status", "--format", "json"], &["graph", "--format", "json"]] {
        assert_eq!(shop.run(args, Honest).await, Some(0));
    }
    assert_eq!(shop.emulator.with_world(|world| secrets(world)).len(), 3);
    shop.is_clean(&[], "a calm run");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_nobody_reads_ends_as_any_and_shows_no_value() {
    let mut shop = Shop::new();
    assert_eq!(shop.run(&["deploy", "--yes"], Honest).await, Some(0), "{}", shop.said(1));
    let secrets = shop.emulator.with_world(|world| secrets(world));
    let (url, server) = liar::serve(shop.emulator.clone(), Arc::new(Honest)).await;
    let mut command = command(shop.dir.path(), &["destroy", "--yes", "--format", "json", "--env", "test", "--config", "envs"]);
    let stderr = std::fs::File::create(shop.dir.path().join("unread.err")).unwrap();
    let mut child =
        command.args(["--endpoint-url", &url]).env("RUST_BACKTRACE", "full").stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
    drop(child.stdout.take());
    let ended = tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
    server.abort();
    let said = std::fs::read_to_string(shop.dir.path().join("unread.err")).unwrap();
    assert_eq!((ended.code(), said.contains("panicked")), (Some(0), false), "{said}");
    assert_eq!(shop.emulator.tagged("orchestrator:stack", "shop"), Vec::<String>::new());
    shop.is_clean(&secrets, "a run that nobody reads");
}
