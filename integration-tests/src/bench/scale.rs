//! What the engine costs by itself: so many resources, a world in memory that answers at once.

use engine::apply::Apply;
use engine::event::Ticks;
use engine::ledger::{Entry, Folded, Ledger, LedgerError};
use engine::outputs::unknown;
use engine::plan::Plan;
use engine::planner::{Allow, Request, plan};
use engine::resource::{Identity, IdentityBy, Kind, OwnTags, Resource, Scope};
use engine::{Address, Ask, Driver, Fault, Found, Graph, Handle, Kinds, LayerName, Seen, Settle, Sink};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const LAYER: LayerName = LayerName::Network;
/// Every resource reads so many that were declared before it.
const READS: usize = 3;
/// Far more than the reference stack; each step is a third or so of a decade.
pub const SIZES: [usize; 6] = [100, 300, 1_000, 3_000, 10_000, 30_000];

/// What it took for one number of resources.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// How many.
    pub resources: usize,
    /// To declare all of them.
    pub declare: Duration,
    /// To plan without changes: read the memory, ask, decide, order.
    pub plan: Duration,
    /// To carry out a plan that creates all of them, ledger and events included.
    pub apply: Duration,
}

/// A resource with a few settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Thing {
    name: String,
    size: usize,
    parents: Vec<String>,
}

impl Resource for Thing {
    const KIND: Kind = "thing";
    const REPLACE_ON: &'static [&'static str] = &["name"];
    const SETS: &'static [&'static str] = &["parents"];
    type Output = String;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Name(self.name.clone())
    }

    fn placeholder(&self, at: &Address) -> String {
        unknown(at, "id")
    }
}

/// A thing with its tags.
type Tagged = (Thing, OwnTags);

/// The things that are there, by name.
#[derive(Clone, Default)]
struct World(Arc<Mutex<HashMap<String, Tagged>>>);

impl Driver<Thing> for World {
    async fn observe(&self, asks: &[Ask<Thing>]) -> Result<Found<Thing>, Fault> {
        let there = self.0.lock().unwrap();
        let seen = |ask: &Ask<Thing>| {
            let (live, tags) = there.get(&ask.want.name)?.clone();
            let ours = ask.who.owns(&tags);
            Some((ask.who.address.clone(), Seen { output: format!("id-{}", live.name), live, ours, tags: Some(tags.to_map()) }))
        };
        Ok(asks.iter().filter_map(seen).collect())
    }

    async fn ensure(&self, who: &Identity, want: &Thing, _: Option<Seen<Thing>>, _: &Ticks) -> Result<String, Fault> {
        self.0.lock().unwrap().insert(want.name.clone(), (want.clone(), who.tags.clone()));
        Ok(format!("id-{}", want.name))
    }

    async fn delete(&self, _: &Identity, spec: &Thing, _: Option<&String>, _: &Ticks) -> Result<(), Fault> {
        self.0.lock().unwrap().remove(&spec.name);
        Ok(())
    }
}

/// A ledger that folds as the real ones do, and writes nowhere.
#[derive(Clone, Default)]
struct Folding(Arc<Mutex<Folded>>);

impl Ledger for Folding {
    fn layer(&self) -> LayerName {
        LAYER
    }

    fn folded(&self) -> Folded {
        self.0.lock().unwrap().clone()
    }

    fn look(&self, look: &mut dyn FnMut(&Folded)) {
        look(&self.0.lock().unwrap());
    }

    fn append(&self, entry: Entry) -> BoxFuture<'_, Result<(), LedgerError>> {
        self.0.lock().unwrap().take(entry);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Wide and deep at once: each reads three of those before it, spread over all of them.
pub(super) fn graph(resources: usize) -> Graph {
    let mut graph = Graph::new();
    graph.enter(LAYER);
    let mut made: Vec<Handle<String>> = Vec::with_capacity(resources);
    for at in 0..resources {
        let reads = (1..=READS.min(at)).map(|n| made[(at * n * 7919 + n) % at].clone());
        let name = format!("thing-{at}");
        made.push(graph.add(name.clone(), Handle::all(reads).map(move |parents| Thing { name: name.clone(), size: at, parents })));
    }
    graph
}

/// A declaration, and the world and the ledger in memory that it is brought to.
pub(super) struct Stage {
    scope: Scope,
    graph: Graph,
    kinds: Kinds,
    ledger: Folding,
}

impl Stage {
    /// An empty world.
    pub(super) fn of(graph: Graph) -> Stage {
        let scope = Scope { stack: "shop".into(), env: "bench".into(), tags: BTreeMap::new() };
        let kinds = Kinds::new().with::<Thing>(World::default()).settled(Settle::at_once());
        Stage { scope, graph, kinds, ledger: Folding::default() }
    }

    /// What would be done.
    pub(super) async fn plan(&self) -> Plan {
        let memory = BTreeMap::<LayerName, Folded>::from([(LAYER, self.ledger.folded())]);
        let Stage { scope, graph, kinds, .. } = self;
        plan(&Request { scope, graph, kinds, memory: &memory, layers: &[LAYER], allow: &Allow::All }).await.unwrap()
    }

    /// Does it.
    pub(super) async fn carry_out(&self, plan: Plan) {
        let ledgers = BTreeMap::from([(LAYER, Arc::new(self.ledger.clone()) as Arc<dyn Ledger>)]);
        let (graph, kinds, doors, planned) = (self.graph.clone(), self.kinds.clone(), BTreeMap::new(), plan.steps.len());
        let (looked, cancel) = (tokio::time::Instant::now(), CancellationToken::new());
        let outcome = Apply { graph, kinds, ledgers, doors, looked, sink: Sink::none(), cancel }.run(plan).await.unwrap();
        assert!(outcome.ok() && outcome.done == planned, "{} of {planned}", outcome.done);
    }
}

/// Measures one size: a create, then a look at what is as declared.
///
/// # Panics
/// When something fails, or a change is planned where there is none.
pub async fn measure(resources: usize) -> Scale {
    let began = Instant::now();
    let stage = Stage::of(graph(resources));
    let declare = began.elapsed();
    let create = stage.plan().await;
    let began = Instant::now();
    stage.carry_out(create).await;
    let apply = began.elapsed();
    let began = Instant::now();
    let keep = stage.plan().await;
    let plan = began.elapsed();
    assert!(!keep.changes() && keep.steps.len() == resources);
    Scale { resources, declare, plan, apply }
}

/// Measures one size and prints it: seconds of declare, plan and apply. For a process of its own, whose memory is its own.
///
/// # Panics
/// As [`measure`].
pub fn tell(resources: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let it = runtime.block_on(measure(resources));
    crate::told!("{} {} {}", it.declare.as_secs_f64(), it.plan.as_secs_f64(), it.apply.as_secs_f64());
}

/// Measures one size in a process of its own; with the peak of its memory in MiB.
///
/// # Panics
/// When it fails.
pub(super) fn apart(resources: usize) -> (Scale, f64) {
    use std::io::Read;
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--scale", &resources.to_string()]).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (ok, _, memory) = super::memory::wait(&mut child, Instant::now());
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(ok, "{resources} resources: {said}");
    let seconds: Vec<Duration> = said.split_whitespace().map(|word| Duration::from_secs_f64(word.parse().unwrap())).collect();
    (Scale { resources, declare: seconds[0], plan: seconds[1], apply: seconds[2] }, memory)
}
