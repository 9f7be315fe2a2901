//! The real binary with its ledger in a bucket, one process per command.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const LEDGER: &str = "s3://shop-ledger/teams/blue";

fn command(dir: &Path, args: &[&str], speed: &str) -> Command {
    let envs = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("envs");
    let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrator"));
    command.args(args).arg("--config").arg(envs).current_dir(dir).env_remove("AWS_ENDPOINT_URL");
    command.env("ORCHESTRATOR_SPEED", speed).env("ORCHESTRATOR_LEDGER", LEDGER);
    command
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn run(dir: &Path, args: &[&str], code: i32) -> String {
    let output = command(dir, args, "600").output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{args:?}: {}", text(&output));
    text(&output)
}

fn world(dir: &Path) -> emulator::World {
    // The file is replaced as a whole: what is read is one world.
    serde_json::from_slice(&std::fs::read(dir.join(".orchestrator/local/aws/world.json")).unwrap()).unwrap()
}

fn keys(dir: &Path) -> Vec<String> {
    world(dir).account.buckets["shop-ledger"].objects.keys().cloned().collect()
}

#[test]
fn init_deploy_plan_destroy_with_the_ledger_in_a_bucket() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let missing = run(dir, &["deploy", "--yes"], 1);
    assert!(missing.contains("there is no bucket shop-ledger") && missing.contains("orchestrator init --env local"), "{missing}");
    let made = run(dir, &["init"], 0);
    assert!(made.contains("made the bucket shop-ledger") && made.contains("TLS only"), "{made}");
    assert!(run(dir, &["init"], 0).contains("is set up: nothing to do"));
    run(dir, &["deploy", "--yes"], 0);
    assert!(run(dir, &["plan", "--detailed-exitcode"], 0).contains("No changes:"));
    assert!(run(dir, &["status"], 0).contains("deployed"));
    assert!(run(dir, &["ledger", "push"], 0).contains("nothing to write"));
    assert!(!dir.join(".orchestrator/local/ledger").exists(), "a local ledger was written");
    let written = keys(dir);
    assert!(written.iter().any(|key| key.starts_with("teams/blue/local/database/entries/0000")), "{written:?}");
    assert!(!written.iter().any(|key| key.ends_with("lock.json")), "{written:?}");
    run(dir, &["destroy", "--yes"], 0);
    assert_eq!(world(dir).tagged("orchestrator:stack", "shop"), Vec::<String>::new());
}

#[test]
fn a_place_that_cannot_be_one_is_told_with_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let output = command(dir.path(), &["plan"], "600").env("ORCHESTRATOR_LEDGER", "/var/ledger").output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output).contains("ledger: `/var/ledger` is not a place for a ledger: write s3://bucket/prefix"), "{}", text(&output));
}

#[test]
fn the_second_process_sees_the_holder_and_goes_on_where_a_killed_one_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    run(dir, &["init"], 0);
    // A NAT gateway takes five seconds at this speed: the first is at work when the second comes.
    let mut first = command(dir, &["deploy", "--yes"], "20").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !world(dir).tagged("orchestrator:address", "network/nat-gateway-a").iter().any(|id| id.starts_with("nat-")) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let refused = run(dir, &["deploy", "--yes"], 4);
    assert!(refused.contains("network is locked by") && refused.contains(&format!("process {}", first.id())), "{refused}");
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(keys(dir).iter().any(|key| key.ends_with("network/lock.json")), "the lock went with the process");
    let said = run(dir, &["deploy", "--yes"], 0);
    assert!(said.contains("the lock of network was taken over from"), "{said}");
    assert!(run(dir, &["plan", "--detailed-exitcode"], 0).contains("No changes:"));
    assert!(!keys(dir).iter().any(|key| key.ends_with("lock.json")));
    run(dir, &["destroy", "--yes"], 0);
    assert_eq!(world(dir).tagged("orchestrator:stack", "shop"), Vec::<String>::new());
}
