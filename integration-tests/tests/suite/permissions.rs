//! What `doctor` says of the caller's permissions: the list is what the tool calls, and the simulator's answer is told as it is.

use aws::Aws;
use aws::permissions::{ALARM, ALL_TAGS, LEDGER, Principal, ROLE, SECURITY_GROUP, Simulation, TAGS, Verdict, actions, principal};
use emulator::table::Item;
use engine::{LayerName, Scope};
use integration_tests::process::ROOT;
use integration_tests::{Bench, EVERYTHING, all_done, settings};
use orchestrator::stack::{self, Configs};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const USER: &str = "arn:aws:iam::123456789012:user/local";

/// IAM's name of a service.
fn iam(service: &str) -> &str {
    match service {
        "monitoring" => "cloudwatch",
        "tagging" => "tag",
        other => other,
    }
}

#[tokio::test(start_paused = true)]
async fn the_list_has_every_call_of_a_whole_life() {
    let bench = Bench::new();
    all_done(bench.deploy(EVERYTHING).await);
    let changed = EVERYTHING.replace("[edge]", "[edge]\nidle_timeout = 90").replace("[database]", "[database]\nbackup_days = 9");
    all_done(bench.deploy(&changed).await);
    crate::rotate::rotate(&bench).await.unwrap();
    all_done(bench.destroy().await);
    let sent: BTreeSet<String> = bench.emulator.calls().iter().map(|call| format!("{}:{}", iam(&call.service), call.action)).collect();
    let listed = actions(stack::calls(&Configs::read(&settings(EVERYTHING)).unwrap(), stack::LAYERS));
    let missing: Vec<&String> = sent.iter().filter(|call| !actions([call.as_str()]).iter().all(|action| listed.contains(action))).collect();
    assert!(sent.len() > 120 && missing.is_empty(), "{} calls, not in the list: {missing:#?}", sent.len());
}

/// Files of what only `doctor`, operators' sessions and a look at many environments ask: a deploy needs none of it.
const OTHERS: [&str; 7] = ["calls.rs", "preflight.rs", "permissions.rs", "exec.rs", "session.rs", "logs", "listed.rs"];

/// The operations that the files below a folder name in their calls.
fn named(dir: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if OTHERS.contains(&name.to_str().unwrap()) {
            continue;
        }
        if path.is_dir() {
            named(&path, found);
        } else {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap().lines().filter(|line| !line.trim_start().starts_with("///"));
            let code = code.collect::<Vec<_>>().join("\n");
            for mark in ["or_fault(\"", "or_gone(\"", ".call(\"", "let call = \""] {
                let calls = code.split(mark).skip(1).map(|rest| rest.split('"').next().unwrap());
                found.extend(calls.filter(|call| call.contains(':') && !call.starts_with("sts:")).map(str::to_owned));
            }
        }
    }
}

#[test]
fn the_lists_are_what_the_files_call() {
    let configs = Configs::read(&settings(EVERYTHING)).unwrap();
    let shared: BTreeSet<&str> = [ALARM, ALL_TAGS, ROLE, SECURITY_GROUP, TAGS].concat().into_iter().collect();
    for layer in LayerName::ALL {
        let mut calls = BTreeSet::new();
        named(&Path::new(ROOT).join(layer.as_str()).join("src"), &mut calls);
        let listed: BTreeSet<String> = stack::calls(&configs, &[layer]).into_iter().map(str::to_owned).collect();
        let own: BTreeSet<String> = listed.iter().filter(|call| !shared.contains(call.as_str())).cloned().collect();
        assert!(calls.len() > 15, "{layer}: {calls:?}");
        assert_eq!(calls.difference(&listed).collect::<Vec<_>>(), Vec::<&String>::new(), "{layer}: called and not in `calls.rs`");
        assert_eq!(own.difference(&calls).collect::<Vec<_>>(), Vec::<&String>::new(), "{layer}: in `calls.rs` and not called");
    }
    let mut calls = BTreeSet::new();
    named(&Path::new(ROOT).join("foundation/aws/src"), &mut calls);
    let listed: BTreeSet<String> = shared.into_iter().chain(LEDGER.iter().copied()).map(str::to_owned).collect();
    assert_eq!(calls, listed, "foundation/aws");
}

