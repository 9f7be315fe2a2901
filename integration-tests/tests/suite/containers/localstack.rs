//! The layers that LocalStack carries, through the walk that fills its part of `COVERAGE.md`; with `LOCALSTACK_AUTH_TOKEN` all seven.

use engine::LayerName::{Bastion, Compute, Database, Edge, Observability};
use integration_tests::coverage::{Gap, Other};
use integration_tests::docker::{self, Cloud};

/// Another end, whose time is ours.
const SETTINGS: &str = "embedded = true\nspeed = 10.0\nprotect = false\n[network]\nnat = \"single\"\n[secrets]\nkey_deletion_days = 7\n";
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
    // A lock is deleted `If-Match`, which is answered 501 (`services/s3/provider.py`): its ledgers are in a directory.
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
    ],
};

/// With a token.
const PAID: Other = Other { name: "LocalStack with a token", settings: SETTINGS, ledger: None, gaps: &[DESCRIPTIONS] };

#[test]
fn localstack_carries_what_it_has() {
    // Another one is pulled.
    let images: &[&str] = if docker::localstack() == docker::LOCALSTACK { &["python:3.13-slim", docker::LOCALSTACK] } else { &[] };
    docker::suite("containers::localstack::localstack_carries_what_it_has", images, async || {
        let cloud = Cloud::localstack().await;
        let other = if docker::token().is_some() { &PAID } else { &FREE };
        other.walk(&format!("http://{}", cloud.address)).await;
    });
}
