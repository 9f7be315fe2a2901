//! Subnets and availability zones.

use super::filter::{Facts, describe as describe_all, tag_set};
use super::{Here, Tags, in_use, not_found};
use crate::call::{AwsError, Input};
use crate::services::Answer;
use crate::world::ACCOUNT;
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A subnet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Subnet {
    /// Its VPC.
    pub vpc: String,
    /// Its range.
    pub cidr: Ipv4Net,
    /// Its zone.
    pub zone: String,
    /// Whether instances get a public address.
    pub map_public_ip: bool,
    /// Its tags.
    pub tags: Tags,
}

const LETTERS: [char; 3] = ['a', 'b', 'c'];

pub(super) fn describe_zones(here: &mut Here<'_>, _: &Input) -> Answer {
    let zones: Vec<Value> = LETTERS
        .iter()
        .enumerate()
        .map(|(index, letter)| {
            let region = here.region;
            json!({
                "zoneName": format!("{region}{letter}"), "zoneId": format!("{region}-az{}", index + 1), "zoneState": "available",
                "regionName": region, "optInStatus": "opt-in-not-required", "zoneType": "availability-zone",
            })
        })
        .collect();
    Ok(json!({"availabilityZoneInfo": zones}))
}

pub(super) fn create(here: &mut Here<'_>, input: &Input) -> Answer {
    let (vpc, cidr) = (input.str("VpcId")?.to_owned(), super::vpc::cidr(input, "CidrBlock")?);
    let range = here.ec2.vpcs.get(&vpc).ok_or_else(|| not_found("InvalidVpcID.NotFound", &vpc))?.cidr;
    if !range.contains(&cidr) || cidr.prefix_len() > 28 {
        return Err(AwsError::bad("InvalidSubnet.Range", format!("The CIDR '{cidr}' is invalid.")));
    }
    let overlaps = |other: &Subnet| other.vpc == vpc && (other.cidr.contains(&cidr) || cidr.contains(&other.cidr));
    if here.ec2.subnets.values().any(overlaps) {
        return Err(AwsError::bad("InvalidSubnet.Conflict", format!("The CIDR '{cidr}' conflicts with another subnet")));
    }
    let zone = input.opt("AvailabilityZone").map_or_else(|| format!("{}a", here.region), str::to_owned);
    if !LETTERS.iter().any(|letter| zone == format!("{}{letter}", here.region)) {
        return Err(AwsError::bad("InvalidParameterValue", format!("Value ({zone}) for parameter availabilityZone is invalid.")));
    }
    let id = here.ids.id("subnet");
    let subnet = Subnet { vpc, cidr, zone, map_public_ip: false, tags: input.tags_for("subnet") };
    let body = json!({"subnet": render(&id, &subnet, here.region)});
    here.ec2.subnets.insert(id, subnet);
    Ok(body)
}

fn render(id: &str, subnet: &Subnet, region: &str) -> Value {
    // AWS keeps five addresses of each subnet.
    let free = (1u32 << (32 - subnet.cidr.prefix_len())) - 5;
    json!({
        "subnetId": id, "subnetArn": format!("arn:aws:ec2:{region}:{ACCOUNT}:subnet/{id}"), "state": "available", "vpcId": subnet.vpc,
        "cidrBlock": subnet.cidr, "availabilityZone": subnet.zone, "availableIpAddressCount": free, "mapPublicIpOnLaunch": subnet.map_public_ip,
        "defaultForAz": false, "assignIpv6AddressOnCreation": false, "ownerId": ACCOUNT, "tagSet": tag_set(&subnet.tags),
    })
}

pub(super) fn describe(here: &mut Here<'_>, input: &Input) -> Answer {
    let region = here.region;
    let facts = |id: &String, it: &Subnet| {
        let (vpc, zone, cidr) = (it.vpc.clone(), it.zone.clone(), it.cidr.to_string());
        vec![("subnet-id", id.clone()), ("vpc-id", vpc), ("availability-zone", zone), ("cidr-block", cidr)]
    };
    describe_all(
        input,
        "SubnetId",
        "InvalidSubnetID.NotFound",
        "subnetSet",
        &here.ec2.subnets,
        |id, it| Facts { tags: &it.tags, more: facts(id, it) },
        |id, it| render(id, it, region),
    )
}

pub(super) fn modify_attribute(here: &mut Here<'_>, input: &Input) -> Answer {
    let id = input.str("SubnetId")?;
    let subnet = here.ec2.subnets.get_mut(id).ok_or_else(|| not_found("InvalidSubnetID.NotFound", id))?;
    if let Some(on) = input.part("MapPublicIpOnLaunch") {
        subnet.map_public_ip = on.bool("Value").unwrap_or_default();
    }
    Ok(json!({"return": true}))
}

pub(super) fn delete(here: &mut Here<'_>, input: &Input) -> Answer {
    let id = input.str("SubnetId")?;
    if !here.ec2.subnets.contains_key(id) {
        return Err(not_found("InvalidSubnetID.NotFound", id));
    }
    let used = here.ec2.nat_gateways.values().any(|it| it.subnet == id && it.lives())
        || here.ec2.endpoints.values().any(|it| it.subnets.iter().any(|subnet| subnet == id));
    if used || here.ec2.is_held(id) {
        return Err(in_use("subnet", id));
    }
    here.ec2.subnets.remove(id);
    for table in here.ec2.route_tables.values_mut() {
        table.associations.retain(|_, it| it.subnet.as_deref() != Some(id));
    }
    Ok(json!({"return": true}))
}
