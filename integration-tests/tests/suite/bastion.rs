//! The bastion layer, read back from the world.

use emulator::services::ec2::Rule;
use emulator::table::Item;
use engine::ledger::Ledger;
use engine::plan::Verb;
use engine::{LayerName, Sink};
use integration_tests::{Bench, EVERYTHING, all_done, calm, deployed, region};
use orchestrator::stack;
use serde_json::json;

const AT: &str = "bastion/instance#1";

fn by_session_manager() -> String {
    let (before, _) = EVERYTHING.split_once("[bastion]").unwrap();
    format!("{before}[bastion]\nenabled = true\n")
}

/// The hosts that run, by id.
fn hosts(bench: &Bench) -> Vec<(String, Item)> {
    let runs = |it: &Item| it.body["instanceState"]["name"] == "running";
    region(bench, |region| region.ec2.instances.iter().filter(|(_, it)| runs(it)).map(|(id, it)| (id.clone(), it.clone())).collect())
}

fn host(bench: &Bench) -> (String, Item) {
    let mut hosts = hosts(bench);
    assert_eq!(hosts.len(), 1);
    hosts.remove(0)
}

/// The rules of the group whose name ends so.
fn rules(bench: &Bench, group: &str) -> Vec<Rule> {
    region(bench, |region| {
        let id = region.ec2.security_groups.iter().find(|(_, it)| it.name.ends_with(group)).unwrap().0;
        region.ec2.rules.values().filter(|rule| &rule.group == id).cloned().collect()
    })
}

/// The address of the subnet that the host stands in.
fn subnet(bench: &Bench) -> String {
    let id = host(bench).1.str("subnetId").to_owned();
    region(bench, |region| region.ec2.subnets[&id].tags["orchestrator:address"].clone())
}

fn door(bench: &Bench) -> serde_json::Value {
    bench.ledgers[&LayerName::Bastion].folded().doors.unwrap()["instance"].value.clone()
}

#[tokio::test(start_paused = true)]
async fn off_there_is_nothing_of_it() {
    let bench = deployed(&EVERYTHING.replace("[bastion]\nenabled = true", "[bastion]\nenabled = false")).await;
    assert!(region(&bench, |region| region.ec2.instances.is_empty() && region.ec2.key_pairs.is_empty()));
    assert!(bench.emulator.with_world(|world| world.account.instance_profiles.is_empty()));
    assert!(!bench.emulator.tagged("orchestrator:layer", "bastion").iter().any(|_| true));
    assert!(door(&bench).is_null());
}

#[tokio::test(start_paused = true)]
async fn by_default_nothing_opens_and_session_manager_leads_in() {
    let bench = deployed(&by_session_manager()).await;
    let (id, it) = host(&bench);
    assert!(it.body.get("keyName").is_none_or(serde_json::Value::is_null) && it.body.get("ipAddress").is_none(), "{}", it.body);
    assert_eq!((subnet(&bench).as_str(), door(&bench)), ("network/subnet-private-a", json!(id)));
    assert!(rules(&bench, "-bastion").iter().all(|rule| rule.egress));
    assert!(region(&bench, |region| region.ec2.key_pairs.is_empty()));
    bench.emulator.with_world(|world| {
        let profile = &world.account.instance_profiles["shop-test-bastion"];
        assert_eq!(profile.inside["role"], "shop-test-bastion");
        assert!(it.body["iamInstanceProfile"]["arn"].as_str().unwrap().ends_with(":instance-profile/shop-test-bastion"));
        let role = &world.account.roles["shop-test-bastion"];
        let attached: Vec<&String> = role.inside["attached"].as_object().unwrap().keys().collect();
        assert_eq!(attached, ["arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"]);
        assert!(role.inside["policies"].as_object().is_none_or(serde_json::Map::is_empty));
        assert!(role.str("AssumeRolePolicyDocument").contains("ec2%2Eamazonaws%2Ecom"));
    });
}

