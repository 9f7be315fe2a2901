//! A VPC with its DNS switches.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpc.html>

use aws::ec2::{Item, find, once, sync_tags, tag_specification, when_free};
use aws::{Aws, FaultExt, never_twice};
use aws_sdk_ec2::types::{AttributeBooleanValue, VpcAttributeName};
use aws_sdk_ec2::types::{Filter, ResourceType};
use contract::VpcId;
use engine::{Address, Ask, Driver, Fault, Found, Identity, IdentityBy, Kind, Lead, Resource, Scope, Seen, Ticks};
use futures::try_join;
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A VPC with its DNS switches.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Vpc {
    /// Its range, /16 to /28.
    pub cidr: Ipv4Net,
    /// Whether AWS's resolver answers inside.
    pub dns_support: bool,
    /// Whether instances get DNS names.
    pub dns_hostnames: bool,
}

impl Resource for Vpc {
    const KIND: Kind = "vpc";
    const REPLACE_ON: &'static [&'static str] = &["cidr"];
    type Output = VpcId;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Tag
    }

    fn placeholder(&self, at: &Address) -> VpcId {
        VpcId::unknown(at)
    }
}

/// What used it frees it only a while after it is gone.
const FREED_WITHIN: Duration = Duration::from_secs(1200);

/// Works on them.
#[derive(Clone, Debug)]
pub(super) struct Vpcs(pub Aws);

type Live = aws_sdk_ec2::types::Vpc;

impl Vpcs {
    async fn fetch(&self, filters: Vec<Filter>) -> Result<Vec<Item<Live>>, Fault> {
        let mut pages = self.0.ec2.describe_vpcs().set_filters(Some(filters)).into_paginator().send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            let found = page.or_fault("ec2:DescribeVpcs")?.vpcs.unwrap_or_default();
            items.extend(found.into_iter().map(|it| Item::new(it.vpc_id(), it.tags(), it.clone())));
        }
        Ok(items)
    }

    async fn mine(&self, who: &Identity, want: &Vpc) -> Result<Option<VpcId>, Fault> {
        let ask = Ask { who: who.clone(), want: want.clone(), last: None };
        let found = find(&[ask], "vpc-id", |id| id.as_str(), |filters| self.fetch(filters)).await?;
        Ok(found.into_values().next().map(|item| item.id.into()))
    }

    /// AWS has no client token here: look by tag, create without retries.
    async fn create(&self, who: &Identity, want: &Vpc, ticks: &Ticks) -> Result<VpcId, Fault> {
        let call = self.0.ec2.create_vpc().cidr_block(want.cidr.to_string()).tag_specifications(tag_specification(ResourceType::Vpc, who));
        let throttles = aws_sdk_ec2::config::Builder::new().retry_classifier(never_twice());
        let create = async {
            call.customize()
                .config_override(throttles)
                .send()
                .await
                .or_fault("ec2:CreateVpc")
                .map(|made| made.vpc.and_then(|vpc| vpc.vpc_id))
        };
        once(&self.0, &who.token, ticks.absent, || self.mine(who, want), create).await
    }

    async fn attribute(&self, id: &str, name: VpcAttributeName) -> Result<bool, Fault> {
        let answer =
            self.0.ec2.describe_vpc_attribute().vpc_id(id).attribute(name.clone()).send().await.or_fault("ec2:DescribeVpcAttribute")?;
        let value = if name == VpcAttributeName::EnableDnsSupport { answer.enable_dns_support } else { answer.enable_dns_hostnames };
        Ok(value.and_then(|value| value.value).unwrap_or_default())
    }
}

impl Driver<Vpc> for Vpcs {
    async fn observe(&self, asks: &[Ask<Vpc>]) -> Result<Found<Vpc>, Fault> {
        let found = find(asks, "vpc-id", |id| id.as_str(), |filters| self.fetch(filters)).await?;
        let mut seen = Found::new();
        for ask in asks {
            let Some(item) = found.get(&ask.who.address) else { continue };
            let (support, hostnames) = (VpcAttributeName::EnableDnsSupport, VpcAttributeName::EnableDnsHostnames);
            let (dns_support, dns_hostnames) = try_join!(self.attribute(&item.id, support), self.attribute(&item.id, hostnames))?;
            let cidr = item.it.cidr_block().and_then(|cidr| cidr.parse().ok()).unwrap_or(ask.want.cidr);
            let live = Vpc { cidr, dns_support, dns_hostnames };
            let (output, tags) = (item.id.clone().into(), Some(item.tags.clone()));
            seen.insert(ask.who.address.clone(), Seen { live, output, ours: true, tags });
        }
        Ok(seen)
    }

    async fn ensure(&self, who: &Identity, want: &Vpc, seen: Option<Seen<Vpc>>, ticks: &Ticks) -> Result<VpcId, Fault> {
        let id = match &seen {
            Some(seen) => seen.output.clone(),
            None => self.create(who, want, ticks).await?,
        };
        // AWS changes one attribute per call; a new VPC has support on and hostnames off.
        let (support, hostnames) = seen.as_ref().map_or((true, false), |seen| (seen.live.dns_support, seen.live.dns_hostnames));
        let value = |on: bool| AttributeBooleanValue::builder().value(on).build();
        let unsure = seen.is_none() && !ticks.absent;
        if support != want.dns_support || unsure {
            let call = self.0.ec2.modify_vpc_attribute().vpc_id(id.as_str()).enable_dns_support(value(want.dns_support));
            call.send().await.or_fault("ec2:ModifyVpcAttribute")?;
        }
        if hostnames != want.dns_hostnames || unsure {
            let call = self.0.ec2.modify_vpc_attribute().vpc_id(id.as_str()).enable_dns_hostnames(value(want.dns_hostnames));
            call.send().await.or_fault("ec2:ModifyVpcAttribute")?;
        }
        sync_tags(&self.0, id.as_str(), who, seen.as_ref().and_then(|seen| seen.tags.as_ref())).await?;
        Ok(id)
    }

    async fn delete(&self, who: &Identity, spec: &Vpc, last: Option<&VpcId>, ticks: &Ticks) -> Result<(), Fault> {
        let id = match last {
            Some(id) => Some(id.clone()),
            None => self.mine(who, spec).await?,
        };
        let Some(id) = id else { return Ok(()) };
        let delete = || async { self.0.ec2.delete_vpc().vpc_id(id.as_str()).send().await.or_gone("ec2:DeleteVpc").map(|_| ()) };
        when_free(&self.0, FREED_WITHIN, ticks, delete).await
    }

    async fn list(&self, scope: &Scope) -> Result<Option<Vec<Lead<Vpc>>>, Fault> {
        aws::ec2::leads(scope, |filters| self.fetch(filters)).await
    }
}
