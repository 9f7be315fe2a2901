//! Objects that others made, in the places of ours: shown with their differences, taken over when somebody says so.

use crate::kinds::seen;
use crate::out_of_band::{addresses, content, in_order, settled, step, tagged};
use engine::ledger::{Entry, MemoryLedger, Row};
use engine::plan::Verb;
use engine::planner::Allow;
use engine::resource::tag;
use engine::{Address, Sink};
use integration_tests::{Bench, EVERYTHING, all_done};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Ledgers as if these objects had never been.
fn forget(bench: &mut Bench, rows: &[Row]) {
    let gone: BTreeSet<&Address> = rows.iter().map(|row| &row.who.address).collect();
    for (layer, ledger) in &mut bench.ledgers {
        let about = |entry: &Entry| match entry {
            Entry::Intent { row } | Entry::Done { row } => !gone.contains(&row.who.address),
            _ => true,
        };
        *ledger = MemoryLedger::holding(*layer, ledger.entries().into_iter().filter(about).collect());
    }
}

/// Objects in our places that nobody tagged and no ledger knows.
#[tokio::test(start_paused = true)]
async fn foreign_objects_are_taken_over_one_by_one() {
    let (mut bench, _, samples) = settled().await;
    let rows = tagged(&bench, samples).await;
    let objects = bench.objects();
    forget(&mut bench, &rows);
    bench.retag(&addresses(&rows), |tags| tags.retain(|key, _| !key.starts_with(tag::PREFIX)));
    for row in in_order(&bench, rows) {
        let output = row.output.clone().unwrap();
        let id = output.as_str().or(output["identifier"].as_str()).or(output["arn"].as_str()).unwrap();
        let taken = bench.adopt(EVERYTHING, &row.who.address.to_string(), id, Allow::Nothing).await;
        if row.kind == "ssm_secret" {
            let refused = taken.unwrap_err().to_string();
            assert!(refused.contains("cannot be adopted: its value is generated here"), "{refused}");
            bench.emulator.with_world(|world| {
                let parameters = &mut world.regions.get_mut("eu-north-1").unwrap().parameters;
                parameters.get_mut(row.who.name()).unwrap().tags = row.who.tags.to_map();
            });
            continue;
        }
        if row.kind == "log_group" {
            // Services make them: one without an owner is taken by its name.
            assert!(taken.is_err_and(|why| why.to_string().contains("is there already and is ours")));
            continue;
        }
        let changes = taken.unwrap_or_else(|why| panic!("{} {id}: {why}", row.kind));
        assert!(changes.iter().all(|it| it.field.starts_with("tags.")), "{}: {changes:?}", row.kind);
    }
    let plan = bench.plan(EVERYTHING).await;
    let open: Vec<&str> = plan.steps.values().filter(|step| step.verb.changes()).map(|step| step.kind.as_str()).collect();
    assert_eq!((plan.stops.len(), open), (0, vec!["log_group"]));
    all_done(bench.deploy(EVERYTHING).await);
    assert_eq!(bench.objects(), objects);
    assert!(!bench.plan(EVERYTHING).await.changes());
}

/// A kind, one of its settings, and what others set it to.
type Otherwise = (&'static str, &'static str, fn() -> Value);

/// Kinds with a setting that others set otherwise.
const OTHERWISE: [Otherwise; 5] = [
    ("vpc", "dns_hostnames", || json!(false)),
    ("kms_key", "description", || json!("made by hand")),
    ("iam_role", "description", || json!("made by hand")),
    ("db_instance", "backup_days", || json!(3)),
    ("load_balancer", "idle_timeout", || json!(90)),
];

#[tokio::test(start_paused = true)]
async fn the_difference_is_shown_first_and_is_what_the_next_plan_changes() {
    let (mut bench, kinds, samples) = settled().await;
    let rows: Vec<Row> = samples.into_iter().filter(|row| OTHERWISE.iter().any(|(kind, ..)| *kind == row.kind)).collect();
    let rows = in_order(&bench, rows);
    for row in &rows {
        let (_, field, other) = OTHERWISE.iter().find(|(kind, ..)| *kind == row.kind).unwrap();
        let (mut spec, there) = (row.spec.clone(), seen(&kinds, row).await);
        spec[*field] = other();
        let ticks = Sink::none().ticks(&row.who.address);
        kinds.get(&row.kind).unwrap().ensure(&row.who, &spec, there.as_ref(), &ticks).await.unwrap();
    }
    forget(&mut bench, &rows);
    bench.retag(&addresses(&rows), |tags| tags.retain(|key, _| !key.starts_with(tag::PREFIX)));
    let own = |changes: &[engine::plan::Change]| {
        changes.iter().map(|it| it.field.clone()).filter(|field| !field.starts_with("tags.")).collect::<Vec<_>>()
    };
    for row in &rows {
        let (_, field, _) = OTHERWISE.iter().find(|(kind, ..)| *kind == row.kind).unwrap();
        let (at, output) = (row.who.address.to_string(), row.output.as_ref().unwrap());
        let id = output.as_str().or(output["identifier"].as_str()).or(output["arn"].as_str()).unwrap();
        let before = bench.emulator.with_world(|world| content(world));
        let wrong = bench.adopt(EVERYTHING, &at, "something-else", Allow::Nothing).await;
        assert!(wrong.is_err(), "{}", row.kind);
        assert_eq!(bench.emulator.with_world(|world| content(world)), before);
        let changes = bench.adopt(EVERYTHING, &at, id, Allow::Nothing).await.unwrap_or_else(|why| panic!("{} {id}: {why}", row.kind));
        assert_eq!(own(&changes), [*field], "{}", row.kind);
        let plan = bench.plan(EVERYTHING).await;
        let step = step(&plan, row);
        assert_eq!((step.verb, own(&step.changes)), (Verb::Update, vec![(*field).to_owned()]), "{}", row.kind);
        assert!(step.changes.iter().all(|it| !it.field.starts_with("tags.")), "{}: {:#?}", row.kind, step.changes);
        assert!(bench.adopt(EVERYTHING, &at, id, Allow::All).await.unwrap_err().to_string().contains("is ours"));
    }
    all_done(bench.deploy(EVERYTHING).await);
    assert!(!bench.plan(EVERYTHING).await.changes());
}

#[tokio::test(start_paused = true)]
async fn what_would_be_replaced_is_not_taken_unless_it_is_named() {
    let (mut bench, _, samples) = settled().await;
    let rows: Vec<Row> = samples.into_iter().filter(|row| row.kind == "db_instance").collect();
    forget(&mut bench, &rows);
    bench.retag(&addresses(&rows), |tags| tags.retain(|key, _| !key.starts_with(tag::PREFIX)));
    let other = EVERYTHING.replace("[database]", "[database]\nname = \"another\"");
    let (at, name) = (rows[0].who.address.to_string(), rows[0].who.name());
    let refused = bench.adopt(&other, &at, name, Allow::Nothing).await.unwrap_err().to_string();
    assert!(refused.contains("would be replaced") && refused.contains("name"), "{refused}");
    let undeclared = bench.adopt(&other, "database/nothing", name, Allow::Nothing).await.unwrap_err().to_string();
    assert!(undeclared.contains("is not declared"), "{undeclared}");
    let changes = bench.adopt(&other, &at, name, Allow::All).await.unwrap();
    assert!(changes.iter().any(|it| it.field == "name" && it.replaces), "{changes:?}");
    assert_eq!(step(&bench.plan(&other).await, &rows[0]).verb, Verb::Replace);
}
