//! S and K: SSM's rates, tiers and tags, and a key that goes.

use super::{calls, deployed, region, scripted, with};
use emulator::table::Item;
use integration_tests::script::Script;
use integration_tests::{Bench, EVERYTHING, all_done};
use serde_json::json;
use std::fmt::Write;
use std::time::Duration;
use tokio::time::Instant;

const NAME: &str = "/shop/test/flask-secret-key";

fn secret(bench: &Bench) -> Item {
    region(bench, |region| region.parameters[NAME].clone())
}

#[tokio::test(start_paused = true)]
async fn s1_many_secrets_are_written_as_slowly_as_aws_takes_them() {
    let mut many = EVERYTHING.to_owned();
    for number in 0..40 {
        write!(many, "\n[secrets.app.SECRET_{number}]\nlength = 20\n").unwrap();
    }
    let bench = Bench::new();
    let started = Instant::now();
    all_done(bench.deploy(&many).await);
    assert_eq!(region(&bench, |region| region.parameters.len()), 42);
    let refused = calls(&bench, "PutParameter").into_iter().filter(|call| call.error.as_deref() == Some("ThrottlingException"));
    assert!(refused.count() > 0 && started.elapsed() > Duration::from_secs(13), "three are taken in a second");
    assert!(!bench.plan(&many).await.changes());
}

#[tokio::test(start_paused = true)]
async fn s2_too_many_updates_are_waited_out() {
    let script = Script::default().refuse(
        "ssm:PutParameter",
        3,
        "TooManyUpdates",
        "There are concurrent updates for a resource that supports one update at a time.",
    );
    let bench = scripted(&script);
    all_done(bench.deploy(EVERYTHING).await);
    assert_eq!(script.count("ssm:PutParameter"), 5);
}

#[tokio::test(start_paused = true)]
async fn s3_a_secret_fits_the_standard_tier() {
    let bench = deployed().await;
    let long = bench.aws().await.ssm.put_parameter().name("/x").value("x".repeat(4097)).send().await.unwrap_err();
    assert!(format!("{long:?}").contains("4096"));
    all_done(bench.deploy(&with("length = 50", "length = 128")).await);
    assert!(region(&bench, |region| region.parameters.values().all(|it| it.str("Tier") == "Standard")));
}

#[tokio::test(start_paused = true)]
async fn s4_a_secret_gets_another_key_without_losing_tags_or_value() {
    let bench = deployed().await;
    let before = secret(&bench);
    let both = bench.aws().await.ssm.put_parameter().name(NAME).value("x").overwrite(true);
    let both = both.tags(aws_sdk_ssm::types::Tag::builder().key("a").value("b").build().unwrap()).send().await.unwrap_err();
    assert!(format!("{both:?}").contains("tags and overwrite"));
    // Somebody encrypted it with another key: it goes back under ours before that key retires.
    let other = bench.aws().await.kms.create_key().send().await.unwrap().key_metadata.unwrap().arn.unwrap();
    region(&bench, |region| region.parameters.get_mut(NAME).unwrap().body["KeyId"] = json!(other));
    assert!(bench.plan(EVERYTHING).await.changes());
    all_done(bench.deploy(EVERYTHING).await);
    let after = secret(&bench);
    assert_eq!((&after.inside["value"], &after.tags), (&before.inside["value"], &before.tags));
    assert_eq!(after.str("KeyId"), before.str("KeyId"));
    assert!(!bench.plan(EVERYTHING).await.changes());
}

#[tokio::test(start_paused = true)]
async fn s5_a_key_that_waits_for_its_deletion_does_not_end_the_plan() {
    let bench = deployed().await;
    let (id, before) = (region(&bench, |region| region.keys.keys().next().unwrap().clone()), secret(&bench));
    let aws = bench.aws().await;
    aws.kms.schedule_key_deletion().key_id(&id).pending_window_in_days(7).send().await.unwrap();
    assert!(aws.ssm.get_parameter().name(NAME).with_decryption(true).send().await.is_err(), "it can still be read");
    let plan = bench.plan(EVERYTHING).await;
    assert!(plan.stops.is_empty() && plan.steps.values().any(|step| step.kind == "kms_key" && step.verb.changes()), "{:#?}", plan.stops);
    all_done(bench.deploy(EVERYTHING).await);
    // The same key, taken back: what it encrypted can be read again.
    assert_eq!(region(&bench, |region| (region.keys.len(), region.keys[&id].str("KeyState").to_owned())), (1, "Enabled".to_owned()));
    assert_eq!(secret(&bench).inside["value"], before.inside["value"]);
    assert!(!bench.plan(EVERYTHING).await.changes());
}

#[tokio::test(start_paused = true)]
async fn k1_after_a_destroy_the_key_and_its_alias_come_back() {
    let bench = deployed().await;
    let id = region(&bench, |region| region.keys.keys().next().unwrap().clone());
    all_done(bench.destroy().await);
    region(&bench, |region| {
        assert!(region.aliases.is_empty(), "the alias is occupied for as long as the key waits");
        assert_eq!(region.keys[&id].str("KeyState"), "PendingDeletion");
    });
    all_done(bench.deploy(EVERYTHING).await);
    region(&bench, |region| {
        assert_eq!((region.keys.len(), region.keys[&id].str("KeyState")), (1, "Enabled"));
        assert_eq!(region.aliases["alias/shop-test"].str("TargetKeyId"), id);
    });
    // An alias of ours that somebody pointed elsewhere comes back as well.
    let other = bench.aws().await.kms.create_key().send().await.unwrap().key_metadata.unwrap().key_id;
    region(&bench, |region| region.aliases.get_mut("alias/shop-test").unwrap().set(json!({"TargetKeyId": id})));
    assert_ne!(other, id);
    assert!(!bench.plan(EVERYTHING).await.changes());
}
