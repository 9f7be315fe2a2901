//! Instances: slow to go, described for an hour after they are gone. Each has one network interface.

use super::filter::{Facts, describe as describe_all, tag_set};
use super::{Ec2, Here, not_found};
use crate::call::{AwsError, Input};
use crate::services::Answer;
use crate::table::Item;
use crate::world::ACCOUNT;
use serde_json::{Value, json};
use std::time::Duration;

/// An instance from `shutting-down` to `terminated`.
const STOP: Duration = Duration::from_secs(40);
/// How long a terminated instance can still be described.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// Metadata options: parameter, element, values (none for the hop limit).
const METADATA: &[(&str, &str, &[&str])] = &[
    ("HttpTokens", "httpTokens", &["optional", "required"]),
    ("HttpPutResponseHopLimit", "httpPutResponseHopLimit", &[]),
    ("HttpEndpoint", "httpEndpoint", &["enabled", "disabled"]),
    ("HttpProtocolIpv6", "httpProtocolIpv6", &["enabled", "disabled"]),
    ("InstanceMetadataTags", "instanceMetadataTags", &["enabled", "disabled"]),
];

/// Lets instances and interfaces go on by themselves.
pub(super) fn advance(ec2: &mut Ec2, now: f64) {
    crate::table::advance(&mut ec2.instances, now);
    crate::table::advance(&mut ec2.interfaces, now);
}

/// Whether it still holds its interface and its volumes.
pub(super) fn lives(it: &Item) -> bool {
    state(it) != "terminated"
}

/// Whether the instance runs.
pub(crate) fn is_running(ec2: &Ec2, id: &str) -> bool {
    ec2.instances.get(id).is_some_and(|it| state(it) == "running")
}

fn state(it: &Item) -> &str {
    it.body["instanceState"]["name"].as_str().unwrap_or_default()
}

pub(super) fn invalid(value: &str, name: &str) -> AwsError {
    AwsError::bad("InvalidParameterValue", format!("Value ({value}) for parameter {name} is invalid."))
}

fn find<'a>(here: &'a mut Here<'_>, id: &str) -> Result<&'a mut Item, AwsError> {
    here.ec2.instances.get_mut(id).ok_or_else(|| not_found("InvalidInstanceID.NotFound", id))
}

/// The instance, unless it goes or is gone.
fn usable<'a>(here: &'a mut Here<'_>, id: &str) -> Result<&'a mut Item, AwsError> {
    let it = find(here, id)?;
    if ["shutting-down", "terminated"].contains(&state(it)) {
        return Err(AwsError::bad("IncorrectInstanceState", format!("The instance '{id}' is not in a state in which it can be changed.")));
    }
    Ok(it)
}

/// Groups must be of the VPC; without any it is the VPC's own.
pub(super) fn groups(here: &Here<'_>, vpc: &str, asked: Vec<String>) -> Result<Vec<String>, AwsError> {
    if asked.is_empty() {
        let own = here.ec2.security_groups.iter().filter(|(_, it)| it.vpc == vpc && it.name == "default");
        return Ok(own.map(|(id, _)| id.clone()).collect());
    }
    for id in &asked {
        let group = here.ec2.security_groups.get(id).ok_or_else(|| not_found("InvalidGroup.NotFound", id))?;
        if group.vpc != vpc {
            return Err(AwsError::bad("InvalidParameter", format!("Security group {id} and the subnet belong to different networks.")));
        }
    }
    Ok(asked)
}

pub(super) fn group_set(here: &Here<'_>, groups: &[String]) -> Value {
    let name = |id: &String| here.ec2.security_groups.get(id).map(|it| it.name.clone());
    groups.iter().map(|id| json!({"groupId": id, "groupName": name(id)})).collect()
}

/// `options`, with what the request changes.
pub(super) fn metadata(mut options: Value, input: &Input) -> Answer {
    for (name, field, values) in METADATA {
        let Some(value) = input.opt(name) else { continue };
        let hops = value.parse().is_ok_and(|hops| (1..=64).contains(&hops));
        if !(values.contains(&value) || values.is_empty() && hops) {
            return Err(invalid(value, name));
        }
        options[*field] = json!(value);
    }
    Ok(options)
}

/// The reservation of one instance.
pub(super) fn render(it: &Item) -> Value {
    let mut body = it.body.clone();
    body["tagSet"] = tag_set(&it.tags);
    json!({"reservationId": it.inside["reservation"], "ownerId": ACCOUNT, "groupSet": [], "instancesSet": [body]})
}

fn facts(id: &str, it: &Item) -> Vec<(&'static str, String)> {
    let fields = [
        ("vpc-id", "vpcId"),
        ("subnet-id", "subnetId"),
        ("image-id", "imageId"),
        ("instance-type", "instanceType"),
        ("key-name", "keyName"),
        ("private-ip-address", "privateIpAddress"),
        ("ip-address", "ipAddress"),
        ("client-token", "clientToken"),
    ];
    let mut more: Vec<_> = fields.iter().map(|(name, field)| (*name, it.str(field).to_owned())).collect();
    let groups = it.body["groupSet"].as_array().into_iter().flatten();
    more.extend(groups.filter_map(|group| Some(("instance.group-id", group["groupId"].as_str()?.to_owned()))));
    more.extend([("instance-id", id.to_owned()), ("instance-state-name", state(it).to_owned())]);
    more.push(("instance-state-code", it.body["instanceState"]["code"].to_string()));
    more.push(("availability-zone", it.body["placement"]["availabilityZone"].as_str().unwrap_or_default().to_owned()));
    more
}

