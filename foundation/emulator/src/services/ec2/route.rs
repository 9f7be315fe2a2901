//! Route tables, their routes and their associations.

use super::filter::{Facts, describe as describe_all, tag_set};
use super::{Here, Tags, in_use, not_found};
use crate::call::{AwsError, Input};
use crate::services::Answer;
use crate::world::ACCOUNT;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A route table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RouteTable {
    /// Its VPC.
    pub vpc: String,
    /// Whether it is the VPC's own.
    pub main: bool,
    /// Routes by destination.
    pub routes: BTreeMap<String, Route>,
    /// Associations by id.
    pub associations: BTreeMap<String, Association>,
    /// The client token of its create call.
    pub token: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Route {
    /// `gatewayId` or `natGatewayId`.
    pub by: String,
    /// The id of what it leads to.
    pub target: String,
}

/// A subnet's table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Association {
    /// The subnet; `None` for the main association.
    pub subnet: Option<String>,
}

fn table(vpc: &str, main: bool) -> RouteTable {
    RouteTable { vpc: vpc.into(), main, routes: BTreeMap::new(), associations: BTreeMap::new(), token: None, tags: Tags::new() }
}

pub(super) fn create_main(here: &mut Here<'_>, vpc: &str) {
    let mut main = table(vpc, true);
    main.associations.insert(here.ids.id("rtbassoc"), Association { subnet: None });
    here.ec2.route_tables.insert(here.ids.id("rtb"), main);
}

pub(super) fn create(here: &mut Here<'_>, input: &Input) -> Answer {
    let vpc = input.str("VpcId")?;
    let token = input.opt("ClientToken").map(str::to_owned);
    if let Some((id, it)) = here.ec2.route_tables.iter().find(|(_, it)| token.is_some() && it.token == token) {
        return Ok(json!({"routeTable": render(here, id, it), "clientToken": token}));
    }
    if !here.ec2.vpcs.contains_key(vpc) {
        return Err(not_found("InvalidVpcID.NotFound", vpc));
    }
    let id = here.ids.id("rtb");
    let it = RouteTable { token: token.clone(), tags: input.tags_for("route-table"), ..table(vpc, false) };
    let body = json!({"routeTable": render(here, &id, &it), "clientToken": token});
    here.ec2.route_tables.insert(id, it);
    Ok(body)
}

fn render(here: &Here<'_>, id: &str, it: &RouteTable) -> Value {
    let cidr = here.ec2.vpcs.get(&it.vpc).map(|vpc| vpc.cidr);
    let mut routes = vec![json!({"destinationCidrBlock": cidr, "gatewayId": "local", "state": "active", "origin": "CreateRouteTable"})];
    for (destination, route) in &it.routes {
        let kind = if destination.starts_with("pl-") { "destinationPrefixListId" } else { "destinationCidrBlock" };
        routes.push(json!({kind: destination, &route.by: route.target, "state": "active", "origin": "CreateRoute"}));
    }
    let associations: Vec<Value> = it
        .associations
        .iter()
        .map(|(association, its)| {
            let state = json!({"state": "associated"});
            json!({"routeTableAssociationId": association, "routeTableId": id, "subnetId": its.subnet, "main": its.subnet.is_none(), "associationState": state})
        })
        .collect();
    json!({
        "routeTableId": id, "vpcId": it.vpc, "ownerId": ACCOUNT, "routeSet": routes, "associationSet": associations,
        "propagatingVgwSet": [], "tagSet": tag_set(&it.tags),
    })
}

pub(super) fn describe(here: &mut Here<'_>, input: &Input) -> Answer {
    let here = &*here;
    let facts = |id: &String, it: &RouteTable| {
        let mut more = vec![("route-table-id", id.clone()), ("vpc-id", it.vpc.clone())];
        more.extend(it.associations.keys().map(|id| ("association.route-table-association-id", id.clone())));
        more.extend(it.associations.values().filter_map(|its| Some(("association.subnet-id", its.subnet.clone()?))));
        more.extend(it.associations.values().map(|its| ("association.main", its.subnet.is_none().to_string())));
        more
    };
    describe_all(
        input,
        "RouteTableId",
        "InvalidRouteTableID.NotFound",
        "routeTableSet",
        &here.ec2.route_tables,
        |id, it| Facts { tags: &it.tags, more: facts(id, it) },
        |id, it| render(here, id, it),
    )
}

fn find<'a>(here: &'a mut Here<'_>, id: &str) -> Result<&'a mut RouteTable, AwsError> {
    here.ec2.route_tables.get_mut(id).ok_or_else(|| not_found("InvalidRouteTableID.NotFound", id))
}

