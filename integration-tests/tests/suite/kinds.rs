//! The same questions for every registered kind. A kind that the settings of the bench do not reach fails the suite.

use engine::driver::{AskValue, SeenValue};
use engine::ledger::{Ledger, Row};
use engine::{Address, LayerName, Sink};
use integration_tests::{Bench, EVERYTHING, all_done};
use orchestrator::stack;
use std::collections::BTreeMap;

fn rows(bench: &Bench) -> BTreeMap<Address, Row> {
    bench.ledgers.values().flat_map(|ledger| ledger.folded().rows).map(|((at, _), row)| (at, row)).collect()
}

/// One deployed object of each registered kind.
fn samples(bench: &Bench, kinds: &engine::Kinds) -> Vec<Row> {
    let rows = rows(bench);
    let sample = |kind| {
        let found = rows.values().find(|row| row.kind == kind).cloned();
        found.unwrap_or_else(|| panic!("the kind {kind} is registered, but the settings of the bench do not reach it"))
    };
    kinds.names().map(sample).collect()
}

async fn seen(kinds: &engine::Kinds, row: &Row) -> Option<SeenValue> {
    let ask = AskValue { who: row.who.clone(), want: row.spec.clone(), last: row.output.clone() };
    kinds.get(&row.kind).unwrap().observe(&[ask]).await.unwrap().remove(&row.who.address)
}

#[tokio::test(start_paused = true)]
async fn ensuring_again_makes_no_second_object() {
    let bench = Bench::new();
    all_done(bench.deploy(EVERYTHING).await);
    let kinds = stack::kinds(&bench.aws().await);
    let objects = bench.tagged();
    for row in samples(&bench, &kinds) {
        let driver = kinds.get(&row.kind).unwrap();
        let ticks = Sink::none().ticks(&row.who.address);
        let there = seen(&kinds, &row).await;
        assert!(there.as_ref().is_some_and(|seen| seen.ours), "{} does not find its own object", row.kind);
        let known = driver.ensure(&row.who, &row.spec, there.as_ref(), &ticks).await.unwrap();
        let blind = driver.ensure(&row.who, &row.spec, None, &ticks).await.unwrap();
        assert_eq!((Some(&known), Some(&blind)), (row.output.as_ref(), row.output.as_ref()), "{}", row.kind);
        assert_eq!(bench.tagged(), objects, "{} was made twice", row.kind);
    }
}

#[tokio::test(start_paused = true)]
async fn deleting_again_and_deleting_what_never_was_succeed() {
    let bench = Bench::new();
    all_done(bench.deploy(EVERYTHING).await);
    let kinds = stack::kinds(&bench.aws().await);
    let samples = samples(&bench, &kinds);
    all_done(bench.destroy().await);
    for row in samples {
        let driver = kinds.get(&row.kind).unwrap();
        let ticks = Sink::none().ticks(&row.who.address);
        driver.delete(&row.who, &row.spec, row.output.as_ref(), &ticks).await.unwrap_or_else(|fault| panic!("{} again: {fault}", row.kind));
        driver.delete(&row.who, &row.spec, None, &ticks).await.unwrap_or_else(|fault| panic!("{} never made: {fault}", row.kind));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_behind_our_back_is_made_again() {
    let all = Bench::new();
    all_done(all.deploy(EVERYTHING).await);
    let kinds: Vec<&str> = stack::kinds(&all.aws().await).names().collect();
    for kind in kinds {
        let bench = Bench::new();
        all_done(bench.deploy(EVERYTHING).await);
        let objects = bench.tagged();
        let (kinds, table) = (stack::kinds(&bench.aws().await), rows(&bench));
        // A leaf of its kind: nothing reads it, so that AWS lets it go.
        let read: Vec<&Address> = table.values().flat_map(|row| &row.reads).collect();
        let Some(row) = table.values().find(|row| row.kind == kind && !read.contains(&&row.who.address)) else { continue };
        let driver = kinds.get(kind).unwrap();
        driver.delete(&row.who, &row.spec, row.output.as_ref(), &Sink::none().ticks(&row.who.address)).await.unwrap();
        all_done(bench.deploy(EVERYTHING).await);
        assert_eq!(bench.tagged(), objects, "{kind}");
        assert!(!bench.plan(EVERYTHING).await.changes(), "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_foreign_object_in_our_name_is_refused() {
    let bench = Bench::new();
    all_done(bench.deploy(EVERYTHING).await);
    // Somebody else's group takes the place of ours: same VPC, same name, none of our tags.
    bench.emulator.with_world(|world| {
        let ec2 = &mut world.regions.get_mut("eu-north-1").unwrap().ec2;
        let id = ec2.security_groups.iter().find(|(_, group)| group.name.ends_with("-data")).unwrap().0.clone();
        let mut group = ec2.security_groups.remove(&id).unwrap();
        ec2.rules.retain(|_, rule| rule.group != id && rule.peer != id);
        group.tags.clear();
        ec2.security_groups.insert("sg-0f0e19000000000001".into(), group);
    });
    let plan = bench.plan(EVERYTHING).await;
    let stopped = Address::new(LayerName::Network, "security-group-data");
    assert!(plan.stops.iter().any(|stop| stop.address == stopped), "{:#?}", plan.stops);
}
