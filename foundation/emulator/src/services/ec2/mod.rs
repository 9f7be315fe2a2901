//! EC2: one file per family.

mod details;
mod endpoint;
mod filter;
mod flow_log;
mod gateway;
mod image;
mod instance;
mod key_pair;
mod launch;
mod nat;
mod route;
mod rule;
mod security;
mod subnet;
pub(crate) mod tags;
mod vpc;

use super::{Answer, unknown};
use crate::call::{AwsError, Call};
use crate::clock::Clock;
use crate::world::{Account, Ids};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use endpoint::Endpoint;
pub use gateway::{Address, InternetGateway};
pub(crate) use instance::is_running;
pub use nat::NatGateway;
pub use route::{Association, Route, RouteTable};
pub use rule::Rule;
pub use security::SecurityGroup;
pub use subnet::Subnet;
pub use vpc::Vpc;

use crate::table::Table;
pub use crate::table::Tags;

/// EC2's tables in one region.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Ec2 {
    /// VPCs by id.
    pub vpcs: BTreeMap<String, Vpc>,
    /// Subnets by id.
    pub subnets: BTreeMap<String, Subnet>,
    /// Until when a flow log that was deleted may still write, by its log group, in seconds since 1970.
    pub ended_flow_logs: BTreeMap<String, f64>,
    /// Internet gateways by id.
    pub internet_gateways: BTreeMap<String, InternetGateway>,
    /// Elastic IP addresses by allocation id.
    pub addresses: BTreeMap<String, Address>,
    /// NAT gateways by id.
    pub nat_gateways: BTreeMap<String, NatGateway>,
    /// Route tables by id.
    pub route_tables: BTreeMap<String, RouteTable>,
    /// Security groups by id.
    pub security_groups: BTreeMap<String, SecurityGroup>,
    /// Security-group rules by id.
    pub rules: BTreeMap<String, Rule>,
    /// VPC endpoints by id.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// Network interfaces of load balancers, databases, tasks and instances by id: they hold subnets and groups.
    pub interfaces: Table,
    /// Instances by id.
    pub instances: Table,
    /// Key pairs by name.
    pub key_pairs: Table,
    /// Flow logs by id.
    pub flow_logs: Table,
}

/// What an operation works on: the region's tables, the account's, and the world's time and ids.
pub(crate) struct Here<'a> {
    pub ec2: &'a mut Ec2,
    pub account: &'a Account,
    pub clock: &'a Clock,
    pub ids: &'a mut Ids,
    pub region: &'a str,
    /// How many VPCs there may be.
    pub vpcs: usize,
}

