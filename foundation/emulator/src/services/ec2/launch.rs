//! RunInstances: one instance with its interface and its volumes.

use super::instance::{group_set, groups, invalid, metadata, render};
use super::{Here, not_found};
use crate::call::{AwsError, Input};
use crate::services::Answer;
use crate::table::Item;
use crate::world::ACCOUNT;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::time::Duration;

/// An instance from `pending` to `running`.
const START: Duration = Duration::from_secs(20);
/// The device of the machine image.
const ROOT: &str = "/dev/xvda";

/// Where an instance goes.
struct Place {
    subnet: String,
    vpc: String,
    zone: String,
    ip: String,
    public: bool,
    groups: Vec<String>,
}

fn place(here: &Here<'_>, input: &Input) -> Result<Place, AwsError> {
    let interfaces = input.parts("NetworkInterface");
    let twice = input.opt("SubnetId").is_some() || !input.list("SecurityGroupId").is_empty();
    if interfaces.len() > 1 || (!interfaces.is_empty() && twice) {
        let problem = "Network interfaces and an instance-level subnet ID or security groups may not be specified on the same request";
        return Err(AwsError::bad("InvalidParameterCombination", problem));
    }
    let from = interfaces.first().unwrap_or(input);
    let none = || AwsError::bad("VPCIdNotSpecified", "No default VPC for this user");
    let subnet = from.opt("SubnetId").ok_or_else(none)?.to_owned();
    let its = here.ec2.subnets.get(&subnet).ok_or_else(|| not_found("InvalidSubnetID.NotFound", &subnet))?;
    let groups = groups(here, &its.vpc, from.strings("SecurityGroupId"))?;
    let taken = |ip: &String| here.ec2.interfaces.values().any(|it| it.str("subnetId") == subnet && it.str("privateIpAddress") == ip);
    // AWS keeps the first four addresses and the last one; `hosts` leaves out two of them.
    let free = its.cidr.hosts().skip(3).map(|ip| ip.to_string()).find(|ip| !taken(ip));
    let full = || AwsError::bad("InsufficientFreeAddressesInSubnet", format!("There are not enough free addresses in subnet '{subnet}'"));
    let (ip, public) = (free.ok_or_else(full)?, from.bool("AssociatePublicIpAddress").unwrap_or(its.map_public_ip));
    Ok(Place { vpc: its.vpc.clone(), zone: its.zone.clone(), subnet, ip, public, groups })
}

fn check(here: &Here<'_>, input: &Input) -> Result<(), AwsError> {
    let (least, most) = (input.str("MinCount")?, input.str("MaxCount")?);
    if (least, most) != ("1", "1") {
        return Err(invalid(most, "maxCount"));
    }
    let image = input.str("ImageId")?;
    if !image.starts_with("ami-") {
        return Err(AwsError::bad("InvalidAMIID.Malformed", format!("Invalid id: \"{image}\" (expecting \"ami-...\")")));
    }
    if let Some(kind) = input.opt("InstanceType").filter(|kind| !kind.contains('.')) {
        return Err(invalid(kind, "InstanceType"));
    }
    known_profile(here, input)?;
    if let Some(key) = input.opt("KeyName").filter(|key| !here.ec2.key_pairs.contains_key(*key)) {
        return Err(AwsError::bad("InvalidKeyPair.NotFound", format!("The key pair '{key}' does not exist")));
    }
    let data = input.opt("UserData").map(|data| STANDARD.decode(data)).transpose();
    let data = data.map_err(|_| AwsError::bad("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data."))?;
    if data.is_some_and(|data| data.len() > 16_384) {
        return Err(AwsError::bad("InvalidParameterValue", "User data is limited to 16384 bytes"));
    }
    Ok(())
}

