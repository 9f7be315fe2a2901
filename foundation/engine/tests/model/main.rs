//! Random lives of a stack against a model: edit, deploy, destroy, die anywhere, lose answers, meddling by others. Whatever
//! happened, the ledger names everything that exists, nothing exists twice, nobody else's object is touched, and an undisturbed
//! run ends at the declaration. `PROPTEST_CASES=1000000 cargo test -p engine --test model` for a longer walk; a failure prints its
//! shrunk sequence and keeps its seed in `proptest-regressions`.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs)]

mod cloud;
mod crash;
mod found;

use cloud::{Cloud, Fate, Mortal, Node, Object, Slot, holds};
use engine::apply::{Apply, Outcome};
use engine::ledger::{Folded, Ledger, MemoryLedger};
use engine::planner::{Allow, Request, plan};
use engine::resource::{Scope, tag};
use engine::{Graph, Handle, Kinds, LayerName, Resource, Settle, Sink};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

const PLACES: usize = 6;
const LAYER: LayerName = LayerName::Network;

/// A declared object. Even places are nodes, odd ones slots; parents come before.
#[derive(Clone, Debug)]
struct Want {
    size: u32,
    shape: u32,
    variant: u32,
    parents: Vec<usize>,
}

type Config = BTreeMap<usize, Want>;

#[derive(Clone, Debug)]
enum Op {
    Declare(usize, u32, u32, u32, u32),
    Undeclare(usize),
    Deploy(Fate),
    Destroy(Fate),
    Resize(usize, u32),
    DeleteByHand(usize),
    Foreign(usize),
    ForeignGoes,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        3 => Just(Fate::Calm),
        2 => (0u32..30).prop_map(Fate::DiesBefore),
        2 => (0u32..30).prop_map(Fate::DiesAfter),
        1 => (0u32..8).prop_map(Fate::Lost),
        1 => (0u32..8).prop_map(Fate::Refused),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (0..PLACES, 0u32..3, 0u32..2, 0u32..2, 0u32..64).prop_map(|(at, size, shape, variant, of)| Op::Declare(at, size, shape, variant, of)),
        1 => (0..PLACES).prop_map(Op::Undeclare),
        5 => fate().prop_map(Op::Deploy),
        1 => fate().prop_map(Op::Destroy),
        1 => (0..PLACES, 0u32..3).prop_map(|(at, size)| Op::Resize(at, size)),
        1 => (0..PLACES).prop_map(Op::DeleteByHand),
        1 => (0..PLACES).prop_map(Op::Foreign),
        1 => Just(Op::ForeignGoes),
    ]
}

fn name(at: usize) -> String {
    format!("{}-{at}", if at.is_multiple_of(2) { "node" } else { "slot" })
}

fn slot_name(at: usize, variant: u32) -> String {
    format!("shop-{at}-{variant}")
}

fn graph(config: &Config) -> Graph {
    let mut g = Graph::new();
    g.enter(LAYER);
    let mut made: BTreeMap<usize, Handle<cloud::Output>> = BTreeMap::new();
    for (at, want) in config {
        let parents = Handle::all(want.parents.iter().filter_map(|parent| made.get(parent).cloned()));
        let (size, shape, called) = (want.size, want.shape, slot_name(*at, want.variant));
        let ids = parents.map(|outputs| outputs.into_iter().map(|output| output.id).collect::<Vec<_>>());
        let output = if at.is_multiple_of(2) {
            g.add(name(*at), ids.map(move |parents| Node { name: String::new(), size, shape, parents }))
        } else {
            g.add(name(*at), ids.map(move |parents| Slot { name: called.clone(), size, shape, parents }))
        };
        made.insert(*at, output);
    }
    g
}

struct Life {
    cloud: Cloud,
    ledger: MemoryLedger,
    config: Config,
}

/// How a run ended.
enum End {
    Died,
    Stopped,
    Ended(Outcome),
}

impl Life {
    fn scope() -> Scope {
        Scope { stack: "shop".into(), env: "test".into(), tags: BTreeMap::new() }
    }

    fn kinds(cloud: &Cloud) -> Kinds {
        Kinds::new().with::<Node>(cloud.clone()).with::<Slot>(cloud.clone()).settled(Settle::at_once())
    }

    async fn plan(&self, graph: &Graph, kinds: &Kinds) -> engine::plan::Plan {
        let memory: BTreeMap<LayerName, Folded> = BTreeMap::from([(LAYER, self.ledger.folded())]);
        let request = Request { scope: &Life::scope(), graph, kinds, memory: &memory, layers: &[LAYER], allow: &Allow::All };
        plan(&request).await.unwrap()
    }

    async fn run(&self, graph: Graph, fate: Fate) -> End {
        let cloud = self.cloud.process(fate);
        let kinds = Life::kinds(&cloud);
        let made = self.plan(&graph, &kinds).await;
        if !made.stops.is_empty() {
            return End::Stopped;
        }
        let ledger = Arc::new(Mortal { inner: self.ledger.clone(), cloud: cloud.clone() }) as Arc<dyn Ledger>;
        let ledgers = BTreeMap::from([(LAYER, ledger)]);
        let cancel = CancellationToken::new();
        let (doors, looked) = (BTreeMap::new(), tokio::time::Instant::now());
        let apply = Apply { graph, kinds, ledgers, doors, looked, sink: Sink::none(), cancel };
        tokio::select! {
            biased;
            () = cloud.dead.cancelled() => End::Died,
            outcome = apply.run(made) => End::Ended(outcome.unwrap()),
        }
    }

    fn objects(&self) -> Vec<(String, Object)> {
        self.cloud.state.lock().unwrap().objects.iter().map(|(id, object)| (id.clone(), object.clone())).collect()
    }

