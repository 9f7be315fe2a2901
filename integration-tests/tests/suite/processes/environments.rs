//! status --all of the real binary: several environments of one account, in words, as a document, and by exit code.

use super::status::document;
use integration_tests::gate;
use integration_tests::process::{binaries, binary, said};
use integration_tests::processes::{Gate, Shop};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// Two more environments beside `local`: one that is deployed as well, one without a stack.
async fn shop() -> Shop {
    let shop = Shop::new(binary(), "");
    let local = std::fs::read_to_string(shop.dir.path().join("envs/local.toml")).unwrap();
    write(&shop, "stage", &local);
    write(&shop, "empty", &local);
    for env in ["local", "stage"] {
        shop.must(&["deploy", "--yes", "--env", env], 0, env).await;
    }
    shop
}

fn write(shop: &Shop, env: &str, text: &str) {
    std::fs::write(shop.dir.path().join(format!("envs/{env}.toml")), text).unwrap();
}

async fn all(shop: &Shop, args: &[&str], code: i32) -> Value {
    document(&shop.must(&[&["status", "--all", "--format", "json"], args].concat(), code, "status --all").await)
}

/// What a layer of an environment says.
fn layer<'a>(told: &'a Value, env: &str, layer: &str) -> &'a Value {
    let status = told["environments"].as_array().unwrap().iter().find(|it| it["env"] == env).unwrap();
    status["layers"].as_array().unwrap().iter().find(|it| it["layer"] == layer).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_environment_is_a_line_and_what_is_not_well_stands_below() {
    let shop = shop().await;
    let well = all(&shop, &[], 0).await;
    let names: Vec<&Value> = well["environments"].as_array().unwrap().iter().map(|it| &it["env"]).collect();
    assert_eq!(
        (json!(names), &well["healthy"], &well["unread"]),
        (json!(["empty", "local", "stage"]), &json!(true), &json!({})),
        "{well:#}"
    );
    assert_eq!((&layer(&well, "empty", "edge")["state"], &layer(&well, "stage", "edge")["state"]), (&json!("absent"), &json!("deployed")));
    let words = shop.must(&["status", "--all"], 0, "status --all").await;
    assert!(words.contains("environment") && words.lines().filter(|line| line.contains("yes")).count() == 3, "{words}");
    assert!(!words.contains("PostgreSQL"), "what is well is told: {words}");

    // One object of one of them; an alarm of the other.
    shop.emulator.with_world(|world| {
        let region = world.regions.values_mut().next().unwrap();
        let (_, group) = region.log_groups.iter_mut().find(|(name, _)| name.contains("stage") && name.ends_with("/app")).unwrap();
        group.set(json!({"retentionInDays": 3}));
        let (_, alarm) = region.alarms.iter_mut().find(|(name, _)| name.starts_with("shop-local-")).unwrap();
        alarm.set(json!({"StateValue": "ALARM", "StateReason": "Threshold Crossed"}));
    });
    let ill = all(&shop, &[], 1).await;
    assert_eq!((&layer(&ill, "stage", "observability")["drift"], &layer(&ill, "local", "observability")["drift"]), (&json!(1), &json!(0)));
    let words = shop.must(&["status", "--all"], 1, "status --all").await;
    let line = |env: &str| words.lines().find(|line| line.contains(&format!("{env} "))).unwrap_or_else(|| panic!("no {env}: {words}"));
    assert!(line("stage").contains("1 drifted") && line("stage").contains("yes") && line("local").contains("no"), "{words}");
    assert!(words.contains("\nlocal\n") && words.contains("Threshold Crossed") && !words.contains("\nempty\n"), "{words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_cannot_be_read_is_told_and_the_others_are_looked_at() {
    let shop = shop().await;
    write(&shop, "broken", "regoin = \"eu-north-1\"\n");
    let told = all(&shop, &[], 1).await;
    assert!(told["unread"]["broken"].as_str().unwrap().contains("did you mean `region`"), "{told:#}");
    assert!(told["environments"].as_array().unwrap().len() == 3 && told["healthy"] == false, "{told:#}");
    let words = shop.must(&["status", "--all"], 1, "status --all").await;
    assert!(words.contains("unread") && words.contains("broken.toml"), "{words}");
    // Only what is remembered: no call, and nothing is judged.
    std::fs::remove_file(shop.dir.path().join("envs/broken.toml")).unwrap();
    shop.emulator.clear_calls();
    let told = all(&shop, &["--ledger"], 0).await;
    assert_eq!((shop.emulator.calls(), &layer(&told, "stage", "edge")["drift"]), (Vec::new(), &Value::Null));
    let refused = shop.must(&["status", "--all", "--watch"], 3, "both").await;
    assert!(refused.contains("cannot be used with"), "{refused}");
    std::fs::create_dir(shop.dir.path().join("none")).unwrap();
    let none = shop.must(&["status", "--all", "--config", "none"], 3, "no environment").await;
    assert!(none.contains("none has no file of an environment"), "{none}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_are_shared_and_each_question_is_asked_once() {
    let shop = shop().await;
    let count = |action: &str| shop.emulator.calls().iter().filter(|call| call.action == action).count();
    shop.emulator.clear_calls();
    all(&shop, &[], 0).await;
    for once in ["DescribeVpcs", "DescribeSubnets", "DescribeNatGateways", "DescribeAvailabilityZones", "GetCallerIdentity"] {
        assert_eq!(count(once), 1, "{once}");
    }
    let together = shop.emulator.calls().len();
    shop.emulator.clear_calls();
    for env in ["local", "stage"] {
        shop.must(&["status", "--env", env], 0, env).await;
    }
    assert!(together < shop.emulator.calls().len(), "{together}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_layers_own_binary_looks_at_its_layer_everywhere() {
    let shop = shop().await;
    let (url, server) = gate::serve(shop.emulator.clone(), Gate::open()).await;
    let mut network = Command::new(Path::new(binaries()).join("network"));
    network.args(["status", "--all", "--format", "json", "--endpoint-url", &url]).current_dir(shop.dir.path());
    let ended = tokio::task::spawn_blocking(move || network.output().unwrap()).await.unwrap();
    server.abort();
    assert!(ended.status.success(), "{}", said(&ended));
    let told = document(&said(&ended));
    assert_eq!(
        (&layer(&told, "stage", "network")["drift"], &layer(&told, "stage", "edge")["drift"]),
        (&json!(0), &Value::Null),
        "{told:#}"
    );
}
