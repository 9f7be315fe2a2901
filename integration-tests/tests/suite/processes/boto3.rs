//! Every answer that the embedded AWS gives in a stack's life, read by botocore's own parsers and models.

use aws::ledger::init::init;
use aws::ledger::{Place, S3Store, Shared};
use base64::Engine;
use engine::LayerName;
use engine::ledger::{Holder, Store};
use integration_tests::shared::holder;
use integration_tests::{Bench, EVERYTHING, all_done, models};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

/// The calls of a ledger in a bucket: made, written, refused, broken.
async fn with_a_shared_ledger(bench: &Bench) {
    let place = Place::parse("s3://shop-ledger/blue").unwrap();
    let (kms_key, gone) = (Some("alias/ledger".into()), (|_: &Holder| false) as fn(&Holder) -> bool);
    let shared = Shared { place, stack: "shop".into(), env: "test".into(), kms_key, rescue: "rescue".into(), gone };
    let aws = bench.aws().await;
    let store = S3Store::new(&aws, shared.clone());
    assert!(store.open(LayerName::Edge, &holder(1)).await.is_err(), "there is no bucket yet");
    init(&aws, &shared, &BTreeMap::new()).await.unwrap();
    init(&aws, &shared, &BTreeMap::new()).await.unwrap();
    let ledger = store.open(LayerName::Edge, &holder(1)).await.unwrap().ledger;
    ledger.append(crate::ledger_s3::entry(1)).await.unwrap();
    assert!(store.open(LayerName::Edge, &holder(2)).await.is_err(), "it is locked");
    assert!(store.unlock(LayerName::Edge, &holder(1).run).await.unwrap());
    assert!(ledger.append(crate::ledger_s3::entry(2)).await.is_err(), "it is superseded");
    store.open(LayerName::Edge, &holder(3)).await.unwrap().ledger.close().await.unwrap();
}

/// The calls of `doctor` that no deploy makes: answered and refused.
async fn asked_by_doctor(bench: &Bench) {
    let aws = bench.aws().await;
    let quota = |code: &'static str| aws.quotas.get_service_quota().service_code("vpc").quota_code(code);
    assert_eq!(quota("L-F678F1CE").send().await.unwrap().quota.unwrap().value, Some(5.0));
    assert!(quota("L-00000000").send().await.is_err());
    let asked = || aws.iam.simulate_principal_policy().action_names("ec2:CreateVpc").action_names("iam:PassRole");
    let user = "arn:aws:iam::123456789012:user/";
    assert_eq!(asked().policy_source_arn(format!("{user}local")).max_items(1).send().await.unwrap().evaluation_results().len(), 1);
    assert!(asked().policy_source_arn(format!("{user}nobody")).send().await.is_err());
    let images = || aws.ecr.describe_images().repository_name("shop/app");
    assert!(images().send().await.is_err());
    aws.ecr.create_repository().repository_name("shop/app").send().await.unwrap();
    assert!(aws.ecr.create_repository().repository_name("shop/app").send().await.is_err(), "it is there");
    let put = || aws.ecr.put_image().repository_name("shop/app").image_manifest("{}").image_tag("1.0");
    put().send().await.unwrap();
    assert!(put().send().await.is_err(), "it is there");
    assert_eq!(images().send().await.unwrap().image_details()[0].image_tags(), ["1.0"]);
    assert_eq!(aws.ecr.describe_repositories().send().await.unwrap().repositories().len(), 1);
    assert!(aws.ecr.delete_repository().repository_name("shop/app").send().await.is_err(), "it is not empty");
    aws.ecr.delete_repository().repository_name("shop/app").force(true).send().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn botocore_understands_every_answer() {
    let Some(python) = models::python() else {
        integration_tests::process::skipped("no python3 with botocore on the PATH (pip install boto3)");
        return;
    };
    let bench = Bench::new();
    bench.emulator.keep_exchanges();
    all_done(bench.deploy(EVERYTHING).await);
    assert!(!bench.plan(EVERYTHING).await.changes());
    let changed = EVERYTHING.replace("[edge]", "[edge]\nidle_timeout = 90").replace("[database]", "[database]\nbackup_days = 9");
    all_done(bench.deploy(&changed).await);
    crate::rotate::rotate(&bench).await.unwrap();
    secrets::Values(&bench.aws().await).history("/shop/test/database-password").await.unwrap();
    all_done(bench.destroy().await);
    with_a_shared_ledger(&bench).await;
    asked_by_doctor(&bench).await;
    let exchanges = bench.emulator.exchanges();
    let operations: BTreeSet<String> = exchanges.iter().map(|it| format!("{}:{}", it.call.service, it.call.action)).collect();
    assert!(operations.len() > 100, "{}", operations.len());
    let mut child = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/processes/boto3.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for it in exchanges {
        let body = base64::engine::general_purpose::STANDARD.encode(&it.body);
        writeln!(stdin, "{}", json!({"service": it.call.service, "operation": it.call.action, "status": it.status, "body": body})).unwrap();
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    integration_tests::told!("{} operations; {said}", operations.len());
}
