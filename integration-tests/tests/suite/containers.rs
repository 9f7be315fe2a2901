//! The real binary against an emulator that runs what is deployed: a request through the load balancer reaches the Flask application in its
//! container, which reads from PostgreSQL in another.
//!
//! | MiniStack 1.5.33 cannot | so |
//! | --- | --- |
//! | give a task a SecureString decrypted (`services/ecs.py`, `_resolve_container_secrets`) | `ministack.py` of the command `dev` |
//! | leave the modes of a task definition out that nobody has set (`services/ecs.py`, `_register_task_definition`) | the same |
//! | change the password of its PostgreSQL without psycopg2: it logs an error and answers as if it had | its image `full` |
//! | give the database an address that tasks reach when it runs as a process of the host | it runs in a container |
//! | let a load balancer answer in another region than its own (`services/alb.py`, `find_lb_for_host`) | `MINISTACK_REGION` |
//! | wait for a health check: a target gets requests as soon as its container runs | the application listens first: `start.py` |
//! | `readonlyRootFilesystem`, volumes, `stopTimeout` (5 s), the container's health check | `.ci/app` runs the image read-only |
//! | take away the container of a task that failed: it has ended and stays | what runs is counted |
//! | carry a session: `ExecuteCommand` and `StartSession` give addresses at which nobody is | `exec`, `tunnel`, `connect`: suite `sessions` |
//! | what `COVERAGE.md` lists | no `plan` is asked for here |

mod localstack;

use integration_tests::coverage::MINISTACK;
use integration_tests::docker::{self, Cloud, docker};
use integration_tests::load::{Answer, Load, Site};
use integration_tests::process::{binary, command, said};
use std::time::{Duration, Instant};

const REGION: &str = "eu-north-1";
const IMAGES: [&str; 5] = ["python:3.13-slim", "postgres:16-alpine", "ministackorg/ministack:full", "shop/app:1.0", "shop/app:2.0"];
const BASE: &str = "stack = \"shop\"\nregion = \"eu-north-1\"\n";
/// The image that is deployed first, and what lets everything be deleted.
const SETTINGS: &str =
    "protect = false\ndatabase.deletion_protection = false\nedge.deletion_protection = false\ncompute.image = \"shop/app:1.0\"\n";
/// Requests a second.
const RATE: u32 = 50;
/// How long users come before, between and after what is done to the application.
const QUIET: Duration = Duration::from_secs(3);
/// Logs in as the application does, with another password than its own.
const LOGIN: &str = "import os, psycopg; e = os.environ; psycopg.connect(host=e['DATABASE_HOST'], port=e['DATABASE_PORT'], \
    dbname=e['DATABASE_NAME'], user=e['DATABASE_USER'], password=e['TRIED'], sslmode='require').close()";

/// A stack in an emulator.
struct Shop {
    cloud: Cloud,
    dir: tempfile::TempDir,
}

impl Shop {
    fn new(cloud: Cloud, settings: &str) -> Shop {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("base.toml"), BASE).unwrap();
        std::fs::write(dir.path().join("real.toml"), settings).unwrap();
        Shop { cloud, dir }
    }

    /// The binary's words when it ends well; users go on coming meanwhile.
    async fn must(&self, args: &[&str]) -> String {
        self.run(args, 0).await
    }

    /// The binary's words; it must end with this code.
    async fn run(&self, args: &[&str], code: i32) -> String {
        let mut command = command(self.dir.path(), args);
        command.args(["--env", "real", "--config", ".", "--endpoint-url", &self.cloud.url]);
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", said(&output));
        said(&output)
    }

    /// The containers of this image: their ids.
    fn running(&self, image: &str) -> Vec<String> {
        let started = self.cloud.running();
        started.iter().filter_map(|it| it.split_once(' ')).filter(|(_, of)| *of == image).map(|(id, _)| id.to_owned()).collect()
    }

    /// What the tasks of this image have as the database's password.
    fn password(&self, image: &str) -> String {
        let task = &self.running(image)[0];
        docker(&["exec", task, "printenv", "DATABASE_PASSWORD"]).unwrap()
    }

    fn logs_in(&self, password: &str) -> bool {
        let task = &self.running("shop/app:2.0")[0];
        docker(&["exec", "--env", &format!("TRIED={password}"), task, "python", "-c", LOGIN]).is_some()
    }
}

