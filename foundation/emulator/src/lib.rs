//! An AWS inside the process, for `--env local` and for tests: the operations that this tool calls, behaving as AWS documents.
//!
//! [`Emulator::connector`] plugs into the SDK without a socket; [`Emulator::serve`] offers the same world over HTTP.

pub mod call;
pub mod clock;
mod connect;
pub mod durations;
pub mod judge;
mod lag;
pub mod sent;
mod serve;
pub mod services;
mod store;
pub mod table;
pub mod weather;
pub mod wire;
pub mod world;

pub use call::AwsError;
pub use lag::Lag;
pub use world::World;

use bytes::Bytes;
use call::Call;
use lag::History;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use store::Store;
use weather::{Death, Fault, Weather};
use wire::{Parsed, Protocol};

/// How the embedded AWS behaves.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How much faster its time runs: 1 is AWS's own pace, 60 makes a minute a second.
    pub speed: f64,
    /// Where its ids come from: the same seed and the same calls give the same ids.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options { speed: 60.0, seed: 1 }
    }
}

/// One call that was served.
#[derive(Clone, Debug, PartialEq)]
pub struct CallRecord {
    /// The service, for example `ec2`.
    pub service: String,
    /// The operation, for example `CreateVpc`.
    pub action: String,
    /// Whether it may change something.
    pub changing: bool,
    /// AWS's error code, if it was refused.
    pub error: Option<String>,
}

/// Why a world on disk cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be read or written.
    #[error("the embedded AWS cannot use {path}: {source}")]
    Io {
        /// Which file.
        path: std::path::PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The file is not a world.
    #[error("{path} does not hold a world of the embedded AWS: {problem}; move it away to start from an empty account")]
    Damaged {
        /// Which file.
        path: std::path::PathBuf,
        /// What is wrong.
        problem: String,
    },
}

/// One call with what was answered, for judges that read answers with other eyes.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The call.
    pub call: CallRecord,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The body of the answer.
    pub body: Bytes,
}

struct Inner {
    world: World,
    exchanges: Option<Vec<Exchange>>,
    store: Option<Store>,
    calls: Vec<CallRecord>,
    weather: Weather,
    death: Option<Death>,
    history: Option<History>,
}

/// The embedded AWS: one account with its regions. Clones share it.
#[derive(Clone)]
pub struct Emulator {
    inner: Arc<Mutex<Inner>>,
}

impl std::fmt::Debug for Emulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Emulator")
    }
}

impl Emulator {
    /// An empty account that lives as long as the process.
    pub fn in_memory(options: Options) -> Emulator {
        Emulator::with(World::new(options.speed, options.seed), None)
    }

    /// The account that is kept in `dir`; an empty one when there is none yet.
    ///
    /// # Errors
    /// [`OpenError`] when the directory cannot be used or holds something else.
    pub fn open(dir: &Path, options: Options) -> Result<Emulator, OpenError> {
        let store = Store::at(dir)?;
        let mut world = store.load()?.unwrap_or_else(|| World::new(options.speed, options.seed));
        world.clock.restart(options.speed);
        Ok(Emulator::with(world, Some(store)))
    }

    fn with(world: World, store: Option<Store>) -> Emulator {
        Emulator {
            inner: Arc::new(Mutex::new(Inner {
                world,
                exchanges: None,
                store,
                calls: Vec::new(),
                weather: Weather::default(),
                death: None,
                history: None,
            })),
        }
    }

    /// Answers one HTTP request as AWS would; `None` when the weather took the connection away. In silent weather it never returns, and
    /// a truncated answer has a `content-length` that is longer than its body.
    pub async fn handle(&self, request: http::Request<Bytes>) -> Option<http::Response<Bytes>> {
        let parsed = match wire::parse(&request) {
            Ok(parsed) => parsed,
            Err((protocol, error)) => return Some(self.refuse(protocol, &error)),
        };
        match self.weather_for(&parsed.call) {
            Some(Fault::ResetBefore) => None,
            Some(Fault::CommittedThenLost) => {
                self.serve_one(&parsed);
                None
            }
            Some(Fault::TruncatedBody) => weather::truncated(self.serve_one(&parsed)),
            Some(Fault::Silence) => std::future::pending().await,
            Some(fault) => {
                let error = weather::error(fault, &parsed.call.service);
                let error = error.unwrap_or_else(|| AwsError::new(500, "InternalFailure", "this fault has no answer"));
                Some(self.refuse(parsed.protocol, &error))
            }
            None => match self.death_at(&parsed.call) {
                Some(death) => Some(death.or(|| self.serve_one(&parsed)).await),
                None => Some(self.serve_one(&parsed)),
            },
        }
    }