#[test]
fn what_the_settings_do_not_use_needs_no_permission() {
    let few = |env: &str, layer| stack::calls(&Configs::read(&settings(env)).unwrap(), &[layer]).concat();
    let bare = "embedded = true\n[network]\nnat = \"none\"\n[observability]\nflow_logs = false\n";
    assert!(few(EVERYTHING, LayerName::Bastion).contains("RunInstances") && few(bare, LayerName::Bastion).is_empty());
    assert!(few(EVERYTHING, LayerName::Network).contains("CreateNatGateway") && !few(bare, LayerName::Network).contains("NatGateway"));
    let edge = few(bare, LayerName::Edge);
    assert!(edge.contains("CreateLoadBalancer") && !["acm:", "route53:", "wafv2:"].iter().any(|service| edge.contains(service)));
    assert!(!few(bare, LayerName::Observability).contains("iam:"));
}

/// The caller with this policy, in a new world.
async fn with_policy(statements: Value) -> (Bench, Aws) {
    let bench = Bench::new();
    bench.emulator.with_world(|world| {
        let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        world.account.users.insert("local".into(), Item { inside: json!({"policies": {"deploys": policy}}), ..Item::default() });
    });
    let aws = bench.aws().await;
    (bench, aws)
}

async fn asked(statements: Value, wanted: &[&str]) -> Verdict {
    let (_bench, aws) = with_policy(statements).await;
    let scope = Scope { stack: "shop".into(), env: "test".into(), tags: BTreeMap::from([("team".into(), "blue".into())]) };
    let named = ["arn:aws:route53:::hostedzone/Z0EXAMPLE".to_owned()];
    let simulation = Simulation { principal: USER, account: "123456789012", scope: &scope, named: &named };
    simulation.run(&aws, &wanted.iter().copied().collect()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_is_allowed_for_our_objects_alone_is_not_denied() {
    let statements = json!([
        {"Effect": "Allow", "Action": "iam:*", "Resource": "arn:aws:iam::123456789012:role/shop-*"},
        {"Effect": "Allow", "Action": "route53:*", "Resource": "arn:aws:route53:::hostedzone/Z0EXAMPLE"},
        {"Effect": "Allow", "Action": "ssm:*", "Resource": "arn:aws:ssm:eu-north-1:123456789012:parameter/other/*"},
    ]);
    let wanted = ["iam:CreateRole", "iam:PassRole", "route53:ChangeResourceRecordSets", "ssm:PutParameter"];
    assert_eq!(asked(statements, &wanted).await, Verdict { denied: vec!["ssm:PutParameter".into()], ..Verdict::default() });
}

#[tokio::test(start_paused = true)]
async fn a_denial_wins_and_conditions_that_we_know_are_met() {
    let statements = json!([
        {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:RequestTag/team": "blue"}}},
        {"Effect": "Deny", "NotAction": "iam:*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:RequestedRegion": "eu-north-1"}}},
        {"Effect": "Deny", "Action": "rds:Delete*", "Resource": "*"},
        {"Effect": "Deny", "Action": "kms:*", "Resource": "*", "Condition": {"StringNotLike": {"aws:PrincipalTag/role": "boss"}}},
    ]);
    let wanted = ["ec2:CreateVpc", "iam:CreateRole", "rds:DeleteDBInstance", "kms:CreateKey"];
    let verdict = asked(statements, &wanted).await;
    assert_eq!(verdict.denied, ["rds:DeleteDBInstance"]);
    assert_eq!(verdict.open, BTreeMap::from([("kms:CreateKey".to_owned(), vec!["aws:PrincipalTag/role".to_owned()])]));
}

#[tokio::test(start_paused = true)]
async fn who_calls_is_a_user_a_role_with_its_path_or_nobody_that_iam_knows() {
    let bench = Bench::new();
    bench.emulator.with_world(|world| {
        let body = json!({"RoleName": "Admin", "RoleId": "AROA", "Path": "/ops/", "Arn": "arn:aws:iam::123456789012:role/ops/Admin",
            "CreateDate": "2026-01-01T00:00:00Z"});
        world.account.roles.insert("Admin".into(), Item::new(body, BTreeMap::new()));
    });
    let aws = bench.aws().await;
    let entity = |arn: &str| Principal::Entity(arn.to_owned());
    let assumed = |name: &str| format!("arn:aws:sts::123456789012:assumed-role/{name}/me@example.com");
    assert_eq!(principal(&aws, USER).await, entity(USER));
    assert_eq!(principal(&aws, &assumed("Admin")).await, entity("arn:aws:iam::123456789012:role/ops/Admin"));
    assert_eq!(principal(&aws, &assumed("Gone")).await, entity("arn:aws:iam::123456789012:role/Gone"));
    assert_eq!(principal(&aws, "arn:aws:iam::123456789012:root").await, Principal::Root);
    assert_eq!(principal(&aws, "arn:aws:sts::123456789012:federated-user/me").await, Principal::Unknown);
}
