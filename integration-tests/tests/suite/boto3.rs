//! Every answer that the embedded AWS gives in a stack's life, read by botocore's own parsers and models.

use base64::Engine;
use integration_tests::{Bench, EVERYTHING, all_done};
use serde_json::json;
use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

/// The first Python that has botocore; `.ci/run` puts one beside `moto_server`.
#[allow(clippy::disallowed_methods)]
fn python() -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let pythons = std::env::split_paths(&path).map(|dir| dir.join("python3")).filter(|python| python.is_file());
    pythons.into_iter().find(|python| {
        let import = Command::new(python).args(["-c", "import botocore"]).stderr(Stdio::null()).status();
        import.is_ok_and(|status| status.success())
    })
}

#[tokio::test(start_paused = true)]
#[allow(clippy::disallowed_macros)]
async fn botocore_understands_every_answer() {
    let Some(python) = python() else {
        println!("SKIPPED: no python3 with botocore on the PATH (pip install boto3)");
        return;
    };
    let bench = Bench::new();
    bench.emulator.keep_exchanges();
    all_done(bench.deploy(EVERYTHING).await);
    assert!(!bench.plan(EVERYTHING).await.changes());
    let changed = EVERYTHING.replace("[edge]", "[edge]\nidle_timeout = 90").replace("[database]", "[database]\nbackup_days = 9");
    all_done(bench.deploy(&changed).await);
    all_done(bench.destroy().await);
    let exchanges = bench.emulator.exchanges();
    let operations: BTreeSet<String> = exchanges.iter().map(|it| format!("{}:{}", it.call.service, it.call.action)).collect();
    assert!(operations.len() > 100, "{}", operations.len());
    let mut child = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/boto3.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for it in exchanges {
        let body = base64::engine::general_purpose::STANDARD.encode(&it.body);
        writeln!(stdin, "{}", json!({"service": it.call.service, "operation": it.call.action, "status": it.status, "body": body})).unwrap();
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    println!("{} operations; {said}", operations.len());
}
