//! `dev` on MiniStack, with the application in containers: what was edited answers.
#![allow(clippy::disallowed_macros)]

use super::{Dev, Home, WATCHING, ended};
use integration_tests::docker::{self, containers, docker};
use integration_tests::load::{Answer, Site};
use integration_tests::process::{ROOT, command};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const IMAGES: [&str; 4] = ["python:3.13-slim", "postgres:16-alpine", "ministackorg/ministack:full", "shop/app:1.0"];
const FILES: [&str; 7] = ["app.py", "gunicorn.conf.py", "logs.py", "start.py", "requirements.txt", "Dockerfile", ".dockerignore"];

/// With Docker, and AWS's own pace: the emulator's is `dev`'s business.
fn with_docker(home: &Home, args: &[&str]) -> Command {
    let mut command = command(home.path(), args);
    command.env_remove("LOCALSTACK_AUTH_TOKEN");
    command
}

/// The site that a printed URL is of: every name below `localhost` is this machine.
fn site(text: &str) -> Site {
    let url = text.lines().find_map(|line| line.split_once("the application answers at http://")).map(|(_, url)| url.to_owned());
    let host = url.unwrap_or_else(|| panic!("no URL: {text}"));
    let (name, port) = host.split_once(':').unwrap();
    assert!(name.ends_with(".localhost"), "{host}");
    Site { address: ([127, 0, 0, 1], port.parse().unwrap()).into(), host: host.clone() }
}

async fn until(site: &Site, path: &str, good: impl Fn(&Answer) -> bool) -> Duration {
    let began = Instant::now();
    loop {
        let answer = site.get(path).await;
        if answer.good() && good(&answer) {
            return began.elapsed();
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{path}: {answer:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// What this test leaves behind, however it ends: containers and images.
struct Mine<'a>(&'a Home, Vec<String>);

impl Drop for Mine<'_> {
    fn drop(&mut self) {
        with_docker(self.0, &["dev", "reset"]).output().ok();
        for image in &self.1 {
            docker(&["rmi", "--force", image]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_application_is_edited_and_answers() {
    if docker::ready("processes::dev::ministack::the_application_is_edited_and_answers", &IMAGES).is_none() {
        return;
    }
    let (home, began) = (Home::new(), Instant::now());
    let mut mine = Mine(&home, Vec::new());
    home.write("envs/base.toml", "stack = \"devshop\"\nregion = \"eu-north-1\"\n");
    for name in FILES {
        std::fs::copy(Path::new(ROOT).join("examples/flask-app").join(name), home.path().join("app").join(name)).unwrap();
    }
    let mut dev = Dev::start(home.path(), with_docker(&home, &["dev", "--app", "app"]));
    let text = dev.until(WATCHING);
    assert!(text.contains("running on MiniStack at http://127.0.0.1:") && text.contains("no LOCALSTACK_AUTH_TOKEN"), "{text}");
    let (site, first) = (site(&text), image(&text));
    mine.1.push(first.clone());
    until(&site, "/readyz", |_| true).await;
    eprintln!("cold, with the images: the database answers after {:.1?}", began.elapsed());
    assert_eq!(version(&site.get("/healthz").await), tag(&first));
    assert_eq!(site.note("Milk", "first").await.status, Ok(201));

    let source = std::fs::read_to_string(home.path().join("app/app.py")).unwrap();
    let edited = source.replace("jsonify(status=\"ok\", version=version)", "jsonify(status=\"edited\", version=version)");
    assert_ne!(source, edited);
    home.write("app/app.py", &edited);
    let live = until(&site, "/healthz", |answer| answer.json()["status"] == "edited").await;
    eprintln!("an edit is live after {live:.1?}");
    let text = dev.until(WATCHING);
    let second = image(&text);
    mine.1.push(second.clone());
    assert!(text.contains("building ") && text.contains("the application has changed: releasing ") && !text.contains("Plan:"), "{text}");
    assert!(site.get("/notes").await.body.contains("Milk"), "the database is another one");

    // Ctrl-C leaves it running, and the next one finds it as it is.
    let (code, text) = dev.interrupted();
    assert!(code == Some(0) && text.contains("MiniStack stays at http://127.0.0.1:") && text.contains("dev stop"), "{text}");
    // MiniStack's load balancer asks a task that ends for a moment longer.
    until(&site, "/healthz", |answer| version(answer) == tag(&second)).await;
    let mut dev = Dev::start(home.path(), with_docker(&home, &["dev", "--app", "app"]));
    let text = dev.until(WATCHING);
    assert!(
        text.contains("the container of an earlier run is there") && text.contains("runs already") && !text.contains("building"),
        "{text}"
    );
    assert_eq!(dev.interrupted().0, Some(0));

    // Other commands find its ledger by its address; a world that is gone takes its ledger along.
    let url = format!("http://{}", site.address);
    let status = with_docker(&home, &["status", "--ledger", "--endpoint-url", &url]).output().unwrap();
    assert!(ended(&status, &["status"], 0).contains("deployed"));
    let ours =
        containers("orchestrator.dev", true).into_iter().find(|it| text.contains(&url) && docker_port(it).contains(&url[7..])).unwrap();
    let id = ours.split(' ').next().unwrap().to_owned();
    assert!(containers(&format!("ministack.instance={id}:4566"), true).len() >= 2);
    let reset = with_docker(&home, &["dev", "reset"]).output().unwrap();
    ended(&reset, &["reset"], 0);
    assert_eq!(containers(&format!("ministack.instance={id}:4566"), true), Vec::<String>::new(), "containers are left");
    assert!(docker(&["inspect", &id]).is_none() && !home.path().join(".orchestrator/local/dev").exists());
}

fn docker_port(container: &str) -> String {
    docker(&["port", container.split(' ').next().unwrap()]).unwrap_or_default()
}

/// The image that is released or deployed.
fn image(text: &str) -> String {
    let at = text.find("devshop-local-app:dev-").unwrap_or_else(|| panic!("no image: {text}"));
    text[at..].split(|c: char| c.is_whitespace() || c == '"').next().unwrap().to_owned()
}

fn tag(image: &str) -> Option<String> {
    image.split_once(':').map(|(_, tag)| tag.to_owned())
}

fn version(answer: &Answer) -> Option<String> {
    answer.json()["version"].as_str().map(str::to_owned)
}
