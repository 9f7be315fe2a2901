//! What can go wrong at the edge: switching HTTPS, certificates that die, names and listeners that others change.

use emulator::table::Item;
use emulator::world::Region;
use engine::ledger::{Ledger, MemoryLedger, Row};
use engine::plan::Verb;
use engine::{Address, LayerName, Sink};
use integration_tests::{Bench, EVERYTHING, all_done, deployed};
use orchestrator::stack;
use serde_json::{Value, json};
use std::time::Duration;

const PLAIN: &str = "embedded = true\n[database]\nfinal_snapshot = false\n[edge]\ndeletion_protection = false\n";
const HTTPS: &str = "https = true\ndomain = \"shop.example.com\"\nhosted_zone = \"example.com\"\n";

fn region<T>(bench: &Bench, look: impl FnOnce(&mut Region) -> T) -> T {
    bench.emulator.with_world(|world| look(world.regions.get_mut("eu-north-1").unwrap()))
}

/// The records of the zone, beside its own.
fn records(bench: &Bench) -> Vec<Value> {
    let all = bench.emulator.with_world(|world| world.account.hosted_zones["Z0EXAMPLE"].inside["records"].as_array().unwrap().clone());
    all.into_iter().filter(|it| it["Type"] != "NS" && it["Type"] != "SOA").collect()
}

/// Changes the record of this type by hand.
fn by_hand(bench: &Bench, kind: &str, change: impl FnOnce(&mut Value)) {
    bench.emulator.with_world(|world| {
        let zone = world.account.hosted_zones.get_mut("Z0EXAMPLE").unwrap();
        let records = zone.inside["records"].as_array_mut().unwrap();
        change(records.iter_mut().find(|it| it["Type"] == kind).unwrap());
    });
}

/// The stack as the next process sees it: its memory was written and read again.
fn restarted(bench: &Bench) -> Bench {
    let reread = |layer: LayerName, ledger: &MemoryLedger| {
        let reread = |entry| serde_json::from_str(&serde_json::to_string(entry).unwrap()).unwrap();
        let again = MemoryLedger::holding(layer, ledger.entries().iter().map(reread).collect());
        (layer, again)
    };
    let ledgers = bench.ledgers.iter().map(|(layer, ledger)| reread(*layer, ledger)).collect();
    Bench { emulator: bench.emulator.clone(), ledgers, script: None, polls: 1.0 }
}

fn row(bench: &Bench, name: &str) -> Row {
    bench.ledgers[&LayerName::Edge].folded().current(&Address::new(LayerName::Edge, name)).unwrap().clone()
}

/// What the HTTPS listener shows, and every certificate with its domain and status.
fn certificates(bench: &Bench) -> (String, Vec<(String, String, String)>) {
    region(bench, |region| {
        let https = region.listeners.values().find(|it| it.str("Port") == "443").unwrap();
        let used = https.body["Certificates"][0]["CertificateArn"].as_str().unwrap().to_owned();
        let all = region.certificates.iter().map(|(arn, it)| (arn.clone(), it.str("DomainName").to_owned(), it.str("Status").to_owned()));
        (used, all.collect())
    })
}

/// The place of the first call to `action` since the calls were cleared.
fn place(bench: &Bench, action: &str) -> usize {
    bench.emulator.calls().iter().position(|call| call.action == action).unwrap_or_else(|| panic!("no {action}"))
}

