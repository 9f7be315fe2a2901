//! status, drift and history of the real binary: what an operator sees, and what a script reads from the exit code.

use emulator::World;
use emulator::weather::{Fault, Weather};
use integration_tests::process::binary;
use integration_tests::processes::{Gate, Shop};
use serde_json::{Value, json};

pub(super) fn document(told: &str) -> Value {
    let line = told.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("no document: {told}"));
    serde_json::from_str(line).unwrap()
}

pub(super) async fn json(shop: &Shop, args: &[&str], code: i32) -> Value {
    document(&shop.must(&[args, &["--format", "json"]].concat(), code, &args.join(" ")).await)
}

fn sign<'a>(document: &'a Value, subject: &str) -> &'a Value {
    let signs = document["signs"].as_array().unwrap();
    signs.iter().find(|sign| sign["subject"] == subject).unwrap_or_else(|| panic!("no {subject} in {document:#}"))
}

fn region<T>(shop: &Shop, look: impl FnOnce(&mut emulator::world::Region) -> T) -> T {
    shop.emulator.with_world(|world: &mut World| look(world.regions.values_mut().next().unwrap()))
}

async fn deployed() -> Shop {
    let shop = Shop::new(binary(), "");
    shop.must(&["deploy", "--yes"], 0, "deploy").await;
    shop
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_shows_each_layer_and_how_what_it_made_is() {
    let shop = Shop::new(binary(), "");
    let empty = json(&shop, &["status"], 0).await;
    assert!(empty["healthy"] == true && empty["layers"].as_array().unwrap().iter().all(|it| it["state"] == "absent"), "{empty:#}");
    shop.must(&["deploy", "--yes"], 0, "deploy").await;
    let well = json(&shop, &["status"], 0).await;
    assert!(well["healthy"] == true && well["layers"].as_array().unwrap().len() == 7, "{well:#}");
    for layer in well["layers"].as_array().unwrap() {
        assert_eq!((&layer["state"], &layer["drift"], &layer["pending"]), (&json!("deployed"), &json!(0), &json!(0)), "{layer:#}");
        assert_eq!((&layer["last_run"]["command"], &layer["stale_inputs"]), (&json!("deploy"), &json!([])), "{layer:#}");
    }
    let service = sign(&well, "service");
    assert_eq!(
        (&service["facts"]["running"], &service["facts"]["rollout"]),
        (&service["facts"]["desired"], &json!("completed")),
        "{service:#}"
    );
    assert!(service["facts"]["image"].as_str().unwrap().contains("shop/app") && service["facts"]["revision"] == "shop-local-app:1");
    assert_eq!(sign(&well, "targets")["facts"]["healthy"], service["facts"]["running"]);
    assert_eq!((&sign(&well, "database")["facts"]["status"], &sign(&well, "alarms")["level"]), (&json!("available"), &json!("ok")));
    let secret = sign(&well, "secret");
    assert_eq!((&secret["facts"]["age_days"], &secret["facts"]["version"]), (&json!(0), &json!(1)), "{secret:#}");
    let words = shop.must(&["status"], 0, "status").await;
    assert!(words.contains("tasks run") && words.contains("PostgreSQL 16"), "{words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_cannot_be_asked_is_a_warning() {
    let shop = deployed().await;
    shop.emulator.weather(Weather::always(Fault::AccessDenied, "rds:DescribeDBMajorEngineVersions"));
    let well = json(&shop, &["status"], 0).await;
    let version = sign(&well, "version");
    assert!(version["level"] == "warn" && version["text"].as_str().unwrap().contains("cannot be asked"), "{well:#}");
    assert_eq!(sign(&well, "database")["facts"]["status"], "available");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_well_decides_the_exit_code() {
    let shop = deployed().await;
    region(&shop, |region| {
        let alarm = region.alarms.values_mut().next().unwrap();
        alarm.set(json!({"StateValue": "ALARM", "StateReason": "Threshold Crossed: 1 datapoint"}));
    });
    let ill = json(&shop, &["status"], 1).await;
    let alarm = sign(&ill, "alarm");
    assert!(alarm["level"] == "fail" && alarm["text"].as_str().unwrap().contains("Threshold Crossed"), "{alarm:#}");
    assert_eq!(ill["healthy"], false);
    region(&shop, |region| region.db_instances.values_mut().next().unwrap().set(json!({"DBInstanceStatus": "storage-full"})));
    assert_eq!(sign(&json(&shop, &["status"], 1).await, "database")["level"], "fail");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_that_ends_within_half_a_year_is_told() {
    let shop = Shop::new(binary(), "");
    let file = shop.dir.path().join("envs/local.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let old = text.replacen("[database]", "[database]\nengine_version = \"14\"", 1);
    assert_ne!(text, old);
    std::fs::write(&file, old).unwrap();
    shop.must(&["deploy", "--yes"], 0, "deploy").await;
    // RDS ends its standard support of PostgreSQL 14 in February 2027.
    let version = json(&shop, &["status"], 0).await;
    let days = sign(&version, "version")["facts"]["ends_in_days"].as_i64().unwrap();
    assert!(days < 180, "{days}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drift_tells_what_others_changed_deleted_or_put_in_our_place() {
    let shop = deployed().await;
    let quiet = shop.must(&["drift", "--exit-code"], 0, "drift").await;
    assert!(quiet.contains("Nobody changed anything"), "{quiet}");
    region(&shop, |region| {
        region.log_groups.values_mut().find(|it| it.str("logGroupName").ends_with("/app")).unwrap().set(json!({"retentionInDays": 3}));
        region.dashboards.clear();
        region.topics.values_mut().next().unwrap().tags.clear();
    });
    let found = json(&shop, &["drift", "--exit-code"], 2).await;
    let at = |address: &str| found["drift"].as_array().unwrap().iter().find(|it| it["address"] == address).cloned().unwrap_or_default();
    let group = at("observability/log-group-app");
    assert_eq!(
        (&group["how"], &group["changes"][0]["from"], &group["changes"][0]["to"]),
        (&json!("changed"), &json!(3), &json!(30)),
        "{found:#}"
    );
    assert_eq!(at("observability/dashboard")["how"], "gone", "{found:#}");
    assert_eq!(at("observability/alarm-topic")["how"], "foreign", "{found:#}");
    shop.must(&["drift"], 0, "drift without --exit-code").await;
    let layers = json(&shop, &["status"], 0).await["layers"].clone();
    let drift = |layer: &str| layers.as_array().unwrap().iter().find(|it| it["layer"] == layer).unwrap()["drift"].clone();
    assert_eq!((drift("observability"), drift("network")), (json!(3), json!(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_tells_who_changed_what_and_how_it_ended() {
    let shop = deployed().await;
    shop.must(&["plan"], 0, "plan").await;
    shop.must(&["release", "--image", "shop/app:2"], 0, "release").await;
    shop.must(&["release", "--image", "shop/app:broken"], 1, "a release that fails").await;
    shop.must(&["destroy", "--yes", "--allow-destroy", "all"], 0, "destroy").await;
    let runs = json(&shop, &["history"], 0).await["runs"].clone();
    let told: Vec<(&str, &Value)> = runs.as_array().unwrap().iter().map(|it| (it["command"].as_str().unwrap(), &it["ok"])).collect();
    let (yes, no) = (json!(true), json!(false));
    assert_eq!(told, [("destroy", &yes), ("release", &no), ("release", &yes), ("deploy", &yes)], "{runs:#}");
    assert_eq!(runs[3]["layers"].as_array().unwrap().len(), 7);
    assert!(runs[3]["created"].as_u64() >= Some(80) && runs[0]["deleted"].as_u64() >= Some(80), "{runs:#}");
    assert_eq!((&runs[2]["created"], &runs[2]["layers"]), (&json!(1), &json!(["compute"])), "{runs:#}");
    assert!(runs[2]["summary"].as_str().unwrap().contains("shop/app:2"), "{runs:#}");
    let words = shop.must(&["history", "-n", "2"], 0, "history").await;
    assert!(words.contains("destroy") && words.contains("failed") && !words.contains("deploy "), "{words}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_tells_what_a_deploy_would_meet() {
    let shop = Shop::new(binary(), "");
    let checks = |document: &Value| -> Vec<(String, String)> {
        let checks = document["checks"].as_array().unwrap().iter();
        checks.map(|it| (it["subject"].as_str().unwrap().to_owned(), it["level"].as_str().unwrap().to_owned())).collect()
    };
    let well = json(&shop, &["doctor"], 0).await;
    let found = checks(&well);
    for subject in ["credentials", "clock", "ledger", "lock", "quota", "offer", "service-linked roles", "names"] {
        assert!(found.contains(&(subject.to_owned(), "ok".to_owned())), "{subject}: {well:#}");
    }
    // Five addresses is what a new account gets; another stack has them all.
    shop.must(&["deploy", "--yes"], 0, "deploy").await;
    shop.emulator.with_world(|world| {
        let ec2 = &mut world.regions.values_mut().next().unwrap().ec2;
        let (_, one) = ec2.addresses.iter().next().map(|(id, it)| (id.clone(), it.clone())).unwrap();
        (0..5).for_each(|number| drop(ec2.addresses.insert(format!("eipalloc-other{number}"), one.clone())));
    });
    let file = shop.dir.path().join("envs/local.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text + "\n[network]\nnat = \"per_az\"\n").unwrap();
    let told = shop.must(&["plan"], 0, "plan").await;
    assert!(told.contains("warning: quota: 6 of 5 elastic addresses are taken"), "{told}");
    let full = json(&shop, &["doctor"], 1).await;
    assert!(checks(&full).contains(&("quota".to_owned(), "fail".to_owned())), "{full:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_fails_beside_an_unfinished_rotation_says_so() {
    let shop = deployed().await;
    let alone = shop.must(&["release", "--image", "shop/app:exits"], 1, "a release that fails").await;
    assert!(!alone.contains("was not finished"), "{alone}");
    // The new value is in SSM, and the call that would give it to RDS never leaves.
    let gate = Gate::closing(1, false);
    let mut rotation = shop.start("ada", &["secrets", "rotate", "database"], &gate).await;
    gate.closed().await;
    rotation.signal("KILL");
    rotation.ended().await;
    let failed = shop.must(&["release", "--image", "shop/app:exits"], 1, "a release that fails").await;
    assert!(failed.contains("hint: a change of database-password was not finished"), "{failed}");
}
