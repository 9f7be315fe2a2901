//! `dev` on MiniStack, with the application in containers: what was edited answers.
#![allow(clippy::disallowed_methods)]

use super::{Dev, Home, WATCHING, ended};
use integration_tests::docker::{self, containers, docker};
use integration_tests::gate;
use integration_tests::load::Site;
use integration_tests::process::{ROOT, command, free_port};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

const IMAGES: [&str; 4] = ["python:3.13-slim", "postgres:16-alpine", "ministackorg/ministack:full", "shop/app:1.0"];
const FILES: [&str; 7] = ["app.py", "gunicorn.conf.py", "logs.py", "start.py", "requirements.txt", "Dockerfile", ".dockerignore"];

/// Stands in for `docker`: the emulator is published where a gate forwards to, and `dev` is told the gate's address.
const DOCKER: &str = r#"#!/bin/sh
[ "$1" = port ] && { "$REAL" "$@" >/dev/null && echo "$GATE"; exit; }
for word; do
    shift
    [ "$word" = 127.0.0.1::4566 ] && word=127.0.0.1:$PUBLISHED:4566
    set -- "$@" "$word"
done
exec "$REAL" "$@"
"#;

/// Docker with a gate before the emulator, which judges what `dev` sends.
struct Judged {
    path: String,
    real: String,
    port: u16,
    gate: String,
}

impl Judged {
    async fn new(home: &Home) -> Judged {
        let (bin, port, path) = (home.path().join("bin"), free_port(), std::env::var("PATH").unwrap());
        let real = std::env::split_paths(&path).map(|dir| dir.join("docker")).find(|it| it.is_file()).unwrap().display().to_string();
        std::fs::create_dir(&bin).unwrap();
        home.write("bin/docker", DOCKER);
        std::fs::set_permissions(bin.join("docker"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let gate = gate::judged(&format!("127.0.0.1:{port}")).await.replace("http://", "");
        Judged { path: format!("{}:{path}", bin.display()), real, port, gate }
    }

    /// With Docker, and AWS's own pace: the emulator's is `dev`'s business.
    fn command(&self, home: &Home, args: &[&str]) -> Command {
        let mut command = command(home.path(), args);
        command.env_remove("LOCALSTACK_AUTH_TOKEN");
        command.env("PATH", &self.path).env("REAL", &self.real).env("GATE", &self.gate).env("PUBLISHED", self.port.to_string());
        command
    }
}

/// The site that a printed URL is of: every name below `localhost` is this machine.
fn site(text: &str) -> Site {
    let url = text.lines().find_map(|line| line.split_once("the application answers at http://")).map(|(_, url)| url.to_owned());
    let host = url.unwrap_or_else(|| panic!("no URL: {text}"));
    let (name, port) = host.split_once(':').unwrap();
    assert!(name.ends_with(".localhost"), "{host}");
    Site { address: ([127, 0, 0, 1], port.parse().unwrap()).into(), host: host.clone() }
}

/// What this test leaves behind, however it ends: containers and images.
struct Mine<'a>(&'a Home, &'a Judged, Vec<String>);

impl Drop for Mine<'_> {
    fn drop(&mut self) {
        self.1.command(self.0, &["dev", "reset"]).output().ok();
        for image in &self.2 {
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
    // Another project's database is there already; whoever has the port, it is taken.
    let _taken = std::net::TcpListener::bind(("0.0.0.0", 15432));
    let judged = Judged::new(&home).await;
    let mut mine = Mine(&home, &judged, Vec::new());
    home.write("envs/base.toml", "stack = \"devshop\"\nregion = \"eu-north-1\"\n");
    for name in FILES {
        std::fs::copy(Path::new(ROOT).join("examples/flask-app").join(name), home.path().join("app").join(name)).unwrap();
    }
    let mut dev = Dev::start(home.path(), judged.command(&home, &["dev", "--app", "app"]));
    let text = dev.until(WATCHING);
    assert!(text.contains("running on MiniStack at http://127.0.0.1:") && text.contains("no LOCALSTACK_AUTH_TOKEN"), "{text}");
    let (site, first) = (site(&text), image(&text));
    mine.2.push(first.clone());
    site.until("/readyz", |_| true).await;
    integration_tests::told!("cold, with the images: the database answers after {:.1?}", began.elapsed());
    assert_eq!(site.get("/healthz").await.version(), tag(&first));
    assert_eq!(site.note("Milk", "first").await.status, Ok(201));

    let source = std::fs::read_to_string(home.path().join("app/app.py")).unwrap();
    let edited = source.replace("jsonify(status=\"ok\", version=version)", "jsonify(status=\"edited\", version=version)");
    assert_ne!(source, edited);
    home.write("app/app.py", &edited);
    let began = Instant::now();
    site.until("/healthz", |answer| answer.json()["status"] == "edited").await;
    let live = began.elapsed();
    integration_tests::told!("an edit is live after {live:.1?}");
    let text = dev.until(WATCHING);
    let second = image(&text);
    mine.2.push(second.clone());
    assert!(text.contains("building ") && text.contains("the application has changed: releasing ") && !text.contains("Plan:"), "{text}");
    assert!(site.get("/notes").await.body.contains("Milk"), "the database is another one");

    // Ctrl-C leaves it running, and the next one finds it as it is.
    let (code, text) = dev.interrupted();
    assert!(code == Some(0) && text.contains("MiniStack stays at http://127.0.0.1:") && text.contains("dev stop"), "{text}");
    // MiniStack's load balancer asks a task that ends for a moment longer.
    site.until("/healthz", |answer| answer.version() == tag(&second)).await;
    let mut dev = Dev::start(home.path(), judged.command(&home, &["dev", "--app", "app"]));
    let text = dev.until(WATCHING);
    assert!(
        text.contains("the container of an earlier run is there") && text.contains("runs already") && !text.contains("building"),
        "{text}"
    );
    assert_eq!(dev.interrupted().0, Some(0));

    // Other commands find its ledger by its address; a world that is gone takes its ledger along.
    let url = format!("http://{}", site.address);
    let status = judged.command(&home, &["status", "--ledger", "--endpoint-url", &url]).output().unwrap();
    assert!(ended(&status, &["status"], 0).contains("deployed"));
    let ours = containers("orchestrator.dev", true).into_iter().find(|it| docker_port(it).ends_with(&format!(":{}", judged.port))).unwrap();
    let id = ours.split(' ').next().unwrap().to_owned();
    assert!(containers(&format!("ministack.instance={id}:4566"), true).len() >= 2);
    let reset = judged.command(&home, &["dev", "reset"]).output().unwrap();
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
