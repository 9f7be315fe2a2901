//! An account, its clients, and what a stack finds in it.

use crate::models;
use aws::{Aws, Connection};
use emulator::table::Item;
use emulator::{Emulator, Options, World};
use serde_json::json;

/// An empty account that takes what AWS takes, so many times faster, with ids that come from this seed.
pub fn account(speed: f64, seed: u64) -> Emulator {
    models::enforce();
    Emulator::in_memory(Options { speed, seed })
}

/// Clients of an emulator that listens somewhere.
pub async fn client(url: &str, region: &str) -> Aws {
    Aws::connect(&Connection { region: region.into(), endpoint_url: Some(url.to_owned()), speed: 1.0, ..Connection::default() }).await
}

/// What a stack finds in its account: a hosted zone and a web ACL that others made.
pub fn furnish(world: &mut World) {
    let ns = json!({"Name": "example.com.", "Type": "NS", "TTL": "172800", "ResourceRecords": [{"Value": "ns-1.awsdns-01.org."}]});
    let soa = json!({"Name": "example.com.", "Type": "SOA", "TTL": "900",
        "ResourceRecords": [{"Value": "ns-1.awsdns-01.org. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"}]});
    let body = json!({"Id": "/hostedzone/Z0EXAMPLE", "Name": "example.com.", "CallerReference": "others", "Config": {"PrivateZone": false},
        "ResourceRecordSetCount": 1});
    let zone = Item { body, inside: json!({"records": [ns, soa]}), ..Item::default() };
    world.account.hosted_zones.insert("Z0EXAMPLE".into(), zone);
    let arn = "arn:aws:wafv2:eu-north-1:123456789012:regional/webacl/guard/0a1b";
    let acl = json!({"Name": "guard", "Id": "0a1b", "ARN": arn, "Rules": [], "Capacity": 1, "DefaultAction": {"Allow": {}},
        "VisibilityConfig": {"SampledRequestsEnabled": false, "CloudWatchMetricsEnabled": false, "MetricName": "guard"}});
    let acl = Item { body: acl, inside: json!({"scope": "regional", "token": "t"}), ..Item::default() };
    world.regions.entry("eu-north-1".into()).or_default().web_acls.insert(arn.into(), acl);
}
