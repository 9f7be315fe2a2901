//! The same binary against independent emulators, over HTTP: what they hold is not our opinion of AWS.
//!
//! | emulator | what it cannot do | how the suite goes round it or sees it |
//! | --- | --- | --- |
//! | moto (Apache-2.0) | CloudWatch's present protocol (RPC v2 with CBOR): 404, so no layer with an alarm | network and secrets only |
//! | moto | answer for the versioning of a bucket that has none (another root element) | the test makes the ledger's bucket, not `init` |
//! | moto | keep the description of a rule whose peer is a group | `plan` shows exactly those descriptions |
//! | MiniStack (MIT) | saved Logs Insights queries | `observability.queries` is empty |
//! | MiniStack | offer more than one minor of each PostgreSQL | `database.engine_version = "16.4"` |
//! | MiniStack | Application Auto Scaling | `compute.autoscaling.enabled = false` |
//! | MiniStack | AWS's public parameters for arm64 images | `bastion.instance_type = "t3.micro"` |
//! | MiniStack | tags of imported key pairs | `bastion.mode = "ssm"`, which needs none |
//! | MiniStack | say which address a NAT gateway has | `plan` would replace it and re-point its routes |
//! | MiniStack | an instance's interface (subnet, groups, public address) and its metadata options | `plan` shows exactly those fields |
//! | MiniStack | log exports of a database; percentiles and expressions of alarms | `plan` shows exactly those fields |
#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::disallowed_macros, clippy::disallowed_methods)]

use aws::{Aws, Connection};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const SETTINGS: &str = r#"
[observability]
queries = {}
[database]
engine_version = "16.4"
storage_type = "gp2"
final_snapshot = false
[compute.autoscaling]
enabled = false
[bastion]
enabled = true
instance_type = "t3.micro"
"#;

struct Other {
    program: &'static str,
    /// The variable or argument that sets its port.
    port: fn(&mut Command, &str),
    layers: &'static [&'static str],
    /// Where its ledgers are, if not in a local directory.
    ledger: Option<&'static str>,
    /// Kind and field of what it loses.
    loses: &'static [(&'static str, &'static str)],
}

const MOTO: Other = Other {
    program: "moto_server",
    port: |command, port| {
        command.args(["-p", port]);
    },
    layers: &["--layer", "network", "--layer", "secrets"],
    ledger: Some("s3://shop-ledger/teams"),
    loses: &[("security_group_rule", "description")],
};

const MINISTACK: Other = Other {
    program: "ministack",
    port: |command, port| {
        command.env("GATEWAY_PORT", port);
    },
    layers: &[],
    ledger: None,
    loses: &[
        ("nat_gateway", "allocation"),
        ("route", "via.nat_gateway"),
        ("db_instance", "log_exports"),
        ("alarm", "measure"),
        ("instance", "metadata.tokens_required"),
        ("instance", "public_address"),
        ("instance", "security_groups"),
        ("instance", "subnet"),
    ],
};

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Other {
    fn start(&self, port: u16) -> Option<Server> {
        let mut command = Command::new(self.program);
        (self.port)(&mut command, &port.to_string());
        let Ok(child) = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
            eprintln!("SKIPPED: {} is not installed (pip install 'moto[server]' ministack cbor2)", self.program);
            return None;
        };
        let server = Server(child);
        for _ in 0..150 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(server);
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        panic!("{} was started and does not listen", self.program);
    }

    fn run(&self, dir: &Path, url: &str, args: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orchestrator"));
        command.args(args).args(self.layers).args(["--env", "other", "--endpoint-url", url, "--config", "."]);
        let output = command.current_dir(dir).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{} {args:?}: {out}{err}", self.program);
        out.into_owned()
    }

    /// What a plan would do, of which nothing may be anything but what the emulator lost.
    fn only_losses(&self, plan: &str) {
        let plan: serde_json::Value = serde_json::from_str(plan.lines().next().unwrap()).unwrap();
        let steps = plan["plan"]["steps"].as_object().unwrap();
        for (id, step) in steps.iter().filter(|(_, step)| step["verb"] != "keep" && step["verb"] != "delete") {
            let fields = step["changes"].as_array().unwrap().iter().filter_map(|change| change["field"].as_str());
            for field in fields {
                let lost = |(kind, lost): &&(&str, &str)| step["kind"] == *kind && field.starts_with(lost);
                assert!(self.loses.iter().any(|it| lost(&it)), "{}: {id} {field}: {step}", self.program);
            }
        }
    }

    fn lives(&self) {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let Some(_server) = self.start(port) else { return };
        let (url, dir) = (format!("http://127.0.0.1:{port}"), tempfile::tempdir().unwrap());
        let ledger = self.ledger.map(|ledger| format!("ledger = \"{ledger}\"\n")).unwrap_or_default();
        std::fs::write(dir.path().join("base.toml"), format!("stack = \"shop\"\nregion = \"eu-north-1\"\n{ledger}")).unwrap();
        std::fs::write(dir.path().join("other.toml"), SETTINGS).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        if self.ledger.is_some() {
            runtime.block_on(bucket(&url));
        }
        self.run(dir.path(), &url, &["deploy", "--yes"]);
        assert_ne!(runtime.block_on(left(&url, self.layers.is_empty())), Vec::<String>::new());
        self.only_losses(&self.run(dir.path(), &url, &["plan", "--format", "json"]));
        self.run(dir.path(), &url, &["destroy", "--yes", "--allow-destroy", "all"]);
        assert_eq!(runtime.block_on(left(&url, self.layers.is_empty())), Vec::<String>::new(), "{}", self.program);
        assert_eq!(dir.path().join(".orchestrator/other/ledger").exists(), self.ledger.is_none());
    }
}

