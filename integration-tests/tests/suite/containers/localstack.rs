//! The layers that LocalStack carries, through the walk that fills its part of `COVERAGE.md`; with `LOCALSTACK_AUTH_TOKEN` all seven.

use aws_sdk_cloudwatch::types::{ComparisonOperator, Statistic, Tag};
use engine::LayerName::{Bastion, Compute, Database, Edge, Observability};
use integration_tests::coverage::{Gap, Other};
use integration_tests::docker::{self, Cloud};

/// Another end, whose time is ours.
const SETTINGS: &[&str] =
    &["embedded = true\nspeed = 10.0\nprotect = false\n[network]\nnat = \"single\"\n[secrets]\nkey_deletion_days = 7\n"];
const DESCRIPTIONS: Gap = Gap {
    layers: &[],
    shows: &[("security_group_rule", "description")],
    what: "the description of a rule whose peer is a group is lost",
    link: "https://github.com/getmoto/moto/blob/5.2.5/moto/ec2/models/security_groups.py",
};

/// Without a token.
const FREE: Other = Other {
    name: "LocalStack 4.14.0",
    settings: SETTINGS,
    ledger: None,
    gaps: &[
        Gap {
            layers: &[Database, Edge, Compute, Bastion],
            shows: &[],
            what: "RDS, ELBv2, ECS and Application Auto Scaling need a paid plan, and the bastion a database",
            link: "https://docs.localstack.cloud/aws/licensing/",
        },
        Gap {
            layers: &[Observability],
            shows: &[],
            what: "`DescribeAlarms` over CBOR fails once an alarm has tags (`KeyError: 'Tags'`), and a missing dashboard has another code",
            link: "https://github.com/localstack/localstack/blob/v4.14.0/localstack-core/localstack/aws/protocol/serializer.py",
        },
        DESCRIPTIONS,
        Gap {
            layers: &[],
            shows: &[],
            what: "`DeleteObject` with `If-Match` is answered 501: a ledger in a bucket cannot give its lock back, so it is in a directory",
            link: "https://github.com/localstack/localstack/blob/v4.14.0/localstack-core/localstack/services/s3/provider.py",
        },
    ],
};

/// What keeps layers and ledgers away is still so; otherwise the table says too little.
async fn lacks(cloud: &Cloud) {
    let aws = cloud.connect("us-east-1").await;
    let condition = async {
        aws.s3.create_bucket().bucket("lock").send().await.unwrap();
        let put = aws.s3.put_object().bucket("lock").key("lock.json").body(b"{}".to_vec().into()).send().await.unwrap();
        let deleted = aws.s3.delete_object().bucket("lock").key("lock.json").if_match(put.e_tag.unwrap()).send().await;
        assert!(format!("{:?}", deleted.unwrap_err()).contains("NotImplemented"), "it deletes under a condition");
    };
    let tags = async {
        let alarm = aws.alarms.put_metric_alarm().alarm_name("tagged").metric_name("m").namespace("n").period(60).evaluation_periods(1);
        let alarm = alarm.threshold(1.0).statistic(Statistic::Sum).comparison_operator(ComparisonOperator::GreaterThanThreshold);
        alarm.tags(Tag::builder().key("team").value("blue").build()).send().await.unwrap();
        assert!(aws.alarms.describe_alarms().send().await.is_err(), "it tells of alarms with tags");
        aws.alarms.delete_alarms().alarm_names("tagged").send().await.unwrap();
    };
    // Each is tried several times, as errors of a server are: all at once.
    let services = (aws.rds.describe_db_instances().send(), aws.ecs.list_clusters().send(), aws.elb.describe_load_balancers().send());
    let (rds, ecs, elb, (), ()) = tokio::join!(services.0, services.1, services.2, condition, tags);
    assert!(rds.is_err() && ecs.is_err() && elb.is_err(), "it has databases, clusters or load balancers");
}

/// With a token.
const PAID: Other = Other { name: "LocalStack with a token", settings: SETTINGS, ledger: None, gaps: &[DESCRIPTIONS] };

#[test]
fn localstack_carries_what_it_has() {
    // Another one is pulled.
    let images: &[&str] = if docker::localstack() == docker::LOCALSTACK { &["python:3.13-slim", docker::LOCALSTACK] } else { &[] };
    docker::suite("containers::localstack::localstack_carries_what_it_has", images, async || {
        let cloud = Cloud::localstack().await;
        let free = docker::token().is_none() && docker::localstack() == docker::LOCALSTACK;
        if free {
            lacks(&cloud).await;
        }
        let other = if docker::token().is_some() { &PAID } else { &FREE };
        other.walk(&cloud.url).await;
    });
}
