//! The secrets layer, read back from the world.

use emulator::table::Item;
use integration_tests::{Bench, EVERYTHING, all_done, deployed};
use serde_json::Value;

fn parameters(bench: &Bench) -> Vec<Item> {
    bench.emulator.with_world(|world| world.regions["eu-north-1"].parameters.values().cloned().collect())
}

#[tokio::test(start_paused = true)]
async fn the_key_rotates_and_has_its_alias() {
    let bench = deployed(EVERYTHING).await;
    bench.emulator.with_world(|world| {
        let region = &world.regions["eu-north-1"];
        let key = region.keys.values().next().unwrap();
        assert_eq!((region.keys.len(), key.inside["rotation"].as_bool()), (1, Some(true)));
        assert_eq!(region.aliases["alias/shop-test"].str("TargetKeyId"), key.str("KeyId"));
        let policy: Value = serde_json::from_str(key.inside["policy"].as_str().unwrap()).unwrap();
        assert!(policy["Statement"].as_array().unwrap().iter().all(|it| it["Principal"] != "*"), "{policy}");
    });
}

#[tokio::test(start_paused = true)]
async fn values_are_secure_strings_under_our_key() {
    let bench = deployed(EVERYTHING).await;
    let key = bench.emulator.with_world(|world| world.regions["eu-north-1"].keys.values().next().unwrap().str("Arn").to_owned());
    let all = parameters(&bench);
    let names: Vec<&str> = all.iter().map(|item| item.str("Name")).collect();
    assert_eq!(names, ["/shop/test/database-password", "/shop/test/flask-secret-key"]);
    assert!(all.iter().all(|item| item.str("Type") == "SecureString" && item.str("KeyId") == key));
    assert_eq!(all[1].inside["value"].as_str().unwrap().len(), 50);
}

#[tokio::test(start_paused = true)]
async fn no_value_is_remembered_planned_or_told() {
    let bench = deployed(EVERYTHING).await;
    let values: Vec<String> = parameters(&bench).iter().map(|item| item.inside["value"].as_str().unwrap().to_owned()).collect();
    assert!(values.iter().all(|value| value.len() >= 40));
    let plan = serde_json::to_string(&bench.plan(EVERYTHING).await).unwrap();
    let memory = format!("{:?}", bench.ledgers);
    for value in values {
        assert!(!plan.contains(&value) && !memory.contains(&value), "a secret value left its place");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_waits_for_its_deletion_is_taken_back() {
    let bench = deployed(EVERYTHING).await;
    all_done(bench.destroy().await);
    let again = Bench { emulator: bench.emulator.clone(), ..Bench::new() };
    all_done(again.deploy(EVERYTHING).await);
    let states: Vec<String> =
        bench.emulator.with_world(|world| world.regions["eu-north-1"].keys.values().map(|key| key.str("KeyState").to_owned()).collect());
    assert_eq!(states, ["Enabled"]);
}
