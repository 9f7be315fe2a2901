//! The emulator's container: one for each stack, environment and directory, kept between runs. Its world lives as long as it does, and so
//! does the ledger: it is kept under the container's id, and never meets another world.

use super::docker::{docker, must};
use crate::args::Emulator;
use crate::config::Settings;
use crate::out::note;
use crate::problem::Problem;
use engine::plan::digest;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// The label by which it is found again, and those that say what it is.
const LABEL: &str = "orchestrator.dev";
const BRAND: &str = "orchestrator.dev.emulator";
const REGION: &str = "orchestrator.dev.region";
/// The label that MiniStack gives what it starts: who it is, and its port.
const CHILD: &str = "ministack.instance";
/// Where every emulator listens in its container.
const PORT: u16 = 4566;
/// MiniStack and LocalStack both answer here when they are ready.
const HEALTH: &str = "/_localstack/health";
const READY_WITHIN: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(200);
const SOCKET: &str = "/var/run/docker.sock:/var/run/docker.sock";
/// Started instead of MiniStack's own beginning.
const MENDED: &str = include_str!("ministack.py");
/// The file beside the ledger that says where the container listens.
const ENDPOINT: &str = "endpoint";

/// A container that runs.
#[derive(Clone, Debug)]
pub(super) struct Container {
    pub id: String,
    pub emulator: Emulator,
    pub region: String,
    /// Where it listens: `http://127.0.0.1:32768`.
    pub url: String,
}

/// What is in every container of a stack, environment and directory.
pub(super) struct Place {
    name: String,
    /// `.orchestrator/<env>/dev`: a directory for each container.
    dir: PathBuf,
}

impl Place {
    pub(super) fn of(settings: &Settings) -> Place {
        // Another directory has another ledger: it does not know this container's world.
        let here = std::env::current_dir().unwrap_or_default().join(&settings.state).display().to_string();
        let (stack, env, digest) = (&settings.top.stack, &settings.env, &digest(&[&here])[..8]);
        Place { name: format!("orchestrator-{stack}-{env}-{digest}"), dir: settings.state.join("dev") }
    }

    /// Where the ledger of a container's world is kept.
    pub(super) fn state(&self, container: &Container) -> PathBuf {
        self.dir.join(&container.id)
    }

    /// The container of an earlier run, if it still runs.
    pub(super) async fn found(&self) -> Option<Container> {
        let form = format!("{{{{.ID}}}} {{{{.Label \"{BRAND}\"}}}} {{{{.Label \"{REGION}\"}}}}");
        let listed = docker(&["ps", "--filter", &format!("label={LABEL}={}", self.name), "--format", &form]).await.ok()?;
        let words: Vec<&str> = listed.lines().next()?.split(' ').collect();
        let [id, brand, region] = words.as_slice() else { return None };
        let emulator = [Emulator::LocalStack, Emulator::MiniStack].into_iter().find(|it| it.as_str() == *brand)?;
        Some(Container { id: (*id).to_owned(), emulator, region: (*region).to_owned(), url: url(id).await.ok()? })
    }

    /// Starts one and waits until it answers.
    pub(super) async fn start(&self, emulator: Emulator, region: &str) -> Result<Container, Problem> {
        // One that has ended, by itself or with the machine, has lost its world.
        self.remove().await?;
        let (image, labels) = (image(emulator), [(LABEL, self.name.as_str()), (BRAND, emulator.as_str()), (REGION, region)]);
        let mut args: Vec<String> = ["run", "--detach", "--name", &self.name, "--volume", SOCKET].map(str::to_owned).to_vec();
        args.extend(["--publish".to_owned(), format!("127.0.0.1::{PORT}")]);
        args.extend(labels.iter().flat_map(|(name, value)| ["--label".to_owned(), format!("{name}={value}")]));
        args.extend(match emulator {
            // Its load balancers answer in its own region alone.
            Emulator::MiniStack => {
                let (region, ports) = (format!("MINISTACK_REGION={region}"), format!("RDS_BASE_PORT={}", free_port()?));
                ["--env", &region, "--env", &ports, "--entrypoint", "python", &image, "-c", MENDED].map(str::to_owned).to_vec()
            }
            // The value is taken from this process: arguments can be read by everybody.
            _ => ["--env", "LOCALSTACK_AUTH_TOKEN", &image].map(str::to_owned).to_vec(),
        });
        let id: String = must(&args).await?.lines().last().unwrap_or_default().chars().take(12).collect();
        let container = Container { url: url(&id).await?, id, emulator, region: region.to_owned() };
        self.ready(&container).await?;
        self.remember(&container)?;
        Ok(container)
    }

