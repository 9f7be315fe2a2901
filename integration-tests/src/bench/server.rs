//! One embedded AWS in a process of its own, to which every request is a while on its way; it counts what comes.

use super::canon::canon;
use crate::gate;
use bytes::Bytes;
use emulator::{Emulator, Options};
use http_body_util::Full;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Its states change at once: only calls take time.
const INSTANT: f64 = 1e6;
/// Asked for by nobody but the benchmark: what came in, and what is there.
const METER: &str = "/_bench/meter";
const WORLD: &str = "/_bench/world";
/// So many environments in the place of the one that is there.
const POPULATE: &str = "/_bench/populate/";

/// What came in since it was last asked for.
#[derive(Default)]
struct Meter {
    calls: BTreeMap<String, usize>,
    bytes: usize,
}

/// Serves an empty account until the process is killed; says where on the first line.
///
/// # Panics
/// When it cannot listen.
pub async fn serve(latency: Duration) {
    let (emulator, meter) = (Emulator::in_memory(Options { speed: INSTANT, seed: 1 }), Arc::new(Mutex::new(Meter::default())));
    let (url, server) = gate::listen(move |request| answer(emulator.clone(), meter.clone(), latency, request)).await;
    crate::told!("{url}");
    server.await.unwrap();
}

async fn answer(
    emulator: Emulator,
    meter: Arc<Mutex<Meter>>,
    latency: Duration,
    request: http::Request<Bytes>,
) -> Result<http::Response<Full<Bytes>>, std::io::Error> {
    if request.uri().path() == METER {
        let read = std::mem::take(&mut *meter.lock().unwrap());
        let told = json!({"calls": read.calls, "bytes": read.bytes});
        return Ok(http::Response::new(Full::new(told.to_string().into())));
    }
    if request.uri().path() == WORLD {
        let world = emulator.with_world(|world| canon(&serde_json::to_value(&*world).unwrap()));
        return Ok(http::Response::new(Full::new(world.to_string().into())));
    }
    if let Some(count) = request.uri().path().strip_prefix(POPULATE) {
        emulator.with_world(|world| crate::fleet::populate(world, count.parse().unwrap()));
        return Ok(http::Response::new(Full::new("null".into())));
    }
    let call = emulator::wire::parse(&request).map_or_else(|_| "?".to_owned(), |it| format!("{}:{}", it.call.service, it.call.action));
    tokio::time::sleep(latency).await;
    let sent = request.body().len();
    let answer = emulator.handle(request).await.ok_or_else(gate::closed)?;
    let mut meter = meter.lock().unwrap();
    *meter.calls.entry(call).or_default() += 1;
    meter.bytes += sent + answer.body().len();
    Ok(answer.map(Full::new))
}

/// Such a process; it ends with its handle.
pub(super) struct Server {
    child: Child,
    pub(super) url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Server {
    /// Starts one: this program itself, with `--serve`.
    pub(super) fn start(latency: Duration) -> Server {
        use std::io::{BufRead, BufReader};
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--serve", &latency.as_millis().to_string()]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Server { child, url: url.trim().to_owned() }
    }

    /// What came in since it was last asked: `calls` by operation, `bytes`.
    pub(super) async fn meter(&self) -> Value {
        self.get(METER).await
    }

    /// Puts so many environments in the place of the one that is there.
    pub(super) async fn populate(&self, count: usize) {
        self.get(&format!("{POPULATE}{count}")).await;
    }

    /// Its world in the canonical form.
    pub(super) async fn world(&self) -> Value {
        self.get(WORLD).await
    }

    async fn get(&self, path: &str) -> Value {
        let at = self.url.trim_start_matches("http://");
        let request = http::Request::get(path).header("host", at).body(Bytes::new()).unwrap();
        let answer = gate::forward(at, request).await.unwrap();
        serde_json::from_slice(answer.body()).unwrap()
    }
}