/// EC2 takes an instance profile with a role in it, some seconds after IAM has put it in.
fn known_profile(here: &Here<'_>, input: &Input) -> Result<(), AwsError> {
    let Some(asked) = input.part("IamInstanceProfile") else { return Ok(()) };
    let (by, value) = if let Some(arn) = asked.opt("Arn") { ("arn", arn) } else { ("name", asked.str("Name")?) };
    let found = here.account.instance_profiles.get(value.rsplit('/').next().unwrap_or_default());
    if found.and_then(|profile| profile.inside["known"].as_f64()).is_some_and(|since| since <= here.clock.now()) {
        return Ok(());
    }
    let problem = format!("Value ({value}) for parameter iamInstanceProfile.{by} is invalid. Invalid IAM Instance Profile {by}");
    Err(AwsError::bad("InvalidParameterValue", problem))
}

/// The volumes of a new instance: the image's own, and what the request adds or changes.
fn volumes(here: &mut Here<'_>, input: &Input) -> Vec<Value> {
    let mut asked = input.parts("BlockDeviceMapping");
    if !asked.iter().any(|it| it.opt("DeviceName") == Some(ROOT)) {
        asked.insert(0, Input(json!({"DeviceName": ROOT})));
    }
    let tags = input.tags_for("volume");
    let volume = |it: Input| {
        let ebs = it.part("Ebs").unwrap_or(Input(json!({})));
        let (name, end) = (it.opt("DeviceName"), ebs.bool("DeleteOnTermination").unwrap_or(true));
        json!({
            "volumeId": here.ids.id("vol"), "deviceName": name, "size": ebs.int("VolumeSize").unwrap_or(8), "deleteOnTermination": end,
            "volumeType": ebs.opt("VolumeType").unwrap_or("gp3"), "encrypted": ebs.bool("Encrypted").unwrap_or_default(),
            "kmsKeyId": ebs.opt("KmsKeyId"), "tags": tags,
        })
    };
    asked.into_iter().map(volume).collect()
}

fn mapping(volumes: &[Value], status: &str, stamp: &str) -> Value {
    let ebs = |it: &Value| {
        let (id, end) = (&it["volumeId"], &it["deleteOnTermination"]);
        json!({"volumeId": id, "status": status, "attachTime": stamp, "deleteOnTermination": end})
    };
    volumes.iter().map(|it| json!({"deviceName": it["deviceName"], "ebs": ebs(it)})).collect()
}

fn profile(here: &mut Here<'_>, input: &Input) -> Option<Value> {
    let asked = input.part("IamInstanceProfile")?;
    let named = || asked.opt("Name").map(|name| format!("arn:aws:iam::{ACCOUNT}:instance-profile/{name}"));
    let arn = asked.opt("Arn").map(str::to_owned).or_else(named)?;
    Some(json!({"arn": arn, "id": here.ids.id("").replace('-', "AIPA").to_uppercase()}))
}

fn make_interface(here: &mut Here<'_>, input: &Input, instance: &str, place: &Place) -> Value {
    let (id, stamp, groups) = (here.ids.id("eni"), here.clock.stamp(), group_set(here, &place.groups));
    let body = json!({
        "networkInterfaceId": id, "subnetId": place.subnet, "vpcId": place.vpc, "availabilityZone": place.zone, "groups": place.groups,
        "description": "", "status": "in-use", "privateIpAddress": place.ip, "interfaceType": "interface",
        "attachment": {"instanceId": instance, "deviceIndex": 0, "status": "attached", "deleteOnTermination": true},
    });
    here.ec2.interfaces.insert(id.clone(), Item::new(body, input.tags_for("network-interface")));
    json!({
        "networkInterfaceId": id, "subnetId": place.subnet, "vpcId": place.vpc, "ownerId": ACCOUNT, "description": "", "status": "in-use",
        "privateIpAddress": place.ip, "sourceDestCheck": true, "interfaceType": "interface", "groupSet": groups,
        "attachment": {"attachmentId": id.replace("eni-", "eni-attach-"), "deviceIndex": 0, "status": "attached", "attachTime": stamp,
            "deleteOnTermination": true},
    })
}