#[tokio::test(start_paused = true)]
async fn ssh_opens_one_port_to_the_named_ranges_with_our_key() {
    let bench = deployed(EVERYTHING).await;
    let (_, it) = host(&bench);
    let into: Vec<Rule> = rules(&bench, "-bastion").into_iter().filter(|rule| !rule.egress).collect();
    assert_eq!(into.len(), 1);
    assert_eq!((into[0].from, into[0].to, into[0].peer.as_str(), into[0].protocol.as_str()), (22, 22, "198.51.100.0/24", "tcp"));
    assert_eq!(subnet(&bench), "network/subnet-public-a");
    assert!(!it.str("ipAddress").is_empty());
    region(&bench, |region| {
        let pair = region.ec2.key_pairs.values().next().unwrap();
        let file = include_str!("bastion.pub");
        assert!(file.starts_with(pair.inside["publicKey"].as_str().unwrap()), "{}", pair.inside);
        assert_eq!((region.ec2.key_pairs.len(), pair.str("keyName")), (1, it.str("keyName")));
    });
}

#[tokio::test(start_paused = true)]
async fn it_has_its_own_way_into_the_data_tier_and_few_ways_out() {
    let bench = deployed(EVERYTHING).await;
    let of =
        |what: &str| region(&bench, |region| region.ec2.security_groups.iter().find(|(_, it)| it.name.ends_with(what)).unwrap().0.clone());
    let (bastion, data) = (of("-bastion"), of("-data"));
    let mut out: Vec<(i64, String)> =
        rules(&bench, "-bastion").into_iter().filter(|rule| rule.egress).map(|rule| (rule.from, rule.peer)).collect();
    out.sort();
    assert_eq!(out, [(443, "0.0.0.0/0".to_owned()), (5432, data)]);
    assert!(rules(&bench, "-data").iter().any(|rule| !rule.egress && rule.peer == bastion && (rule.from, rule.to) == (5432, 5432)));
    let old = EVERYTHING.replace("[bastion]", "[bastion]\nimage = \"amazon-linux-2\"");
    all_done(bench.deploy(&old).await);
    assert!(rules(&bench, "-bastion").iter().any(|rule| rule.egress && rule.from == 80));
}

#[tokio::test(start_paused = true)]
async fn the_disk_is_encrypted_and_the_metadata_service_asks_for_a_token() {
    let bench = deployed(EVERYTHING).await;
    let (_, it) = host(&bench);
    let volume = &it.inside["volumes"][0];
    assert_eq!((&volume["encrypted"], &volume["size"], &volume["volumeType"]), (&json!(true), &json!(30), &json!("gp3")));
    assert_eq!(volume["tags"]["team"], "blue");
    let options =
        |it: &Item| (it.body["metadataOptions"]["httpTokens"].clone(), it.body["metadataOptions"]["httpPutResponseHopLimit"].clone());
    assert_eq!(options(&it), (json!("required"), json!("2")));
    let bench = deployed(&EVERYTHING.replace("[bastion]", "[bastion]\ndocker = false")).await;
    assert_eq!(options(&host(&bench).1), (json!("required"), json!("1")));
}