pub(super) fn describe(here: &mut Here<'_>, input: &Input) -> Answer {
    describe_all(
        input,
        "InstanceId",
        "InvalidInstanceID.NotFound",
        "reservationSet",
        &here.ec2.instances,
        |id, it| Facts { tags: &it.tags, more: facts(id, it) },
        |_, it| render(it),
    )
}

pub(super) fn terminate(here: &mut Here<'_>, input: &Input) -> Answer {
    let ids = input.strings("InstanceId");
    for id in &ids {
        let it = find(here, id)?;
        if lives(it) && it.inside["protected"] == true {
            let problem =
                format!("The instance '{id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again.");
            return Err(AwsError::bad("OperationNotPermitted", problem));
        }
    }
    let mut changes = Vec::new();
    for id in ids {
        let before = find(here, &id)?.body["instanceState"].clone();
        stop(here, &id)?;
        changes.push(json!({"instanceId": id, "currentState": find(here, &id)?.body["instanceState"], "previousState": before}));
    }
    Ok(json!({"instancesSet": changes}))
}

/// Starts the way to `terminated`, where an instance has no address, no interface and no volume.
fn stop(here: &mut Here<'_>, id: &str) -> Result<(), AwsError> {
    let (gone, stamp) = (here.clock.after(STOP), here.clock.stamp());
    let it = find(here, id)?;
    if ["shutting-down", "terminated"].contains(&state(it)) {
        return Ok(());
    }
    let why = "Client.UserInitiatedShutdown";
    it.next.clear();
    it.set(json!({
        "instanceState": {"code": 32, "name": "shutting-down"}, "reason": format!("User initiated ({stamp})"),
        "stateReason": {"code": why, "message": format!("{why}: User initiated shutdown")},
    }));
    let interfaces: Vec<String> = it.body["networkInterfaceSet"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|interface| Some(interface["networkInterfaceId"].as_str()?.to_owned()))
        .collect();
    it.later(gone, json!({
        "instanceState": {"code": 48, "name": "terminated"}, "vpcId": null, "subnetId": null, "privateIpAddress": null, "ipAddress": null,
        "iamInstanceProfile": null, "privateDnsName": "", "dnsName": "", "groupSet": [], "networkInterfaceSet": [],
        "blockDeviceMapping": [],
    }));
    it.later(gone + REMEMBERED.as_secs_f64(), Value::Null);
    for interface in interfaces {
        if let Some(interface) = here.ec2.interfaces.get_mut(&interface) {
            interface.later(gone, Value::Null);
        }
    }
    Ok(())
}

pub(super) fn modify_attribute(here: &mut Here<'_>, input: &Input) -> Answer {
    let id = input.str("InstanceId")?;
    let (asked, protection) = (input.strings("GroupId"), input.part("DisableApiTermination"));
    let vpc = usable(here, id)?.str("vpcId").to_owned();
    match (asked.is_empty(), protection) {
        (false, Some(_)) => return Err(AwsError::bad("InvalidParameterCombination", "Fields for multiple attribute types specified")),
        (true, None) => return Err(AwsError::bad("MissingParameter", "No attribute was given")),
        (true, Some(on)) => usable(here, id)?.inside["protected"] = json!(on.bool("Value").unwrap_or_default()),
        (false, None) => {
            let groups = groups(here, &vpc, asked)?;
            let set = group_set(here, &groups);
            let it = usable(here, id)?;
            it.set(json!({"groupSet": set}));
            let interface = it.body["networkInterfaceSet"][0]["networkInterfaceId"].as_str().unwrap_or_default().to_owned();
            it.body["networkInterfaceSet"][0]["groupSet"] = set;
            if let Some(interface) = here.ec2.interfaces.get_mut(&interface) {
                interface.set(json!({"groups": groups}));
            }
        }
    }
    Ok(json!({"return": true}))
}

pub(super) fn describe_attribute(here: &mut Here<'_>, input: &Input) -> Answer {
    let (id, attribute) = (input.str("InstanceId")?, input.str("Attribute")?);
    let it = find(here, id)?;
    let value = match attribute {
        "userData" => json!({"value": it.inside["request"]["UserData"]}),
        "disableApiTermination" => json!({"value": it.inside["protected"]}),
        "disableApiStop" => json!({"value": false}),
        "instanceInitiatedShutdownBehavior" => json!({"value": "stop"}),
        "instanceType" | "rootDeviceName" | "ebsOptimized" | "sourceDestCheck" => json!({"value": it.body[attribute]}),
        "groupSet" | "blockDeviceMapping" => it.body[attribute].clone(),
        other => return Err(invalid(other, "attribute")),
    };
    Ok(json!({"instanceId": id, attribute: value}))
}

pub(super) fn modify_metadata(here: &mut Here<'_>, input: &Input) -> Answer {
    let id = input.str("InstanceId")?;
    let it = usable(here, id)?;
    let mut options = metadata(it.body["metadataOptions"].clone(), input)?;
    it.set(json!({"metadataOptions": options}));
    // The answer comes before the change has reached the instance.
    options["state"] = json!("pending");
    Ok(json!({"instanceId": id, "instanceMetadataOptions": options}))
}
