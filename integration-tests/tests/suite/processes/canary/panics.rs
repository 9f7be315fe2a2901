//! A panic while values are in memory, in a process of its own: in the client, in the middle of the call that carries a password.
#![allow(clippy::disallowed_methods)]

use super::forms::{found, secrets};
use futures::FutureExt;
use integration_tests::script::Script;
use integration_tests::{Bench, EVERYTHING};
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::process::Command;

const NAME: &str = "processes::canary::panics::a_panic_shows_no_value";
/// Where the process that panics writes which values its world held.
const VALUES: &str = "CANARY_VALUES";

#[tokio::test(start_paused = true)]
async fn a_panic_shows_no_value() {
    if let Ok(values) = std::env::var(VALUES) {
        return panics(Path::new(&values)).await;
    }
    for call in ["ssm:PutParameter", "rds:CreateDBInstance"] {
        let dir = tempfile::tempdir().unwrap();
        let values = dir.path().join("values");
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", NAME, "--nocapture"]).env(VALUES, &values).env("CANARY_CALL", call).env("RUST_BACKTRACE", "full");
        let output = command.output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && said.contains("panicked at") && said.contains("the client breaks"), "{call}: {said}");
        let values: Vec<String> = serde_json::from_slice(&std::fs::read(values).unwrap()).unwrap();
        assert!(!values.is_empty(), "{call}: nothing to look for");
        assert_eq!(found(&values, &said), Vec::<String>::new(), "{call}");
    }
}

/// What the process that panics does.
async fn panics(values: &Path) {
    let call = std::env::var("CANARY_CALL").unwrap();
    let bench = Bench { script: Some(Script::default().breaks(&call)), ..Bench::new() };
    let ended = AssertUnwindSafe(bench.deploy(EVERYTHING)).catch_unwind().await;
    // A step that panics is a failed step, and the run says so.
    assert!(!matches!(&ended, Ok(Ok(outcome)) if outcome.ok()), "{call} did not panic");
    let mut values_of: Vec<String> = bench.emulator.with_world(|world| secrets(world));
    values_of.extend(bench.script.unwrap().carried());
    std::fs::write(values, serde_json::to_vec(&values_of).unwrap()).unwrap();
}