#[tokio::test(start_paused = true)]
async fn the_image_follows_from_system_and_instance_type() {
    for (settings, image) in [
        ("", "ami-0a12023000000ar64"),
        ("instance_type = \"t3.micro\"", "ami-0a12023000000x864"),
        ("image = \"amazon-linux-2\"", "ami-0a12000000000ar64"),
        ("image = \"amazon-linux-2\"\ninstance_type = \"t3.micro\"", "ami-0a12000000000x864"),
    ] {
        let bench = deployed(&EVERYTHING.replace("[bastion]", &format!("[bastion]\n{settings}"))).await;
        assert_eq!(host(&bench).1.str("imageId"), image, "{settings}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_newer_image_never_replaces_a_host() {
    let bench = deployed(EVERYTHING).await;
    let (id, _) = host(&bench);
    region(&bench, |region| region.ec2.instances.get_mut(&id).unwrap().set(json!({"imageId": "ami-0a1202200000000ld"})));
    bench.emulator.clear_calls();
    assert!(!bench.plan(EVERYTHING).await.changes());
    assert!(!bench.emulator.calls().iter().any(|call| call.action == "GetParameter"), "a plan does not look for images");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_somebody_stopped_stays_stopped() {
    let bench = deployed(EVERYTHING).await;
    let (id, _) = host(&bench);
    // AWS takes the public address back.
    let stopped = json!({"instanceState": {"code": 80, "name": "stopped"}, "ipAddress": null, "dnsName": ""});
    region(&bench, |region| region.ec2.instances.get_mut(&id).unwrap().set(stopped));
    assert!(!bench.plan(EVERYTHING).await.changes());
    // A change in place does not wait for it to run.
    let tagged = EVERYTHING.replace("[bastion]", "[tags]\nteam = \"red\"\n[bastion]");
    all_done(bench.deploy(&tagged).await);
    assert_eq!(region(&bench, |region| region.ec2.instances[&id].tags["team"].clone()), "red");
}

#[tokio::test(start_paused = true)]
async fn what_somebody_loosened_is_tightened_in_place() {
    let bench = deployed(EVERYTHING).await;
    let (id, before) = host(&bench);
    region(&bench, |region| {
        let default = region.ec2.security_groups.iter().find(|(_, it)| it.name == "default").unwrap().0.clone();
        let it = region.ec2.instances.get_mut(&id).unwrap();
        it.body["metadataOptions"]["httpTokens"] = json!("optional");
        it.set(json!({"groupSet": [{"groupId": default, "groupName": "default"}]}));
    });
    let plan = bench.plan(EVERYTHING).await;
    assert_eq!(plan.steps[AT].verb, Verb::Update);
    assert!(plan.steps[AT].changes.iter().all(|change| change.drift && !change.replaces), "{:#?}", plan.steps[AT].changes);
    all_done(bench.deploy(EVERYTHING).await);
    let (same, after) = host(&bench);
    assert_eq!((same, &after.body["metadataOptions"]["httpTokens"]), (id, &json!("required")));
    assert_eq!(after.body["groupSet"], before.body["groupSet"]);
    assert!(!bench.plan(EVERYTHING).await.changes());
}

#[tokio::test(start_paused = true)]
async fn another_key_comes_with_another_host() {
    let bench = deployed(EVERYTHING).await;
    let (old, before) = host(&bench);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("next.pub");
    std::fs::write(&file, "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID/EzP50WHDiwNmfcfMP8GVsje3UHMHX09N2sNvmheLz\n").unwrap();
    let changed = EVERYTHING.replace("tests/suite/bastion.pub", file.to_str().unwrap());
    assert_eq!(bench.plan(&changed).await.steps["bastion/instance#2"].verb, Verb::Replace);
    all_done(bench.deploy(&changed).await);
    let (new, after) = host(&bench);
    assert!(new != old && after.str("keyName") != before.str("keyName"));
    let left: Vec<String> = region(&bench, |region| region.ec2.key_pairs.keys().cloned().collect());
    assert_eq!(left, [after.str("keyName")]);
    assert!(!bench.plan(&changed).await.changes());
}

#[tokio::test(start_paused = true)]
async fn a_key_that_cannot_be_used_is_refused_before_there_is_a_plan() {
    let bench = Bench::new();
    let named = |name: &str| EVERYTHING.replace("public_key_file = \"tests/suite/bastion.pub\"", &format!("key_name = \"{name}\""));
    let problem = bench.deploy(&named("nobody")).await.unwrap_err();
    assert!(problem.contains("bastion.key_name") && problem.contains("eu-north-1"), "{problem}");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("id");
    std::fs::write(&file, "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n").unwrap();
    let problem = bench.deploy(&EVERYTHING.replace("tests/suite/bastion.pub", file.to_str().unwrap())).await.unwrap_err();
    assert!(problem.contains("bastion.public_key_file") && !problem.contains("c2VjcmV0"), "{problem}");
    let body = json!({"keyPairId": "key-0123456789abcdef0", "keyName": "ops", "keyType": "ed25519"});
    bench.emulator.with_world(|world| {
        let keys = &mut world.regions.entry("eu-north-1".into()).or_default().ec2.key_pairs;
        keys.insert("ops".into(), Item::new(body, Default::default()));
    });
    all_done(bench.deploy(&named("ops")).await);
    assert_eq!(host(&bench).1.str("keyName"), "ops");
    all_done(bench.destroy().await);
    assert!(region(&bench, |region| region.ec2.key_pairs.contains_key("ops")), "it is not ours to delete");
}

#[tokio::test(start_paused = true)]
async fn the_launch_waits_until_ec2_knows_the_profile() {
    let (bench, calm) = (deployed(EVERYTHING).await, calm(EVERYTHING).await);
    let launches: Vec<Option<&str>> =
        calm.calls.iter().filter(|call| call.action == "RunInstances").map(|call| call.error.as_deref()).collect();
    let (last, refused) = launches.split_last().unwrap();
    assert!(last.is_none() && !refused.is_empty(), "{launches:?}");
    assert!(refused.iter().all(|error| *error == Some("InvalidParameterValue")), "{launches:?}");
    assert_eq!(hosts(&bench).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_gives_a_terminated_host_back_is_not_used_again() {
    let bench = deployed(EVERYTHING).await;
    let kinds = stack::kinds(&bench.aws().await);
    let rows = bench.ledgers[&LayerName::Bastion].folded().rows;
    let row = rows.values().find(|row| row.kind == "instance").unwrap();
    let (driver, ticks) = (kinds.get("instance").unwrap(), Sink::none().ticks(&row.who.address));
    let mut seen = vec![host(&bench).0];
    for _ in 0..3 {
        driver.delete(&row.who, &row.spec, None, &ticks).await.unwrap();
        assert!(hosts(&bench).is_empty());
        let made = driver.ensure(&row.who, &row.spec, None, &ticks).await.unwrap();
        let (id, _) = host(&bench);
        assert!(made == json!(id) && !seen.contains(&id), "{id} was terminated before");
        seen.push(id);
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_somebody_terminated_is_launched_again() {
    let bench = deployed(EVERYTHING).await;
    let (old, _) = host(&bench);
    bench.aws().await.ec2.terminate_instances().instance_ids(&old).send().await.unwrap();
    assert!(bench.plan(EVERYTHING).await.steps.values().any(|step| step.kind == "instance" && step.verb == Verb::Create));
    all_done(bench.deploy(EVERYTHING).await);
    let (new, _) = host(&bench);
    assert!(new != old && door(&bench) == json!(new));
}

#[tokio::test(start_paused = true)]
async fn a_profile_without_its_role_gets_it_back() {
    let bench = deployed(EVERYTHING).await;
    bench.emulator.with_world(|world| {
        world.account.instance_profiles.get_mut("shop-test-bastion").unwrap().inside = serde_json::Value::Null;
    });
    assert_eq!(bench.plan(EVERYTHING).await.steps["bastion/instance-profile#1"].verb, Verb::Update);
    all_done(bench.deploy(EVERYTHING).await);
    let role = bench.emulator.with_world(|world| world.account.instance_profiles["shop-test-bastion"].inside["role"].clone());
    assert_eq!(role, "shop-test-bastion");
}

#[tokio::test(start_paused = true)]
async fn between_its_two_modes_the_host_moves_and_nothing_stays_behind() {
    let bench = deployed(EVERYTHING).await;
    let by_session_manager = by_session_manager();
    for (settings, place, keys) in [(by_session_manager.as_str(), "private", 0), (EVERYTHING, "public", 1)] {
        all_done(bench.deploy(settings).await);
        assert!(subnet(&bench).contains(place));
        assert_eq!(region(&bench, |region| region.ec2.key_pairs.len()), keys);
        assert_eq!(rules(&bench, "-bastion").iter().filter(|rule| !rule.egress).count(), keys);
        assert!(!bench.plan(settings).await.changes());
    }
    all_done(bench.destroy().await);
    assert!(hosts(&bench).is_empty() && bench.tagged() == 0);
    assert!(bench.emulator.with_world(|world| world.account.instance_profiles.is_empty()));
}
