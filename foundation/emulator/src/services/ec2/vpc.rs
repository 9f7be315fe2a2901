//! VPCs.

use super::filter::{Facts, describe as describe_all, tag_set};
use super::{Here, Tags, in_use, not_found};
use crate::call::{AwsError, Input};
use crate::services::Answer;
use crate::world::ACCOUNT;
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A VPC.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Vpc {
    /// Its range.
    pub cidr: Ipv4Net,
    /// Whether the resolver answers.
    pub dns_support: bool,
    /// Whether instances get names.
    pub dns_hostnames: bool,
    /// Its tags.
    pub tags: Tags,
}

/// Reads a CIDR block of /16 to /28 without host bits.
pub(super) fn cidr(input: &Input, name: &str) -> Result<Ipv4Net, AwsError> {
    let text = input.str(name)?;
    let bad = || {
        AwsError::bad("InvalidParameterValue", format!("Value ({text}) for parameter {name} is invalid. This is not a valid CIDR block."))
    };
    let net: Ipv4Net = text.parse().map_err(|_| bad())?;
    if net != net.trunc() {
        return Err(bad());
    }
    Ok(net)
}

pub(super) fn create(here: &mut Here<'_>, input: &Input) -> Answer {
    let cidr = cidr(input, "CidrBlock")?;
    if !(16..=28).contains(&cidr.prefix_len()) {
        return Err(AwsError::bad("InvalidVpc.Range", format!("The CIDR '{cidr}' is invalid.")));
    }
    if here.ec2.vpcs.len() >= here.vpcs {
        return Err(AwsError::bad("VpcLimitExceeded", "The maximum number of VPCs has been reached."));
    }
    let id = here.ids.id("vpc");
    let vpc = Vpc { cidr, dns_support: true, dns_hostnames: false, tags: input.tags_for("vpc") };
    super::security::create_default(here, &id);
    super::route::create_main(here, &id);
    let body = json!({"vpc": render(&id, &vpc)});
    here.ec2.vpcs.insert(id, vpc);
    Ok(body)
}

fn render(id: &str, vpc: &Vpc) -> Value {
    json!({
        "vpcId": id, "ownerId": ACCOUNT, "state": "available", "cidrBlock": vpc.cidr,
        "cidrBlockAssociationSet": [{"cidrBlock": vpc.cidr, "associationId": id.replace("vpc-", "vpc-cidr-assoc-"), "cidrBlockState": {"state": "associated"}}],
        "dhcpOptionsId": "dopt-0123456789abcdef0", "instanceTenancy": "default", "isDefault": false, "tagSet": tag_set(&vpc.tags),
    })
}

pub(super) fn describe(here: &mut Here<'_>, input: &Input) -> Answer {
    let facts = |id: &'_ String, vpc: &Vpc| vec![("vpc-id", id.clone()), ("cidr", vpc.cidr.to_string()), ("state", "available".into())];
    describe_all(
        input,
        "VpcId",
        "InvalidVpcID.NotFound",
        "vpcSet",
        &here.ec2.vpcs,
        |id, vpc| Facts { tags: &vpc.tags, more: facts(id, vpc) },
        |id, vpc| render(id, vpc),
    )
}

pub(super) fn modify_attribute(here: &mut Here<'_>, input: &Input) -> Answer {
    let id = input.str("VpcId")?;
    let vpc = here.ec2.vpcs.get_mut(id).ok_or_else(|| not_found("InvalidVpcID.NotFound", id))?;
    match (input.part("EnableDnsSupport"), input.part("EnableDnsHostnames")) {
        (Some(_), Some(_)) => return Err(AwsError::bad("InvalidParameterCombination", "Fields for multiple attribute types specified")),
        (Some(on), None) => vpc.dns_support = on.bool("Value").unwrap_or_default(),
        (None, Some(on)) => vpc.dns_hostnames = on.bool("Value").unwrap_or_default(),
        (None, None) => return Err(AwsError::bad("MissingParameter", "No attribute was given")),
    }
    Ok(json!({"return": true}))
}

pub(super) fn describe_attribute(here: &mut Here<'_>, input: &Input) -> Answer {
    let id = input.str("VpcId")?;
    let vpc = here.ec2.vpcs.get(id).ok_or_else(|| not_found("InvalidVpcID.NotFound", id))?;
    match input.str("Attribute")? {
        "enableDnsSupport" => Ok(json!({"vpcId": id, "enableDnsSupport": {"value": vpc.dns_support}})),
        "enableDnsHostnames" => Ok(json!({"vpcId": id, "enableDnsHostnames": {"value": vpc.dns_hostnames}})),
        "enableNetworkAddressUsageMetrics" => Ok(json!({"vpcId": id, "enableNetworkAddressUsageMetrics": {"value": false}})),
        other => Err(AwsError::bad("InvalidParameterValue", format!("Unknown attribute {other}"))),
    }
}

pub(super) fn delete(here: &mut Here<'_>, input: &Input) -> Answer {
    let id = input.str("VpcId")?;
    let ec2 = &mut *here.ec2;
    if !ec2.vpcs.contains_key(id) {
        return Err(not_found("InvalidVpcID.NotFound", id));
    }
    let used = ec2.subnets.values().any(|it| it.vpc == id)
        || ec2.internet_gateways.values().any(|it| it.vpc.as_deref() == Some(id))
        || ec2.security_groups.values().any(|it| it.vpc == id && it.name != "default")
        || ec2.route_tables.values().any(|it| it.vpc == id && !it.main)
        || ec2.endpoints.values().any(|it| it.vpc == id)
        || ec2.nat_gateways.values().any(|it| it.vpc == id && it.lives());
    if used {
        return Err(in_use("vpc", id));
    }
    ec2.vpcs.remove(id);
    let gone: Vec<String> = ec2.security_groups.iter().filter(|(_, it)| it.vpc == id).map(|(id, _)| id.clone()).collect();
    ec2.security_groups.retain(|_, it| it.vpc != id);
    ec2.rules.retain(|_, it| !gone.contains(&it.group));
    ec2.route_tables.retain(|_, it| it.vpc != id);
    Ok(json!({"return": true}))
}
