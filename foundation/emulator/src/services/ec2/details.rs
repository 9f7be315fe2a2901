//! What clients like to know beside what they manage: prefix lists, types, volumes, credits, tags of everything.

use super::filter::{Facts, page, passes, tag_set};
use super::instance::{invalid, lives};
use super::{Ec2, Here, Tags, not_found};
use crate::call::Input;
use crate::services::Answer;
use crate::table::Item;
use serde_json::{Value, json};

/// The services whose addresses a route table knows by a list: the id is the region's own at AWS.
const PREFIX_LISTS: &[(&str, &str, &str)] = &[("s3", "pl-c3aa4faa", "52.95.169.0/24"), ("dynamodb", "pl-adae4bc4", "52.94.5.0/24")];

/// Everything of `found` that passes the filters.
fn passing(input: &Input, set: &str, found: Vec<(Vec<(&'static str, String)>, Value)>) -> Answer {
    let none = Tags::new();
    let found = found.into_iter().filter(|(more, _)| passes(input, &Facts { tags: &none, more: more.clone() }));
    page(input, set, found.map(|(_, body)| body).collect())
}

pub(super) fn prefix_lists(here: &mut Here<'_>, input: &Input) -> Answer {
    let asked = input.strings("PrefixListId");
    let list = |(service, id, cidr): &(&str, &str, &str)| {
        let name = format!("com.amazonaws.{}.{service}", here.region);
        let body = json!({"prefixListId": id, "prefixListName": name, "cidrSet": [cidr]});
        (vec![("prefix-list-id", (*id).to_owned()), ("prefix-list-name", name)], body)
    };
    let lists = PREFIX_LISTS.iter().filter(|(_, id, _)| asked.is_empty() || asked.iter().any(|it| it == id));
    passing(input, "prefixListSet", lists.map(list).collect())
}

/// Whether instances of the type earn and spend CPU credits.
fn bursts(kind: &str) -> bool {
    kind.starts_with('t')
}

pub(super) fn instance_types(input: &Input) -> Answer {
    let shown = input.strings("InstanceType").into_iter().map(|kind| {
        let (family, size) = kind.split_once('.').filter(|(family, size)| !family.is_empty() && !size.is_empty()).ok_or_else(|| {
            crate::AwsError::bad("InvalidInstanceType", format!("The following supplied instance types do not exist: [{kind}]"))
        })?;
        Ok(json!({"instanceType": kind, "burstablePerformanceSupported": bursts(family), "currentGeneration": true,
            "bareMetal": size == "metal", "hypervisor": "nitro"}))
    });
    page(input, "instanceTypeSet", shown.collect::<Result<_, crate::AwsError>>()?)
}

/// Volumes live and die with their instance.
pub(super) fn volumes(here: &mut Here<'_>, input: &Input) -> Answer {
    let living = here.ec2.instances.iter().filter(|(_, it)| lives(it));
    let all: Vec<(Vec<_>, Value)> =
        living.flat_map(|(id, it)| it.inside["volumes"].as_array().into_iter().flatten().map(|volume| shown(id, it, volume))).collect();
    let asked = input.strings("VolumeId");
    let is = |body: &Value, id: &String| body["volumeId"] == id.as_str();
    if let Some(missing) = asked.iter().find(|id| !all.iter().any(|(_, body)| is(body, id))) {
        return Err(not_found("InvalidVolume.NotFound", missing));
    }
    let found = all.into_iter().filter(|(_, body)| asked.is_empty() || asked.iter().any(|id| is(body, id)));
    passing(input, "volumeSet", found.collect())
}

fn shown(id: &str, it: &Item, volume: &Value) -> (Vec<(&'static str, String)>, Value) {
    let text = |field: &str| volume[field].as_str().unwrap_or_default().to_owned();
    let attached = json!({"volumeId": volume["volumeId"], "instanceId": id, "device": volume["deviceName"], "status": "attached",
        "deleteOnTermination": volume["deleteOnTermination"]});
    let mut body = json!({"volumeId": volume["volumeId"], "size": volume["size"], "volumeType": volume["volumeType"],
        "encrypted": volume["encrypted"], "kmsKeyId": volume["kmsKeyId"], "status": "in-use", "availabilityZone": it.body["placement"]["availabilityZone"],
        "attachmentSet": [attached]});
    if volume["volumeType"] == "gp3" {
        // What a gp3 volume has without asking for more.
        crate::table::merge(&mut body, json!({"iops": 3000, "throughput": 125}));
    }
    let tags: Tags = serde_json::from_value(volume["tags"].clone()).unwrap_or_default();
    body["tagSet"] = tag_set(&tags);
    (vec![("volume-id", text("volumeId")), ("attachment.instance-id", id.to_owned())], body)
}

pub(super) fn credits(here: &mut Here<'_>, input: &Input) -> Answer {
    let one = |id: String| {
        let it = here.ec2.instances.get(&id).ok_or_else(|| not_found("InvalidInstanceID.NotFound", &id))?;
        let kind = it.str("instanceType");
        if !bursts(kind) {
            return Err(invalid(&id, "InstanceId"));
        }
        Ok(json!({"instanceId": id, "cpuCredits": if kind.starts_with("t2.") { "standard" } else { "unlimited" }}))
    };
    let found = input.strings("InstanceId").into_iter().map(one).collect::<Result<_, _>>()?;
    page(input, "instanceCreditSpecificationSet", found)
}

/// The id, the type and the tags of everything.
fn everything(ec2: &Ec2) -> Vec<(&str, &'static str, &Tags)> {
    let mut all: Vec<(&str, &'static str, &Tags)> = Vec::new();
    all.extend(ec2.vpcs.iter().map(|(id, it)| (id.as_str(), "vpc", &it.tags)));
    all.extend(ec2.subnets.iter().map(|(id, it)| (id.as_str(), "subnet", &it.tags)));
    all.extend(ec2.internet_gateways.iter().map(|(id, it)| (id.as_str(), "internet-gateway", &it.tags)));
    all.extend(ec2.addresses.iter().map(|(id, it)| (id.as_str(), "elastic-ip", &it.tags)));
    all.extend(ec2.nat_gateways.iter().map(|(id, it)| (id.as_str(), "natgateway", &it.tags)));
    all.extend(ec2.route_tables.iter().map(|(id, it)| (id.as_str(), "route-table", &it.tags)));
    all.extend(ec2.security_groups.iter().map(|(id, it)| (id.as_str(), "security-group", &it.tags)));
    all.extend(ec2.rules.iter().map(|(id, it)| (id.as_str(), "security-group-rule", &it.tags)));
    all.extend(ec2.endpoints.iter().map(|(id, it)| (id.as_str(), "vpc-endpoint", &it.tags)));
    all.extend(ec2.instances.iter().map(|(id, it)| (id.as_str(), "instance", &it.tags)));
    all.extend(ec2.flow_logs.iter().map(|(id, it)| (id.as_str(), "vpc-flow-log", &it.tags)));
    all.extend(ec2.key_pairs.values().map(|it| (it.str("keyPairId"), "key-pair", &it.tags)));
    all
}

pub(super) fn tags(here: &mut Here<'_>, input: &Input) -> Answer {
    let all = everything(here.ec2).into_iter().flat_map(|(id, kind, tags)| {
        tags.iter().map(move |(key, value)| {
            let facts = [("resource-id", id), ("resource-type", kind), ("key", key), ("value", value)];
            let facts = facts.map(|(name, value)| (name, value.to_owned())).to_vec();
            (facts, json!({"resourceId": id, "resourceType": kind, "key": key, "value": value}))
        })
    });
    passing(input, "tagSet", all.collect())
}
