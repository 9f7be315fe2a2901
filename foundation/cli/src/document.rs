//! What programs read: one typed document per command, its schema in `docs/schema/`. A field may be added; one that is there keeps its
//! name and meaning, or the version goes up.

use engine::event::Event;
use engine::ledger::Holder;
use engine::plan::{Change, Plan};
use engine::{Address, LayerName};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The version of every document.
pub const VERSION: u32 = 1;

/// A document with its version, as it is written: on one line.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Versioned<T> {
    /// [`VERSION`].
    pub version: u32,
    /// The document.
    #[serde(flatten)]
    pub document: T,
}

/// Writes a document to stdout, on a line of its own.
pub(crate) fn write<T: Serialize>(document: T) {
    // Everything here has text for keys: it can be written.
    if let Ok(text) = serde_json::to_string(&Versioned { version: VERSION, document }) {
        crate::out::data(&(text + "\n"));
    }
}

/// What `plan` writes: the fact that a plan was made.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct PlanMade {
    /// Always `plan_made`.
    pub fact: String,
    /// The plan.
    pub plan: Plan,
}

/// What `status` writes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Status {
    /// The environment.
    pub env: String,
    /// Every layer.
    pub layers: Vec<LayerStatus>,
}

/// One layer.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LayerStatus {
    /// Which.
    pub layer: LayerName,
    /// `absent`, `unfinished`, `incomplete` or `deployed`.
    pub state: String,
    /// How many objects its ledger names.
    pub objects: usize,
    /// The last run that changed it.
    pub last_run: Option<LastRun>,
    /// Who works on it now.
    pub locked_by: Option<Holder>,
}

/// A run that has begun.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LastRun {
    /// Its id.
    pub run: String,
    /// The command.
    pub command: String,
    /// The person.
    pub who: String,
    /// When it began, or ended if it has.
    pub at: String,
    /// How it ended; `null` when it has not.
    pub ok: Option<bool>,
}

/// What `outputs` writes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Outputs {
    /// By `layer.name`.
    pub outputs: BTreeMap<String, Value>,
}

/// What `graph` writes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Graph {
    /// Every declared resource.
    pub resources: Vec<GraphNode>,
}

/// One declared resource.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct GraphNode {
    /// Where it is declared.
    pub address: Address,
    /// Its kind.
    pub kind: String,
    /// What it reads.
    pub reads: BTreeSet<Address>,
}

/// What `doctor` writes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Doctor {
    /// One for each thing that was looked at.
    pub checks: Vec<Check>,
}

/// One line of the report.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Check {
    /// Good or bad.
    pub level: Level,
    /// A sentence.
    pub message: String,
    /// The next step.
    pub hint: Option<String>,
}

/// Good or bad.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Worth a look.
    Warn,
    /// Wrong: the command fails.
    Fail,
}

impl Level {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Warn => "warn",
            Level::Fail => "fail",
        }
    }
}

/// What `adopt` writes before it asks.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Adopt {
    /// Who the object becomes.
    pub address: Address,
    /// Its kind.
    pub kind: String,
    /// Its id, as it was given.
    pub id: String,
    /// What the next deploy would change.
    pub changes: Vec<Change>,
}

/// What `unlock` writes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Unlock {
    /// The run whose locks were broken.
    pub run: String,
    /// On which layers.
    pub broken: Vec<LayerName>,
}

/// What `init` writes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Init {
    /// The environment.
    pub env: String,
    /// The files that were written; none when they were there.
    pub written: Vec<String>,
    /// What was done to the bucket of a shared ledger, a line each.
    pub ledger: Vec<String>,
}

/// What `ledger push` writes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Pushed {
    /// What was taken in, a line each.
    pub said: Vec<String>,
}

/// Every document's schema by the name of its file in `docs/schema/`.
pub fn schemas() -> BTreeMap<&'static str, String> {
    fn of<T: JsonSchema>() -> String {
        format!("{:#}\n", schemars::schema_for!(Versioned<T>).as_value())
    }
    BTreeMap::from([
        ("plan.json", of::<PlanMade>()),
        ("events.json", of::<Event>()),
        ("status.json", of::<Status>()),
        ("outputs.json", of::<Outputs>()),
        ("graph.json", of::<Graph>()),
        ("doctor.json", of::<Doctor>()),
        ("adopt.json", of::<Adopt>()),
        ("unlock.json", of::<Unlock>()),
        ("init.json", of::<Init>()),
        ("ledger.json", of::<Pushed>()),
    ])
}
