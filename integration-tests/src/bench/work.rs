//! Pieces of the engine's work, each so often: what callgrind counts the instructions of.

use super::scale::{self, Stage};
use engine::decide::{compare, decide};
use engine::driver::{Rules, SeenValue};
use engine::ledger::{Entry, Row, RowState, fold};
use engine::resource::{Identity, IdentityBy};
use engine::{Address, LayerName, Replace};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::time::Duration;

/// What is counted.
pub const PIECES: [&str; 5] = ["decide", "diff", "graph", "fold", "walk"];
/// The resources of a graph, the entries of a ledger.
const MANY: usize = 200;
/// How often a piece is done at most.
pub const MOST: usize = 11;

/// Does the named piece of work so often.
///
/// # Panics
/// When there is no such piece, or it shall be done more than [`MOST`] times.
pub fn work(piece: &str, times: usize) {
    let (rules, specs, entries) = (rules(), specs(), entries());
    let tags = BTreeMap::from([("orchestrator:stack".to_owned(), "shop".to_owned())]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // What one piece alone needs is not prepared for the others: each hash map costs a little more or less in every process.
    let walk = (piece == "walk").then(|| {
        let graph = scale::graph(MANY);
        let create = runtime.block_on(Stage::of(graph.clone()).plan());
        (graph, create)
    });
    // All copies are made before, however many are used: what a fold costs is counted, and not what a copy does.
    let mut journals = vec![entries; if piece == "fold" { MOST } else { 0 }];
    for _ in 0..times {
        match piece {
            "decide" => {
                for (want, live) in &specs {
                    let seen = SeenValue { live: live.clone(), output: Value::Null, ours: true, tags: Some(tags.clone()) };
                    black_box(decide(&rules, want, &tags, None, Some(&seen)));
                }
            }
            "diff" => {
                for (want, live) in &specs {
                    let mut changes = Vec::new();
                    compare(&["subnets"], "", Some(live), Some(want), &mut changes);
                    black_box(changes);
                }
            }
            "graph" => drop(black_box(scale::graph(MANY).sorted().unwrap())),
            "fold" => drop(black_box(fold(journals.pop().unwrap()))),
            // All steps of a first deploy: scheduler, ledger and events, with a world that answers at once.
            "walk" => {
                let (graph, create) = walk.clone().unwrap();
                runtime.block_on(Stage::of(graph).carry_out(create));
            }
            other => panic!("there is no `{other}`"),
        }
    }
}

fn rules() -> Rules {
    Rules {
        kind: "thing",
        replace_on: &["cidr"],
        replace: Replace::CreateFirst,
        protected: false,
        typical: Duration::ZERO,
        sets: &["subnets"],
        not_adopted: None,
    }
}

/// Pairs that are equal, that differ in a leaf, and that differ in the order of a set.
fn specs() -> Vec<(Value, Value)> {
    let spec = |port: u16, subnets: [&str; 3]| {
        let policy = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["ssm:GetParameters"], "Resource": "*"}]});
        json!({"cidr": "10.0.0.0/16", "port": port, "subnets": subnets, "policy": policy, "environment": {"A": "1", "B": "2", "C": "3"}})
    };
    let (here, there) = (["a", "b", "c"], ["c", "a", "b"]);
    vec![(spec(1, here), spec(1, here)), (spec(2, here), spec(1, here)), (spec(1, there), spec(1, here))]
}

fn entries() -> Vec<Entry> {
    let entry = |at: usize| {
        let address = Address::new(LayerName::Network, format!("thing-{}", at / 2));
        let who = Identity {
            address: address.clone(),
            generation: 1,
            by: IdentityBy::Tag,
            tags: BTreeMap::new().into(),
            token: format!("t-{at}"),
        };
        let output = (at % 2 == 1).then(|| json!({"id": at}));
        let state = if output.is_some() { RowState::Done } else { RowState::Intended };
        let row = Row { who, kind: "thing".into(), state, spec: json!({"name": at / 2}), output, reads: BTreeSet::new(), at: Some(1.0) };
        if at % 2 == 1 { Entry::Done { row } } else { Entry::Intent { row } }
    };
    (0..MANY).map(entry).collect()
}
