//! The resource kinds that only this layer declares.

mod default_security_group;
mod elastic_ip;
mod internet_gateway;
mod nat_gateway;
mod route;
mod route_table;
mod route_table_association;
mod subnet;
mod vpc;
mod vpc_endpoint;

pub use default_security_group::DefaultSecurityGroup;
pub use elastic_ip::ElasticIp;
pub use internet_gateway::InternetGateway;
pub use nat_gateway::NatGateway;
pub use route::{Route, Via};
pub use route_table::RouteTable;
pub use route_table_association::RouteTableAssociation;
pub use subnet::Subnet;
pub use vpc::Vpc;
pub use vpc_endpoint::{EndpointType, VpcEndpoint};

use aws::Aws;
use aws::kinds::security_group::SecurityGroups;
use aws::kinds::security_group_rule::SecurityGroupRules;
use engine::Kinds;

/// Every kind that this layer ever shipped, with its driver.
pub fn kinds(aws: &Aws) -> Kinds {
    Kinds::new()
        .with(vpc::Vpcs(aws.clone()))
        .with(subnet::Subnets(aws.clone()))
        .with(internet_gateway::InternetGateways(aws.clone()))
        .with(elastic_ip::ElasticIps(aws.clone()))
        .with(nat_gateway::NatGateways(aws.clone()))
        .with(route_table::RouteTables(aws.clone()))
        .with(route::Routes(aws.clone()))
        .with(route_table_association::Associations(aws.clone()))
        .with(vpc_endpoint::VpcEndpoints(aws.clone()))
        .with(default_security_group::DefaultSecurityGroups(aws.clone()))
        .with(SecurityGroups(aws.clone()))
        .with(SecurityGroupRules(aws.clone()))
}
