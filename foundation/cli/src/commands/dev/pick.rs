//! Which emulator: what is named, else what is there.

use super::container::{self, Container, Place};
use super::docker;
use crate::args::{DevArgs, Emulator};
use crate::config::Settings;
use crate::out::note;
use crate::problem::Problem;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Where the stack is going to run.
#[derive(Clone, Debug)]
pub(super) enum World {
    /// An emulator that somebody else runs.
    Endpoint(String),
    /// A container of ours.
    Container(Container),
    /// The AWS inside this process.
    Embedded,
}

impl World {
    /// How people call it.
    pub(super) fn name(&self) -> String {
        match self {
            World::Endpoint(url) => url.clone(),
            World::Container(it) => format!("{} at {}", brand(it.emulator), it.url),
            World::Embedded => brand(Emulator::Embedded).to_owned(),
        }
    }

    /// How programs call it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            World::Endpoint(_) => "endpoint",
            World::Container(it) => it.emulator.as_str(),
            World::Embedded => Emulator::Embedded.as_str(),
        }
    }

    pub(super) fn endpoint(&self) -> Option<&str> {
        match self {
            World::Endpoint(url) | World::Container(Container { url, .. }) => Some(url),
            World::Embedded => None,
        }
    }

    /// What becomes of it when this process ends, and how it is ended.
    pub(super) fn stays(&self, env: &str) -> String {
        match self {
            World::Endpoint(url) => format!("the emulator at {url} stays as it is, with what was deployed to it"),
            World::Container(it) => format!(
                "{} stays at {}, with what was deployed to it: `dev` continues there, other commands reach it with --endpoint-url {}, \
                 `dev stop --env {env}` ends it",
                brand(it.emulator),
                it.url,
                it.url
            ),
            World::Embedded => {
                format!(
                    "the embedded AWS stays as it is in .orchestrator/{env}: every command finds it, `dev reset --env {env}` empties it"
                )
            }
        }
    }

    /// What the emulator cannot do, as settings above all others, and as a sentence.
    pub(super) fn limits(&self) -> (&'static str, &'static str) {
        match self {
            World::Container(Container { emulator: Emulator::MiniStack, .. }) => (
                MINISTACK,
                "MiniStack has no autoscaling, no hosts to get into the database by, one minor of PostgreSQL 16: the settings about them \
                 do not count here",
            ),
            World::Container(_) => (PATIENT, ""),
            World::Endpoint(_) | World::Embedded => ("", ""),
        }
    }
}

/// Containers take their own time: waits are shorter than in AWS, and not sixty times.
const PATIENT: &str = "speed = 10.0";
/// See `integration-tests/COVERAGE.md` for what it cannot.
const MINISTACK: &str = "speed = 10.0\n[observability]\nqueries = {}\n[database]\nengine_version = \"16.4\"\nstorage_type = \"gp2\"\n\
    [compute.autoscaling]\nenabled = false\n[bastion]\nenabled = false";

pub(super) fn brand(emulator: Emulator) -> &'static str {
    match emulator {
        Emulator::LocalStack => "LocalStack",
        Emulator::MiniStack => "MiniStack",
        Emulator::Embedded => "the embedded AWS",
    }
}

/// How long an endpoint may take to take a connection.
const KNOCK: Duration = Duration::from_secs(3);

/// Picks and, where it is a container, starts it. Says what and why in one line.
pub(super) async fn pick(how: &DevArgs, endpoint: Option<&str>, settings: &Settings) -> Result<World, Problem> {
    if let (Some(url), None) = (endpoint, how.emulator) {
        knock(url).await?;
        said(url, "--endpoint-url or AWS_ENDPOINT_URL names it");
        return Ok(World::Endpoint(url.trim_end_matches('/').to_owned()));
    }
    let (emulator, why) = match how.emulator {
        Some(emulator) => (emulator, "--emulator names it"),
        None => there(settings).await,
    };
    match emulator {
        Emulator::Embedded => {
            said(brand(emulator), why);
            Ok(World::Embedded)
        }
        _ => container(emulator, why, settings).await.map(World::Container),
    }
}

fn said(what: &str, why: &str) {
    note!("running on {what}: {why}");
}

/// Nobody named one.
async fn there(settings: &Settings) -> (Emulator, &'static str) {
    if !docker::is_here().await {
        return (Emulator::Embedded, "no Docker answers on this machine");
    }
    if let Some(found) = Place::of(settings).found().await {
        return (found.emulator, "the container of an earlier run is there");
    }
    let token = std::env::var("LOCALSTACK_AUTH_TOKEN").is_ok_and(|token| !token.is_empty());
    let (emulator, why) = match token {
        true => (Emulator::LocalStack, "Docker is here, and LOCALSTACK_AUTH_TOKEN"),
        false => (Emulator::MiniStack, "Docker is here, and no LOCALSTACK_AUTH_TOKEN"),
    };
    match container::pull(emulator).await {
        Ok(()) => (emulator, why),
        Err(problem) => {
            note!("{problem}");
            (Emulator::Embedded, "the image of the other one cannot be had")
        }
    }
}

async fn container(emulator: Emulator, why: &str, settings: &Settings) -> Result<Container, Problem> {
    if !docker::is_here().await {
        let hint = "start it, or take --emulator embedded, which needs none";
        return Err(Problem::Stopped(format!("{} needs Docker, and none answers on this machine\nhint: {hint}", brand(emulator))));
    }
    let (place, region) = (Place::of(settings), &settings.top.region);
    if let Some(found) = place.found().await {
        if found.emulator == emulator && found.region == *region {
            said(&format!("{} at {}", brand(emulator), found.url), why);
            return Ok(found);
        }
        let (brand, env) = (brand(found.emulator), &settings.env);
        let problem = format!("the container of an earlier run is {brand} in {}", found.region);
        return Err(Problem::Stopped(format!("{problem}\nhint: `dev stop --env {env}` ends it")));
    }
    container::pull(emulator).await?;
    note!("starting {}", container::image(emulator));
    let container = place.start(emulator, region).await?;
    said(&format!("{} at {}", brand(emulator), container.url), why);
    Ok(container)
}

/// Whether somebody is at home.
async fn knock(url: &str) -> Result<(), Problem> {
    let nobody = |why: String| Problem::Stopped(format!("nothing answers at {url}: {why}\nhint: --emulator starts one"));
    let (rest, usual) = match (url.strip_prefix("http://"), url.strip_prefix("https://")) {
        (Some(rest), _) => (rest, 80),
        (_, Some(rest)) => (rest, 443),
        _ => return Err(Problem::Config(format!("{url}: not an endpoint (http://host:port)"))),
    };
    let host = rest.split('/').next().unwrap_or_default();
    let host =
        if host.rsplit(':').next().is_some_and(|port| port.parse::<u16>().is_ok()) { host.to_owned() } else { format!("{host}:{usual}") };
    match timeout(KNOCK, TcpStream::connect(host)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(nobody(error.to_string())),
        Err(_) => Err(nobody("it takes no connection".into())),
    }
}
