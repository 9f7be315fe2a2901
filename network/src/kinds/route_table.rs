//! A route table; its routes and associations are objects of their own.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateRouteTable.html>

use aws::ec2::{Item, find, once, sync_tags, tag_specification};
use aws::{Aws, FaultExt};
use aws_sdk_ec2::types::{Filter, ResourceType};
use contract::{RouteTableId, VpcId};
use engine::{Address, Ask, Driver, Fault, Found, Identity, IdentityBy, Kind, Lead, Resource, Scope, Seen, Ticks};
use serde::{Deserialize, Serialize};

/// A route table; its routes and associations are objects of their own.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RouteTable {
    /// Its VPC.
    pub vpc: VpcId,
}

impl Resource for RouteTable {
    const KIND: Kind = "route_table";
    const REPLACE_ON: &'static [&'static str] = &["vpc"];
    type Output = RouteTableId;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Token
    }

    fn placeholder(&self, at: &Address) -> RouteTableId {
        RouteTableId::unknown(at)
    }
}

/// Works on them.
#[derive(Clone, Debug)]
pub(super) struct RouteTables(pub Aws);

type Live = aws_sdk_ec2::types::RouteTable;

impl RouteTables {
    async fn fetch(&self, filters: Vec<Filter>) -> Result<Vec<Item<Live>>, Fault> {
        let mut pages = self.0.ec2.describe_route_tables().set_filters(Some(filters)).into_paginator().send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            let found = page.or_fault("ec2:DescribeRouteTables")?.route_tables.unwrap_or_default();
            items.extend(found.into_iter().map(|it| Item::new(it.route_table_id(), it.tags(), it.clone())));
        }
        Ok(items)
    }

    async fn mine(&self, who: &Identity, want: &RouteTable) -> Result<Option<RouteTableId>, Fault> {
        let ask = Ask { who: who.clone(), want: want.clone(), last: None };
        let found = find(&[ask], "route-table-id", |id| id.as_str(), |filters| self.fetch(filters)).await?;
        Ok(found.into_values().next().map(|item| item.id.into()))
    }

    /// The client token makes a repeated call return the same table.
    async fn create(&self, who: &Identity, want: &RouteTable, ticks: &Ticks) -> Result<RouteTableId, Fault> {
        let call = self.0.ec2.create_route_table().vpc_id(want.vpc.as_str()).client_token(&who.token);
        let call = call.tag_specifications(tag_specification(ResourceType::RouteTable, who));
        let create = async {
            call.send().await.or_fault("ec2:CreateRouteTable").map(|made| made.route_table.and_then(|table| table.route_table_id))
        };
        once(&self.0, &who.token, ticks.absent, || self.mine(who, want), create).await
    }
}

impl Driver<RouteTable> for RouteTables {
    async fn observe(&self, asks: &[Ask<RouteTable>]) -> Result<Found<RouteTable>, Fault> {
        let found = find(asks, "route-table-id", |id| id.as_str(), |filters| self.fetch(filters)).await?;
        let seen = |item: Item<Live>| {
            let live = RouteTable { vpc: item.it.vpc_id().unwrap_or_default().to_owned().into() };
            Seen { live, output: item.id.into(), ours: true, tags: Some(item.tags) }
        };
        Ok(found.into_iter().map(|(at, item)| (at, seen(item))).collect())
    }

    async fn ensure(
        &self,
        who: &Identity,
        want: &RouteTable,
        seen: Option<Seen<RouteTable>>,
        ticks: &Ticks,
    ) -> Result<RouteTableId, Fault> {
        let id = match &seen {
            Some(seen) => seen.output.clone(),
            None => self.create(who, want, ticks).await?,
        };
        sync_tags(&self.0, id.as_str(), who, seen.as_ref().and_then(|seen| seen.tags.as_ref())).await?;
        Ok(id)
    }

    async fn delete(&self, who: &Identity, spec: &RouteTable, last: Option<&RouteTableId>, _: &Ticks) -> Result<(), Fault> {
        let id = match last {
            Some(id) => Some(id.clone()),
            None => self.mine(who, spec).await?,
        };
        let Some(id) = id else { return Ok(()) };
        self.0.ec2.delete_route_table().route_table_id(id.as_str()).send().await.or_gone("ec2:DeleteRouteTable").map(|_| ())
    }

    async fn list(&self, scope: &Scope) -> Result<Option<Vec<Lead<RouteTable>>>, Fault> {
        aws::ec2::leads(scope, |filters| self.fetch(filters)).await
    }
}