/// Hands a call to its operation.
///
/// # Errors
/// AWS's error.
pub(crate) fn handle(all: &mut crate::world::Here<'_>, call: &Call) -> Answer {
    let vpcs = super::quotas::vpcs(all.region);
    let here = &mut Here { ec2: &mut all.region.ec2, account: all.account, clock: all.clock, ids: all.ids, region: all.name, vpcs };
    let input = &call.input;
    match call.action.as_str() {
        "DescribeAvailabilityZones" => subnet::describe_zones(here, input),
        "CreateVpc" => vpc::create(here, input),
        "DescribeVpcs" => vpc::describe(here, input),
        "ModifyVpcAttribute" => vpc::modify_attribute(here, input),
        "DescribeVpcAttribute" => vpc::describe_attribute(here, input),
        "DeleteVpc" => vpc::delete(here, input),
        "CreateSubnet" => subnet::create(here, input),
        "DescribeSubnets" => subnet::describe(here, input),
        "ModifySubnetAttribute" => subnet::modify_attribute(here, input),
        "DeleteSubnet" => subnet::delete(here, input),
        "CreateInternetGateway" => gateway::create(here, input),
        "DescribeInternetGateways" => gateway::describe(here, input),
        "AttachInternetGateway" => gateway::attach(here, input),
        "DetachInternetGateway" => gateway::detach(here, input),
        "DeleteInternetGateway" => gateway::delete(here, input),
        "AllocateAddress" => gateway::allocate(here, input),
        "DescribeAddresses" => gateway::describe_addresses(here, input),
        "ReleaseAddress" => gateway::release(here, input),
        "CreateNatGateway" => nat::create(here, input),
        "DescribeNatGateways" => nat::describe(here, input),
        "DeleteNatGateway" => nat::delete(here, input),
        "CreateRouteTable" => route::create(here, input),
        "DescribeRouteTables" => route::describe(here, input),
        "DeleteRouteTable" => route::delete(here, input),
        "CreateRoute" => route::create_route(here, input),
        "ReplaceRoute" => route::replace_route(here, input),
        "DeleteRoute" => route::delete_route(here, input),
        "AssociateRouteTable" => route::associate(here, input),
        "DisassociateRouteTable" => route::disassociate(here, input),
        "CreateSecurityGroup" => security::create(here, input),
        "DescribeSecurityGroups" => security::describe(here, input),
        "DeleteSecurityGroup" => security::delete(here, input),
        "DescribeSecurityGroupRules" => rule::describe(here, input),
        "AuthorizeSecurityGroupIngress" => rule::authorize(here, input, false),
        "AuthorizeSecurityGroupEgress" => rule::authorize(here, input, true),
        "RevokeSecurityGroupIngress" => rule::revoke(here, input, false),
        "RevokeSecurityGroupEgress" => rule::revoke(here, input, true),
        "UpdateSecurityGroupRuleDescriptionsIngress" => rule::describe_again(here, input, false),
        "UpdateSecurityGroupRuleDescriptionsEgress" => rule::describe_again(here, input, true),
        "CreateVpcEndpoint" => endpoint::create(here, input),
        "DescribeVpcEndpoints" => endpoint::describe(here, input),
        "ModifyVpcEndpoint" => endpoint::modify(here, input),
        "DeleteVpcEndpoints" => endpoint::delete(here, input),
        "CreateTags" => tags::create(here, input),
        "DeleteTags" => tags::delete(here, input),
        "DescribeTags" => tags::describe(here, input),
        _ => handle_hosts(here, call),
    }
}

/// Instances, key pairs and flow logs.
fn handle_hosts(here: &mut Here<'_>, call: &Call) -> Answer {
    let input = &call.input;
    match call.action.as_str() {
        "DescribeAddressesAttribute" => Ok(serde_json::json!({"addressSet": []})),
        // Only NAT gateways use addresses here, and theirs end with them.
        "DisassociateAddress" => Err(not_found("InvalidAssociationID.NotFound", input.str("AssociationId")?)),
        "DescribeNetworkInterfaces" => interfaces(here, input),
        "RunInstances" => launch::run(here, input),
        "DescribeAccountAttributes" => Ok(account_attributes(input)),
        "DescribeImages" => image::describe(here, input),
        "DescribeInstances" => instance::describe(here, input),
        "TerminateInstances" => instance::terminate(here, input),
        "ModifyInstanceAttribute" => instance::modify_attribute(here, input),
        "DescribeInstanceAttribute" => instance::describe_attribute(here, input),
        "ModifyInstanceMetadataOptions" => instance::modify_metadata(here, input),
        "DescribeInstanceTypes" => details::instance_types(input),
        "DescribeInstanceCreditSpecifications" => details::credits(here, input),
        "DescribePrefixLists" => details::prefix_lists(here, input),
        "DescribeVolumes" => details::volumes(here, input),
        "ImportKeyPair" => key_pair::import_key(here, input),
        "DescribeKeyPairs" => key_pair::describe_keys(here, input),
        "DeleteKeyPair" => key_pair::delete_key(here, input),
        "CreateFlowLogs" => flow_log::create_flow_log(here, input),
        "DescribeFlowLogs" => flow_log::describe_flow_logs(here, input),
        "DeleteFlowLogs" => flow_log::delete_flow_logs(here, input),
        _ => Err(unknown(call)),
    }
}

impl Ec2 {
    /// Lets everything happen that is due by `now`.
    pub fn advance(&mut self, now: f64) {
        nat::advance(self, now);
        endpoint::advance(self, now);
        instance::advance(self, now);
    }

