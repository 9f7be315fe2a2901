//! The real binary, one process per command: what one leaves, the next finds.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

fn orchestrator(dir: &Path, args: &[&str]) -> Output {
    let envs = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("envs");
    let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrator"));
    command
        .args(args)
        .arg("--config")
        .arg(envs)
        .current_dir(dir)
        .env_remove("AWS_ENDPOINT_URL")
        .env("ORCHESTRATOR_SPEED", "600")
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn deploy_plan_change_destroy_in_processes_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str], code: i32| {
        let output = orchestrator(dir.path(), args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", text(&output));
        text(&output)
    };
    run(&["plan", "--detailed-exitcode"], 2);
    assert!(run(&["deploy"], 5).contains("add --yes"));
    assert!(run(&["deploy", "--yes"], 0).contains("network.vpc_id = vpc-") || run(&["outputs"], 0).contains("network.vpc_id = vpc-"));
    assert!(run(&["plan", "--detailed-exitcode"], 0).contains("No changes:"));
    assert!(run(&["status"], 0).contains("deployed"));
    assert!(run(&["outputs", "network.vpc_id"], 0).starts_with("vpc-"));
    assert!(run(&["graph", "--format", "mermaid"], 0).contains("network/vpc"));
    run(&["plan", "--out", "saved.json"], 0);
    run(&["destroy", "--yes"], 0);
    assert!(run(&["deploy", "--yes", "--plan", "saved.json"], 5).contains("stale"));
    let world = std::fs::read_to_string(dir.path().join(".orchestrator/local/aws/world.json")).unwrap();
    let world: serde_json::Value = serde_json::from_str(&world).unwrap();
    let region = &world["regions"]["eu-north-1"];
    for (table, held) in ["db_instances", "load_balancers", "alarms", "parameters", "log_groups"].map(|table| (table, &region[table])) {
        assert_eq!(held, &serde_json::json!({}), "{table}");
    }
    assert_eq!(region["ec2"]["vpcs"], serde_json::json!({}));
}

