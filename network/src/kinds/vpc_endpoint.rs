//! A VPC endpoint: a way to an AWS service that does not cross the internet.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html>

use aws::ec2::{Item, find, sync_tags, tag_specification};
use aws::{Aws, FaultExt};
use aws_sdk_ec2::types::{Filter, ResourceType, VpcEndpointType};
use contract::{RouteTableId, SecurityGroupId, SubnetId, VpcEndpointId, VpcId};
use engine::{Address, Ask, Driver, Fault, Found, Identity, IdentityBy, Kind, Lead, Poll, Resource, Scope, Seen, Ticks};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How traffic reaches an endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointType {
    /// Through a route: S3, free of charge.
    #[default]
    Gateway,
    /// Through network interfaces, with private DNS.
    Interface,
}

/// A way to one service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct VpcEndpoint {
    /// Its VPC.
    pub vpc: VpcId,
    /// The service's name, for example `com.amazonaws.eu-north-1.s3`.
    pub service: String,
    /// How traffic reaches it.
    pub endpoint_type: EndpointType,
    /// The tables that a gateway endpoint puts its route into.
    pub route_tables: Vec<RouteTableId>,
    /// The subnets that an interface endpoint stands in.
    pub subnets: Vec<SubnetId>,
    /// The groups of an interface endpoint.
    pub security_groups: Vec<SecurityGroupId>,
}

impl Resource for VpcEndpoint {
    const KIND: Kind = "vpc_endpoint";
    const REPLACE_ON: &'static [&'static str] = &["vpc", "service", "endpoint_type"];
    const SETS: &'static [&'static str] = &["route_tables", "subnets", "security_groups"];
    const TYPICAL: Duration = Duration::from_secs(60);
    type Output = VpcEndpointId;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Token
    }

    fn placeholder(&self, at: &Address) -> VpcEndpointId {
        VpcEndpointId::unknown(at)
    }
}

/// Interface endpoints take a minute or two.
const AVAILABLE_WITHIN: Duration = Duration::from_secs(900);

/// Works on endpoints.
#[derive(Clone, Debug)]
pub(super) struct VpcEndpoints(pub Aws);

type Live = aws_sdk_ec2::types::VpcEndpoint;

fn ids<T: From<String>>(ids: &[String]) -> Vec<T> {
    ids.iter().map(|id| id.clone().into()).collect()
}

fn live(it: &Live) -> VpcEndpoint {
    let gateway = it.vpc_endpoint_type() == Some(&VpcEndpointType::Gateway);
    VpcEndpoint {
        vpc: it.vpc_id().unwrap_or_default().to_owned().into(),
        service: it.service_name().unwrap_or_default().to_owned(),
        endpoint_type: if gateway { EndpointType::Gateway } else { EndpointType::Interface },
        route_tables: ids(it.route_table_ids()),
        subnets: ids(it.subnet_ids()),
        security_groups: it.groups().iter().filter_map(|group| Some(group.group_id()?.to_owned().into())).collect(),
    }
}

/// What is in `have` and not in `keep`.
fn without<T: ToString + PartialEq>(have: &[T], keep: &[T]) -> Option<Vec<String>> {
    let more: Vec<String> = have.iter().filter(|id| !keep.contains(id)).map(ToString::to_string).collect();
    (!more.is_empty()).then_some(more)
}

fn same_set<T: ToString + PartialEq>(a: &[T], b: &[T]) -> bool {
    without(a, b).is_none() && without(b, a).is_none()
}

