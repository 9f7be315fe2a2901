//! A stack in the embedded AWS without a process, a file or a clock: what the suites drive.
#![allow(clippy::unwrap_used)]

mod account;
pub mod bench;
pub mod coverage;
pub mod docker;
pub mod fleet;
pub mod gate;
pub mod kept;
pub mod liar;
pub mod load;
mod mend;
pub mod models;
pub mod mortal;
pub mod process;
pub mod processes;
pub mod schema;
pub mod script;
pub mod shared;
pub mod sweep;
pub mod terminal;

pub use account::{account, client, furnish};
pub use kept::{Kept, calm, deployed};

use aws::{Aws, Connection};
use cli::{Settings, Wanted};
use emulator::Emulator;
use emulator::weather::Death;
use engine::apply::{Apply, Outcome};
use engine::ledger::{Folded, Guard, Ledger, MemoryLedger};
use engine::plan::{Plan, Verb};
use engine::planner::{Allow, Request};
use engine::{Graph, LayerName, Scope, Sink};
use mortal::Mortal;
use orchestrator::stack;
use script::Script;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The settings that reach every kind.
pub const EVERYTHING: &str = r#"
embedded = true
speed = 1.0
[network]
zones = 2
nat = "per_az"
interface_endpoints = ["logs", "ssm"]
[secrets]
key_deletion_days = 7
[secrets.app.FLASK_SECRET_KEY]
length = 50
[observability]
alarm_emails = ["ops@example.com"]
flow_logs = true
[database]
engine_version = "16.3"
final_snapshot = false
[edge]
https = true
domain = "shop.example.com"
hosted_zone = "example.com"
web_acl_arn = "arn:aws:wafv2:eu-north-1:123456789012:regional/webacl/guard/0a1b"
[compute]
image = "123456789012.dkr.ecr.eu-north-1.amazonaws.com/shop/app:1.0"
exec = true
task_managed_policies = ["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"]
[compute.environment]
LOG_LEVEL = "info"
[compute.autoscaling]
requests_per_target = 500.0
[bastion]
enabled = true
mode = "ssh"
ssh_cidrs = ["198.51.100.0/24"]
public_key_file = "tests/suite/bastion.pub"
"#;

/// A declaration that can be planned and applied, and what the ledgers remember.
struct Staged {
    memory: BTreeMap<LayerName, Folded>,
    scope: Scope,
    apply: Apply,
}

/// One stack, its memory and its world.
pub struct Bench {
    /// The world.
    pub emulator: Emulator,
    /// The memory.
    pub ledgers: BTreeMap<LayerName, MemoryLedger>,
    /// What AWS refuses, if a suite says so.
    pub script: Option<Script>,
    /// How much more often states are asked for than at AWS.
    pub polls: f64,
}

impl Default for Bench {
    fn default() -> Bench {
        Bench::new()
    }
}

/// The settings of an environment `test` with this text.
pub fn settings(env: &str) -> Settings {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("base.toml"), "stack = \"shop\"\nregion = \"eu-north-1\"\n[tags]\nteam = \"blue\"\n").unwrap();
    std::fs::write(dir.path().join("test.toml"), env).unwrap();
    let tables: Vec<&str> = stack::LAYERS.iter().map(|layer| layer.as_str()).collect();
    Settings::load(dir.path(), "test", None, &tables).unwrap()
}

/// The declaration of these settings, or of nothing, with what carries it out; the ledgers are still missing.
async fn stage(aws: &Aws, memory: &BTreeMap<LayerName, Folded>, env: Option<&str>) -> Result<(Scope, Apply), String> {
    let settings = settings(env.unwrap_or(EVERYTHING));
    let wanted = Wanted { settings: &settings, endpoint_url: None, layers: stack::LAYERS, memory, guard: &Guard::default() };
    let (graph, doors) = match env {
        None => (Graph::new(), BTreeMap::new()),
        Some(_) => {
            let configs = stack::Configs::read(&settings).map_err(|problem| problem.render())?;
            let declared = stack::declare(aws, &configs, &wanted).await.map_err(|problem| problem.render())?;
            (declared.graph, declared.doors)
        }
    };
    let (kinds, ledgers, cancel) = (stack::kinds(aws), BTreeMap::new(), CancellationToken::new());
    let apply = Apply { graph, kinds, ledgers, doors, looked: tokio::time::Instant::now(), sink: Sink::none(), cancel };
    Ok((settings.scope(), apply))
}