/// A ledger that is lost or damaged: nothing is made twice, and `doctor --rebuild` finds everything.
#[test]
fn a_lost_and_a_damaged_ledger_are_rebuilt() {
    let dir = tempfile::tempdir().unwrap();
    let run = |args: &[&str], code: i32| {
        let output = orchestrator(dir.path(), args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", text(&output));
        text(&output)
    };
    run(&["deploy", "--yes"], 0);
    assert!(run(&["doctor"], 0).contains("ok    ledger: network: ledger and tags agree"));
    let ledgers = dir.path().join(".orchestrator/local/ledger");
    std::fs::remove_file(ledgers.join("database.jsonl")).unwrap();
    let compute = std::fs::read_to_string(ledgers.join("compute.jsonl")).unwrap();
    std::fs::write(ledgers.join("compute.jsonl"), compute.replacen("intent", "intend", 1)).unwrap();
    let said = run(&["doctor"], 1);
    assert!(
        said.contains("fail  ledger: database/instance#1 (db_instance") && said.contains("of the ledger") && said.contains("is damaged"),
        "{said}"
    );
    assert!(run(&["plan"], 1).contains("doctor --rebuild"));
    let said = run(&["doctor", "--rebuild"], 0);
    assert!(said.contains("compute.jsonl.damaged-1") && said.contains("objects written into the ledger, and its outputs"), "{said}");
    assert!(std::fs::read_to_string(ledgers.join("compute.jsonl.damaged-1")).unwrap().contains("intend"));
    assert!(run(&["plan", "--detailed-exitcode"], 0).contains("No changes:"));
    std::fs::remove_dir_all(&ledgers).unwrap();
    assert!(run(&["deploy", "--yes"], 5).contains("doctor --rebuild"));
    // A ledger that knows nothing destroys nothing, and says so.
    let said = run(&["destroy", "--yes", "--allow-destroy", "all"], 1);
    assert!(said.contains("left: network/vpc#1 (vpc vpc-") && said.contains("still carry the tags"), "{said}");
    run(&["doctor", "--rebuild"], 0);
    assert!(run(&["plan", "--detailed-exitcode"], 0).contains("No changes:"));
    let said = run(&["adopt", "network/vpc", "vpc-1", "--yes"], 5);
    assert!(said.contains("network/vpc is there already and is ours"), "{said}");
    let said = run(&["destroy", "--yes", "--allow-destroy", "all"], 0);
    assert!(said.contains("nothing in AWS carries the tags of shop local any more"), "{said}");
}

#[test]
fn json_is_one_document_per_line() {
    let dir = tempfile::tempdir().unwrap();
    let output = orchestrator(dir.path(), &["deploy", "--yes", "--format", "json"]);
    assert!(output.status.success(), "{}", text(&output));
    let lines: Vec<serde_json::Value> =
        String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let facts: Vec<&str> = lines.iter().filter_map(|line| line["fact"].as_str()).collect();
    assert!(facts.contains(&"plan_made") && facts.contains(&"step_finished") && facts.last() == Some(&"run_finished"), "{facts:?}");
}

#[test]
fn a_mistake_in_the_configuration_is_told_before_any_call() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_orchestrator"))
        .args(["plan", "--config"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("envs"))
        .env("ORCHESTRATOR_NETWORK__CDIR", "10.0.0.0/16")
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let said = text(&output);
    assert!(said.contains("`network.cdir`") && said.contains("did you mean `cidr`") && said.contains("hint:"), "{said}");
    assert!(!dir.path().join(".orchestrator").exists(), "something was called");
}

#[test]
fn the_reference_environment_lives_and_goes() {
    let (dir, root) = (tempfile::tempdir().unwrap(), Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrator"));
        command.args(args).args(["--env", "reference", "--config"]).arg(root.join("envs"));
        command.env("ORCHESTRATOR_EMBEDDED", "true").env("ORCHESTRATOR_SPEED", "600").env_remove("AWS_ENDPOINT_URL");
        command.env("ORCHESTRATOR_BASTION__PUBLIC_KEY_FILE", root.join("envs/bastion.pub"));
        let output = command.current_dir(dir.path()).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", text(&output));
        text(&output)
    };
    assert!(run(&["deploy", "--yes"]).contains("warning: bastion"), "the end of Amazon Linux 2 is not said");
    run(&["plan", "--detailed-exitcode"]);
    run(&["destroy", "--yes", "--allow-destroy", "all"]);
    let world = std::fs::read_to_string(dir.path().join(".orchestrator/reference/aws/world.json")).unwrap();
    let world: emulator::World = serde_json::from_str(&world).unwrap();
    assert_eq!(world.tagged("orchestrator:stack", "shop"), Vec::<String>::new());
}

#[test]
fn sigterm_ends_in_flight_work_and_the_next_run_finishes() {
    let dir = tempfile::tempdir().unwrap();
    let envs = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("envs");
    let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrator"));
    // A NAT gateway takes five seconds at this speed: it is in flight when the signal comes.
    command
        .args(["deploy", "--yes", "--config"])
        .arg(envs)
        .current_dir(dir.path())
        .env_remove("AWS_ENDPOINT_URL")
        .env("ORCHESTRATOR_SPEED", "20");
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let journal = dir.path().join(".orchestrator/local/ledger/network.jsonl");
    let waiting = || std::fs::read_to_string(&journal).is_ok_and(|text| text.contains("nat-gateway-a"));
    while !waiting() {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130), "{}", text(&ended));
    let told = text(&ended);
    assert!(told.contains("interrupted: nothing new is started; waiting for") && told.contains("network/nat-gateway-a"), "{told}");
    let again = orchestrator(dir.path(), &["deploy", "--yes"]);
    assert!(again.status.success(), "{}", text(&again));
    let plan = text(&orchestrator(dir.path(), &["plan"]));
    assert!(plan.contains("No changes:"), "{plan}");
}
