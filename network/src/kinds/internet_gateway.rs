//! An internet gateway and its attachment to the VPC.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateInternetGateway.html>

use aws::ec2::{Item, find, once, sync_tags, tag_specification, when_free};
use aws::{Aws, FaultExt, never_twice};
use aws_sdk_ec2::types::{Filter, ResourceType};
use contract::{InternetGatewayId, VpcId};
use engine::{Address, Ask, Driver, Fault, Found, Identity, IdentityBy, Kind, Lead, Resource, Scope, Seen, Ticks};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// An internet gateway and its attachment to the VPC.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct InternetGateway {
    /// The VPC that it is attached to.
    pub vpc: VpcId,
}

impl Resource for InternetGateway {
    const KIND: Kind = "internet_gateway";
    const REPLACE_ON: &'static [&'static str] = &[];
    type Output = InternetGatewayId;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Tag
    }

    fn placeholder(&self, at: &Address) -> InternetGatewayId {
        InternetGatewayId::unknown(at)
    }
}

/// What used it frees it only a while after it is gone.
const FREED_WITHIN: Duration = Duration::from_secs(2400);

/// Works on them.
#[derive(Clone, Debug)]
pub(super) struct InternetGateways(pub Aws);

type Live = aws_sdk_ec2::types::InternetGateway;

fn attached(gateway: &Live) -> Option<&str> {
    gateway.attachments().first().and_then(|attachment| attachment.vpc_id())
}

impl InternetGateways {
    async fn fetch(&self, filters: Vec<Filter>) -> Result<Vec<Item<Live>>, Fault> {
        let mut pages = self.0.ec2.describe_internet_gateways().set_filters(Some(filters)).into_paginator().send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            let found = page.or_fault("ec2:DescribeInternetGateways")?.internet_gateways.unwrap_or_default();
            items.extend(found.into_iter().map(|it| Item::new(it.internet_gateway_id(), it.tags(), it.clone())));
        }
        Ok(items)
    }

    async fn mine(&self, who: &Identity, want: &InternetGateway) -> Result<Option<InternetGatewayId>, Fault> {
        let ask = Ask { who: who.clone(), want: want.clone(), last: None };
        let found = find(&[ask], "internet-gateway-id", |id| id.as_str(), |filters| self.fetch(filters)).await?;
        Ok(found.into_values().next().map(|item| item.id.into()))
    }

    /// AWS has no client token here: look by tag, create without retries.
    async fn create(&self, who: &Identity, want: &InternetGateway, ticks: &Ticks) -> Result<InternetGatewayId, Fault> {
        let call = self.0.ec2.create_internet_gateway().tag_specifications(tag_specification(ResourceType::InternetGateway, who));
        let throttles = aws_sdk_ec2::config::Builder::new().retry_classifier(never_twice());
        let create = async {
            call.customize()
                .config_override(throttles)
                .send()
                .await
                .or_fault("ec2:CreateInternetGateway")
                .map(|made| made.internet_gateway.and_then(|gateway| gateway.internet_gateway_id))
        };
        once(&self.0, &who.token, ticks.absent, || self.mine(who, want), create).await
    }

    async fn vpc_of(&self, id: &InternetGatewayId) -> Result<Option<String>, Fault> {
        let found = self.fetch(vec![aws::ec2::filter("internet-gateway-id", [id.0.clone()])]).await?;
        Ok(found.first().and_then(|item| attached(&item.it)).map(str::to_owned))
    }
}

impl Driver<InternetGateway> for InternetGateways {
    async fn observe(&self, asks: &[Ask<InternetGateway>]) -> Result<Found<InternetGateway>, Fault> {
        let found = find(asks, "internet-gateway-id", |id| id.as_str(), |filters| self.fetch(filters)).await?;
        let seen = |item: Item<Live>| {
            let live = InternetGateway { vpc: attached(&item.it).unwrap_or_default().to_owned().into() };
            Seen { live, output: item.id.into(), ours: true, tags: Some(item.tags) }
        };
        Ok(found.into_iter().map(|(at, item)| (at, seen(item))).collect())
    }

    async fn ensure(
        &self,
        who: &Identity,
        want: &InternetGateway,
        seen: Option<Seen<InternetGateway>>,
        ticks: &Ticks,
    ) -> Result<InternetGatewayId, Fault> {
        let id = match &seen {
            Some(seen) => seen.output.clone(),
            None => self.create(who, want, ticks).await?,
        };
        let there = match &seen {
            Some(seen) => Some(seen.live.vpc.0.clone()).filter(|vpc| !vpc.is_empty()),
            None if ticks.absent => None,
            None => self.vpc_of(&id).await?,
        };
        if let Some(other) = there.as_ref().filter(|there| **there != want.vpc.0) {
            let call = self.0.ec2.detach_internet_gateway().internet_gateway_id(id.as_str()).vpc_id(other);
            call.send().await.or_fault("ec2:DetachInternetGateway")?;
        }
        if there.as_ref() != Some(&want.vpc.0) {
            let call = self.0.ec2.attach_internet_gateway().internet_gateway_id(id.as_str()).vpc_id(want.vpc.as_str());
            match call.send().await.or_fault("ec2:AttachInternetGateway") {
                Err(fault) if fault.code == "Resource.AlreadyAssociated" => {}
                other => other.map(|_| ())?,
            }
        }
        sync_tags(&self.0, id.as_str(), who, seen.as_ref().and_then(|seen| seen.tags.as_ref())).await?;
        Ok(id)
    }

    async fn delete(&self, who: &Identity, spec: &InternetGateway, last: Option<&InternetGatewayId>, ticks: &Ticks) -> Result<(), Fault> {
        let id = match last {
            Some(id) => Some(id.clone()),
            None => self.mine(who, spec).await?,
        };
        let Some(id) = id else { return Ok(()) };
        let Some(vpc) = self.vpc_of(&id).await? else {
            return self
                .0
                .ec2
                .delete_internet_gateway()
                .internet_gateway_id(id.as_str())
                .send()
                .await
                .or_gone("ec2:DeleteInternetGateway")
                .map(|_| ());
        };
        // AWS refuses while public addresses are mapped: NAT gateways and load balancers that are not quite gone.
        let detach = || async {
            let call = self.0.ec2.detach_internet_gateway().internet_gateway_id(id.as_str()).vpc_id(&vpc);
            match call.send().await.or_gone("ec2:DetachInternetGateway") {
                Err(fault) if fault.code == "Gateway.NotAttached" => Ok(()),
                other => other.map(|_| ()),
            }
        };
        when_free(&self.0, FREED_WITHIN, ticks, detach).await?;
        self.0.ec2.delete_internet_gateway().internet_gateway_id(id.as_str()).send().await.or_gone("ec2:DeleteInternetGateway").map(|_| ())
    }

    async fn list(&self, scope: &Scope) -> Result<Option<Vec<Lead<InternetGateway>>>, Fault> {
        aws::ec2::leads(scope, |filters| self.fetch(filters)).await
    }
}