/// The plan of what is staged.
async fn planned(memory: &BTreeMap<LayerName, Folded>, scope: &Scope, apply: &Apply) -> Result<Plan, String> {
    let request = Request { scope, graph: &apply.graph, kinds: &apply.kinds, memory, layers: stack::LAYERS, allow: &Allow::All };
    engine::planner::plan(&request).await.map_err(|error| error.to_string())
}

async fn make(aws: &Aws, memory: &BTreeMap<LayerName, Folded>, env: Option<&str>) -> Result<(Plan, Apply), String> {
    let (scope, apply) = stage(aws, memory, env).await?;
    Ok((planned(memory, &scope, &apply).await?, apply))
}

impl Bench {
    /// An empty account that runs at AWS's own pace (on tokio's clock).
    pub fn new() -> Bench {
        let emulator = crate::account(1.0, 7);
        emulator.with_world(furnish);
        let ledgers = stack::LAYERS.iter().map(|layer| (*layer, MemoryLedger::new(*layer))).collect();
        Bench { emulator, ledgers, script: None, polls: 1.0 }
    }

    /// The clients.
    pub async fn aws(&self) -> Aws {
        let embedded = match &self.script {
            None => Some(self.emulator.connector()),
            Some(script) => Some(script.connector(&self.emulator)),
        };
        Aws::connect(&Connection { region: "eu-north-1".into(), embedded, speed: 1.0, ..Connection::default() }).await.polling(self.polls)
    }

    fn memory(&self) -> BTreeMap<LayerName, Folded> {
        self.ledgers.iter().map(|(layer, ledger)| (*layer, ledger.folded())).collect()
    }

    async fn stage(&self, env: Option<&str>) -> Result<Staged, String> {
        let memory = self.memory();
        let (scope, mut apply) = stage(&self.aws().await, &memory, env).await?;
        apply.ledgers = self.ledgers.iter().map(|(layer, ledger)| (*layer, Arc::new(ledger.clone()) as Arc<dyn Ledger>)).collect();
        Ok(Staged { memory, scope, apply })
    }

    async fn make(&self, env: Option<&str>) -> Result<(Plan, Apply), String> {
        let Staged { memory, scope, apply } = self.stage(env).await?;
        Ok((planned(&memory, &scope, &apply).await?, apply))
    }

    /// The plan for settings that were read already.
    ///
    /// # Errors
    /// The rendered problem when there is none.
    pub async fn plan_of(&self, settings: &Settings, configs: &stack::Configs) -> Result<Plan, String> {
        let (aws, memory) = (self.aws().await, self.memory());
        let wanted = Wanted { settings, endpoint_url: None, layers: stack::LAYERS, memory: &memory, guard: &Guard::default() };
        let declared = stack::declare(&aws, configs, &wanted).await.map_err(|problem| problem.render())?;
        let (scope, kinds, graph) = (settings.scope(), stack::kinds(&aws), declared.graph);
        let request =
            Request { scope: &scope, graph: &graph, kinds: &kinds, memory: &memory, layers: stack::LAYERS, allow: &Allow::Nothing };
        engine::planner::plan(&request).await.map_err(|error| cli::Problem::from(error).render())
    }

    /// The plan for these settings.
    ///
    /// # Panics
    /// When there is none.
    pub async fn plan(&self, env: &str) -> Plan {
        self.make(Some(env)).await.unwrap().0
    }

    /// The plan of a destroy.
    ///
    /// # Panics
    /// When there is none.
    pub async fn plan_destroy(&self) -> Plan {
        self.make(None).await.unwrap().0
    }

    /// Deploys these settings.
    ///
    /// # Errors
    /// A sentence when there is no plan or it may not be applied.
    pub async fn deploy(&self, env: &str) -> Result<Outcome, String> {
        self.deploy_telling(env, Sink::none()).await
    }

    /// Deploys these settings and tells `sink`.
    ///
    /// # Errors
    /// As [`Bench::deploy`].
    pub async fn deploy_telling(&self, env: &str, sink: Sink) -> Result<Outcome, String> {
        let (plan, mut apply) = self.make(Some(env)).await?;
        apply.sink = sink;
        if let Some(stop) = plan.stops.first() {
            return Err(format!("{}: {}", stop.address, stop.problem));
        }
        apply.run(plan).await.map_err(|error| error.to_string())
    }

