//! The real binary whose bucket is taken away while it works: it ends what is in flight, keeps what it cannot write, and goes on.

use emulator::Emulator;
use integration_tests::process::{ROOT, binary};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

struct Shop {
    emulator: Emulator,
    url: String,
    dir: tempfile::TempDir,
}

impl Shop {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(args).args(["--env", "local", "--endpoint-url", &self.url, "--config"]).arg(Path::new(ROOT).join("envs"));
        command.env("ORCHESTRATOR_LEDGER", "s3://shop-ledger/teams").env("ORCHESTRATOR_SPEED", "20");
        command.current_dir(self.dir.path());
        command
    }

    fn must(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", text(&output));
        text(&output)
    }

    /// Lets the bucket answer, or refuse everything.
    fn allowed(&self, allowed: bool) {
        self.emulator.with_world(|world| world.account.buckets.get_mut("shop-ledger").unwrap().foreign = !allowed);
    }

    fn rescues(&self) -> Vec<PathBuf> {
        let dir = self.dir.path().join(".orchestrator/local/rescue");
        std::fs::read_dir(dir).into_iter().flatten().flatten().map(|file| file.path()).collect()
    }

    fn lives(&self) {
        self.must(&["init"]);
        // A NAT gateway takes five seconds at this speed: it is in flight when the permission goes.
        let child = self.command(&["deploy", "--yes"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        while !self.emulator.tagged("orchestrator:address", "network/nat-gateway-a").iter().any(|id| id.starts_with("nat-")) {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.allowed(false);
        let ended = child.wait_with_output().unwrap();
        let said = text(&ended);
        assert_eq!(ended.status.code(), Some(6), "{said}");
        assert!(said.contains("rescue/network-") && said.contains("`orchestrator ledger push`"), "{said}");
        let kept = self.rescues();
        let network = kept.iter().find(|path| path.to_string_lossy().contains("/network-")).unwrap();
        let network = std::fs::read_to_string(network).unwrap();
        assert!(network.contains("network/nat-gateway-a") && network.contains("\"ended\":true"), "{network}");
        let refused = self.command(&["ledger", "push"]).output().unwrap();
        assert_eq!(refused.status.code(), Some(6), "{}", text(&refused));
        assert_eq!(self.rescues().len(), kept.len(), "a copy was lost");
        self.allowed(true);
        let pushed = self.must(&["ledger", "push"]);
        assert!(pushed.contains("were taken in from") && pushed.contains("the lock of network was taken over"), "{pushed}");
        assert_eq!(self.rescues(), Vec::<PathBuf>::new());
        self.must(&["deploy", "--yes"]);
        self.must(&["plan", "--detailed-exitcode"]);
        self.must(&["destroy", "--yes"]);
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_run_may_not_write_is_kept_and_pushed() {
    let emulator = integration_tests::account(20.0, 5);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(emulator.clone().serve(listener));
    let shop = Shop { emulator: emulator.clone(), url, dir: tempfile::tempdir().unwrap() };
    tokio::task::spawn_blocking(move || shop.lives()).await.unwrap();
    assert_eq!(emulator.tagged("orchestrator:stack", "shop"), Vec::<String>::new());
    server.abort();
}
