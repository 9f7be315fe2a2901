//! The same binary against an independent emulator: moto (Apache-2.0, <https://github.com/getmoto/moto>), over HTTP.
//!
//! | what moto cannot do | how the suite sees it |
//! | --- | --- |
//! | keep the description of a rule whose peer is a group | `plan` shows exactly those descriptions and nothing else |
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::disallowed_macros, clippy::disallowed_methods)]

use aws::{Aws, Connection};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn start(port: u16) -> Option<Server> {
    let program = std::env::var("MOTO_SERVER").unwrap_or_else(|_| "moto_server".into());
    let started = Command::new(program).args(["-p", &port.to_string()]).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let server = Server(started.ok()?);
    for _ in 0..150 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some(server);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    panic!("moto_server was started and does not listen");
}

fn orchestrator(dir: &Path, url: &str, args: &[&str]) -> Output {
    let envs = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("envs");
    let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrator"));
    command.args(args).args(["--env", "reference", "--endpoint-url", url, "--config"]).arg(envs).current_dir(dir).output().unwrap()
}

#[test]
fn the_stack_lives_on_moto_too() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let Some(_server) = start(port) else {
        eprintln!("SKIPPED: moto_server is not installed (pip install 'moto[server]', or set MOTO_SERVER)");
        return;
    };
    let (url, dir) = (format!("http://127.0.0.1:{port}"), tempfile::tempdir().unwrap());
    let run = |args: &[&str]| {
        let output = orchestrator(dir.path(), &url, args);
        assert!(
            output.status.success(),
            "{args:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    run(&["deploy", "--yes"]);
    let plan: serde_json::Value = serde_json::from_str(run(&["plan", "--format", "json"]).lines().next().unwrap()).unwrap();
    for (id, step) in plan["plan"]["steps"].as_object().unwrap().iter().filter(|(_, step)| step["verb"] != "keep") {
        let fields: Vec<&str> = step["changes"].as_array().unwrap().iter().filter_map(|change| change["field"].as_str()).collect();
        assert_eq!((step["kind"].as_str(), fields), (Some("security_group_rule"), vec!["description"]), "{id}");
    }
    run(&["destroy", "--yes", "--allow-destroy", "all"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let left = runtime.block_on(async {
        let aws = Aws::connect(&Connection { region: "eu-north-1".into(), endpoint_url: Some(url), embedded: None, speed: 1.0 }).await;
        let ours = || aws::ec2::filter("tag:orchestrator:stack", ["shop".to_owned()]);
        let vpcs = aws.ec2.describe_vpcs().filters(ours()).send().await.unwrap().vpcs.unwrap_or_default().len();
        let groups = aws.ec2.describe_security_groups().filters(ours()).send().await.unwrap().security_groups.unwrap_or_default().len();
        let addresses = aws.ec2.describe_addresses().filters(ours()).send().await.unwrap().addresses.unwrap_or_default().len();
        vpcs + groups + addresses
    });
    assert_eq!(left, 0);
}
