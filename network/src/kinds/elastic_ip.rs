//! An Elastic IP address.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AllocateAddress.html>

use aws::ec2::{Item, find, once, sync_tags, tag_specification, when_free};
use aws::{Aws, FaultExt, never_twice};
use aws_sdk_ec2::types::DomainType;
use aws_sdk_ec2::types::{Filter, ResourceType};
use contract::AllocationId;
use engine::{Address, Ask, Class, Driver, Fault, Found, Identity, IdentityBy, Kind, Lead, Resource, Scope, Seen, Ticks};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// An Elastic IP address.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ElasticIp {
    /// What it is for; only told to people.
    pub purpose: String,
}

impl Resource for ElasticIp {
    const KIND: Kind = "elastic_ip";
    const REPLACE_ON: &'static [&'static str] = &[];
    type Output = AllocationId;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Tag
    }

    fn placeholder(&self, at: &Address) -> AllocationId {
        AllocationId::unknown(at)
    }
}

/// What used it frees it only a while after it is gone.
const FREED_WITHIN: Duration = Duration::from_secs(300);

/// Works on them.
#[derive(Clone, Debug)]
pub(super) struct ElasticIps(pub Aws);

type Live = aws_sdk_ec2::types::Address;

impl ElasticIps {
    async fn fetch(&self, filters: Vec<Filter>) -> Result<Vec<Item<Live>>, Fault> {
        let found = self.0.ec2.describe_addresses().set_filters(Some(filters)).send().await.or_fault("ec2:DescribeAddresses")?;
        let found = found.addresses.unwrap_or_default().into_iter();
        Ok(found.map(|it| Item::new(it.allocation_id(), it.tags(), it.clone())).collect())
    }

    async fn mine(&self, who: &Identity, want: &ElasticIp) -> Result<Option<AllocationId>, Fault> {
        let ask = Ask { who: who.clone(), want: want.clone(), last: None };
        let found = find(&[ask], "allocation-id", |id| id.as_str(), |filters| self.fetch(filters)).await?;
        Ok(found.into_values().next().map(|item| item.id.into()))
    }

    /// AWS has no client token here: look by tag, create without retries.
    async fn create(&self, who: &Identity, want: &ElasticIp, ticks: &Ticks) -> Result<AllocationId, Fault> {
        let call =
            self.0.ec2.allocate_address().domain(DomainType::Vpc).tag_specifications(tag_specification(ResourceType::ElasticIp, who));
        let throttles = aws_sdk_ec2::config::Builder::new().retry_classifier(never_twice());
        let create = async {
            call.customize().config_override(throttles).send().await.or_fault("ec2:AllocateAddress").map(|made| made.allocation_id)
        };
        once(&self.0, &who.token, ticks.absent, || self.mine(who, want), create).await
    }
}

impl Driver<ElasticIp> for ElasticIps {
    async fn observe(&self, asks: &[Ask<ElasticIp>]) -> Result<Found<ElasticIp>, Fault> {
        let found = find(asks, "allocation-id", |id| id.as_str(), |filters| self.fetch(filters)).await?;
        let seen = |ask: &Ask<ElasticIp>| {
            let item = found.get(&ask.who.address)?;
            // AWS keeps no purpose: it is what we say.
            let (live, output) = (ask.want.clone(), item.id.clone().into());
            Some((ask.who.address.clone(), Seen { live, output, ours: true, tags: Some(item.tags.clone()) }))
        };
        Ok(asks.iter().filter_map(seen).collect())
    }

    async fn ensure(&self, who: &Identity, want: &ElasticIp, seen: Option<Seen<ElasticIp>>, ticks: &Ticks) -> Result<AllocationId, Fault> {
        let id = match &seen {
            Some(seen) => seen.output.clone(),
            None => self.create(who, want, ticks).await?,
        };
        sync_tags(&self.0, id.as_str(), who, seen.as_ref().and_then(|seen| seen.tags.as_ref())).await?;
        Ok(id)
    }

    async fn delete(&self, who: &Identity, spec: &ElasticIp, last: Option<&AllocationId>, ticks: &Ticks) -> Result<(), Fault> {
        let id = match last {
            Some(id) => Some(id.clone()),
            None => self.mine(who, spec).await?,
        };
        let Some(id) = id else { return Ok(()) };
        let release = || async {
            let call = self.0.ec2.release_address().allocation_id(id.as_str());
            match call.send().await.or_gone("ec2:ReleaseAddress") {
                // While a NAT gateway is still going, AWS calls the address somebody else's.
                Err(fault) if fault.code == "AuthFailure" => Err(Fault { class: Class::Busy, ..fault }),
                other => other.map(|_| ()),
            }
        };
        when_free(&self.0, FREED_WITHIN, ticks, release).await
    }

    async fn list(&self, scope: &Scope) -> Result<Option<Vec<Lead<ElasticIp>>>, Fault> {
        aws::ec2::leads(scope, |filters| self.fetch(filters)).await
    }
}
