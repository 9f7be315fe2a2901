//! The layer's own binary, over HTTP, against the embedded AWS of another process.
#![allow(clippy::unwrap_used)]

use emulator::{Emulator, Options};
use std::path::Path;
use tokio::process::Command;

#[tokio::test]
async fn the_layer_deploys_alone_and_leaves_nothing() {
    let emulator = Emulator::in_memory(Options { speed: 600.0, seed: 4 });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(emulator.clone().serve(listener));
    let dir = tempfile::tempdir().unwrap();
    for (command, code) in [("deploy", 0), ("plan", 0), ("destroy", 0)] {
        let more: &[&str] = if command == "plan" { &["--detailed-exitcode"] } else { &["--yes"] };
        let envs = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("envs");
        let mut binary = Command::new(env!("CARGO_BIN_EXE_secrets"));
        let output = binary.arg(command).args(more).args(["--endpoint-url", &url, "--config"]).arg(envs).current_dir(dir.path());
        let output = output.env("ORCHESTRATOR_SPEED", "600").output().await.unwrap();
        assert_eq!(output.status.code(), Some(code), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        let left = emulator.tagged("orchestrator:stack", "shop").len();
        assert_eq!(left > 0, command != "destroy", "{command}: {left} objects");
    }
    server.abort();
}
