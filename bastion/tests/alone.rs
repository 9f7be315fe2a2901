//! The layer's own binary. Alone it has nothing to stand on: it is off, or it says what to deploy first.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Output;
use tokio::process::Command;

/// Runs `deploy` with this table and another end that is never called.
async fn deploy(dir: &Path, table: &str) -> Output {
    std::fs::write(dir.join("base.toml"), "stack = \"shop\"\nregion = \"eu-north-1\"\n").unwrap();
    std::fs::write(dir.join("local.toml"), format!("embedded = true\n[bastion]\n{table}\n")).unwrap();
    let mut binary = Command::new(env!("CARGO_BIN_EXE_bastion"));
    let binary = binary.args(["deploy", "--yes", "--endpoint-url", "http://127.0.0.1:9", "--config"]).arg(dir).current_dir(dir);
    binary.output().await.unwrap()
}

#[tokio::test]
async fn off_it_deploys_to_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let output = deploy(dir.path(), "enabled = false").await;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn on_it_names_the_layer_to_deploy_first() {
    let dir = tempfile::tempdir().unwrap();
    let output = deploy(dir.path(), "enabled = true").await;
    assert_eq!(output.status.code(), Some(5));
    assert!(String::from_utf8_lossy(&output.stderr).contains("deploy --layer network"));
}

#[tokio::test]
async fn ssh_to_everybody_is_refused_before_anything_is_called() {
    let dir = tempfile::tempdir().unwrap();
    let output = deploy(dir.path(), "enabled = true\nmode = \"ssh\"\nssh_cidrs = [\"0.0.0.0/0\"]\nkey_name = \"ops\"").await;
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("bastion.ssh_cidrs"));
}