fn all_are_good(answers: &[Answer], within: Duration) {
    let bad: Vec<&Answer> = answers.iter().filter(|answer| !answer.good()).collect();
    let mut took: Vec<Duration> = answers.iter().map(|answer| answer.took).collect();
    took.sort();
    let (half, most) = (took[took.len() / 2], took[took.len() * 99 / 100]);
    integration_tests::told!(
        "{} requests in {within:.1?}, {} failed; half within {half:.0?}, 99 % within {most:.0?}",
        answers.len(),
        bad.len()
    );
    assert!(bad.is_empty(), "{} failed, the first: {:#?}", bad.len(), &bad[..bad.len().min(5)]);
    let expected = within.as_secs_f64() * f64::from(RATE);
    assert!((answers.len() as f64) > expected * 0.95, "no steady load: {} of {expected:.0}", answers.len());
}

/// Whether `logs` shows the application's line of this request.
async fn logged(shop: &Shop, request: &str) -> bool {
    let lines = shop.must(&["logs", "--filter", &format!("\"{request}\"")]).await;
    lines.lines().count() == 1 && lines.contains("\"status\": 201")
}

/// An image that does not stay up: the rollout says why, and what ran before still runs.
async fn fails_and_says_why(shop: &Shop, site: &Site) {
    let began = Instant::now();
    let told = shop.run(&["release", "--image", "postgres:16-alpine"], 1).await;
    for words in ["do not stay up", "the last task ended: Essential container", "app exited with 2", "POSTGRES_PASSWORD"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    integration_tests::told!("a release that fails said why after {:.1?}", began.elapsed());
    assert_eq!(site.get("/healthz").await.version().as_deref(), Some("1.0"));
}

#[test]
fn a_request_reaches_the_database_and_nothing_fails_while_the_application_changes() {
    let name = "containers::a_request_reaches_the_database_and_nothing_fails_while_the_application_changes";
    docker::suite(name, &IMAGES, life);
}

async fn life() {
    binary();
    let (shop, began) = (Shop::new(Cloud::ministack(REGION).await, &format!("{MINISTACK}{SETTINGS}")), Instant::now());
    let told = shop.must(&["deploy", "--yes"]).await;
    let host = told.lines().find_map(|line| line.strip_prefix("edge.url = \"http://")).map(|host| host.trim_end_matches('"').to_owned());
    let site = Site { address: shop.cloud.address, host: host.unwrap_or_else(|| panic!("no URL: {told}")) };
    assert_eq!(site.until("/readyz", |_| true).await.json()["status"], "ok");
    integration_tests::told!("deployed, and the database answers, in {:.1?}", began.elapsed());
    assert_eq!(site.get("/healthz").await.version().as_deref(), Some("1.0"));
    let note = site.note("Milk", "the-first-note").await;
    assert_eq!(note.status, Ok(201), "{note:?}");
    assert_eq!(site.get("/notes").await.json()["notes"][0], note.json());
    assert!(logged(&shop, "the-first-note").await, "no line of the application in its log group");
    fails_and_says_why(&shop, &site).await;

    let (before, load, began) = (shop.password("shop/app:1.0"), Load::begin(&site, RATE), Instant::now());
    tokio::time::sleep(QUIET).await;
    shop.must(&["release", "--image", "shop/app:2.0"]).await;
    tokio::time::sleep(QUIET).await;
    assert_eq!(site.get("/healthz").await.version().as_deref(), Some("2.0"));
    let told = shop.must(&["secrets", "rotate", "database"]).await;
    assert!(told.contains("in SSM and in the database"), "{told}");
    tokio::time::sleep(QUIET).await;
    let within = began.elapsed();
    let answers = load.end().await;
    all_are_good(&answers, within);
    for image in ["1.0", "2.0"] {
        assert!(answers.iter().any(|answer| answer.version().as_deref() == Some(image)), "nobody met {image}");
    }
    let after = shop.password("shop/app:2.0");
    assert!(before != after && shop.logs_in(&after) && !shop.logs_in(&before), "the password is not another one");
    assert!(shop.running("shop/app:1.0").is_empty() && shop.running("shop/app:2.0").len() == 2);
    let written = answers.iter().filter(|answer| answer.what == "POST /notes").map(|answer| answer.json()["id"].as_i64().unwrap()).max();
    assert_eq!(site.get("/notes").await.json()["notes"][0]["id"].as_i64(), written, "a note was lost");

    shop.must(&["destroy", "--yes", "--allow-destroy", "all"]).await;
    assert_eq!(shop.cloud.running(), Vec::<String>::new(), "containers are left");
    assert!(!site.get("/readyz").await.good());
}