    /// The death of the client that waits at this call, if it is one that changes something.
    fn death_at(&self, call: &Call) -> Option<Death> {
        let death = self.inner.lock().unwrap_or_else(PoisonError::into_inner).death.clone()?;
        services::is_changing(&call.action).then_some(death)
    }

    /// Lets the client die at one of its events; `None` for a client that lives.
    pub fn death(&self, death: Option<Death>) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).death = death;
    }

    fn serve_one(&self, parsed: &Parsed) -> http::Response<Bytes> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let inner = &mut *inner;
        let request_id = inner.world.ids.request_id();
        if let Some(error) = judge::refusal(&parsed.call) {
            return wire::render_error(parsed.protocol, &error, &request_id);
        }
        // Another process may have used the same directory since our last request.
        let held = inner.store.as_mut().map(|store| store.enter(&mut inner.world));
        let changing = services::is_changing(&parsed.call.action);
        if let Some(history) = &mut inner.history {
            history.keep(&inner.world);
        }
        inner.world.advance();
        let result = match &mut inner.history {
            Some(history) if changing => match history.refuses(&inner.world, &parsed.call) {
                Some(refused) => Err(refused),
                None => services::dispatch(&mut inner.world, &parsed.call),
            },
            Some(history) => services::dispatch(history.view().unwrap_or(&mut inner.world), &parsed.call),
            None => services::dispatch(&mut inner.world, &parsed.call),
        };
        if let Some(store) = inner.store.as_mut() {
            let saved = if changing { store.save(&inner.world) } else { Ok(()) };
            drop(held);
            if let Err(error) = saved {
                let error = AwsError::new(500, "InternalError", error.to_string());
                return wire::render_error(parsed.protocol, &error, &request_id);
            }
        }
        let record = CallRecord {
            service: parsed.call.service.clone(),
            action: parsed.call.action.clone(),
            changing,
            error: result.as_ref().err().map(|error| error.code.clone()),
        };
        let answer = match result {
            Ok(body) => wire::render(parsed, &body, &request_id),
            Err(error) => wire::render_error(parsed.protocol, &error, &request_id),
        };
        if let Some(exchanges) = &mut inner.exchanges {
            exchanges.push(Exchange { call: record.clone(), status: answer.status().as_u16(), body: answer.body().clone() });
        }
        inner.calls.push(record);
        answer
    }

    /// What the weather does to a call. One that it takes away is recorded with what happened to it.
    fn weather_for(&self, call: &Call) -> Option<Fault> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = inner.weather.next(call)?;
        if !fault.commits() {
            let error = weather::error(fault, &call.service).map_or_else(|| fault.name().to_owned(), |error| error.code);
            let (service, action, changing) = (call.service.clone(), call.action.clone(), services::is_changing(&call.action));
            inner.calls.push(CallRecord { service, action, changing, error: Some(error) });
        }
        Some(fault)
    }

    fn refuse(&self, protocol: Protocol, error: &AwsError) -> http::Response<Bytes> {
        let request_id = self.inner.lock().unwrap_or_else(PoisonError::into_inner).world.ids.request_id();
        wire::render_error(protocol, error, &request_id)
    }

    /// Lets reads be behind writes from now on; `None` for reads that see everything.
    pub fn lag(&self, lag: Option<Lag>) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.history = lag.map(|lag| History::new(lag, &inner.world));
    }

    /// Scripts the faults of the next calls.
    pub fn weather(&self, weather: Weather) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).weather = weather;
    }

    /// Every call since the start or the last [`Emulator::clear_calls`].
    pub fn calls(&self) -> Vec<CallRecord> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).calls.clone()
    }

    /// Keeps every answer from now on; [`Emulator::exchanges`] gives them.
    pub fn keep_exchanges(&self) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).exchanges = Some(Vec::new());
    }

    /// The calls and answers since [`Emulator::keep_exchanges`].
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).exchanges.clone().unwrap_or_default()
    }

    /// Forgets the calls so far.
    pub fn clear_calls(&self) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).calls.clear();
    }

    /// Looks into the world, or changes it behind the tool's back. A test's tool.
    pub fn with_world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.world.advance();
        look(&mut inner.world)
    }

    /// The ids of all living objects that carry the tag.
    pub fn tagged(&self, key: &str, value: &str) -> Vec<String> {
        self.with_world(|world| world.tagged(key, value))
    }
}
