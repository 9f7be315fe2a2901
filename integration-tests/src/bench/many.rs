//! A hundred environments in one account, looked at with one command of the real binary.
#![allow(clippy::disallowed_methods)]

use super::server::Server;
use super::simulated;
use crate::fleet::{name, renamed};
use crate::process::binary;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// So many.
pub const MANY: usize = 100;

/// What one look at all of them took.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// From the start of the process to its end.
    pub took: Duration,
    /// How many AWS calls.
    pub calls: usize,
    /// Its peak of memory in MiB.
    pub memory: f64,
}

/// Deploys one, makes `count` of it, and looks at all of them `times` times, with so much latency in every request.
///
/// # Panics
/// When one of them is not well.
pub async fn look(count: usize, latency: Duration, times: usize) -> Vec<Look> {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start(latency));
    let envs = dir.path().join("envs");
    std::fs::create_dir(&envs).unwrap();
    std::fs::write(envs.join("base.toml"), "stack = \"shop\"\nregion = \"eu-north-1\"\n").unwrap();
    std::fs::write(envs.join("test.toml"), simulated::reference()).unwrap();
    let mut deploy = command(dir.path(), &server.url, &["deploy", "--yes", "--env", "test"]);
    deploy.env("ORCHESTRATOR_EMBEDDED", "true").env("ORCHESTRATOR_SPEED", "1000000");
    assert!(deploy.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
    server.populate(count).await;
    std::fs::remove_file(envs.join("test.toml")).unwrap();
    for number in 0..count {
        std::fs::write(envs.join(format!("{}.toml", name(number))), simulated::reference()).unwrap();
        ledgers(dir.path(), number);
    }
    let mut looks = Vec::new();
    for _ in 0..times {
        server.meter().await;
        let said = dir.path().join("said");
        let mut status = command(dir.path(), &server.url, &["status", "--all"]);
        status.stdin(Stdio::null()).stdout(std::fs::File::create(&said).unwrap()).stderr(Stdio::null());
        let run = move || {
            let began = Instant::now();
            super::memory::wait(&mut status.spawn().unwrap(), began)
        };
        let (ok, took, memory) = tokio::task::spawn_blocking(run).await.unwrap();
        assert!(ok, "{}", std::fs::read_to_string(&said).unwrap());
        let meter = server.meter().await;
        let calls = meter["calls"].as_object().unwrap().values().map(|calls| calls.as_u64().unwrap() as usize).sum();
        crate::told!("{count} environments in {took:.2?}: {calls} calls, {memory:.0} MiB");
        looks.push(Look { took, calls, memory });
    }
    looks
}

fn command(dir: &Path, url: &str, args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(args).args(["--endpoint-url", url]).current_dir(dir);
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    for protected in ["DATABASE", "EDGE"] {
        command.env(format!("ORCHESTRATOR_{protected}__DELETION_PROTECTION"), "false");
    }
    command
}

/// The ledgers of the first environment as those of another one.
fn ledgers(dir: &Path, number: usize) {
    let of = |env: &str| dir.join(".orchestrator").join(env).join("ledger");
    let to = of(&name(number));
    std::fs::create_dir_all(&to).unwrap();
    for file in std::fs::read_dir(of("test")).unwrap().flatten().filter(|file| file.path().extension().is_some_and(|end| end == "jsonl")) {
        let text = std::fs::read_to_string(file.path()).unwrap();
        let lines: String = text.lines().map(|line| entry(line, number)).collect();
        std::fs::write(to.join(file.file_name()), lines).unwrap();
    }
}

/// An entry with its checksum, as `engine::ledger::local` writes it.
fn entry(line: &str, number: usize) -> String {
    let (head, body) = line.strip_suffix('}').unwrap().split_once(",\"body\":").unwrap();
    let (head, _) = head.split_once(",\"sum\":").unwrap();
    let (version, entry) = head.strip_prefix("{\"v\":").unwrap().split_once(",\"n\":").unwrap();
    let body = renamed(body, number);
    let sum = engine::plan::digest(&[version, entry, &body]);
    format!("{head},\"sum\":\"{}\",\"body\":{body}}}\n", &sum[..16])
}
