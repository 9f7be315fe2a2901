//! The same questions for every registered kind. A kind that the settings of the bench do not reach fails the suite.

use emulator::weather::{Fault, Weather};
use engine::driver::{AskValue, SeenValue};
use engine::ledger::{Ledger, Row};
use engine::{Address, Sink};
use integration_tests::{Bench, EVERYTHING, all_done, deployed};
use orchestrator::stack;
use std::collections::BTreeMap;

fn rows(bench: &Bench) -> BTreeMap<Address, Row> {
    bench.ledgers.values().flat_map(|ledger| ledger.folded().rows).map(|((at, _), row)| (at, row)).collect()
}

/// One deployed object of each registered kind.
pub(super) fn samples(bench: &Bench, kinds: &engine::Kinds) -> Vec<Row> {
    let rows = rows(bench);
    let sample = |kind| {
        let found = rows.values().find(|row| row.kind == kind).cloned();
        found.unwrap_or_else(|| panic!("the kind {kind} is registered, but the settings of the bench do not reach it"))
    };
    kinds.names().map(sample).collect()
}

pub(super) async fn seen(kinds: &engine::Kinds, row: &Row) -> Option<SeenValue> {
    let ask = AskValue { who: row.who.clone(), want: row.spec.clone(), last: row.output.clone() };
    kinds.get(&row.kind).unwrap().observe(&[ask]).await.unwrap().remove(&row.who.address)
}

