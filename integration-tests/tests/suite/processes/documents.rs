//! `--format json`: every document of every command fits its schema in `docs/schema/`, and the schemas are what the code says. Write
//! them anew with `UPDATE_SCHEMA=1`.
#![allow(clippy::disallowed_methods)]

use engine::LayerName;
use engine::ledger::{Holder, LocalStore, Store};
use integration_tests::process::{ROOT, binary};
use integration_tests::processes::{Gate, Shop};
use integration_tests::schema::{self, misfits};
use serde_json::Value;
use std::path::Path;

/// The documents of a text, each valid.
fn valid(name: &str, said: &str) -> Vec<Value> {
    let documents: Vec<Value> = said.lines().map(|line| schema::valid(name, line)).collect();
    assert!(!documents.is_empty(), "{name}: nothing was said");
    documents
}

#[test]
fn the_schemas_in_the_repository_are_those_of_the_code() {
    let dir = Path::new(ROOT).join("docs/schema");
    for (name, now) in cli::document::schemas() {
        if std::env::var("UPDATE_SCHEMA").is_ok() {
            std::fs::write(dir.join(name), &now).unwrap();
        }
        assert_eq!(std::fs::read_to_string(dir.join(name)).unwrap_or_default(), now, "docs/schema/{name} is out of date");
    }
}

#[test]
fn a_document_that_does_not_fit_is_found() {
    let event = serde_json::json!({"version": 1, "fact": "lock_taken", "layer": "nowhere"});
    assert!(!misfits(&schema::of("events.json"), &event).is_empty());
    assert!(!misfits(&schema::of("status.json"), &serde_json::json!({"version": 1, "env": "prod"})).is_empty());
    assert!(
        !misfits(
            &schema::of("doctor.json"),
            &serde_json::json!({"version": 1, "checks": [{"level": "fine", "subject": "lock", "text": ""}]})
        )
        .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_document_fits_its_schema() {
    let shop = Shop::new(binary(), "");
    // Read from a pipe that stdout and stderr share: whatever is no document breaks the line.
    let json = async |args: &[&str], code: i32| shop.must(&[args, &["--format", "json"]].concat(), code, "a document").await;
    valid("plan.json", &json(&["plan"], 0).await);
    valid("events.json", &json(&["plan"], 0).await);
    valid("init.json", &json(&["init"], 0).await);
    valid("ledger.json", &json(&["ledger", "push"], 0).await);
    let facts = valid("events.json", &json(&["deploy", "--yes"], 0).await);
    assert!(facts.iter().any(|fact| fact["fact"] == "step_finished") && facts.iter().any(|fact| fact["tick"].is_string()));
    valid("events.json", &json(&["release", "--image", "shop/app:1.1"], 0).await);
    valid("events.json", &json(&["rollback"], 0).await);
    let status = valid("status.json", &json(&["status"], 0).await);
    assert_eq!(status[0]["layers"][0]["state"], "deployed");
    assert_eq!(valid("statuses.json", &json(&["status", "--all"], 0).await)[0]["environments"][0]["env"], "local");
    let outputs = valid("outputs.json", &json(&["outputs"], 0).await);
    assert!(outputs[0]["outputs"]["network.vpc_id"].as_str().unwrap().starts_with("vpc-"));
    valid("graph.json", &json(&["graph"], 0).await);
    valid("doctor.json", &json(&["doctor"], 0).await);
    assert!(valid("drift.json", &json(&["drift"], 0).await)[0]["drift"].as_array().unwrap().is_empty());
    assert!(valid("history.json", &json(&["history"], 0).await)[0]["runs"].as_array().unwrap().len() >= 3);
    valid("secrets.json", &json(&["secrets", "list"], 0).await);
    valid("secret_versions.json", &json(&["secrets", "history", "database"], 0).await);
    valid("doctor.json", &json(&["doctor", "--rebuild"], 0).await);

    // Our VPC is left behind without its tags: somebody else's now.
    let (id, mut vpc) = shop.emulator.with_world(|world| {
        let (id, vpc) = world.regions["eu-north-1"].ec2.vpcs.iter().next().unwrap();
        (id.clone(), vpc.clone())
    });
    valid("events.json", &json(&["destroy", "--yes"], 0).await);
    vpc.tags.clear();
    shop.emulator.with_world(|world| drop(world.regions.get_mut("eu-north-1").unwrap().ec2.vpcs.insert(id.clone(), vpc)));
    let said = json(&["adopt", "network/vpc", &id, "--yes"], 0).await;
    let adopted = valid("adopt.json", said.lines().next().unwrap());
    assert!(adopted[0]["changes"].is_array() && adopted[0]["kind"] == "vpc");

    let held =
        Holder { run: "01RUN".into(), who: "ada".into(), command: "deploy".into(), at: "2026-01-01T00:00:00Z".into(), ..Holder::default() };
    let opened = LocalStore::new(shop.ledger()).open(LayerName::Secrets, &held).await.unwrap();
    assert_eq!(valid("status.json", &json(&["status", "--ledger"], 0).await)[0]["layers"][1]["locked_by"]["run"], "01RUN");
    let said = json(&["unlock", "01RUN", "--yes"], 0).await;
    valid("unlock.json", said.lines().find(|line| line.starts_with('{')).unwrap());
    opened.ledger.close().await.ok();
    let mut failing = shop.start("refused", &["plan", "--layer", "nowhere"], &Gate::open()).await;
    assert_eq!(failing.ended().await.code, Some(3));
}
