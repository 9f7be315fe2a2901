//! Each layer with its own binary, in order, over HTTP against the embedded AWS of another process; then back in reverse.

use integration_tests::process::{ROOT, binaries};
use std::path::Path;
use std::process::{Command, Output};

const LAYERS: [&str; 7] = ["network", "secrets", "observability", "database", "edge", "compute", "bastion"];

struct Shop {
    url: String,
    dir: tempfile::TempDir,
    ledger: Option<&'static str>,
}

impl Shop {
    fn run(&self, binary: &str, args: &[&str]) -> Output {
        let mut command = Command::new(binaries().join(binary));
        let envs = Path::new(ROOT).join("envs");
        command.args(args).args(["--env", "reference", "--endpoint-url", &self.url, "--config"]).arg(envs);
        // The emulator's time runs fast: the pauses between two looks follow it.
        command.env("ORCHESTRATOR_EMBEDDED", "true").env("ORCHESTRATOR_SPEED", "600");
        command.env("ORCHESTRATOR_BASTION__PUBLIC_KEY_FILE", Path::new(ROOT).join("envs/bastion.pub"));
        command.envs(self.ledger.map(|ledger| ("ORCHESTRATOR_LEDGER", ledger)));
        command.current_dir(self.dir.path()).output().unwrap()
    }

    fn must(&self, binary: &str, args: &[&str]) -> String {
        let output = self.run(binary, args);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{binary} {args:?}: {said}");
        said
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_layer_deploys_alone_and_goes_again() {
    let emulator = integration_tests::account(600.0, 5);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(emulator.clone().serve(listener));
    let shop = Shop { url, dir: tempfile::tempdir().unwrap(), ledger: None };
    let walk = move || {
        let early = shop.run("compute", &["plan"]);
        assert_eq!(early.status.code(), Some(5));
        let said = String::from_utf8_lossy(&early.stderr).into_owned();
        assert!(said.contains("compute needs the outputs of network") && said.contains("deploy --layer network"), "{said}");
        for layer in LAYERS {
            shop.must(layer, &["deploy", "--yes"]);
            shop.must(layer, &["plan", "--detailed-exitcode"]);
        }
        // The whole tool finds nothing to do: the parts make the same stack.
        shop.must("orchestrator", &["plan", "--detailed-exitcode"]);
        let used = shop.run("network", &["destroy", "--yes", "--allow-destroy", "all"]);
        assert_eq!(used.status.code(), Some(5), "{}", String::from_utf8_lossy(&used.stdout));
        for layer in LAYERS.into_iter().rev() {
            shop.must(layer, &["destroy", "--yes", "--allow-destroy", "all"]);
        }
    };
    tokio::task::spawn_blocking(walk).await.unwrap();
    assert_eq!(emulator.tagged("orchestrator:stack", "shop"), Vec::<String>::new());
    server.abort();
}

/// Two teams on two machines: what one deploys, the other reads from the bucket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn teams_share_their_ledgers_in_a_bucket() {
    let emulator = integration_tests::account(600.0, 5);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(emulator.clone().serve(listener));
    let machine = |url: &str| {
        let ledger = Some("s3://shop-ledger/teams");
        Shop { url: url.to_owned(), dir: tempfile::tempdir().unwrap(), ledger }
    };
    let walk = move || {
        let (blue, green) = (machine(&url), machine(&url));
        let missing = blue.run("network", &["deploy", "--yes"]);
        assert!(String::from_utf8_lossy(&missing.stderr).contains("orchestrator init --env reference"));
        assert_eq!(blue.run("network", &["init"]).status.code(), Some(3), "the bucket is the whole tool's to make");
        blue.must("orchestrator", &["init"]);
        blue.must("network", &["deploy", "--yes"]);
        green.must("secrets", &["deploy", "--yes"]);
        green.must("observability", &["deploy", "--yes"]);
        assert!(green.must("network", &["plan", "--detailed-exitcode"]).contains("No changes:"));
        let layers = ["network", "secrets", "observability"];
        let args: Vec<&str> = layers.iter().flat_map(|layer| ["--layer", layer]).chain(["--yes", "--allow-destroy", "all"]).collect();
        blue.must("orchestrator", &[&["destroy"], args.as_slice()].concat());
    };
    tokio::task::spawn_blocking(walk).await.unwrap();
    assert_eq!(emulator.tagged("orchestrator:stack", "shop"), Vec::<String>::new());
    server.abort();
}

#[test]
fn without_an_endpoint_a_layer_says_where_the_embedded_aws_is() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(binaries().join("network"));
    let command = command.args(["plan", "--env", "local", "--config"]).arg(Path::new(ROOT).join("envs"));
    let output = command.current_dir(dir.path()).env_remove("AWS_ENDPOINT_URL").output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("orchestrator emulator"));
}
