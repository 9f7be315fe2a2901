//! Terraform's AWS provider, the strictest client there is, on the embedded AWS over HTTP: apply, a clean plan, destroy.
//!
//! Needs `terraform` on the PATH and the provider in `/opt/tf-plugins` (or a mirror named by `TF_PLUGINS`); says `skipped` without.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

#[allow(clippy::disallowed_methods)]
fn plugins() -> Option<PathBuf> {
    let dir = std::env::var_os("TF_PLUGINS").map_or_else(|| PathBuf::from("/opt/tf-plugins"), PathBuf::from);
    let terraform = Command::new("terraform").arg("version").output();
    (dir.is_dir() && terraform.is_ok_and(|output| output.status.success())).then_some(dir)
}

fn terraform(dir: &Path, url: &str, args: &[&str]) -> Output {
    let mut command = Command::new("terraform");
    command.args(args).arg("-no-color").current_dir(dir).env("TF_CLI_CONFIG_FILE", dir.join("rc")).env("TF_VAR_endpoint", url);
    command.output().unwrap()
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terraform_applies_plans_clean_and_destroys() {
    let Some(plugins) = plugins() else {
        integration_tests::process::skipped("no terraform, or no provider in /opt/tf-plugins (TF_PLUGINS names another mirror)");
        return;
    };
    let emulator = integration_tests::account(120.0, 9);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(emulator.clone().serve(listener));
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/terraform/main.tf"), dir.path().join("main.tf")).unwrap();
    let mirror = format!("provider_installation {{\n  filesystem_mirror {{\n    path = \"{}\"\n  }}\n}}\n", plugins.display());
    std::fs::write(dir.path().join("rc"), mirror).unwrap();
    let walk = move || {
        let must = |args: &[&str]| {
            let output = terraform(dir.path(), &url, args);
            assert!(output.status.success(), "{args:?}: {}", told(&output));
        };
        must(&["init"]);
        must(&["apply", "-auto-approve"]);
        // Exit code 2 would be a change: something that the provider wrote and did not read back.
        must(&["plan", "-detailed-exitcode"]);
        must(&["destroy", "-auto-approve"]);
    };
    tokio::task::spawn_blocking(walk).await.unwrap();
    assert_eq!(emulator.tagged("made-by", "terraform"), Vec::<String>::new());
    server.abort();
}