    async fn ready(&self, container: &Container) -> Result<(), Problem> {
        let began = Instant::now();
        while !answers(&container.url, HEALTH).await {
            let running = docker(&["inspect", "--format", "{{.State.Running}}", &container.id]).await;
            if running.as_deref() != Ok("true") || began.elapsed() > READY_WITHIN {
                let said = docker(&["logs", "--tail", "10", &container.id]).await.unwrap_or_else(|why| why);
                self.remove().await?;
                return Err(Problem::Io(format!("{} does not start:\n{said}", image(container.emulator))));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    fn remember(&self, container: &Container) -> Result<(), Problem> {
        let dir = self.state(container);
        let written = std::fs::create_dir_all(&dir).and_then(|()| std::fs::write(dir.join(ENDPOINT), &container.url));
        written.map_err(|error| Problem::Io(format!("{} cannot be written: {error}", dir.display())))
    }

    /// Takes the containers away, what they started first, and forgets their worlds; how many containers there were.
    pub(super) async fn remove(&self) -> Result<usize, Problem> {
        let all = ["ps", "--all", "--quiet", "--filter"];
        let ours = must(&[&all[..], &[&format!("label={LABEL}={}", self.name)]].concat()).await?;
        let mut removed = 0;
        for id in ours.lines() {
            // Stopped first: what it is about to start would not be found.
            docker(&["stop", "--time", "10", id]).await.ok();
            let started = must(&[&all[..], &[&format!("label={CHILD}={id}:{PORT}")]].concat()).await?;
            for id in started.lines().chain([id]) {
                must(&["rm", "--force", "--volumes", id]).await?;
                removed += 1;
            }
        }
        forget(&self.dir)?;
        Ok(removed)
    }
}

/// Removes a directory or a file that may be missing.
pub(super) fn forget(dir: &Path) -> Result<(), Problem> {
    match if dir.is_file() { std::fs::remove_file(dir) } else { std::fs::remove_dir_all(dir) } {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Problem::Io(format!("{} cannot be removed: {error}", dir.display())))
        }
        _ => Ok(()),
    }
}

/// The ledger of the container that listens at `endpoint`, for every other command.
pub(in super::super) fn home(settings: &mut Settings, endpoint: Option<&str>) {
    let Some(endpoint) = endpoint else { return };
    let dirs = std::fs::read_dir(settings.state.join("dev")).into_iter().flatten().flatten().map(|entry| entry.path());
    let told = |dir: &PathBuf| std::fs::read_to_string(dir.join(ENDPOINT)).is_ok_and(|it| it == endpoint.trim_end_matches('/'));
    if let Some(dir) = dirs.into_iter().find(told) {
        settings.state = dir;
    }
}

/// The image of an emulator: `MINISTACK_IMAGE`, `LOCALSTACK_IMAGE`, or its own.
pub(super) fn image(emulator: Emulator) -> String {
    let (variable, own) = match emulator {
        // With a PostgreSQL client: it changes passwords.
        Emulator::MiniStack => ("MINISTACK_IMAGE", "ministackorg/ministack:full"),
        _ => ("LOCALSTACK_IMAGE", "localstack/localstack:latest"),
    };
    std::env::var(variable).ok().filter(|name| !name.is_empty()).unwrap_or_else(|| own.to_owned())
}

/// Gets the image of an emulator, unless it is here.
pub(super) async fn pull(emulator: Emulator) -> Result<(), Problem> {
    let image = image(emulator);
    if docker(&["image", "inspect", &image]).await.is_ok() {
        return Ok(());
    }
    note!("pulling {image}");
    docker(&["pull", "--quiet", &image]).await.map(drop).map_err(|why| Problem::Io(format!("{image} cannot be pulled: {why}")))
}

/// A port that nobody listens on: MiniStack publishes its databases from 15432 on, whoever has that, and another project's `dev` does.
fn free_port() -> Result<u16, Problem> {
    let free = TcpListener::bind(("0.0.0.0", 0)).and_then(|listener| listener.local_addr());
    free.map(|at| at.port()).map_err(|error| Problem::Io(format!("no port is free for the database: {error}")))
}

/// Where it listens on this machine.
async fn url(id: &str) -> Result<String, Problem> {
    let told = must(&["port", id, &PORT.to_string()]).await?;
    Ok(format!("http://{}", told.lines().next().unwrap_or_default().trim()))
}

/// Whether this is answered with 200.
pub(super) async fn answers(url: &str, path: &str) -> bool {
    let Some(at) = url.strip_prefix("http://") else { return false };
    let asked = async {
        let mut stream = TcpStream::connect(at).await?;
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n").as_bytes()).await?;
        let mut head = [0; 12];
        stream.read_exact(&mut head).await?;
        Ok::<_, std::io::Error>(head.ends_with(b" 200"))
    };
    matches!(timeout(Duration::from_secs(5), asked).await, Ok(Ok(true)))
}