pub(super) fn delete(here: &mut Here<'_>, input: &Input) -> Answer {
    let id = input.str("RouteTableId")?;
    let it = find(here, id)?;
    if it.main || !it.associations.is_empty() {
        return Err(in_use("routeTable", id));
    }
    here.ec2.route_tables.remove(id);
    for endpoint in here.ec2.endpoints.values_mut() {
        endpoint.route_tables.retain(|table| table != id);
    }
    Ok(json!({"return": true}))
}

fn target(here: &Here<'_>, input: &Input) -> Result<(String, Route), AwsError> {
    let destination = input.str("DestinationCidrBlock")?.to_owned();
    if let Some(id) = input.opt("NatGatewayId") {
        let nat = here.ec2.nat_gateways.get(id).filter(|nat| nat.lives());
        nat.ok_or_else(|| not_found("InvalidNatGatewayID.NotFound", id))?;
        return Ok((destination, Route { by: "natGatewayId".into(), target: id.into() }));
    }
    let id = input.str("GatewayId")?;
    let gateway = here.ec2.internet_gateways.get(id).ok_or_else(|| not_found("InvalidGatewayID.NotFound", id))?;
    let vpc = here.ec2.route_tables.get(input.str("RouteTableId")?).map(|table| &table.vpc);
    if gateway.vpc.as_ref() != vpc {
        return Err(AwsError::bad("InvalidParameterValue", format!("route table and network gateway {id} belong to different networks")));
    }
    Ok((destination, Route { by: "gatewayId".into(), target: id.into() }))
}

pub(super) fn create_route(here: &mut Here<'_>, input: &Input) -> Answer {
    let id = input.str("RouteTableId")?;
    find(here, id)?;
    let (destination, route) = target(here, input)?;
    let it = find(here, id)?;
    if it.routes.get(&destination).is_some_and(|there| *there != route) {
        return Err(AwsError::bad("RouteAlreadyExists", format!("The route identified by {destination} already exists.")));
    }
    it.routes.insert(destination, route);
    Ok(json!({"return": true}))
}

pub(super) fn replace_route(here: &mut Here<'_>, input: &Input) -> Answer {
    let id = input.str("RouteTableId")?;
    let (destination, route) = target(here, input)?;
    let it = find(here, id)?;
    if !it.routes.contains_key(&destination) {
        return Err(no_route(id, &destination));
    }
    it.routes.insert(destination, route);
    Ok(json!({"return": true}))
}

fn no_route(table: &str, destination: &str) -> AwsError {
    AwsError::bad("InvalidRoute.NotFound", format!("no route with destination-cidr-block {destination} in route table {table}"))
}

pub(super) fn delete_route(here: &mut Here<'_>, input: &Input) -> Answer {
    let (id, destination) = (input.str("RouteTableId")?, input.str("DestinationCidrBlock")?);
    find(here, id)?.routes.remove(destination).ok_or_else(|| no_route(id, destination))?;
    Ok(json!({"return": true}))
}

pub(super) fn associate(here: &mut Here<'_>, input: &Input) -> Answer {
    let (id, subnet) = (input.str("RouteTableId")?, input.str("SubnetId")?.to_owned());
    if !here.ec2.subnets.contains_key(&subnet) {
        return Err(not_found("InvalidSubnetID.NotFound", &subnet));
    }
    for (other, table) in &here.ec2.route_tables {
        if let Some((association, _)) = table.associations.iter().find(|(_, its)| its.subnet.as_ref() == Some(&subnet)) {
            if other == id {
                return Ok(json!({"associationId": association, "associationState": {"state": "associated"}}));
            }
            return Err(AwsError::bad(
                "Resource.AlreadyAssociated",
                format!("the specified association for route table {id} conflicts with an existing association"),
            ));
        }
    }
    let association = here.ids.id("rtbassoc");
    find(here, id)?.associations.insert(association.clone(), Association { subnet: Some(subnet) });
    Ok(json!({"associationId": association, "associationState": {"state": "associated"}}))
}

pub(super) fn disassociate(here: &mut Here<'_>, input: &Input) -> Answer {
    let id = input.str("AssociationId")?;
    let table = here.ec2.route_tables.values_mut().find(|table| table.associations.contains_key(id));
    table.ok_or_else(|| not_found("InvalidAssociationID.NotFound", id))?.associations.remove(id);
    Ok(json!({"return": true}))
}
