//! Many environments in one account: a stack that was deployed once, written down anew under other names and other ids, as if each had been
//! deployed by itself. A hundred deploys would take longer than all other suites.

use crate::kept::Kept;
use crate::script::Script;
use aws::{Aws, Connection, Together};
use cli::app::{App, Declared, Looking, SecretState, Wanted};
use cli::document::Statuses;
use cli::{Problem, Settings};
use emulator::Emulator;
use emulator::world::{Account, Region, World};
use engine::ledger::{Entry, Folded, Holder, LedgerError, MemoryLedger, Opened, Store};
use engine::{Kinds, LayerName, Sign};
use futures::future::{BoxFuture, ready};
use orchestrator::Orchestrator;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// The ledgers of an environment, by layer.
pub type Ledgers = BTreeMap<LayerName, Vec<Entry>>;

/// The name of the environment that stacks are deployed to in the suites, and the region.
const ONE: &str = "test";
const REGION: &str = "eu-north-1";

/// The name of the environment of this number: as long as [`ONE`].
pub fn name(number: usize) -> String {
    format!("e{number:03}")
}

/// A text of the first environment as that of another one: its names, and the ids that AWS gave.
pub fn renamed(text: &str, number: usize) -> String {
    let env = name(number);
    let text = text.replace("shop-test", &format!("shop-{env}")).replace("shop/test", &format!("shop/{env}"));
    ids(&text.replace(&format!("\"{ONE}\""), &format!("\"{env}\"")), number)
}

/// Every id anew: words of at least eight hexadecimal digits, one of them a letter. Machine images and
/// prefix lists are AWS's own, and the bastion's key pair is named after the key.
fn ids(text: &str, number: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let mut word = String::new();
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_alphanumeric() {
            word.push(c);
            continue;
        }
        let hex = word.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let shared = ["ami-", "pl-", "bastion-"].iter().any(|kind| out.ends_with(kind));
        if hex
            && !shared
            && word.len() >= 8
            && word.bytes().any(|byte| byte.is_ascii_lowercase())
            && word.bytes().any(|byte| byte.is_ascii_digit())
        {
            out += &format!("{number:04x}{}", &word[4..]);
        } else {
            out += &word;
        }
        word.clear();
        out.push(c);
    }
    out.pop();
    out
}

/// Everything of both; what both have is the same.
fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                match into.get_mut(&key) {
                    Some(there) => merge(there, value),
                    None => drop(into.insert(key, value)),
                }
            }
        }
        (Value::Array(into), Value::Array(more)) => {
            let new: Vec<Value> = more.into_iter().filter(|value| !into.contains(value)).collect();
            into.extend(new);
        }
        _ => {}
    }
}

/// Puts `count` environments into a world in the place of the one that is there.
///
/// # Panics
/// When a world cannot be written and read.
pub fn populate(world: &mut World, count: usize) {
    let regions = serde_json::to_string(&world.regions[REGION]).unwrap();
    let account = serde_json::to_string(&world.account).unwrap();
    let all = |text: &str| {
        let mut all = Value::Null;
        for number in 0..count {
            let one = serde_json::from_str(&renamed(text, number)).unwrap();
            if number == 0 { all = one } else { merge(&mut all, one) }
        }
        all
    };
    let region: Region = serde_json::from_value(all(&regions)).unwrap();
    let account: Account = serde_json::from_value(all(&account)).unwrap();
    world.regions.insert(REGION.to_owned(), region);
    world.account = account;
}

/// Environments that were deployed, and a binary that looks at them.
pub struct Fleet {
    /// The world.
    pub emulator: Emulator,
    /// The calls.
    pub script: Script,
    /// The configuration directory.
    pub dir: tempfile::TempDir,
    ledgers: Arc<BTreeMap<String, Ledgers>>,
}

