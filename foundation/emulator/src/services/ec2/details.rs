//! What clients like to know beside what they manage: prefix lists, types of instances, their volumes and credits.

use super::filter::{Facts, describe, page, tag_set};
use super::instance::{invalid, lives};
use super::{Here, Tags, not_found};
use crate::call::{AwsError, Input};
use crate::services::Answer;
use crate::table::Item;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The services whose addresses a route table knows by a list: the id is the region's own at AWS.
const PREFIX_LISTS: &[(&str, &str, &str)] = &[("s3", "pl-c3aa4faa", "52.95.169.0/24"), ("dynamodb", "pl-adae4bc4", "52.94.5.0/24")];

pub(super) fn prefix_lists(here: &mut Here<'_>, input: &Input) -> Answer {
    let (none, region) = (Tags::new(), here.region);
    let list =
        |(service, id, cidr): &(&str, &str, &str)| ((*id).to_owned(), (format!("com.amazonaws.{region}.{service}"), (*cidr).to_owned()));
    let lists: BTreeMap<String, (String, String)> = PREFIX_LISTS.iter().map(list).collect();
    describe(
        input,
        "PrefixListId",
        "InvalidPrefixListID.NotFound",
        "prefixListSet",
        &lists,
        |id, (name, _)| Facts { tags: &none, more: vec![("prefix-list-id", id.clone()), ("prefix-list-name", name.clone())] },
        |id, (name, cidr)| json!({"prefixListId": id, "prefixListName": name, "cidrSet": [cidr]}),
    )
}

/// Whether instances of the type earn and spend CPU credits.
fn bursts(kind: &str) -> bool {
    kind.starts_with('t')
}

pub(super) fn instance_types(input: &Input) -> Answer {
    let shown = input.strings("InstanceType").into_iter().map(|kind| {
        let (family, size) = kind
            .split_once('.')
            .filter(|(family, size)| !family.is_empty() && !size.is_empty())
            .ok_or_else(|| AwsError::bad("InvalidInstanceType", format!("The following supplied instance types do not exist: [{kind}]")))?;
        Ok(json!({"instanceType": kind, "burstablePerformanceSupported": bursts(family), "currentGeneration": true,
            "bareMetal": size == "metal", "hypervisor": "nitro"}))
    });
    page(input, "instanceTypeSet", shown.collect::<Result<_, AwsError>>()?)
}

/// Volumes live and die with their instance.
pub(super) fn volumes(here: &mut Here<'_>, input: &Input) -> Answer {
    let living = here.ec2.instances.iter().filter(|(_, it)| lives(it));
    let of = |(id, it): (&String, &Item)| {
        let volumes = it.inside["volumes"].as_array().into_iter().flatten();
        volumes.map(|volume| (volume["volumeId"].as_str().unwrap_or_default().to_owned(), volume_of(id, it, volume))).collect::<Vec<_>>()
    };
    let volumes: BTreeMap<String, Volume> = living.flat_map(of).collect();
    describe(
        input,
        "VolumeId",
        "InvalidVolume.NotFound",
        "volumeSet",
        &volumes,
        |id, it| Facts { tags: &it.tags, more: vec![("volume-id", id.clone()), ("attachment.instance-id", it.instance.clone())] },
        |_, it| it.body.clone(),
    )
}

struct Volume {
    instance: String,
    tags: Tags,
    body: Value,
}

fn volume_of(instance: &str, it: &Item, volume: &Value) -> Volume {
    let attached = json!({"volumeId": volume["volumeId"], "instanceId": instance, "device": volume["deviceName"], "status": "attached",
        "deleteOnTermination": volume["deleteOnTermination"]});
    let tags: Tags = serde_json::from_value(volume["tags"].clone()).unwrap_or_default();
    let mut body = json!({"volumeId": volume["volumeId"], "size": volume["size"], "volumeType": volume["volumeType"],
        "encrypted": volume["encrypted"], "kmsKeyId": volume["kmsKeyId"], "status": "in-use",
        "availabilityZone": it.body["placement"]["availabilityZone"], "attachmentSet": [attached], "tagSet": tag_set(&tags)});
    if volume["volumeType"] == "gp3" {
        // What a gp3 volume has without asking for more.
        crate::table::merge(&mut body, json!({"iops": 3000, "throughput": 125}));
    }
    Volume { instance: instance.to_owned(), tags, body }
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
