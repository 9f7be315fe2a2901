//! What a binary brings: its layers, and how they are declared.

mod logs;
mod release;
mod secrets;
mod session;

pub use logs::{Exported, Exporting, LogsOf, Reading};
pub use release::{Release, Released, Releasing};
pub use secrets::{Changing, Finishing, Looking, NewValue, Part, SecretChanged, SecretState, SecretVersion};
pub use session::{Login, Session, Way};

use crate::config::Settings;
use crate::problem::Problem;
use engine::handle::Handle;
use engine::ledger::{Folded, Guard, LocalStore, Store};
use engine::log::Queried;
use engine::{Graph, Kinds, LayerName, Sign};
use secrecy::SecretString;
use serde_json::Value;
use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

/// What is asked of [`App::declare`].
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// The env's settings.
    pub settings: &'a Settings,
    /// Another end than AWS.
    pub endpoint_url: Option<&'a str>,
    /// The layers to declare; none of them for a destroy.
    pub layers: &'a [LayerName],
    /// What the ledgers remember, for the outputs of layers that are not declared.
    pub memory: &'a BTreeMap<LayerName, Folded>,
    /// The run's right to change something, for the connection to ask; the default one where nothing is changed.
    pub guard: &'a Guard,
}

/// A declaration with the drivers that carry it out.
pub struct Declared {
    /// The resources.
    pub graph: Graph,
    /// The drivers, also of kinds that are not declared any more.
    pub kinds: Kinds,
    /// The layers' outputs.
    pub doors: BTreeMap<LayerName, BTreeMap<&'static str, Handle<Value>>>,
    /// What is worth a line before anything is done.
    pub warnings: Vec<String>,
    /// When the credentials end; `None` when they do not.
    pub expires: Option<SystemTime>,
}

/// What a layer's own binary says of a command that needs several layers.
fn only(command: &str) -> Problem {
    Problem::Config(format!("`{command}` is part of `orchestrator`"))
}

/// A binary.
pub trait App: Send + Sync + 'static {
    /// The layers that it knows, in lock order.
    fn layers(&self) -> Vec<LayerName>;

    /// The same binary for a command that looks at many environments at once and changes nothing: those that lead to the same end
    /// (see [`Settings::end`]) share a connection and what AWS answered.
    #[must_use]
    fn together(&self) -> Self
    where
        Self: Sized;

    /// Connects and declares the wanted layers.
    fn declare(&self, wanted: Wanted<'_>) -> impl Future<Output = Result<Declared, Problem>> + Send;

    /// Connects for a destroy: the drivers alone.
    fn kinds(&self, wanted: Wanted<'_>) -> impl Future<Output = Result<Kinds, Problem>> + Send;

    /// What a deploy of these layers would meet.
    fn preflight(&self, _wanted: Wanted<'_>) -> impl Future<Output = Result<Vec<Sign>, Problem>> + Send {
        std::future::ready(Ok(Vec::new()))
    }

    /// Whether the caller may do what a deploy of these layers needs.
    fn permissions(&self, _wanted: Wanted<'_>) -> impl Future<Output = Result<Vec<Sign>, Problem>> + Send {
        std::future::ready(Ok(Vec::new()))
    }

    /// How what these layers made is now.
    fn health(&self, _wanted: Wanted<'_>) -> impl Future<Output = Result<Vec<Sign>, Problem>> + Send {
        std::future::ready(Ok(Vec::new()))
    }

    /// Where the environment's ledgers are: a local directory unless the binary knows better.
    fn store(&self, settings: &Settings, _endpoint_url: Option<&str>) -> impl Future<Output = Result<Arc<dyn Store>, Problem>> + Send {
        let local: Arc<dyn Store> = Arc::new(LocalStore::new(settings.state.join("ledger")));
        std::future::ready(Ok(local))
    }

    /// Gives the service another image or an earlier revision.
    fn release(&self, _asked: Releasing<'_>) -> impl Future<Output = Result<Released, Problem>> + Send {
        std::future::ready(Err(Problem::Config("a release is made by `orchestrator`".into())))
    }

    /// Every declared secret, without its value.
    fn secrets(&self, _asked: Looking<'_>) -> impl Future<Output = Result<Vec<SecretState>, Problem>> + Send {
        std::future::ready(Err(only("secrets")))
    }

    /// The versions of a secret, without their values.
    fn secret_history(&self, _asked: Looking<'_>, _name: &str) -> impl Future<Output = Result<Vec<SecretVersion>, Problem>> + Send {
        std::future::ready(Err(only("secrets")))
    }

    /// The value of a secret and its version.
    fn reveal_secret(&self, _asked: Looking<'_>, _name: &str) -> impl Future<Output = Result<(SecretString, i64), Problem>> + Send {
        std::future::ready(Err(only("secrets")))
    }

    /// Gives a secret another value, and what reads it with it.
    fn change_secret(&self, _asked: Changing<'_>) -> impl Future<Output = Result<SecretChanged, Problem>> + Send {
        std::future::ready(Err(only("secrets")))
    }

    /// Finishes changes of secrets that an earlier run began, as far as the layers of this run reach.
    fn finish_secrets(&self, _asked: Finishing<'_>) -> impl Future<Output = Result<(), Problem>> + Send {
        std::future::ready(Ok(()))
    }

    /// Reads lines of logs.
    fn logs(&self, _asked: Reading<'_>) -> impl Future<Output = Result<(), Problem>> + Send {
        std::future::ready(Err(only("logs")))
    }

    /// Runs a saved query over logs.
    fn query_logs(&self, _of: LogsOf<'_>, _name: &str) -> impl Future<Output = Result<Queried, Problem>> + Send {
        std::future::ready(Err(only("logs")))
    }

    /// Writes logs into a bucket.
    fn export_logs(&self, _asked: Exporting<'_>) -> impl Future<Output = Result<Vec<Exported>, Problem>> + Send {
        std::future::ready(Err(only("logs")))
    }

    /// Opens a session.
    fn open_session(&self, _asked: Looking<'_>, _way: &Way) -> impl Future<Output = Result<Session, Problem>> + Send {
        std::future::ready(Err(only("exec, tunnel and connect")))
    }

    /// Closes a session.
    fn close_session(&self, _asked: Looking<'_>, _id: &str) -> impl Future<Output = Result<(), Problem>> + Send {
        std::future::ready(Err(only("exec, tunnel and connect")))
    }

    /// The port that the database listens on.
    fn database_port(&self, _asked: Looking<'_>) -> impl Future<Output = Result<u16, Problem>> + Send {
        std::future::ready(Err(only("tunnel")))
    }

    /// Where the database is, with its password.
    fn login(&self, _asked: Looking<'_>) -> impl Future<Output = Result<Login, Problem>> + Send {
        std::future::ready(Err(only("connect")))
    }

    /// Sets up what a shared ledger needs; what was done, a line each.
    fn init(&self, settings: &Settings, _endpoint_url: Option<&str>) -> impl Future<Output = Result<Vec<String>, Problem>> + Send {
        let env = settings.env.clone();
        std::future::ready(Err(Problem::Config(format!("`init` is part of `orchestrator`: run `orchestrator init --env {env}`"))))
    }

    /// Serves the embedded AWS until it is interrupted.
    fn emulator(&self, settings: &Settings, listen: SocketAddr) -> impl Future<Output = Result<(), Problem>> + Send;
}
