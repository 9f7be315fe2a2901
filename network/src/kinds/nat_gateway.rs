//! A public NAT gateway.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNatGateway.html>

use aws::ec2::{Item, find, once, sync_tags, tag_specification};
use aws::{Aws, FaultExt};
use aws_sdk_ec2::types::{Filter, ResourceType};
use contract::{AllocationId, NatGatewayId, SubnetId};
use engine::settle::not_yet;
use engine::{Address, Ask, Class, Driver, Fault, Found, Identity, IdentityBy, Kind, Lead, Poll, Replace, Resource, Scope, Seen, Ticks};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A public NAT gateway.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct NatGateway {
    /// The public subnet that it stands in.
    pub subnet: SubnetId,
    /// Its Elastic IP address.
    pub allocation: AllocationId,
}

impl Resource for NatGateway {
    const KIND: Kind = "nat_gateway";
    const REPLACE_ON: &'static [&'static str] = &["subnet", "allocation"];
    // Two gateways can stand in one subnet, but an address serves only one.
    const REPLACE: Replace = Replace::DeleteFirst;
    const TYPICAL: Duration = Duration::from_secs(107);
    type Output = NatGatewayId;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Token
    }

    fn placeholder(&self, at: &Address) -> NatGatewayId {
        NatGatewayId::unknown(at)
    }
}

/// The slowest published create took two minutes.
const AVAILABLE_WITHIN: Duration = Duration::from_secs(600);
/// The slowest published delete took eighty seconds; the Terraform provider waits half an hour.
const DELETED_WITHIN: Duration = Duration::from_secs(1800);

fn allocation(nat: &Live) -> &str {
    nat.nat_gateway_addresses().first().and_then(|address| address.allocation_id()).unwrap_or_default()
}

/// Works on them.
#[derive(Clone, Debug)]
pub(super) struct NatGateways(pub Aws);

type Live = aws_sdk_ec2::types::NatGateway;

impl NatGateways {
    async fn fetch(&self, filters: Vec<Filter>) -> Result<Vec<Item<Live>>, Fault> {
        // Deleted gateways can be described for an hour; they are not there any more.
        let mut filters = filters;
        filters.push(aws::ec2::filter("state", ["pending", "available", "failed"].map(str::to_owned)));
        let mut pages = self.0.ec2.describe_nat_gateways().set_filter(Some(filters)).into_paginator().send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            let found = page.or_fault("ec2:DescribeNatGateways")?.nat_gateways.unwrap_or_default();
            items.extend(found.into_iter().map(|it| Item::new(it.nat_gateway_id(), it.tags(), it.clone())));
        }
        Ok(items)
    }

    async fn mine(&self, who: &Identity, want: &NatGateway) -> Result<Option<NatGatewayId>, Fault> {
        let ask = Ask { who: who.clone(), want: want.clone(), last: None };
        let found = find(&[ask], "nat-gateway-id", |id| id.as_str(), |filters| self.fetch(filters)).await?;
        Ok(found.into_values().next().map(|item| item.id.into()))
    }

    /// The client token makes a repeated call return the same gateway, also one that was deleted since: then the next token is
    /// tried.
    async fn create(&self, who: &Identity, want: &NatGateway, ticks: &Ticks) -> Result<NatGatewayId, Fault> {
        for attempt in 0..5 {
            let token = if attempt == 0 { who.token.clone() } else { format!("{}-{attempt}", who.token) };
            let call = self.0.ec2.create_nat_gateway().subnet_id(want.subnet.as_str()).allocation_id(want.allocation.as_str());
            let call = call.client_token(&token).tag_specifications(tag_specification(ResourceType::Natgateway, who));
            let create = async {
                call.send().await.or_fault("ec2:CreateNatGateway").map(|made| made.nat_gateway.and_then(|nat| nat.nat_gateway_id))
            };
            let id: NatGatewayId = match once(&self.0, &token, ticks.absent, || self.mine(who, want), create).await {
                Err(fault) if fault.code == "IdempotentParameterMismatch" => continue,
                other => other?,
            };
            if !matches!(self.state(&id).await?.as_deref(), Some("deleting" | "deleted")) {
                return Ok(id);
            }
        }
        Err(Fault::new(engine::Class::Invalid, "AWS gives deleted NAT gateways back for every token; wait an hour"))
    }

    async fn state(&self, id: &NatGatewayId) -> Result<Option<String>, Fault> {
        let call = self.0.ec2.describe_nat_gateways().nat_gateway_ids(id.as_str());
        let found = call.send().await.or_gone("ec2:DescribeNatGateways")?.and_then(|found| found.nat_gateways).unwrap_or_default();
        Ok(found.first().and_then(|nat| nat.state()).map(|state| state.as_str().to_owned()))
    }
}

impl Driver<NatGateway> for NatGateways {
    async fn observe(&self, asks: &[Ask<NatGateway>]) -> Result<Found<NatGateway>, Fault> {
        let found = find(asks, "nat-gateway-id", |id| id.as_str(), |filters| self.fetch(filters)).await?;
        let seen = |item: Item<Live>| {
            let live = NatGateway {
                subnet: item.it.subnet_id().unwrap_or_default().to_owned().into(),
                allocation: allocation(&item.it).to_owned().into(),
            };
            Seen { live, output: item.id.into(), ours: true, tags: Some(item.tags) }
        };
        Ok(found.into_iter().map(|(at, item)| (at, seen(item))).collect())
    }

    async fn ensure(
        &self,
        who: &Identity,
        want: &NatGateway,
        seen: Option<Seen<NatGateway>>,
        ticks: &Ticks,
    ) -> Result<NatGatewayId, Fault> {
        let id = match &seen {
            Some(seen) => seen.output.clone(),
            None => self.create(who, want, ticks).await?,
        };
        let look = || async {
            match self.state(&id).await?.as_deref() {
                Some("available") => Ok(Poll::Ready(())),
                None => Err(not_yet(id.as_str())),
                Some("failed") => Err(Fault::new(Class::Invalid, format!("{id} could not be made; AWS's console shows why"))),
                Some(state) => Ok(Poll::Waiting(format!("{id} is {state}"))),
            }
        };
        self.0.until(AVAILABLE_WITHIN).poll(ticks, look).await?;
        sync_tags(&self.0, id.as_str(), who, seen.as_ref().and_then(|seen| seen.tags.as_ref())).await?;
        Ok(id)
    }

    async fn delete(&self, who: &Identity, spec: &NatGateway, last: Option<&NatGatewayId>, ticks: &Ticks) -> Result<(), Fault> {
        let id = match last {
            Some(id) => Some(id.clone()),
            None => self.mine(who, spec).await?,
        };
        let Some(id) = id else { return Ok(()) };
        self.0.ec2.delete_nat_gateway().nat_gateway_id(id.as_str()).send().await.or_gone("ec2:DeleteNatGateway")?;
        let look = || async {
            Ok(match self.state(&id).await?.as_deref() {
                None | Some("deleted") => Poll::Ready(()),
                Some(state) => Poll::Waiting(format!("{id} is {state}")),
            })
        };
        self.0.until(DELETED_WITHIN).poll(ticks, look).await
    }

    async fn list(&self, scope: &Scope) -> Result<Option<Vec<Lead<NatGateway>>>, Fault> {
        aws::ec2::leads(scope, |filters| self.fetch(filters)).await
    }
}
