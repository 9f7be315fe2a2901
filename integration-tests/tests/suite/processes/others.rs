//! The same binary against emulators that are not ours, over HTTP: what they hold is not our opinion of AWS. Each walk fills its part of
//! `COVERAGE.md`; what a plan shows that is not named here as lost is a failure.

use engine::LayerName;
use integration_tests::client;
use integration_tests::coverage::{Gap, MINISTACK, Other};
use integration_tests::gate;
use integration_tests::process::free_port;
use integration_tests::processes::Gate;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const ALL_BUT_TWO: &[LayerName] = &[LayerName::Observability, LayerName::Database, LayerName::Edge, LayerName::Compute, LayerName::Bastion];

/// What is lost, and nothing kept away.
const fn loses(shows: &'static [(&'static str, &'static str)], what: &'static str, link: &'static str) -> Gap {
    Gap { layers: &[], shows, what, link }
}

const EMBEDDED: Other = Other {
    name: "embedded",
    settings: &["embedded = true\nspeed = 600.0\nnetwork.nat = \"per_az\"\ndatabase.final_snapshot = false\nbastion.enabled = true\n"],
    ledger: None,
    gaps: &[],
};

const MOTO: Other = Other {
    name: "moto 5",
    settings: &[],
    ledger: Some("s3://shop-ledger/teams"),
    gaps: &[
        Gap {
            layers: ALL_BUT_TWO,
            shows: &[],
            what: "CloudWatch's present protocol, RPC v2 with CBOR, is answered 404: no layer that has an alarm, and none behind one",
            link: "https://github.com/getmoto/moto/issues/9195",
        },
        loses(
            &[("security_group_rule", "description")],
            "the description of a rule whose peer is a group is lost",
            "https://github.com/getmoto/moto/blob/5.2.5/moto/ec2/models/security_groups.py",
        ),
    ],
};

const MINISTACK_WALK: Other = Other {
    name: "MiniStack 1.5",
    // A bastion without what MiniStack lacks: public parameters for arm64, tags of key pairs.
    settings: &[MINISTACK, "bastion.enabled = true\nbastion.instance_type = \"t3.micro\"\n"],
    ledger: None,
    gaps: &[
        loses(
            &[("nat_gateway", "allocation"), ("route", "via.nat_gateway")],
            "the address of a NAT gateway is not told: it would be replaced",
            "https://github.com/ministackorg/ministack/blob/main/ministack/services/ec2.py",
        ),
        loses(
            &[("alarm", "measure")],
            "percentiles and expressions of alarms are lost",
            "https://github.com/ministackorg/ministack/blob/main/ministack/services/cloudwatch.py",
        ),
        loses(
            &[("db_instance", "log_exports")],
            "log exports of a database are lost",
            "https://github.com/ministackorg/ministack/blob/main/ministack/services/rds.py",
        ),
        loses(
            &[
                ("instance", "metadata.tokens_required"),
                ("instance", "public_address"),
                ("instance", "security_groups"),
                ("instance", "subnet"),
            ],
            "an instance's interface and its metadata options are lost",
            "https://github.com/ministackorg/ministack/blob/main/ministack/services/ec2.py",
        ),
    ],
};

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Starts an emulator that is a program of its own; nothing when it is not installed.
fn start(program: &str, port: u16, told: impl FnOnce(&mut Command) -> &mut Command) -> Option<Server> {
    let mut command = Command::new(program);
    told(&mut command);
    let Ok(child) = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
        integration_tests::process::skipped(&format!("{program} is not installed (pip install 'moto[server]' ministack cbor2)"));
        return None;
    };
    let server = Server(child);
    for _ in 0..300 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some(server);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    panic!("{program} was started and does not listen");
}

/// The bucket of a ledger. In the first region it needs no word about where it is.
async fn bucket(url: &str) {
    client(url, "us-east-1").await.s3.create_bucket().bucket("shop-ledger").send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_ours() {
    let (url, server) = gate::serve(integration_tests::account(600.0, 5), Gate::open()).await;
    EMBEDDED.walk(&url).await;
    server.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_moto() {
    let port = free_port();
    let Some(_server) = start("moto_server", port, |command| command.args(["-p", &port.to_string()])) else { return };
    let url = gate::judged(&format!("127.0.0.1:{port}")).await;
    bucket(&url).await;
    MOTO.walk(&url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_ministack() {
    let port = free_port();
    // Its containers are the suite `containers`.
    let alone = [("DOCKER_HOST", "unix:///nowhere.sock".to_owned()), ("GATEWAY_PORT", port.to_string())];
    let Some(_server) = start("ministack", port, |command| command.envs(alone)) else { return };
    MINISTACK_WALK.walk(&gate::judged(&format!("127.0.0.1:{port}")).await).await;
}
