//! The layers that LocalStack carries, deployed, read back, changed and destroyed by the real binary.
//!
//! | LocalStack 4.14.0 without a token cannot | so |
//! | --- | --- |
//! | ECS, RDS, ELBv2, Application Auto Scaling | no database, edge and compute: with `LOCALSTACK_AUTH_TOKEN` all seven layers |
//! | say which alarms there are, once one has tags (`DescribeAlarms` over CBOR: `KeyError: 'Tags'` in `aws/protocol/serializer.py`) | no observability |
//! | say that a dashboard is missing with AWS's code (`ResourceNotFound`) | the same |
//! | delete an S3 object `If-Match` (501, `s3/provider.py`): the lock of a ledger in a bucket | a ledger in a directory |
//! | keep the description of a rule whose peer is a group | `plan` shows exactly those descriptions |
//! | give the ARN of a parameter in `DescribeParameters` | it is made of its key's, as AWS documents it |

use super::{REGION, Shop};
use integration_tests::docker::{self, Cloud};
use std::collections::BTreeMap;

const SETTINGS: &str = "embedded = true\nspeed = 10.0\nprotect = false\n[secrets]\nkey_deletion_days = 7\n";

#[test]
fn localstack_carries_what_it_has() {
    // Another one is pulled.
    let images: &[&str] = if docker::localstack() == docker::LOCALSTACK { &["python:3.13-slim", docker::LOCALSTACK] } else { &[] };
    docker::suite("containers::localstack::localstack_carries_what_it_has", images, life);
}

async fn life() {
    let shop = Shop::new(Cloud::localstack().await, SETTINGS);
    let some = ["--layer", "network", "--layer", "secrets"];
    let layers: &[&str] = if docker::token().is_some() { &[] } else { &some };
    let run = async |args: &[&str]| shop.must(&[args, layers].concat()).await;

    run(&["deploy", "--yes"]).await;
    let (vpcs, parameters) = there(&shop.cloud).await;
    assert_eq!((vpcs.len(), parameters), (1, 2));
    let policy = shop.must(&["outputs", "secrets.read_policy"]).await;
    assert!(policy.contains(":parameter/shop/real/database-password"), "{policy}");
    only_descriptions(&run(&["plan", "--format", "json"]).await);

    std::fs::write(shop.dir.path().join("real.toml"), format!("{SETTINGS}[tags]\nround = \"two\"\n")).unwrap();
    run(&["deploy", "--yes"]).await;
    let (again, _) = there(&shop.cloud).await;
    assert_eq!(again.keys().collect::<Vec<_>>(), vpcs.keys().collect::<Vec<_>>());
    assert!(again.values().all(|tags| tags.get("round").is_some_and(|round| round == "two")), "{again:?}");
    only_descriptions(&run(&["plan", "--format", "json"]).await);

    run(&["destroy", "--yes", "--allow-destroy", "all"]).await;
    assert_eq!(there(&shop.cloud).await, (BTreeMap::new(), 0));
}

/// By LocalStack's own words: our VPCs with their tags, and how many parameters we have.
async fn there(cloud: &Cloud) -> (BTreeMap<String, BTreeMap<String, String>>, usize) {
    let aws = cloud.connect(REGION).await;
    let ours = aws::ec2::filter("tag:orchestrator:stack", ["shop".to_owned()]);
    let vpcs = aws.ec2.describe_vpcs().filters(ours).send().await.unwrap();
    let vpcs = vpcs.vpcs().iter().filter_map(|vpc| {
        let tags = vpc.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())));
        Some((vpc.vpc_id()?.to_owned(), tags.collect()))
    });
    let vpcs = vpcs.collect();
    let parameters = aws.ssm.describe_parameters().send().await.unwrap();
    (vpcs, parameters.parameters().iter().filter(|it| it.name().is_some_and(|name| name.starts_with("/shop/"))).count())
}

fn only_descriptions(plan: &str) {
    let plan: serde_json::Value = serde_json::from_str(plan.lines().next().unwrap()).unwrap();
    for (id, step) in plan["plan"]["steps"].as_object().unwrap().iter().filter(|(_, step)| step["verb"] != "keep") {
        let fields: Vec<&str> = step["changes"].as_array().unwrap().iter().filter_map(|change| change["field"].as_str()).collect();
        assert!(step["kind"] == "security_group_rule" && fields == ["description"], "{id}: {step}");
    }
}
