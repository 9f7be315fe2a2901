//! The Docker engine of this machine, for suites whose tasks and databases are containers; without one they say `skipped: no Docker`.
#![allow(clippy::disallowed_methods, clippy::disallowed_macros)]

use crate::process::ROOT;
use aws::Aws;
use std::future::Future;
use std::net::SocketAddr;
use std::process::Command;
use testcontainers::core::{IntoContainerPort, Mount, WaitFor};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerRequest, GenericImage, ImageExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

/// The version of the engine's API that bollard, and so testcontainers, asks for. It does not negotiate as `docker` does, and an engine
/// refuses what is newer than itself (`client version 1.53 is too new`): every one before Docker 29.3, so each of Debian 12 and 13.
const SPOKEN: (u32, u32) = (1, 53);
const SOCKET: &str = "/var/run/docker.sock";

/// How `dev` starts MiniStack.
const MENDED: &str = include_str!("../../foundation/cli/src/commands/dev/ministack.py");

/// What `docker` says to these arguments; None when it fails.
pub fn docker(args: &[&str]) -> Option<String> {
    let output = Command::new("docker").args(args).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The version of the engine's API, with these images of `images/build.sh`; None, said by the whole `name` of the test, without an engine.
///
/// # Panics
/// When the images cannot be had.
pub fn ready(name: &str, images: &[&str]) -> Option<String> {
    let Some(api) = docker(&["version", "--format", "{{.Server.APIVersion}}"]) else {
        crate::process::skipped(&format!("no Docker: {name}"));
        return None;
    };
    if !images.is_empty() {
        let built = Command::new(format!("{ROOT}/integration-tests/images/build.sh")).args(images).status();
        assert!(built.is_ok_and(|status| status.success()), "the images cannot be had");
    }
    Some(api)
}

/// Runs a suite that needs an engine and these images of `images/build.sh`; `name` is the whole name of the test.
///
/// # Panics
/// When the suite does, or the images cannot be had.
pub fn suite<F: Future<Output = ()>>(name: &str, images: &[&str], run: impl FnOnce() -> F) {
    let Some(api) = ready(name, images) else { return };
    let api = api.split_once('.').and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    let older = api.filter(|api| *api < SPOKEN && std::env::var_os("DOCKER_HOST").is_none());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    match older {
        Some(api) => runtime.block_on(again(name, api)),
        None => runtime.block_on(run()),
    }
}

/// The same test in a process of its own, whose `DOCKER_HOST` is a relay that asks for the version that the engine has.
async fn again(name: &str, api: (u32, u32)) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("tcp://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(relay(client, api));
        }
    });
    let mut test = Command::new(std::env::current_exe().unwrap());
    test.args([name, "--exact", "--nocapture"]).env("DOCKER_HOST", host);
    let output = tokio::task::spawn_blocking(move || test.output().unwrap()).await.unwrap();
    let said = crate::process::said(&output);
    eprint!("{said}");
    assert!(output.status.success() && said.contains("1 passed"), "{name} failed in a process of its own");
}

/// One connection to the engine. Both versions have as many characters, so that no length changes; a request's head comes in one piece.
async fn relay(client: TcpStream, api: (u32, u32)) -> std::io::Result<()> {
    let version = |(major, minor): (u32, u32)| format!(" /v{major}.{minor}/").into_bytes();
    let (spoken, has) = (version(SPOKEN), version(api));
    assert_eq!(spoken.len(), has.len());
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_engine, mut to_engine) = UnixStream::connect(SOCKET).await?.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_engine, &mut to_client).await });
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let read = from_client.read(&mut bytes).await?;
        if read == 0 {
            return to_engine.shutdown().await;
        }
        while let Some(at) = bytes[..read].windows(spoken.len()).position(|window| window == spoken) {
            bytes[at..at + has.len()].copy_from_slice(&has);
        }
        to_engine.write_all(&bytes[..read]).await?;
    }
}

/// The containers with this label, ended ones as well if `all`: their ids and what they are of.
pub fn containers(label: &str, all: bool) -> Vec<String> {
    let which: &[&str] = if all { &["ps", "--all"] } else { &["ps"] };
    let listed = docker(&[which, &["--filter", &format!("label={label}"), "--format", "{{.ID}} {{.Image}}"]].concat());
    listed.unwrap_or_default().lines().map(str::to_owned).collect()
}

/// The last LocalStack that starts without a token.
pub const LOCALSTACK: &str = "localstack/localstack:4.14.0";

/// LocalStack's image: `LOCALSTACK_IMAGE`, or [`LOCALSTACK`].
pub fn localstack() -> String {
    std::env::var("LOCALSTACK_IMAGE").unwrap_or_else(|_| LOCALSTACK.to_owned())
}

/// The token without which LocalStack has no containers, databases and load balancers.
pub fn token() -> Option<String> {
    std::env::var("LOCALSTACK_AUTH_TOKEN").ok().filter(|token| !token.is_empty())
}

/// An emulator in a container: what it starts goes with it, however the suite ends.
pub struct Cloud {
    container: testcontainers::ContainerAsync<GenericImage>,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where calls go that shall be judged.
    pub url: String,
}

impl Cloud {
    /// MiniStack, which runs tasks and databases as containers. `region` is its own: its load balancers listen in no other.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn ministack(region: &str) -> Cloud {
        let image = GenericImage::new("ministackorg/ministack", "full").with_wait_for(WaitFor::message_on_either_std("Running on http"));
        let image = image.with_exposed_port(4566.tcp()).with_entrypoint("python");
        let request = image.with_cmd(["-c", MENDED]).with_env_var("MINISTACK_REGION", region);
        let request = request.with_env_var("RDS_BASE_PORT", crate::process::free_port().to_string());
        Cloud::start(request.with_mount(Mount::bind_mount(SOCKET, SOCKET))).await
    }

    /// LocalStack, with its token if there is one.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn localstack() -> Cloud {
        let image = localstack();
        let (name, tag) = image.rsplit_once(':').unwrap_or((&image, "latest"));
        let image = GenericImage::new(name, tag).with_wait_for(WaitFor::message_on_either_std("Ready."));
        let request = ContainerRequest::from(image.with_exposed_port(4566.tcp()));
        Cloud::start(match token() {
            Some(token) => request.with_env_var("LOCALSTACK_AUTH_TOKEN", token),
            None => request,
        })
        .await
    }

    async fn start(request: ContainerRequest<GenericImage>) -> Cloud {
        let container = request.start().await.unwrap();
        let port = container.get_host_port_ipv4(4566).await.unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        Cloud { container, address, url: crate::gate::judged(&address.to_string()).await }
    }

    /// A client of it.
    pub async fn connect(&self, region: &str) -> Aws {
        crate::client(&self.url, region).await
    }

    /// Its containers that run: tasks and databases.
    pub fn running(&self) -> Vec<String> {
        self.containers(false)
    }

    fn containers(&self, all: bool) -> Vec<String> {
        containers(&format!("ministack.instance={}:4566", &self.container.id()[..12]), all)
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        for started in self.containers(true) {
            let id = started.split(' ').next().unwrap_or_default();
            docker(&["rm", "--force", "--volumes", id]);
        }
    }
}