    fn ours(&self) -> Vec<(String, Object)> {
        self.objects().into_iter().filter(|(_, object)| object.tags.contains_key(tag::STACK)).collect()
    }

    /// Whether somebody else holds a name that is declared.
    fn blocked(&self) -> bool {
        let wanted: BTreeSet<String> =
            self.config.iter().filter(|(at, _)| !at.is_multiple_of(2)).map(|(at, want)| slot_name(*at, want.variant)).collect();
        self.objects().iter().any(|(_, object)| object.tags.is_empty() && object.name.as_ref().is_some_and(|name| wanted.contains(name)))
    }

    /// What holds at every moment.
    fn always(&self) {
        let rows = self.ledger.folded().rows;
        let mut seen = BTreeSet::new();
        for (id, object) in self.ours() {
            let key = (object.tags[tag::ADDRESS].clone(), object.tags[tag::GENERATION].clone());
            let named = rows.keys().any(|(at, generation)| at.to_string() == key.0 && generation.to_string() == key.1);
            assert!(named, "{id} of {key:?} exists and the ledger does not name it");
            assert!(seen.insert(key.clone()), "{key:?} exists twice");
        }
    }

    /// After an undisturbed deploy: exactly what is declared, and nothing left to do.
    async fn as_declared(&self) {
        let ours = self.ours();
        let address_of: BTreeMap<&String, &String> = ours.iter().map(|(id, object)| (id, &object.tags[tag::ADDRESS])).collect();
        let there: BTreeMap<String, (u32, u32, BTreeSet<String>)> = ours
            .iter()
            .map(|(_, it)| {
                let parents = it.parents.iter().map(|id| address_of.get(id).map_or_else(|| format!("{id}, gone"), |at| (*at).clone()));
                (it.tags[tag::ADDRESS].clone(), (it.size, it.shape, parents.collect()))
            })
            .collect();
        let at = |place: &usize| format!("{LAYER}/{}", name(*place));
        let declared = self.config.iter().map(|(place, want)| {
            let parents = want.parents.iter().filter(|parent| self.config.contains_key(*parent)).map(at).collect();
            (at(place), (want.size, want.shape, parents))
        });
        assert_eq!(there, declared.collect());
        assert_eq!(there.len(), ours.len(), "something is there twice: {ours:?}");
        let again = self.plan(&graph(&self.config), &Life::kinds(&self.cloud)).await;
        assert!(!again.changes(), "a second deploy would change something: {again:#?}");
    }

    async fn deploy(&self, fate: Fate) {
        match self.run(graph(&self.config), fate).await {
            End::Stopped => assert!(self.blocked(), "the plan stops and nobody is in the way"),
            End::Ended(outcome) if outcome.ok() => self.as_declared().await,
            End::Ended(outcome) => assert_ne!(fate, Fate::Calm, "{:#?}", outcome.failed),
            End::Died => {}
        }
    }

    async fn destroy(&self, fate: Fate) {
        match self.run(Graph::new(), fate).await {
            End::Stopped => panic!("a destroy stops"),
            End::Ended(outcome) if outcome.ok() => assert_eq!(self.ours(), [], "something is left"),
            End::Ended(outcome) => assert_ne!(fate, Fate::Calm, "{:#?}", outcome.failed),
            End::Died => {}
        }
    }

    fn meddle(&self, change: impl FnOnce(&mut cloud::State)) {
        change(&mut self.cloud.state.lock().unwrap());
    }

    async fn take(&mut self, op: &Op) {
        match op {
            Op::Declare(at, size, shape, variant, of) => {
                let parents = (0..*at).filter(|parent| of >> parent & 1 == 1).collect();
                self.config.insert(*at, Want { size: *size, shape: *shape, variant: *variant, parents });
            }
            Op::Undeclare(at) => drop(self.config.remove(at)),
            Op::Deploy(fate) => self.deploy(*fate).await,
            Op::Destroy(fate) => self.destroy(*fate).await,
            Op::Resize(nth, size) => self.meddle(|state| {
                if let Some(object) = state.objects.values_mut().nth(*nth) {
                    object.size = *size;
                }
            }),
            Op::DeleteByHand(nth) => self.meddle(|state| {
                let free = state.objects.keys().filter(|id| !holds(state, id)).nth(*nth).cloned();
                free.map(|id| state.objects.remove(&id));
            }),
            Op::Foreign(at) => self.meddle(|state| {
                let called = Some(slot_name(*at | 1, 0));
                if state.objects.values().all(|object| object.name != called) {
                    let theirs = Object { kind: Slot::KIND, name: called, tags: BTreeMap::new(), size: 9, shape: 9, parents: Vec::new() };
                    state.objects.insert(format!("theirs-{at}"), theirs);
                }
            }),
            Op::ForeignGoes => self.meddle(|state| state.objects.retain(|_, object| !object.tags.is_empty())),
        }
        self.always();
    }
}

async fn live(ops: &[Op]) {
    let mut life = Life { cloud: Cloud::new(), ledger: MemoryLedger::new(LAYER), config: Config::new() };
    for op in ops {
        let theirs = |life: &Life| life.objects().into_iter().filter(|(_, object)| object.tags.is_empty()).collect::<Vec<_>>();
        let before = theirs(&life);
        life.take(op).await;
        if matches!(op, Op::Deploy(_) | Op::Destroy(_)) {
            assert_eq!(before, theirs(&life), "somebody else's object was touched");
        }
    }
    life.take(&Op::ForeignGoes).await;
    life.take(&Op::Deploy(Fate::Calm)).await;
    life.take(&Op::Destroy(Fate::Calm)).await;
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(10_000),
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_life_ends_as_declared(ops in prop::collection::vec(op(), 1..20)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(live(&ops));
    }
}
