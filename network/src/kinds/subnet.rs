//! A subnet in one zone.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSubnet.html>

use aws::ec2::{Item, find, once, sync_tags, tag_specification, when_free};
use aws::{Aws, FaultExt, never_twice};
use aws_sdk_ec2::types::{Filter, ResourceType};
use contract::{SubnetId, VpcId};
use engine::{Address, Ask, Driver, Fault, Found, Identity, IdentityBy, Kind, Lead, Resource, Scope, Seen, Ticks};
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A subnet in one zone.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Subnet {
    /// Its VPC.
    pub vpc: VpcId,
    /// Its range.
    pub cidr: Ipv4Net,
    /// Its availability zone, by name.
    pub zone: String,
}

impl Resource for Subnet {
    const KIND: Kind = "subnet";
    const REPLACE_ON: &'static [&'static str] = &["vpc", "cidr", "zone"];
    type Output = SubnetId;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Tag
    }

    fn placeholder(&self, at: &Address) -> SubnetId {
        SubnetId::unknown(at)
    }
}

/// What used it frees it only a while after it is gone.
const FREED_WITHIN: Duration = Duration::from_secs(1200);

/// Works on them.
#[derive(Clone, Debug)]
pub(super) struct Subnets(pub Aws);

type Live = aws_sdk_ec2::types::Subnet;

impl Subnets {
    async fn fetch(&self, filters: Vec<Filter>) -> Result<Vec<Item<Live>>, Fault> {
        let mut pages = self.0.ec2.describe_subnets().set_filters(Some(filters)).into_paginator().send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            let found = page.or_fault("ec2:DescribeSubnets")?.subnets.unwrap_or_default();
            items.extend(found.into_iter().map(|it| Item::new(it.subnet_id(), it.tags(), it.clone())));
        }
        Ok(items)
    }

    async fn mine(&self, who: &Identity, want: &Subnet) -> Result<Option<SubnetId>, Fault> {
        let ask = Ask { who: who.clone(), want: want.clone(), last: None };
        let found = find(&[ask], "subnet-id", |id| id.as_str(), |filters| self.fetch(filters)).await?;
        Ok(found.into_values().next().map(|item| item.id.into()))
    }

    /// AWS has no client token here: look by tag, create without retries.
    async fn create(&self, who: &Identity, want: &Subnet, ticks: &Ticks) -> Result<SubnetId, Fault> {
        let call = self
            .0
            .ec2
            .create_subnet()
            .vpc_id(want.vpc.as_str())
            .cidr_block(want.cidr.to_string())
            .availability_zone(&want.zone)
            .tag_specifications(tag_specification(ResourceType::Subnet, who));
        let throttles = aws_sdk_ec2::config::Builder::new().retry_classifier(never_twice());
        let create = async {
            call.customize()
                .config_override(throttles)
                .send()
                .await
                .or_fault("ec2:CreateSubnet")
                .map(|made| made.subnet.and_then(|subnet| subnet.subnet_id))
        };
        once(&self.0, &who.token, ticks.absent, || self.mine(who, want), create).await
    }
}

impl Driver<Subnet> for Subnets {
    async fn observe(&self, asks: &[Ask<Subnet>]) -> Result<Found<Subnet>, Fault> {
        let found = find(asks, "subnet-id", |id| id.as_str(), |filters| self.fetch(filters)).await?;
        let seen = |item: Item<Live>| {
            let live = Subnet {
                vpc: item.it.vpc_id().unwrap_or_default().to_owned().into(),
                // AWS always gives an IPv4 range here; the whole range stands for one that cannot be read, and shows as drift.
                cidr: item.it.cidr_block().and_then(|cidr| cidr.parse().ok()).unwrap_or_default(),
                zone: item.it.availability_zone().unwrap_or_default().to_owned(),
            };
            Seen { live, output: item.id.into(), ours: true, tags: Some(item.tags) }
        };
        Ok(found.into_iter().map(|(at, item)| (at, seen(item))).collect())
    }

    async fn ensure(&self, who: &Identity, want: &Subnet, seen: Option<Seen<Subnet>>, ticks: &Ticks) -> Result<SubnetId, Fault> {
        let id = match &seen {
            Some(seen) => seen.output.clone(),
            None => self.create(who, want, ticks).await?,
        };
        sync_tags(&self.0, id.as_str(), who, seen.as_ref().and_then(|seen| seen.tags.as_ref())).await?;
        Ok(id)
    }

    async fn delete(&self, who: &Identity, spec: &Subnet, last: Option<&SubnetId>, ticks: &Ticks) -> Result<(), Fault> {
        let id = match last {
            Some(id) => Some(id.clone()),
            None => self.mine(who, spec).await?,
        };
        let Some(id) = id else { return Ok(()) };
        let delete = || async { self.0.ec2.delete_subnet().subnet_id(id.as_str()).send().await.or_gone("ec2:DeleteSubnet").map(|_| ()) };
        when_free(&self.0, FREED_WITHIN, ticks, delete).await
    }

    async fn list(&self, scope: &Scope) -> Result<Option<Vec<Lead<Subnet>>>, Fault> {
        aws::ec2::leads(scope, |filters| self.fetch(filters)).await
    }
}
