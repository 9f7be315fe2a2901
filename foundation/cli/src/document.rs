//! What programs read: one typed document per command, its schema in `docs/schema/`. A field may be added; one that is there keeps its
//! name and meaning, or the version goes up.

use crate::app::{Exported, SecretState, SecretVersion};
use engine::drift::Drifted;
use engine::event::Event;
use engine::ledger::{Holder, RunRecord};
use engine::plan::{Change, Plan};
use engine::{Address, LayerName, Sign};
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
    /// Whether nothing failed.
    pub healthy: bool,
    /// Every layer.
    pub layers: Vec<LayerStatus>,
    /// How what they made is now.
    pub signs: Vec<Sign>,
}

/// What `status --all` writes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Statuses {
    /// Whether every environment could be read and nothing failed in any.
    pub healthy: bool,
    /// Every environment that could be read, by name.
    pub environments: Vec<Status>,
    /// Why the others could not, by name.
    pub unread: BTreeMap<String, String>,
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
    /// How many objects others changed; `null` when AWS was not asked.
    pub drift: Option<usize>,
    /// How many objects a deploy would change because the settings did.
    pub pending: Option<usize>,
    /// Layers whose outputs this one reads and which did not end well since.
    pub stale_inputs: Vec<LayerName>,
    /// The last run that changed it.
    pub last_run: Option<RunRecord>,
    /// Who works on it now.
    pub locked_by: Option<Holder>,
}

/// What `drift` writes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Drift {
    /// The environment.
    pub env: String,
    /// Every object that is not as it was left.
    pub drift: Vec<Drifted>,
}

/// What `history` writes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct History {
    /// The environment.
    pub env: String,
    /// The newest first.
    pub runs: Vec<PastRun>,
}

/// One run over one or more layers.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
pub struct PastRun {
    /// Its id.
    pub run: String,
    /// The command.
    pub command: String,
    /// The person.
    pub who: String,
    /// When it began, RFC 3339.
    pub at: String,
    /// How long it took; `null` for a run that did not say that it ended.
    pub seconds: Option<f64>,
    /// How it ended; `null` when it did not.
    pub ok: Option<bool>,
    /// How it ended, in its own words.
    pub summary: String,
    /// Over which layers.
    pub layers: Vec<LayerName>,
    /// How many creates it began.
    pub created: usize,
    /// How many changes it began.
    pub changed: usize,
    /// How many deletes it began.
    pub deleted: usize,
    /// The first objects that it touched.
    pub touched: Vec<Address>,
}

/// What `dev` writes between the documents of `deploy`, `release` and `logs`.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Dev {
    /// The environment.
    pub env: String,
    /// `running`, `failed` (it goes on watching) or `ended`.
    pub state: String,
    /// `localstack`, `ministack`, `embedded`, or `endpoint`: one that others run.
    pub emulator: String,
    /// Where the emulator listens; `null` for the embedded AWS.
    pub endpoint: Option<String>,
    /// The emulator's container, if `dev` started one.
    pub container: Option<String>,
    /// The image that was made of the application's directory and runs.
    pub image: Option<String>,
    /// Where the application answers.
    pub url: Option<String>,
    /// Why the last deploy or release failed.
    pub error: Option<String>,
}

/// What `secrets list` writes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Secrets {
    /// The environment.
    pub env: String,
    /// Every secret, without its value.
    pub secrets: Vec<SecretState>,
}

/// What `secrets history` writes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SecretVersions {
    /// The environment.
    pub env: String,
    /// Which secret.
    pub name: String,
    /// Its versions, without their values.
    pub versions: Vec<SecretVersion>,
}

/// What `secrets reveal` writes: the only document with a value.
#[derive(Serialize, JsonSchema)]
pub struct Revealed {
    /// The environment.
    pub env: String,
    /// Which secret.
    pub name: String,
    /// Which version of it.
    pub secret_version: i64,
    /// Its value.
    pub value: String,
}

/// What `logs` writes, for each line.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LogLine {
    /// When it was written, RFC 3339.
    pub time: String,
    /// Its log group.
    pub group: String,
    /// Its stream in the group.
    pub stream: String,
    /// What was written.
    pub message: String,
    /// AWS's id of it.
    pub id: String,
}

/// What `logs query` writes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LogQuery {
    /// The environment.
    pub env: String,
    /// The query's name.
    pub name: String,
    /// The query as it was run.
    pub query: String,
    /// Its rows, by field.
    pub rows: Vec<BTreeMap<String, String>>,
    /// How many lines passed its filters.
    pub matched: f64,
    /// How many lines were read.
    pub scanned: f64,
}

/// What `logs export` writes.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LogExports {
    /// The environment.
    pub env: String,
    /// Every export.
    pub exports: Vec<Exported>,
}

/// What `tunnel` writes as soon as it listens.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Tunnel {
    /// Where it listens.
    pub host: String,
    /// The port there.
    pub port: u16,
    /// What it goes through, in words.
    pub through: String,
    /// The session's id.
    pub session: String,
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
    pub checks: Vec<Sign>,
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
        ("statuses.json", of::<Statuses>()),
        ("dev.json", of::<Dev>()),
        ("secrets.json", of::<Secrets>()),
        ("secret_versions.json", of::<SecretVersions>()),
        ("reveal.json", of::<Revealed>()),
        ("drift.json", of::<Drift>()),
        ("history.json", of::<History>()),
        ("logs.json", of::<LogLine>()),
        ("log_query.json", of::<LogQuery>()),
        ("log_exports.json", of::<LogExports>()),
        ("tunnel.json", of::<Tunnel>()),
        ("outputs.json", of::<Outputs>()),
        ("graph.json", of::<Graph>()),
        ("doctor.json", of::<Doctor>()),
        ("adopt.json", of::<Adopt>()),
        ("unlock.json", of::<Unlock>()),
        ("init.json", of::<Init>()),
        ("ledger.json", of::<Pushed>()),
    ])
}