impl VpcEndpoints {
    async fn fetch(&self, filters: Vec<Filter>) -> Result<Vec<Item<Live>>, Fault> {
        let mut pages = self.0.ec2.describe_vpc_endpoints().set_filters(Some(filters)).into_paginator().send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            let found = page.or_fault("ec2:DescribeVpcEndpoints")?.vpc_endpoints.unwrap_or_default();
            let lives = found.into_iter().filter(|it| !it.state().is_some_and(|state| state.as_str().eq_ignore_ascii_case("deleted")));
            items.extend(lives.map(|it| Item::new(it.vpc_endpoint_id(), it.tags(), it.clone())));
        }
        Ok(items)
    }

    async fn create(&self, who: &Identity, want: &VpcEndpoint) -> Result<VpcEndpointId, Fault> {
        let texts = |ids: Vec<String>| (!ids.is_empty()).then_some(ids);
        let gateway = want.endpoint_type == EndpointType::Gateway;
        let mut call = self
            .0
            .ec2
            .create_vpc_endpoint()
            .vpc_id(want.vpc.as_str())
            .service_name(&want.service)
            .vpc_endpoint_type(if gateway { VpcEndpointType::Gateway } else { VpcEndpointType::Interface })
            .set_route_table_ids(texts(want.route_tables.iter().map(ToString::to_string).collect()))
            .set_subnet_ids(texts(want.subnets.iter().map(ToString::to_string).collect()))
            .set_security_group_ids(texts(want.security_groups.iter().map(ToString::to_string).collect()))
            .client_token(&who.token)
            .tag_specifications(tag_specification(ResourceType::VpcEndpoint, who));
        if !gateway {
            call = call.private_dns_enabled(true);
        }
        let made = call.send().await.or_fault("ec2:CreateVpcEndpoint")?;
        Ok(made.vpc_endpoint.and_then(|it| it.vpc_endpoint_id).unwrap_or_default().into())
    }

    async fn change(&self, id: &VpcEndpointId, now: &VpcEndpoint, want: &VpcEndpoint) -> Result<(), Fault> {
        let same = same_set(&now.route_tables, &want.route_tables)
            && same_set(&now.subnets, &want.subnets)
            && same_set(&now.security_groups, &want.security_groups);
        if same {
            return Ok(());
        }
        let call = self
            .0
            .ec2
            .modify_vpc_endpoint()
            .vpc_endpoint_id(id.as_str())
            .set_add_route_table_ids(without(&want.route_tables, &now.route_tables))
            .set_remove_route_table_ids(without(&now.route_tables, &want.route_tables))
            .set_add_subnet_ids(without(&want.subnets, &now.subnets))
            .set_remove_subnet_ids(without(&now.subnets, &want.subnets))
            .set_add_security_group_ids(without(&want.security_groups, &now.security_groups))
            .set_remove_security_group_ids(without(&now.security_groups, &want.security_groups));
        call.send().await.or_fault("ec2:ModifyVpcEndpoint").map(|_| ())
    }

    /// The endpoint's state, lower case; `None` when it is gone.
    async fn state(&self, id: &str) -> Result<Option<String>, Fault> {
        let call = self.0.ec2.describe_vpc_endpoints().vpc_endpoint_ids(id);
        let found = call.send().await.or_gone("ec2:DescribeVpcEndpoints")?.and_then(|found| found.vpc_endpoints).unwrap_or_default();
        let state = found.first().and_then(|it| it.state()).map(|state| state.as_str().to_lowercase());
        Ok(state.filter(|state| state != "deleted"))
    }

    async fn available(&self, id: &VpcEndpointId, ticks: &Ticks) -> Result<(), Fault> {
        let look = || async {
            Ok(match self.state(id.as_str()).await?.as_deref() {
                Some("available") => Poll::Ready(()),
                state => Poll::Waiting(format!("{id} is {}", state.unwrap_or("not there yet"))),
            })
        };
        self.0.until(AVAILABLE_WITHIN).poll(ticks, look).await
    }
}

impl Driver<VpcEndpoint> for VpcEndpoints {
    async fn observe(&self, asks: &[Ask<VpcEndpoint>]) -> Result<Found<VpcEndpoint>, Fault> {
        let found = find(asks, "vpc-endpoint-id", |id| id.as_str(), |filters| self.fetch(filters)).await?;
        let seen = |item: Item<Live>| Seen { live: live(&item.it), output: item.id.into(), ours: true, tags: Some(item.tags) };
        Ok(found.into_iter().map(|(at, item)| (at, seen(item))).collect())
    }

    async fn ensure(
        &self,
        who: &Identity,
        want: &VpcEndpoint,
        seen: Option<Seen<VpcEndpoint>>,
        ticks: &Ticks,
    ) -> Result<VpcEndpointId, Fault> {
        let id = match &seen {
            Some(seen) => seen.output.clone(),
            None => self.create(who, want).await?,
        };
        self.available(&id, ticks).await?;
        if let Some(seen) = &seen {
            self.change(&id, &seen.live, want).await?;
            sync_tags(&self.0, id.as_str(), who, seen.tags.as_ref()).await?;
        }
        Ok(id)
    }

    async fn delete(&self, who: &Identity, spec: &VpcEndpoint, last: Option<&VpcEndpointId>, ticks: &Ticks) -> Result<(), Fault> {
        let ask = Ask { who: who.clone(), want: spec.clone(), last: last.cloned() };
        let found = find(&[ask], "vpc-endpoint-id", |id| id.as_str(), |filters| self.fetch(filters)).await?;
        let Some(item) = found.into_values().next() else { return Ok(()) };
        self.0.ec2.delete_vpc_endpoints().vpc_endpoint_ids(&item.id).send().await.or_gone("ec2:DeleteVpcEndpoints")?;
        let look = || async {
            Ok(match self.state(&item.id).await? {
                None => Poll::Ready(()),
                Some(state) => Poll::Waiting(format!("{} is {state}", item.id)),
            })
        };
        self.0.until(AVAILABLE_WITHIN).poll(ticks, look).await
    }

    async fn list(&self, scope: &Scope) -> Result<Option<Vec<Lead<VpcEndpoint>>>, Fault> {
        aws::ec2::leads(scope, |filters| self.fetch(filters)).await
    }
}
