//! The subnets that a database may live in.
//! <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSubnetGroup.html>

use super::tags;
use aws::named::{Calls, MANY, each, owned};
use aws::{Aws, FaultExt};
use contract::{SubnetGroupName, SubnetId};
use engine::{Address, Ask, Fault, Found, Identity, IdentityBy, Kind, Replace, Resource, Scope, Seen};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the group should be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DbSubnetGroup {
    /// Its name, unique in account and region.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its subnets, in two zones or more.
    pub subnets: Vec<SubnetId>,
}

impl Resource for DbSubnetGroup {
    const KIND: Kind = "db_subnet_group";
    const REPLACE_ON: &'static [&'static str] = &["name"];
    const REPLACE: Replace = Replace::DeleteFirst;
    const SETS: &'static [&'static str] = &["subnets"];
    type Output = SubnetGroupName;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Name(self.name.clone())
    }

    fn placeholder(&self, at: &Address) -> SubnetGroupName {
        SubnetGroupName::unknown(at)
    }
}

/// Works on subnet groups.
#[derive(Clone, Debug)]
pub(super) struct DbSubnetGroups(pub Aws);

type Live = aws_sdk_rds::types::DbSubnetGroup;

impl DbSubnetGroups {
    /// Every group of the account in this region, by name.
    async fn all(&self) -> Result<BTreeMap<String, Live>, Fault> {
        let mut pages = self.0.rds.describe_db_subnet_groups().into_paginator().items().send();
        let mut all = BTreeMap::new();
        while let Some(it) = pages.next().await {
            let it = it.or_fault("rds:DescribeDBSubnetGroups")?;
            all.extend(it.db_subnet_group_name.clone().map(|name| (name, it)));
        }
        Ok(all)
    }

    async fn get(&self, name: &str) -> Result<Option<Live>, Fault> {
        let call = self.0.rds.describe_db_subnet_groups().db_subnet_group_name(name);
        let answer = call.send().await.or_gone("rds:DescribeDBSubnetGroups")?;
        Ok(answer.and_then(|answer| answer.db_subnet_groups.unwrap_or_default().into_iter().next()))
    }
}

impl Calls<DbSubnetGroup> for DbSubnetGroups {
    async fn look(&self, asks: &[Ask<DbSubnetGroup>]) -> Result<Found<DbSubnetGroup>, Fault> {
        let all = if asks.len() < MANY { None } else { Some(self.all().await?) };
        each(asks, |ask| async {
            let group = match &all {
                Some(all) => all.get(&ask.want.name).cloned(),
                None => self.get(&ask.want.name).await?,
            };
            let Some(group) = group else { return Ok(None) };
            let tags = tags::of(&self.0, &ask.who, group.db_subnet_group_arn().unwrap_or_default()).await?;
            let Some(tags) = tags else { return Ok(None) };
            let live = DbSubnetGroup {
                name: ask.want.name.clone(),
                description: group.db_subnet_group_description().unwrap_or_default().to_owned(),
                subnets: group.subnets().iter().map(|it| SubnetId(it.subnet_identifier().unwrap_or_default().to_owned())).collect(),
            };
            let output = SubnetGroupName(live.name.clone());
            Ok(Some(owned(&ask.who, live, output, tags)))
        })
        .await
    }

    async fn create(&self, who: &Identity, want: &DbSubnetGroup) -> Result<Option<SubnetGroupName>, Fault> {
        let subnets = want.subnets.iter().map(|id| id.0.clone()).collect();
        let call = self.0.rds.create_db_subnet_group().db_subnet_group_name(&want.name).db_subnet_group_description(&want.description);
        let call = call.set_subnet_ids(Some(subnets)).set_tags(Some(tags::sdk(&who.tags)));
        call.send().await.or_fault("rds:CreateDBSubnetGroup").map(|_| Some(SubnetGroupName(want.name.clone())))
    }

    async fn change(&self, who: &Identity, want: &DbSubnetGroup, seen: &Seen<DbSubnetGroup>) -> Result<(), Fault> {
        let sorted = |group: &DbSubnetGroup| {
            let mut subnets = group.subnets.clone();
            subnets.sort();
            subnets
        };
        if sorted(&seen.live) != sorted(want) || seen.live.description != want.description {
            let subnets = want.subnets.iter().map(|id| id.0.clone()).collect();
            let call = self.0.rds.modify_db_subnet_group().db_subnet_group_name(&want.name).set_subnet_ids(Some(subnets));
            call.db_subnet_group_description(&want.description).send().await.or_fault("rds:ModifyDBSubnetGroup")?;
        }
        let group = self.get(&want.name).await?;
        let arn = group.as_ref().and_then(|group| group.db_subnet_group_arn()).unwrap_or_default();
        tags::sync(&self.0, arn, who, seen.tags.as_ref()).await
    }

    async fn remove(&self, spec: &DbSubnetGroup, _: &SubnetGroupName) -> Result<(), Fault> {
        let call = self.0.rds.delete_db_subnet_group().db_subnet_group_name(&spec.name);
        call.send().await.or_gone("rds:DeleteDBSubnetGroup").map(|_| ())
    }

    async fn names(&self, scope: &Scope) -> Result<Option<Vec<DbSubnetGroup>>, Fault> {
        let mut pages = self.0.rds.describe_db_subnet_groups().into_paginator().items().send();
        let mut names = Vec::new();
        while let Some(it) = pages.next().await {
            let name = it.or_fault("rds:DescribeDBSubnetGroups")?.db_subnet_group_name.filter(|name| scope.may_name(name));
            names.extend(name.map(|name| DbSubnetGroup { name, ..DbSubnetGroup::default() }));
        }
        Ok(Some(names))
    }
}