impl Fleet {
    /// So many environments with the settings of `env`, which `kept` was deployed with; every call goes by `script`. Call it on a paused clock.
    ///
    /// # Panics
    /// When there is no room for it.
    pub async fn new(kept: &Kept, env: &str, count: usize, script: Script) -> Fleet {
        let bench = kept.copy().await;
        bench.emulator.with_world(|world| populate(world, count));
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("base.toml"), "stack = \"shop\"\nregion = \"eu-north-1\"\n[tags]\nteam = \"blue\"\n").unwrap();
        let mut ledgers = BTreeMap::new();
        for number in 0..count {
            std::fs::write(dir.path().join(format!("{}.toml", name(number))), env).unwrap();
            let of = |(layer, ledger): (&LayerName, &MemoryLedger)| {
                let text = serde_json::to_string(&ledger.entries()).unwrap();
                (*layer, serde_json::from_str(&renamed(&text, number)).unwrap())
            };
            ledgers.insert(name(number), bench.ledgers.iter().map(of).collect());
        }
        Fleet { emulator: bench.emulator, script, dir, ledgers: Arc::new(ledgers) }
    }

    /// `status --all`.
    ///
    /// # Panics
    /// When there is none.
    pub async fn status(&self) -> Statuses {
        let connection = Connection {
            region: REGION.into(),
            embedded: Some(self.script.connector(&self.emulator)),
            speed: 1.0,
            looks: true,
            ..Connection::default()
        };
        let together = Together::holding(REGION, Aws::connect(&connection).await);
        let viewer = Viewer { tool: Orchestrator::sharing(Arc::new(together)), ledgers: self.ledgers.clone() };
        cli::commands::statuses(&viewer, &self.dir.path().to_owned().into(), false).await.unwrap()
    }
}

/// The environment whose look ends unexpectedly.
pub const HAUNTED: &str = "haunted";

/// The whole tool with ledgers in memory.
#[derive(Clone)]
struct Viewer {
    tool: Orchestrator,
    ledgers: Arc<BTreeMap<String, Ledgers>>,
}

impl App for Viewer {
    fn layers(&self) -> Vec<LayerName> {
        self.tool.layers()
    }
    fn together(&self) -> Self {
        self.clone()
    }
    async fn declare(&self, wanted: Wanted<'_>) -> Result<Declared, Problem> {
        self.tool.declare(wanted).await
    }
    async fn kinds(&self, wanted: Wanted<'_>) -> Result<Kinds, Problem> {
        self.tool.kinds(wanted).await
    }
    async fn health(&self, wanted: Wanted<'_>) -> Result<Vec<Sign>, Problem> {
        self.tool.health(wanted).await
    }
    async fn secrets(&self, asked: Looking<'_>) -> Result<Vec<SecretState>, Problem> {
        self.tool.secrets(asked).await
    }
    async fn store(&self, settings: &Settings, _: Option<&str>) -> Result<Arc<dyn Store>, Problem> {
        assert_ne!(settings.env, HAUNTED, "this one ends unexpectedly");
        let unknown = || Problem::Io(format!("{} has no ledgers here", settings.env));
        let entries = self.ledgers.get(&settings.env).ok_or_else(unknown)?;
        Ok(Arc::new(Shelf(entries.iter().map(|(layer, entries)| (*layer, engine::ledger::fold(entries.clone()))).collect())))
    }
    async fn emulator(&self, _: &Settings, _: SocketAddr) -> Result<(), Problem> {
        Err(Problem::Io("it is there".into()))
    }
}

/// Ledgers that are only read.
struct Shelf(BTreeMap<LayerName, Folded>);

impl Store for Shelf {
    fn place(&self) -> String {
        "memory".into()
    }
    fn read(&self, layer: LayerName) -> BoxFuture<'_, Result<Folded, LedgerError>> {
        Box::pin(ready(Ok(self.0.get(&layer).cloned().unwrap_or_default())))
    }
    fn open<'a>(&'a self, layer: LayerName, _: &'a Holder) -> BoxFuture<'a, Result<Opened, LedgerError>> {
        panic!("{layer} is only read")
    }
    fn holder(&self, _: LayerName) -> BoxFuture<'_, Result<Option<Holder>, LedgerError>> {
        Box::pin(ready(Ok(None)))
    }
    fn unlock<'a>(&'a self, layer: LayerName, _: &'a str) -> BoxFuture<'a, Result<bool, LedgerError>> {
        panic!("{layer} is only read")
    }
}
