//! Internet gateways and Elastic IP addresses.

use super::filter::{Facts, describe as describe_all, page, passes, tag_set};
use super::{Here, Tags, not_found};
use crate::call::{AwsError, Input};
use crate::services::Answer;
use crate::world::ACCOUNT;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An internet gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InternetGateway {
    /// The VPC that it is attached to.
    pub vpc: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// An Elastic IP address.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Address {
    /// The address.
    pub ip: String,
    /// What uses it: a NAT gateway's id.
    pub used_by: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

pub(super) fn create(here: &mut Here<'_>, input: &Input) -> Answer {
    let id = here.ids.id("igw");
    let gateway = InternetGateway { vpc: None, tags: input.tags_for("internet-gateway") };
    let body = json!({"internetGateway": render(&id, &gateway)});
    here.ec2.internet_gateways.insert(id, gateway);
    Ok(body)
}

fn render(id: &str, it: &InternetGateway) -> Value {
    let attached: Vec<Value> = it.vpc.iter().map(|vpc| json!({"vpcId": vpc, "state": "available"})).collect();
    json!({"internetGatewayId": id, "ownerId": ACCOUNT, "attachmentSet": attached, "tagSet": tag_set(&it.tags)})
}

pub(super) fn describe(here: &mut Here<'_>, input: &Input) -> Answer {
    let facts = |id: &String, it: &InternetGateway| {
        let mut more = vec![("internet-gateway-id", id.clone())];
        more.extend(it.vpc.iter().map(|vpc| ("attachment.vpc-id", vpc.clone())));
        more
    };
    describe_all(
        input,
        "InternetGatewayId",
        "InvalidInternetGatewayID.NotFound",
        "internetGatewaySet",
        &here.ec2.internet_gateways,
        |id, it| Facts { tags: &it.tags, more: facts(id, it) },
        |id, it| render(id, it),
    )
}

fn gateway<'a>(here: &'a mut Here<'_>, id: &str) -> Result<&'a mut InternetGateway, AwsError> {
    here.ec2.internet_gateways.get_mut(id).ok_or_else(|| not_found("InvalidInternetGatewayID.NotFound", id))
}

pub(super) fn attach(here: &mut Here<'_>, input: &Input) -> Answer {
    let (id, vpc) = (input.str("InternetGatewayId")?, input.str("VpcId")?);
    if !here.ec2.vpcs.contains_key(vpc) {
        return Err(not_found("InvalidVpcID.NotFound", vpc));
    }
    if here.ec2.internet_gateways.iter().any(|(other, it)| other != id && it.vpc.as_deref() == Some(vpc)) {
        return Err(AwsError::bad("InvalidParameterValue", format!("Network {vpc} already has an internet gateway attached")));
    }
    let it = gateway(here, id)?;
    if it.vpc.is_some() {
        return Err(AwsError::bad("Resource.AlreadyAssociated", format!("resource {id} is already attached to network {vpc}")));
    }
    it.vpc = Some(vpc.to_owned());
    Ok(json!({"return": true}))
}

pub(super) fn detach(here: &mut Here<'_>, input: &Input) -> Answer {
    let (id, vpc) = (input.str("InternetGatewayId")?, input.str("VpcId")?);
    // A NAT gateway, a host with a public address or a balancer's interface that is not gone yet keeps an address mapped.
    let balances = |it: &crate::table::Item| it.str("vpcId") == vpc && it.str("description").starts_with("ELB");
    let public = |it: &crate::table::Item| it.str("vpcId") == vpc && !it.str("ipAddress").is_empty();
    let mapped = here.ec2.nat_gateways.values().any(|nat| nat.vpc == vpc && nat.lives())
        || here.ec2.interfaces.values().any(balances)
        || here.ec2.instances.values().any(public);
    if mapped {
        let problem = format!(
            "Network {vpc} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway."
        );
        return Err(AwsError::bad("DependencyViolation", problem));
    }
    let it = gateway(here, id)?;
    if it.vpc.as_deref() != Some(vpc) {
        return Err(AwsError::bad("Gateway.NotAttached", format!("resource {id} is not attached to network {vpc}")));
    }
    it.vpc = None;
    Ok(json!({"return": true}))
}

pub(super) fn delete(here: &mut Here<'_>, input: &Input) -> Answer {
    let id = input.str("InternetGatewayId")?;
    if gateway(here, id)?.vpc.is_some() {
        return Err(super::in_use("internetGateway", id));
    }
    here.ec2.internet_gateways.remove(id);
    Ok(json!({"return": true}))
}

pub(super) fn allocate(here: &mut Here<'_>, input: &Input) -> Answer {
    if here.ec2.addresses.len() >= 5 {
        return Err(AwsError::bad("AddressLimitExceeded", "The maximum number of addresses has been reached."));
    }
    let id = here.ids.id("eipalloc");
    let number = u32::from_str_radix(&id[id.len() - 4..], 16).unwrap_or_default();
    // 198.51.100.0/24 and its neighbours are reserved for documentation, so nobody can be reached by mistake.
    let ip = format!("198.51.{}.{}", 100 + (number >> 8) % 4, number & 0xff);
    here.ec2.addresses.insert(id.clone(), Address { ip: ip.clone(), used_by: None, tags: input.tags_for("elastic-ip") });
    Ok(json!({"publicIp": ip, "allocationId": id, "domain": "vpc"}))
}

pub(super) fn describe_addresses(here: &mut Here<'_>, input: &Input) -> Answer {
    let asked = input.strings("AllocationId");
    if let Some(missing) = asked.iter().find(|id| !here.ec2.addresses.contains_key(*id)) {
        return Err(not_found("InvalidAllocationID.NotFound", missing));
    }
    let found = here.ec2.addresses.iter().filter(|(id, it)| {
        let more = vec![("allocation-id", (*id).clone()), ("public-ip", it.ip.clone())];
        (asked.is_empty() || asked.contains(id)) && passes(input, &Facts { tags: &it.tags, more })
    });
    let found = found.map(|(id, it)| {
        let association = it.used_by.as_ref().map(|nat| nat.replace("nat-", "eipassoc-"));
        json!({"publicIp": it.ip, "allocationId": id, "domain": "vpc", "associationId": association, "tagSet": tag_set(&it.tags)})
    });
    page(input, "addressesSet", found.collect())
}

pub(super) fn release(here: &mut Here<'_>, input: &Input) -> Answer {
    let id = input.str("AllocationId")?;
    let it = here.ec2.addresses.get(id).ok_or_else(|| not_found("InvalidAllocationID.NotFound", id))?;
    if it.used_by.is_some() {
        return Err(AwsError::bad("AuthFailure", "You do not have permission to access the specified resource."));
    }
    here.ec2.addresses.remove(id);
    Ok(json!({"return": true}))
}