    /// Whether a network interface lives in the subnet or carries the group.
    pub(crate) fn is_held(&self, id: &str) -> bool {
        let in_group = |item: &crate::table::Item| item.body["groups"].as_array().is_some_and(|groups| groups.iter().any(|it| it == id));
        self.interfaces.values().any(|item| item.str("subnetId") == id || in_group(item))
    }

    /// The ids of living objects that carry the tag.
    pub fn tagged(&self, key: &str, value: &str) -> Vec<String> {
        let all = tags::all(self).into_iter();
        all.filter(|(_, _, tags)| tags.get(key).is_some_and(|found| found == value)).map(|(id, ..)| id.to_owned()).collect()
    }
}

/// The code that AWS would refuse an id with if it did not know the object; `None` when there is none of that id.
pub(crate) fn code_of(ec2: &Ec2, id: &str) -> Option<&'static str> {
    let known = [
        ("InvalidVpcID.NotFound", ec2.vpcs.contains_key(id)),
        ("InvalidSubnetID.NotFound", ec2.subnets.contains_key(id)),
        ("InvalidInternetGatewayID.NotFound", ec2.internet_gateways.contains_key(id)),
        ("InvalidAllocationID.NotFound", ec2.addresses.contains_key(id)),
        ("NatGatewayNotFound", ec2.nat_gateways.contains_key(id)),
        ("InvalidRouteTableID.NotFound", ec2.route_tables.contains_key(id)),
        ("InvalidGroup.NotFound", ec2.security_groups.contains_key(id)),
        ("InvalidVpcEndpointId.NotFound", ec2.endpoints.contains_key(id)),
        ("InvalidInstanceID.NotFound", ec2.instances.contains_key(id)),
    ];
    known.into_iter().find(|(_, is)| *is).map(|(code, _)| code)
}

/// The error for an id that nothing has: `InvalidVpcID.NotFound`.
pub(crate) fn not_found(code: &str, id: &str) -> AwsError {
    AwsError::bad(code, format!("The ID '{id}' does not exist"))
}

/// The error for an object that others still use.
pub(crate) fn in_use(what: &str, id: &str) -> AwsError {
    AwsError::bad("DependencyViolation", format!("The {what} '{id}' has dependencies and cannot be deleted."))
}

/// The network interfaces that others hold: what keeps a subnet or a group from being deleted.
fn interfaces(here: &Here<'_>, input: &crate::call::Input) -> Answer {
    let facts = |it: &crate::table::Item| {
        let groups = it.body["groups"].as_array().into_iter().flatten().filter_map(|id| id.as_str());
        let mut more = vec![
            ("subnet-id", it.str("subnetId").to_owned()),
            ("vpc-id", it.str("vpcId").to_owned()),
            ("description", it.str("description").to_owned()),
            ("network-interface-id", it.str("networkInterfaceId").to_owned()),
        ];
        more.extend(groups.map(|id| ("group-id", id.to_owned())));
        more
    };
    let found = here.ec2.interfaces.values().filter(|it| filter::passes(input, &filter::Facts { tags: &it.tags, more: facts(it) }));
    let render = |it: &crate::table::Item| {
        let groups: Vec<_> = it.body["groups"].as_array().into_iter().flatten().map(|id| serde_json::json!({"groupId": id})).collect();
        let mut body = it.body.clone();
        crate::table::merge(&mut body, serde_json::json!({"groups": null, "owner": null, "groupSet": groups}));
        body
    };
    filter::page(input, "networkInterfaceSet", found.map(render).collect())
}

/// The limits of a new account.
fn account_attributes(input: &crate::call::Input) -> serde_json::Value {
    let all =
        [("max-elastic-ips", "5"), ("vpc-max-elastic-ips", "5"), ("max-instances", "20"), ("vpc-max-security-groups-per-interface", "5")];
    let asked = input.strings("AttributeName");
    let found = all.iter().filter(|(name, _)| asked.is_empty() || asked.iter().any(|it| it == name));
    let shown = found.map(|(name, value)| serde_json::json!({"attributeName": name, "attributeValueSet": [{"attributeValue": value}]}));
    serde_json::json!({"accountAttributeSet": shown.collect::<Vec<_>>()})
}