#[tokio::test(start_paused = true)]
async fn nobody_is_sent_to_https_before_it_answers_or_after_it_is_gone() {
    let bench = deployed(PLAIN).await;
    bench.emulator.clear_calls();
    all_done(bench.deploy(&format!("{PLAIN}{HTTPS}")).await);
    assert!(place(&bench, "CreateListener") < place(&bench, "ModifyListener"));
    bench.emulator.clear_calls();
    all_done(bench.deploy(PLAIN).await);
    assert!(place(&bench, "ModifyListener") < place(&bench, "DeleteListener"));
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_way_in_does_not_depend_on_https() {
    for env in [PLAIN.to_owned(), format!("{PLAIN}{HTTPS}")] {
        let bench = deployed(&env).await;
        let doors = bench.ledgers[&LayerName::Edge].folded().doors.unwrap();
        let reads: Vec<&str> = doors["target_group"].reads.iter().map(|at| at.name.as_str()).collect();
        assert_eq!(reads, ["listener-http", "target-group"]);
    }
}

#[tokio::test(start_paused = true)]
async fn another_domain_gets_another_certificate_and_the_old_one_goes_last() {
    let bench = deployed(EVERYTHING).await;
    let (old, _) = certificates(&bench);
    let moved = EVERYTHING.replace("shop.example.com", "www.example.com");
    bench.emulator.clear_calls();
    all_done(bench.deploy(&moved).await);
    let (used, all) = certificates(&bench);
    assert_ne!(used, old);
    assert_eq!(all, [(used, "www.example.com".to_owned(), "ISSUED".to_owned())]);
    assert!(place(&bench, "ModifyListener") < place(&bench, "DeleteCertificate"));
    let names: Vec<String> = records(&bench).iter().map(|it| it["Name"].to_string()).collect();
    assert!(names.len() == 2 && names.iter().all(|name| name.contains("www.example.com.")), "{names:?}");
    assert!(!bench.plan(&moved).await.changes());
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_can_never_be_used_again_is_replaced() {
    let bench = deployed(EVERYTHING).await;
    let (old, _) = certificates(&bench);
    region(&bench, |region| region.certificates.values_mut().for_each(|it| it.set(json!({"Status": "EXPIRED"}))));
    assert_eq!(bench.plan(EVERYTHING).await.steps["edge/certificate#2"].verb, Verb::Replace);
    all_done(bench.deploy(EVERYTHING).await);
    let (used, all) = certificates(&bench);
    assert_ne!(used, old);
    assert_eq!(all, [(used, "shop.example.com".to_owned(), "ISSUED".to_owned())]);
    assert!(!bench.plan(EVERYTHING).await.changes());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_ended_before_the_record_was_told_is_taken_up() {
    let bench = deployed(EVERYTHING).await;
    bench.emulator.with_world(|world| {
        let soon = world.clock.after(Duration::from_secs(3));
        let it = world.regions.get_mut("eu-north-1").unwrap().certificates.values_mut().next().unwrap();
        let told = it.body["DomainValidationOptions"].clone();
        let mut silent = told.clone();
        silent[0].as_object_mut().unwrap().remove("ResourceRecord");
        it.set(json!({"Status": "PENDING_VALIDATION", "DomainValidationOptions": silent}));
        it.inside["seen"] = Value::Null;
        it.later(soon, json!({"DomainValidationOptions": told}));
    });
    let before = records(&bench);
    all_done(restarted(&bench).deploy(EVERYTHING).await);
    assert_eq!(records(&bench), before);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_somebody_changed_is_shown_and_put_back_by_the_next_process() {
    let bench = deployed(EVERYTHING).await;
    let before = records(&bench);
    by_hand(&bench, "A", |it| it["AliasTarget"]["DNSName"] = json!("elsewhere.example.net."));
    let next = restarted(&bench);
    let plan = next.plan(EVERYTHING).await;
    let step = &plan.steps["edge/alias-record#1"];
    assert!(plan.stops.is_empty(), "{:#?}", plan.stops);
    assert!(step.verb == Verb::Update && step.changes.iter().all(|change| change.drift), "{step:#?}");
    all_done(next.deploy(EVERYTHING).await);
    assert_eq!(records(&bench), before);
}

#[tokio::test(start_paused = true)]
async fn destroy_takes_our_records_and_leaves_a_name_that_leads_elsewhere() {
    let bench = deployed(EVERYTHING).await;
    by_hand(&bench, "CNAME", |it| it["TTL"] = json!(60));
    by_hand(&bench, "A", |it| it["AliasTarget"]["DNSName"] = json!("elsewhere.example.net."));
    all_done(restarted(&bench).destroy().await);
    let left = records(&bench);
    assert!(left.len() == 1 && left[0]["AliasTarget"]["DNSName"] == "elsewhere.example.net.", "{left:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_somebody_changed_is_shown_and_put_back() {
    let bench = deployed(EVERYTHING).await;
    region(&bench, |region| {
        for it in region.listeners.values_mut() {
            if it.str("Port") == "80" {
                it.body["DefaultActions"][0]["RedirectConfig"]["StatusCode"] = json!("HTTP_302");
            } else {
                let first = it.body["DefaultActions"][0]["TargetGroupArn"].as_str().unwrap().to_owned();
                let groups = json!([{"TargetGroupArn": first, "Weight": "1"}, {"TargetGroupArn": format!("{first}0"), "Weight": "1"}]);
                it.body["DefaultActions"] = json!([{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]);
            }
        }
    });
    let plan = bench.plan(EVERYTHING).await;
    for listener in ["edge/listener-http#1", "edge/listener-https#1"] {
        assert_eq!(plan.steps[listener].verb, Verb::Update, "{listener}");
    }
    all_done(bench.deploy(EVERYTHING).await);
    assert!(!bench.plan(EVERYTHING).await.changes());
}

#[tokio::test(start_paused = true)]
async fn a_target_group_that_a_listener_still_holds_is_deleted_when_it_is_free() {
    let bench = deployed(PLAIN).await;
    let group = row(&bench, "target-group");
    let arn = group.output.clone().unwrap();
    bench.emulator.with_world(|world| {
        let freed = world.clock.after(Duration::from_secs(30));
        let region = world.regions.get_mut("eu-north-1").unwrap();
        region.listeners.clear();
        let mut held = Item::new(json!({"DefaultActions": [{"Type": "forward", "TargetGroupArn": arn}]}), Default::default());
        held.later(freed, Value::Null);
        region.listeners.insert("held".into(), held);
    });
    let kinds = stack::kinds(&bench.aws().await);
    let ticks = Sink::none().ticks(&group.who.address);
    kinds.get("target_group").unwrap().delete(&group.who, &group.spec, group.output.as_ref(), &ticks).await.unwrap();
    assert!(region(&bench, |region| region.target_groups.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn alarms_look_at_our_load_balancer_and_group() {
    let bench = deployed(EVERYTHING).await;
    region(&bench, |region| {
        let tail = |arn: &str, from: &str| arn.split_once(from).unwrap().1.to_owned();
        let balancer = json!({"Name": "LoadBalancer", "Value": tail(region.load_balancers.keys().next().unwrap(), ":loadbalancer/")});
        let group = format!("targetgroup/{}", tail(region.target_groups.keys().next().unwrap(), ":targetgroup/"));
        let group = json!({"Name": "TargetGroup", "Value": group});
        let dimensions = |alarm: &str| region.alarms[alarm].body["Dimensions"].clone();
        assert_eq!(dimensions("shop-test-edge-errors"), json!([balancer]));
        assert_eq!(dimensions("shop-test-edge-unhealthy"), json!([balancer, group]));
        assert_eq!(region.alarms["shop-test-edge-latency"].body["ExtendedStatistic"], "p99");
    });
}

#[tokio::test(start_paused = true)]
async fn the_access_log_goes_where_it_is_told() {
    let bench = deployed(&format!("{PLAIN}access_logs = {{ bucket = \"logs\", prefix = \"edge\" }}\n")).await;
    region(&bench, |region| {
        let attributes = &region.load_balancers.values().next().unwrap().inside["attributes"];
        for (key, value) in [("enabled", "true"), ("bucket", "logs"), ("prefix", "edge")] {
            assert_eq!(attributes[format!("access_logs.s3.{key}")], value, "{key}");
        }
    });
    all_done(bench.deploy(PLAIN).await);
    assert!(!bench.plan(PLAIN).await.changes());
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_is_not_there_is_refused_with_its_setting() {
    let refused = Bench::new().deploy(&EVERYTHING.replace("example.com", "example.org")).await.unwrap_err();
    assert!(refused.contains("edge.hosted_zone") && refused.contains("example.org"), "{refused}");
}