#[tokio::test(start_paused = true)]
async fn ensuring_again_makes_no_second_object() {
    let bench = deployed(EVERYTHING).await;
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
    let bench = deployed(EVERYTHING).await;
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

/// No objects of their own: the first goes with its VPC, the second is a state of the certificate.
const NO_OBJECT: [&str; 2] = ["default_security_group", "certificate_issued"];

/// Deletes an object by hand. What AWS refuses to let go is deleted after everything that hangs on it.
async fn delete_by_hand(kinds: &engine::Kinds, table: &BTreeMap<Address, Row>, row: &Row, readers_first: bool) {
    let driver = kinds.get(&row.kind).unwrap();
    let ticks = Sink::none().ticks(&row.who.address);
    if !readers_first && driver.delete(&row.who, &row.spec, row.output.as_ref(), &ticks).await.is_ok() {
        return;
    }
    // A gateway does not leave while an instance has a public address, which no field of the instance says.
    let hangs_on = |other: &Row| other.reads.contains(&row.who.address) || (row.kind == "internet_gateway" && other.kind == "instance");
    for reader in table.values().filter(|other| hangs_on(other)) {
        Box::pin(delete_by_hand(kinds, table, reader, true)).await;
    }
    driver.delete(&row.who, &row.spec, row.output.as_ref(), &ticks).await.unwrap_or_else(|fault| panic!("{}: {fault}", row.kind));
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_behind_our_back_is_made_again() {
    let names: Vec<&str> = stack::kinds(&Bench::new().aws().await).names().collect();
    for kind in names {
        let bench = deployed(EVERYTHING).await;
        let objects = bench.tagged();
        let (kinds, table) = (stack::kinds(&bench.aws().await), rows(&bench));
        let row = table.values().find(|row| row.kind == kind).unwrap();
        bench.emulator.with_world(confirm);
        delete_by_hand(&kinds, &table, row, false).await;
        assert!(bench.plan(EVERYTHING).await.changes() || NO_OBJECT.contains(&kind), "{kind}: nobody misses it");
        let again = bench.deploy(EVERYTHING).await.unwrap();
        assert!(again.ok(), "{kind}: {:#?}", again.failed);
        assert_eq!(bench.tagged(), objects, "{kind}");
        assert!(!bench.plan(EVERYTHING).await.changes(), "{kind}");
    }
}

/// The first changing call of a run that makes one kind again is throttled three times, or carried out and its answer lost.
#[tokio::test(start_paused = true)]
async fn throttled_and_lost_creates_of_each_kind_make_one_object() {
    // Long enough after the deploy that what is gone is gone, and not merely not shown yet.
    tokio::time::sleep(std::time::Duration::from_secs(7200)).await;
    let names: Vec<&str> = stack::kinds(&Bench::new().aws().await).names().collect();
    for kind in names {
        for (fault, times) in [(Fault::Throttle, 3), (Fault::CommittedThenLost, 1)] {
            let bench = deployed(EVERYTHING).await;
            bench.emulator.with_world(confirm);
            let (objects, kinds, table) = (bench.tagged(), stack::kinds(&bench.aws().await), rows(&bench));
            let row = table.values().find(|row| row.kind == kind).unwrap();
            delete_by_hand(&kinds, &table, row, false).await;
            bench.emulator.weather(Weather::on_change(fault, 0, times));
            let again = bench.deploy(EVERYTHING).await.unwrap();
            assert!(again.ok(), "{kind}, {fault:?}: {:#?}", again.failed);
            assert_eq!(bench.tagged(), objects, "{kind}, {fault:?}: something is there twice or missing");
        }
    }
}

/// AWS deletes only subscriptions that somebody confirmed.
fn confirm(world: &mut emulator::World) {
    let subscriptions = &mut world.regions.get_mut("eu-north-1").unwrap().subscriptions;
    subscriptions.values_mut().for_each(|it| it.set(serde_json::json!({"PendingConfirmation": "false"})));
}

/// Kinds that AWS gives no tags and that live inside an object of ours (or, as records, are compared by their value): whoever made
/// one, it is ours to say. Everything else must be refused.
const INSIDE_OURS: [&str; 4] = ["default_security_group", "certificate_issued", "scaling_policy", "saved_query"];

/// Every object of the stack with the same names, made by another one.
fn somebody_elses(bench: &Bench) -> Bench {
    let other = Bench { emulator: bench.emulator.clone(), ..Bench::new() };
    other.emulator.with_world(|world| {
        let text = serde_json::to_string(world).unwrap();
        let text = text
            .replace("\"orchestrator:stack\":\"shop\"", "\"orchestrator:stack\":\"other\"")
            .replace("kept by orchestrator", "hand-made");
        let mut theirs: emulator::World = serde_json::from_str(&text).unwrap();
        theirs.clock.follow(&world.clock);
        *world = theirs;
    });
    other
}

#[tokio::test(start_paused = true)]
async fn foreign_objects_in_our_names_are_refused() {
    let bench = deployed(EVERYTHING).await;
    let (kinds, table) = (stack::kinds(&bench.aws().await), rows(&bench));
    let other = somebody_elses(&bench);
    let mut asked = Vec::new();
    for kind in kinds.names().filter(|kind| !INSIDE_OURS.contains(kind)) {
        let row = table.values().find(|row| row.kind == kind).unwrap();
        let driver = kinds.get(kind).unwrap();
        // As a first run would ask: it remembers nothing.
        let ask = AskValue { who: row.who.clone(), want: row.spec.clone(), last: None };
        let found = driver.observe(&[ask]).await.unwrap_or_else(|fault| panic!("{kind}: {fault}")).remove(&row.who.address);
        if !matches!(row.who.by, engine::IdentityBy::Name(_)) {
            continue;
        }
        asked.push(kind);
        assert!(found.as_ref().is_some_and(|seen| !seen.ours), "{kind}: {found:?}");
        let before = other.emulator.with_world(|world| serde_json::to_value(&world.regions).unwrap());
        let refused = driver.ensure(&row.who, &row.spec, None, &Sink::none().ticks(&row.who.address)).await;
        assert!(refused.is_err_and(|fault| fault.class == engine::Class::Foreign), "{kind} was taken over");
        driver.delete(&row.who, &row.spec, None, &Sink::none().ticks(&row.who.address)).await.unwrap();
        let after = other.emulator.with_world(|world| serde_json::to_value(&world.regions).unwrap());
        assert_eq!(before, after, "{kind} was touched");
    }
    assert!(asked.len() > 12, "{asked:?}");
    let plan = other.plan(EVERYTHING).await;
    assert!(plan.stops.len() > 12, "{:#?}", plan.stops);
}