    /// Deploys these settings and is asked to stop after `time`.
    ///
    /// # Errors
    /// As [`Bench::deploy`].
    pub async fn deploy_until(&self, env: &str, time: std::time::Duration) -> Result<Outcome, String> {
        let (plan, apply) = self.make(Some(env)).await?;
        let cancel = apply.cancel.clone();
        let stop = async {
            tokio::time::sleep(time).await;
            cancel.cancel();
        };
        let (outcome, ()) = tokio::join!(apply.run(plan), stop);
        outcome.map_err(|error| error.to_string())
    }

    /// Deploys these settings, or destroys without any, by a process that dies; whether it died.
    ///
    /// # Panics
    /// When there is no plan.
    pub async fn die(&self, env: Option<&str>, death: &Death) -> bool {
        let (plan, mut apply) = self.make(env).await.unwrap();
        let mortal = |ledger: &MemoryLedger| Arc::new(Mortal { inner: ledger.clone(), death: death.clone() }) as Arc<dyn Ledger>;
        apply.ledgers = self.ledgers.iter().map(|(layer, ledger)| (*layer, mortal(ledger))).collect();
        self.emulator.death(Some(death.clone()));
        let died = tokio::select! {
            biased;
            () = death.struck() => true,
            outcome = apply.run(plan) => !outcome.unwrap().ok(),
        };
        self.emulator.death(None);
        died
    }

    /// How many living objects each address has.
    pub fn census(&self) -> BTreeMap<String, usize> {
        let rows = self.ledgers.values().flat_map(|ledger| ledger.folded().rows.into_keys());
        let addresses = rows.map(|(address, _)| address.to_string());
        addresses.map(|at| (at.clone(), self.emulator.tagged("orchestrator:address", &at).len())).collect()
    }

    /// Destroys everything.
    ///
    /// # Errors
    /// As [`Bench::deploy`].
    pub async fn destroy(&self) -> Result<Outcome, String> {
        self.destroy_telling(Sink::none()).await
    }

    /// Destroys everything and tells `sink`.
    ///
    /// # Errors
    /// As [`Bench::deploy`].
    pub async fn destroy_telling(&self, sink: Sink) -> Result<Outcome, String> {
        let (plan, mut apply) = self.make(None).await?;
        apply.sink = sink;
        apply.run(plan).await.map_err(|error| error.to_string())
    }

    /// How often each address is tagged on a living object.
    pub fn tagged(&self) -> usize {
        self.emulator.tagged("orchestrator:stack", "shop").len()
    }

    /// The changes that a plan for these settings would still make; empty when there are none.
    pub async fn unsettled(&self, env: &str) -> Vec<String> {
        let plan = self.plan(env).await;
        let changing = plan.steps.into_values().filter(|step| step.verb != Verb::Keep);
        changing.map(|step| format!("{} {}: {:?} {:?}", step.verb.as_str(), step.who.address, step.why, step.changes)).collect()
    }

    /// How many objects each table of the world has, those without tags too. What comes and goes by itself is left out.
    ///
    /// # Panics
    /// When the world cannot be written.
    pub fn population(&self) -> BTreeMap<String, usize> {
        let world = self.emulator.with_world(|world| serde_json::to_value(&*world).unwrap());
        let region = &world["regions"]["eu-north-1"];
        let tables = [region, &region["ec2"], &world["account"]].map(|tables| tables.as_object().unwrap());
        let mut counts: BTreeMap<String, usize> =
            tables.iter().flat_map(|all| all.iter()).filter_map(|(name, table)| Some((name.clone(), table.as_object()?.len()))).collect();
        for name in ["tasks", "interfaces", "ec2"] {
            counts.remove(name);
        }
        counts
    }

    /// How many changing calls were made since the last [`Emulator::clear_calls`].
    pub fn changing_calls(&self) -> usize {
        self.emulator.calls().iter().filter(|call| call.changing && call.error.is_none()).count()
    }
}

/// Looks into the region that stacks are deployed to, or changes it behind the tool's back.
///
/// # Panics
/// When nothing was ever called there.
pub fn region<T>(bench: &Bench, look: impl FnOnce(&mut emulator::world::Region) -> T) -> T {
    bench.emulator.with_world(|world| look(world.regions.get_mut("eu-north-1").unwrap()))
}

/// A deploy that must do everything.
///
/// # Panics
/// When something failed.
pub fn all_done(outcome: Result<Outcome, String>) -> Outcome {
    let outcome = outcome.unwrap();
    assert!(outcome.ok(), "{:#?}", outcome.failed);
    outcome
}
