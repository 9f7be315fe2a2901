//! NAT gateways: slow to come, slow to go, described for an hour after they are gone.

use super::filter::{Facts, describe as describe_all, tag_set};
use super::{Ec2, Here, Tags, not_found};
use crate::call::{AwsError, Input};
use crate::durations::{NAT_CREATE, NAT_DELETE, NAT_REMEMBERED};
use crate::services::Answer;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A NAT gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NatGateway {
    /// Its VPC.
    pub vpc: String,
    /// Its subnet.
    pub subnet: String,
    /// Its Elastic IP address.
    pub allocation: String,
    /// `pending`, `available`, `deleting`, `deleted`.
    pub state: String,
    /// When the state ends by itself.
    pub due: Option<f64>,
    /// The client token of its create call.
    pub token: Option<String>,
    /// When it was made.
    pub created: String,
    /// Its tags.
    pub tags: Tags,
}

impl NatGateway {
    /// Whether it still holds its address and its subnet.
    pub fn lives(&self) -> bool {
        self.state != "deleted"
    }
}

pub(super) fn advance(ec2: &mut Ec2, now: f64) {
    for (id, nat) in &mut ec2.nat_gateways {
        if nat.due.is_none_or(|due| due > now) {
            continue;
        }
        match nat.state.as_str() {
            "pending" => (nat.state, nat.due) = ("available".into(), None),
            "deleting" => {
                (nat.state, nat.due) = ("deleted".into(), Some(now + NAT_REMEMBERED.as_secs_f64()));
                ec2.addresses.values_mut().filter(|it| it.used_by.as_ref() == Some(id)).for_each(|it| it.used_by = None);
            }
            _ => {}
        }
    }
    ec2.nat_gateways.retain(|_, nat| nat.lives() || nat.due.is_some_and(|due| due > now));
}

pub(super) fn create(here: &mut Here<'_>, input: &Input) -> Answer {
    let (subnet, allocation) = (input.str("SubnetId")?.to_owned(), input.str("AllocationId")?.to_owned());
    let token = input.opt("ClientToken").map(str::to_owned);
    if let Some((id, nat)) = here.ec2.nat_gateways.iter().find(|(_, it)| token.is_some() && it.token == token) {
        if nat.subnet != subnet || nat.allocation != allocation {
            return Err(AwsError::bad("IdempotentParameterMismatch", "The client token was used with other parameters"));
        }
        return Ok(json!({"natGateway": render(id, nat, here.ec2), "clientToken": token}));
    }
    let vpc = here.ec2.subnets.get(&subnet).ok_or_else(|| not_found("InvalidSubnetID.NotFound", &subnet))?.vpc.clone();
    if !here.ec2.internet_gateways.values().any(|it| it.vpc.as_ref() == Some(&vpc)) {
        return Err(AwsError::bad("Gateway.NotAttached", format!("Network {vpc} has no Internet gateway attached")));
    }
    let id = here.ids.id("nat");
    let address = here.ec2.addresses.get_mut(&allocation).ok_or_else(|| not_found("InvalidAllocationID.NotFound", &allocation))?;
    if address.used_by.is_some() {
        return Err(AwsError::bad("Resource.AlreadyAssociated", format!("resource {allocation} is already associated")));
    }
    address.used_by = Some(id.clone());
    let due = Some(here.clock.after(NAT_CREATE));
    let (created, tags) = (here.clock.stamp(), input.tags_for("natgateway"));
    let nat = NatGateway { vpc, subnet, allocation, state: "pending".into(), due, token: token.clone(), created, tags };
    let body = json!({"natGateway": render(&id, &nat, here.ec2), "clientToken": token});
    here.ec2.nat_gateways.insert(id, nat);
    Ok(body)
}

fn render(id: &str, it: &NatGateway, ec2: &Ec2) -> Value {
    let ip = ec2.addresses.get(&it.allocation).map(|address| address.ip.clone());
    json!({
        "natGatewayId": id, "vpcId": it.vpc, "subnetId": it.subnet, "state": it.state, "createTime": it.created, "connectivityType": "public",
        "natGatewayAddressSet": [{"allocationId": it.allocation, "publicIp": ip, "isPrimary": true}], "tagSet": tag_set(&it.tags),
    })
}

pub(super) fn describe(here: &mut Here<'_>, input: &Input) -> Answer {
    let ec2 = &*here.ec2;
    let facts = |id: &String, it: &NatGateway| {
        let (vpc, subnet, state) = (it.vpc.clone(), it.subnet.clone(), it.state.clone());
        vec![("nat-gateway-id", id.clone()), ("vpc-id", vpc), ("subnet-id", subnet), ("state", state)]
    };
    describe_all(
        input,
        "NatGatewayId",
        "NatGatewayNotFound",
        "natGatewaySet",
        &ec2.nat_gateways,
        |id, it| Facts { tags: &it.tags, more: facts(id, it) },
        |id, it| render(id, it, ec2),
    )
}

pub(super) fn delete(here: &mut Here<'_>, input: &Input) -> Answer {
    let id = input.str("NatGatewayId")?;
    let due = here.clock.after(NAT_DELETE);
    let nat = here.ec2.nat_gateways.get_mut(id).ok_or_else(|| not_found("NatGatewayNotFound", id))?;
    if nat.lives() && nat.state != "deleting" {
        (nat.state, nat.due) = ("deleting".into(), Some(due));
    }
    Ok(json!({"natGatewayId": id}))
}
