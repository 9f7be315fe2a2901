//! Memory, not truth: what was intended before each call, what came back, what each object read, and a history of runs.

mod fold;
mod guard;
mod local;
mod memory;
mod runs;
mod store;

pub use fold::{Ended, Folded, fold};
pub use guard::Guard;
pub use local::{LocalLedger, LocalStore};
pub use memory::MemoryLedger;
pub use runs::RunRecord;
pub use store::{Holder, Opened, Store};

use crate::fault::{Class, Fault};
use crate::layer::Door;
use crate::resource::Identity;
use crate::{Address, LayerName};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

/// The version of the entries. A newer one is refused.
pub const LEDGER_VERSION: u32 = 1;
/// For how long a run believes that a lock that is far away is still its own. Whoever breaks one waits as long.
pub const TRUST: Duration = Duration::from_secs(2);

/// How far an object has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowState {
    /// A create or change was about to be sent; its end is not known.
    Intended,
    /// It is there as written.
    Done,
    /// It was found by its tags, or taken over: what is written is what was seen, not what was applied.
    Found,
}

/// What is there is an output, also the empty one of a kind that gives nothing back: without this, `null` would read as none.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// What the ledger knows of one object.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Row {
    /// Who it is.
    pub who: Identity,
    /// Its kind.
    pub kind: String,
    /// How far it has come.
    pub state: RowState,
    /// The settings that were last applied (or intended).
    pub spec: Value,
    /// What it gave back; `None` until the create was answered.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub output: Option<Value>,
    /// The objects that it read.
    pub reads: BTreeSet<Address>,
    /// When its create was about to be sent, in seconds since 1970; a change does not move it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<f64>,
}

/// One entry of a layer's journal.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// A run began to work on this layer.
    RunStarted { run: String, command: String, who: String, at: String, tool: String },
    /// A create or change is about to be sent.
    Intent { row: Row },
    /// It was carried out (or the object was found as written).
    Done { row: Row },
    /// A delete is about to be sent.
    Deleting { address: Address, generation: u32 },
    /// It is gone.
    Gone { address: Address, generation: u32 },
    /// A task of several calls, which no row tells of, is under way: how far it has come. It takes the place of what was said of it before.
    Underway { task: String, state: Value },
    /// That task ended; what is worth remembering of it.
    Ended { task: String, outcome: Value },
    /// The layer's outputs.
    Outputs { doors: BTreeMap<String, Door> },
    /// A run ended.
    RunFinished { run: String, ok: bool, at: String, summary: String },
}

/// What can go wrong with a ledger.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Somebody else works on the layer.
    #[error("{layer} is locked by {holder}")]
    Locked {
        /// Which layer.
        layer: LayerName,
        /// Who holds it.
        holder: Box<Holder>,
    },
    /// The lock was broken or another run has written: this one may change nothing any more.
    #[error("this run may not change {layer} any more: {problem}")]
    Superseded {
        /// Which layer.
        layer: LayerName,
        /// How it is known.
        problem: String,
    },
    /// The file cannot be read or written.
    #[error("the ledger {path} cannot be {verb}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// `read`, `written`, `locked`.
        verb: &'static str,
        /// The reason.
        source: std::io::Error,
    },
    /// A shared store refuses or cannot be reached.
    #[error("the ledger {place} cannot be {verb}: {fault}{}", kept(rescue.as_ref()))]
    Remote {
        /// Which ledger.
        place: String,
        /// `read`, `written`, `locked`, `unlocked`.
        verb: &'static str,
        /// The reason, with its class, request id and next step.
        fault: Box<Fault>,
        /// Where what could not be written is kept; the next run takes it in.
        rescue: Option<PathBuf>,
    },
    /// An entry is damaged.
    #[error("entry {number} of the ledger {path} is damaged: {problem}")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// The line, from 1.
        number: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A newer version wrote it.
    #[error("the ledger {path} was written by a newer version (format {found}, this version knows {LEDGER_VERSION})")]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
}

fn kept(rescue: Option<&PathBuf>) -> String {
    let said = |path: &PathBuf| {
        let path = path.display();
        format!("; what could not be written is kept in {path}: the next run writes it, or `orchestrator ledger push`")
    };
    rescue.map(said).unwrap_or_default()
}

impl LedgerError {
    /// What a step fails with because of it. Nothing new may be started after it.
    pub fn fault(&self) -> Fault {
        let (class, code, hint) = match self {
            LedgerError::Superseded { .. } => (
                Class::Stale,
                Fault::SUPERSEDED,
                "nothing more was changed; look what the other run does with `status`, then run `plan` again",
            ),
            // The class of a place that is far away decides the exit code: denied is not out of reach.
            LedgerError::Remote { fault, .. } => {
                (fault.class, Fault::LEDGER, "nothing more was started; make the ledger writable and run the same command again")
            }
            _ => {
                let hint = "nothing more was started; make the ledger writable and run the same command again";
                (Class::Unavailable, Fault::LEDGER, hint)
            }
        };
        Fault { code: code.into(), ..Fault::new(class, self.to_string()) }.hint(hint)
    }
}

/// The journal of one layer, opened and locked by one run.
pub trait Ledger: Send + Sync {
    /// Which layer.
    fn layer(&self) -> LayerName;
    /// What the entries amount to.
    fn folded(&self) -> Folded;
    /// Lets `look` see what the entries amount to, without a copy where the ledger keeps it.
    fn look(&self, look: &mut dyn FnMut(&Folded)) {
        look(&self.folded());
    }
    /// Appends an entry and makes it durable before it returns.
    ///
    /// # Errors
    /// [`LedgerError::Io`] or [`LedgerError::Superseded`]; nothing may be called in AWS after it.
    fn append(&self, entry: Entry) -> BoxFuture<'_, Result<(), LedgerError>>;
    /// Whether this run may still change something: asked before a changing call when time has passed unnoticed.
    ///
    /// # Errors
    /// [`LedgerError::Superseded`] when the lock was broken.
    fn check(&self) -> BoxFuture<'_, Result<(), LedgerError>> {
        Box::pin(std::future::ready(Ok(())))
    }
    /// For how long an answer of [`Ledger::check`] is good.
    fn trust(&self) -> Duration {
        TRUST
    }
    /// Releases the lock. A lock of this process alone goes with the last handle, too.
    ///
    /// # Errors
    /// [`LedgerError`] when the lock cannot be released.
    fn close(&self) -> BoxFuture<'_, Result<(), LedgerError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

impl dyn Ledger + '_ {
    /// What is known of one generation of an address.
    pub fn row(&self, at: &Address, generation: u32) -> Option<Row> {
        self.read(at, generation, Row::clone)
    }

    /// What `read` takes of what is known of one generation of an address, without a copy of all of it.
    pub fn read<T>(&self, at: &Address, generation: u32, read: impl Fn(&Row) -> T) -> Option<T> {
        let (key, mut it) = ((at.clone(), generation), None);
        self.look(&mut |folded| it = folded.rows.get(&key).map(&read));
        it
    }

    /// The newest generation of an address.
    pub fn current(&self, at: &Address) -> Option<Row> {
        let mut row = None;
        self.look(&mut |folded| row = folded.current(at).cloned());
        row
    }
}
