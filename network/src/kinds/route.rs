//! A route: one destination in one table.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateRoute.html>

use aws::ec2::filter;
use aws::{Aws, FaultExt};
use aws_sdk_ec2::types::RouteTable;
use contract::{InternetGatewayId, NatGatewayId, RouteTableId};
use engine::{Address, Ask, Class, Driver, Fault, Found, Identity, IdentityBy, Kind, Replace, Resource, Seen, Ticks};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Where a route leads.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// To the internet.
    InternetGateway(InternetGatewayId),
    /// Out through a NAT gateway.
    NatGateway(NatGatewayId),
    /// Somewhere that this tool never sets: someone changed it.
    Other(String),
}

/// One destination in one table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Route {
    /// The table.
    pub table: RouteTableId,
    /// The destination's CIDR block.
    pub destination: String,
    /// Where it leads.
    pub via: Via,
}

impl Resource for Route {
    const KIND: Kind = "route";
    const REPLACE_ON: &'static [&'static str] = &["table", "destination"];
    const REPLACE: Replace = Replace::DeleteFirst;
    // A route has no id: its place is all there is to know.
    type Output = ();

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Natural(format!("{}/{}", self.table, self.destination))
    }

    fn placeholder(&self, _: &Address) {}
}

/// Works on routes.
#[derive(Clone, Debug)]
pub(super) struct Routes(pub Aws);

fn via(table: &RouteTable, destination: &str) -> Option<Via> {
    let route = table.routes().iter().find(|route| route.destination_cidr_block() == Some(destination))?;
    Some(match (route.nat_gateway_id(), route.gateway_id()) {
        (Some(nat), _) => Via::NatGateway(nat.to_owned().into()),
        (None, Some(gateway)) if gateway.starts_with("igw-") => Via::InternetGateway(gateway.to_owned().into()),
        (None, other) => Via::Other(other.unwrap_or("something else").to_owned()),
    })
}

impl Driver<Route> for Routes {
    async fn observe(&self, asks: &[Ask<Route>]) -> Result<Found<Route>, Fault> {
        let tables: BTreeSet<String> = asks.iter().map(|ask| ask.want.table.0.clone()).collect();
        let call = self.0.ec2.describe_route_tables().filters(filter("route-table-id", tables));
        let tables = call.send().await.or_fault("ec2:DescribeRouteTables")?.route_tables.unwrap_or_default();
        let mut found = Found::new();
        for ask in asks {
            let table = tables.iter().find(|table| table.route_table_id() == Some(ask.want.table.as_str()));
            let Some(via) = table.and_then(|table| via(table, &ask.want.destination)) else { continue };
            // A route has no tags: one in a table of ours is ours.
            let live = Route { via, ..ask.want.clone() };
            found.insert(ask.who.address.clone(), Seen { live, output: (), ours: true, tags: None });
        }
        Ok(found)
    }

    async fn ensure(&self, _: &Identity, want: &Route, seen: Option<Seen<Route>>, _: &Ticks) -> Result<(), Fault> {
        let mut doubt = None;
        if seen.is_none() {
            let call = self.0.ec2.create_route().route_table_id(want.table.as_str()).destination_cidr_block(&want.destination);
            let call = match &want.via {
                Via::InternetGateway(id) => call.gateway_id(id.as_str()),
                Via::NatGateway(id) => call.nat_gateway_id(id.as_str()),
                Via::Other(id) => call.gateway_id(id),
            };
            match call.send().await.or_fault("ec2:CreateRoute") {
                Err(fault) if fault.code == "RouteAlreadyExists" => {}
                Err(fault) if fault.class == Class::InDoubt => doubt = Some(fault),
                other => return other.map(|_| ()),
            }
        }
        let call = self.0.ec2.replace_route().route_table_id(want.table.as_str()).destination_cidr_block(&want.destination);
        let call = match &want.via {
            Via::InternetGateway(id) => call.gateway_id(id.as_str()),
            Via::NatGateway(id) => call.nat_gateway_id(id.as_str()),
            Via::Other(id) => call.gateway_id(id),
        };
        match (call.send().await.or_fault("ec2:ReplaceRoute"), doubt) {
            // It was not made: why is what the create said.
            (Err(gone), Some(doubt)) if gone.is_not_found() => Err(doubt),
            (replaced, _) => replaced.map(|_| ()),
        }
    }

    async fn delete(&self, _: &Identity, spec: &Route, _: Option<&()>, _: &Ticks) -> Result<(), Fault> {
        let call = self.0.ec2.delete_route().route_table_id(spec.table.as_str()).destination_cidr_block(&spec.destination);
        call.send().await.or_gone("ec2:DeleteRoute").map(|_| ())
    }
}