/// What the request says about the instance itself.
fn body(here: &Here<'_>, input: &Input, id: &str, place: &Place) -> Answer {
    let default = json!({
        "state": "applied", "httpTokens": "optional", "httpPutResponseHopLimit": 1, "httpEndpoint": "enabled",
        "httpProtocolIpv6": "disabled", "instanceMetadataTags": "disabled",
    });
    let options = metadata(default, &input.part("MetadataOptions").unwrap_or(Input(Value::Null)))?;
    let kind = input.opt("InstanceType").unwrap_or("m1.small");
    // Graviton has a g after the generation: t4g, c7gn.
    let arm = kind.split('.').next().is_some_and(|family| family.trim_start_matches(|c: char| !c.is_ascii_digit()).contains('g'));
    let watched = input.part("Monitoring").is_some_and(|it| it.bool("Enabled") == Some(true));
    Ok(json!({
        "instanceId": id, "imageId": input.opt("ImageId"), "instanceState": {"code": 0, "name": "pending"}, "instanceType": kind,
        "keyName": input.opt("KeyName"), "launchTime": here.clock.stamp(), "amiLaunchIndex": 0, "clientToken": input.opt("ClientToken"),
        "subnetId": place.subnet, "vpcId": place.vpc, "privateIpAddress": place.ip, "groupSet": group_set(here, &place.groups),
        "privateDnsName": format!("ip-{}.{}.compute.internal", place.ip.replace('.', "-"), here.region), "dnsName": "", "reason": "",
        "placement": {"availabilityZone": place.zone, "groupName": "", "tenancy": "default"}, "sourceDestCheck": true, "enaSupport": true,
        "monitoring": {"state": if watched { "enabled" } else { "disabled" }}, "architecture": if arm { "arm64" } else { "x86_64" },
        "rootDeviceType": "ebs", "rootDeviceName": ROOT, "virtualizationType": "hvm", "hypervisor": "xen",
        "ebsOptimized": input.bool("EbsOptimized").unwrap_or_default(), "metadataOptions": options,
    }))
}

/// What changes when it runs: a public address comes only then.
fn running(here: &Here<'_>, id: &str, place: &Place) -> Value {
    let mut fields = json!({"instanceState": {"code": 16, "name": "running"}});
    if place.public {
        // 203.0.113.0/24 is reserved for documentation, so nobody can be reached by mistake.
        let number = u8::from_str_radix(&id[id.len() - 2..], 16).unwrap_or_default();
        fields["ipAddress"] = json!(format!("203.0.113.{number}"));
        if here.ec2.vpcs.get(&place.vpc).is_some_and(|vpc| vpc.dns_hostnames) {
            fields["dnsName"] = json!(format!("ec2-203-0-113-{number}.{}.compute.amazonaws.com", here.region));
        }
    }
    fields
}

pub(super) fn run(here: &mut Here<'_>, input: &Input) -> Answer {
    let token = input.opt("ClientToken").filter(|token| !token.is_empty());
    if let Some(it) = here.ec2.instances.values().find(|it| token.is_some() && it.body["clientToken"].as_str() == token) {
        if it.inside["request"] != input.0 {
            return Err(AwsError::bad("IdempotentParameterMismatch", "The client token was used with other parameters"));
        }
        return Ok(render(it));
    }
    check(here, input)?;
    let place = place(here, input)?;
    let (id, stamp) = (here.ids.id("i"), here.clock.stamp());
    let mut it = Item::new(body(here, input, &id, &place)?, input.tags_for("instance"));
    let (volumes, profile, interface) = (volumes(here, input), profile(here, input), make_interface(here, input, &id, &place));
    it.set(json!({
        "blockDeviceMapping": mapping(&volumes, "attaching", &stamp), "iamInstanceProfile": profile, "networkInterfaceSet": [interface],
    }));
    let mut later = running(here, &id, &place);
    later["blockDeviceMapping"] = mapping(&volumes, "attached", &stamp);
    it.later(here.clock.after(START), later);
    let protected = input.bool("DisableApiTermination").unwrap_or_default();
    it.inside = json!({"request": input.0, "reservation": here.ids.id("r"), "volumes": volumes, "protected": protected});
    let answer = render(&it);
    here.ec2.instances.insert(id, it);
    Ok(answer)
}