/// The bucket of the ledger. In the first region it needs no word about where it is.
async fn bucket(url: &str) {
    let first = Connection { region: "us-east-1".into(), endpoint_url: Some(url.to_owned()), speed: 1.0, ..Connection::default() };
    Aws::connect(&first).await.s3.create_bucket().bucket("shop-ledger").send().await.unwrap();
}

async fn connect(url: &str) -> Aws {
    let endpoint_url = Some(url.to_owned());
    Aws::connect(&Connection { region: "eu-north-1".into(), endpoint_url, speed: 1.0, ..Connection::default() }).await
}

/// What of ours is there, by the emulator's own words.
async fn left(url: &str, whole: bool) -> Vec<String> {
    let aws = connect(url).await;
    let ours = || aws::ec2::filter("tag:orchestrator:stack", ["shop".to_owned()]);
    let mut left = Vec::new();
    let vpcs = aws.ec2.describe_vpcs().filters(ours()).send().await.unwrap();
    left.extend(vpcs.vpcs().iter().filter_map(|it| it.vpc_id().map(str::to_owned)));
    let groups = aws.ec2.describe_security_groups().filters(ours()).send().await.unwrap();
    left.extend(groups.security_groups().iter().filter_map(|it| it.group_id().map(str::to_owned)));
    let addresses = aws.ec2.describe_addresses().filters(ours()).send().await.unwrap();
    left.extend(addresses.addresses().iter().filter_map(|it| it.allocation_id().map(str::to_owned)));
    let parameters = aws.ssm.describe_parameters().send().await.unwrap();
    left.extend(parameters.parameters().iter().filter_map(|it| it.name().map(str::to_owned)).filter(|name| name.starts_with("/shop/")));
    if whole {
        let databases = aws.rds.describe_db_instances().send().await.unwrap();
        left.extend(databases.db_instances().iter().filter_map(|it| it.db_instance_identifier().map(str::to_owned)));
        let balancers = aws.elb.describe_load_balancers().send().await.unwrap();
        left.extend(balancers.load_balancers().iter().filter_map(|it| it.load_balancer_arn().map(str::to_owned)));
        let logs = aws.logs.describe_log_groups().log_group_name_prefix("/ecs/shop-").send().await.unwrap();
        left.extend(logs.log_groups().iter().filter_map(|it| it.log_group_name().map(str::to_owned)));
        let roles = aws.iam.list_roles().send().await.unwrap();
        left.extend(roles.roles().iter().map(|it| it.role_name().to_owned()).filter(|name| name.starts_with("shop-")));
        let alarms = aws.alarms.describe_alarms().send().await.unwrap();
        left.extend(alarms.metric_alarms().iter().filter_map(|it| it.alarm_name().map(str::to_owned)));
    }
    left
}

#[test]
fn on_moto() {
    MOTO.lives();
}

#[test]
fn on_ministack() {
    MINISTACK.lives();
}
