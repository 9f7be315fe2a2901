//! VPC endpoints: gateway and interface.

use super::filter::{Facts, describe as describe_all, tag_set};
use super::{Ec2, Here, Tags, not_found};
use crate::call::{AwsError, Input};
use crate::durations::ENDPOINT_CREATE;
use crate::services::Answer;
use crate::world::ACCOUNT;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A VPC endpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Endpoint {
    /// Its VPC.
    pub vpc: String,
    /// The service, for example `com.amazonaws.eu-north-1.s3`.
    pub service: String,
    /// `Gateway` or `Interface`.
    pub kind: String,
    /// The route tables of a gateway endpoint.
    pub route_tables: Vec<String>,
    /// The subnets of an interface endpoint.
    pub subnets: Vec<String>,
    /// The security groups of an interface endpoint.
    pub groups: Vec<String>,
    /// Whether the service's own name resolves to it.
    pub private_dns: bool,
    /// `pending`, `available`.
    pub state: String,
    /// When the state ends by itself.
    pub due: Option<f64>,
    /// The client token of its create call.
    pub token: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

pub(super) fn advance(ec2: &mut Ec2, now: f64) {
    for it in ec2.endpoints.values_mut().filter(|it| it.due.is_some_and(|due| due <= now)) {
        (it.state, it.due) = ("available".into(), None);
    }
}

pub(super) fn create(here: &mut Here<'_>, input: &Input) -> Answer {
    let (vpc, service) = (input.str("VpcId")?.to_owned(), input.str("ServiceName")?.to_owned());
    let token = input.opt("ClientToken").map(str::to_owned);
    if let Some((id, it)) = here.ec2.endpoints.iter().find(|(_, it)| token.is_some() && it.token == token) {
        return Ok(json!({"vpcEndpoint": render(id, it), "clientToken": token}));
    }
    if !here.ec2.vpcs.contains_key(&vpc) {
        return Err(not_found("InvalidVpcId.NotFound", &vpc));
    }
    let kind = input.opt("VpcEndpointType").unwrap_or("Gateway").to_owned();
    let gateway = kind == "Gateway";
    let private_dns = input.bool("PrivateDnsEnabled").unwrap_or(!gateway);
    let taken = here.ec2.endpoints.values().any(|it| it.vpc == vpc && it.service == service && it.private_dns && private_dns);
    if taken {
        let problem =
            format!("private-dns-enabled cannot be set because there is already a conflicting DNS domain for {service} in the VPC {vpc}");
        return Err(AwsError::bad("InvalidParameter", problem));
    }
    let (state, due) = if gateway { ("available", None) } else { ("pending", Some(here.clock.after(ENDPOINT_CREATE))) };
    let it = Endpoint {
        vpc,
        service,
        kind,
        route_tables: input.strings("RouteTableId"),
        subnets: input.strings("SubnetId"),
        groups: input.strings("SecurityGroupId"),
        private_dns,
        state: state.into(),
        due,
        token: token.clone(),
        tags: input.tags_for("vpc-endpoint"),
    };
    let id = here.ids.id("vpce");
    let body = json!({"vpcEndpoint": render(&id, &it), "clientToken": token});
    here.ec2.endpoints.insert(id, it);
    Ok(body)
}

fn render(id: &str, it: &Endpoint) -> Value {
    let groups: Vec<Value> = it.groups.iter().map(|group| json!({"groupId": group, "groupName": group})).collect();
    json!({
        "vpcEndpointId": id, "vpcEndpointType": it.kind, "vpcId": it.vpc, "serviceName": it.service, "state": it.state, "ownerId": ACCOUNT,
        "routeTableIdSet": it.route_tables, "subnetIdSet": it.subnets, "groupSet": groups, "privateDnsEnabled": it.private_dns,
        "requesterManaged": false, "tagSet": tag_set(&it.tags),
    })
}

pub(super) fn describe(here: &mut Here<'_>, input: &Input) -> Answer {
    let facts = |id: &String, it: &Endpoint| {
        vec![("vpc-endpoint-id", id.clone()), ("vpc-id", it.vpc.clone()), ("service-name", it.service.clone())]
    };
    describe_all(
        input,
        "VpcEndpointId",
        "InvalidVpcEndpointId.NotFound",
        "vpcEndpointSet",
        &here.ec2.endpoints,
        |id, it| Facts { tags: &it.tags, more: facts(id, it) },
        |id, it| render(id, it),
    )
}

fn change(list: &mut Vec<String>, add: Vec<String>, remove: &[String]) {
    list.retain(|item| !remove.contains(item));
    list.extend(add);
}

pub(super) fn modify(here: &mut Here<'_>, input: &Input) -> Answer {
    let id = input.str("VpcEndpointId")?;
    let it = here.ec2.endpoints.get_mut(id).ok_or_else(|| not_found("InvalidVpcEndpointId.NotFound", id))?;
    change(&mut it.route_tables, input.strings("AddRouteTableId"), &input.strings("RemoveRouteTableId"));
    change(&mut it.subnets, input.strings("AddSubnetId"), &input.strings("RemoveSubnetId"));
    change(&mut it.groups, input.strings("AddSecurityGroupId"), &input.strings("RemoveSecurityGroupId"));
    Ok(json!({"return": true}))
}

pub(super) fn delete(here: &mut Here<'_>, input: &Input) -> Answer {
    let mut failed = Vec::new();
    for id in input.strings("VpcEndpointId") {
        if here.ec2.endpoints.remove(&id).is_none() {
            let error = json!({"code": "InvalidVpcEndpoint.NotFound", "message": format!("The Vpc Endpoint Id '{id}' does not exist")});
            failed.push(json!({"resourceId": id, "error": error}));
        }
    }
    Ok(json!({"unsuccessful": failed}))
}
