//! PostgreSQL's parameters. Those that only a restart applies are set to wait for one.
//! <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBParameterGroup.html>

use super::tags;
use aws::named::{Calls, each, owned};
use aws::{Aws, FaultExt};
use aws_sdk_rds::types::{ApplyMethod, Parameter};
use contract::ParameterGroupName;
use engine::{Address, Ask, Fault, Found, Identity, IdentityBy, Kind, Resource, Scope, Seen};
use futures::try_join;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the group should be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DbParameterGroup {
    /// Its name, unique in account and region.
    pub name: String,
    /// `postgres16`.
    pub family: String,
    /// What it is for.
    pub description: String,
    /// The parameters that differ from RDS's defaults.
    pub parameters: BTreeMap<String, String>,
}

impl Resource for DbParameterGroup {
    const KIND: Kind = "db_parameter_group";
    const REPLACE_ON: &'static [&'static str] = &["name", "family"];
    type Output = ParameterGroupName;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Name(self.name.clone())
    }

    fn placeholder(&self, at: &Address) -> ParameterGroupName {
        ParameterGroupName::unknown(at)
    }
}

/// Works on parameter groups.
#[derive(Clone, Debug)]
pub(super) struct DbParameterGroups(pub Aws);

/// Parameters that only a restart applies, of those that people set.
const STATIC: [&str; 4] = ["shared_preload_libraries", "max_connections", "shared_buffers", "wal_buffers"];

fn parameter(name: &str, value: Option<&String>) -> Parameter {
    let method = if STATIC.contains(&name) { ApplyMethod::PendingReboot } else { ApplyMethod::Immediate };
    Parameter::builder().parameter_name(name).set_parameter_value(value.cloned()).apply_method(method).build()
}

impl DbParameterGroups {
    async fn get(&self, name: &str) -> Result<Option<aws_sdk_rds::types::DbParameterGroup>, Fault> {
        let call = self.0.rds.describe_db_parameter_groups().db_parameter_group_name(name);
        let answer = call.send().await.or_gone("rds:DescribeDBParameterGroups")?;
        Ok(answer.and_then(|answer| answer.db_parameter_groups.unwrap_or_default().into_iter().next()))
    }

    async fn parameters(&self, name: &str) -> Result<BTreeMap<String, String>, Fault> {
        let mut pages = self.0.rds.describe_db_parameters().db_parameter_group_name(name).source("user").into_paginator().send();
        let mut all = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let page = page.or_fault("rds:DescribeDBParameters")?.parameters.unwrap_or_default();
            all.extend(page.into_iter().filter_map(|it| Some((it.parameter_name?, it.parameter_value?))));
        }
        Ok(all)
    }

    /// Sets what differs, at most twenty in a call, and gives back to RDS what is not ours any more.
    async fn sync(&self, want: &DbParameterGroup, live: &BTreeMap<String, String>) -> Result<(), Fault> {
        let set = want.parameters.iter().filter(|(name, value)| live.get(*name) != Some(*value));
        let set: Vec<Parameter> = set.map(|(name, value)| parameter(name, Some(value))).collect();
        for some in set.chunks(20) {
            let call = self.0.rds.modify_db_parameter_group().db_parameter_group_name(&want.name).set_parameters(Some(some.to_vec()));
            call.send().await.or_fault("rds:ModifyDBParameterGroup")?;
        }
        let reset: Vec<Parameter> =
            live.keys().filter(|name| !want.parameters.contains_key(*name)).map(|name| parameter(name, None)).collect();
        for some in reset.chunks(20) {
            let call = self.0.rds.reset_db_parameter_group().db_parameter_group_name(&want.name).set_parameters(Some(some.to_vec()));
            call.send().await.or_fault("rds:ResetDBParameterGroup")?;
        }
        Ok(())
    }
}

impl Calls<DbParameterGroup> for DbParameterGroups {
    async fn look(&self, asks: &[Ask<DbParameterGroup>]) -> Result<Found<DbParameterGroup>, Fault> {
        each(asks, |ask| async move {
            let Some(group) = self.get(&ask.want.name).await? else { return Ok(None) };
            let tags = tags::of(&self.0, &ask.who, group.db_parameter_group_arn().unwrap_or_default());
            let (Some(tags), parameters) = try_join!(tags, self.parameters(&ask.want.name))? else { return Ok(None) };
            let live = DbParameterGroup {
                name: ask.want.name.clone(),
                family: group.db_parameter_group_family().unwrap_or_default().to_owned(),
                // AWS cannot change it, and nobody else can.
                description: ask.want.description.clone(),
                parameters,
            };
            let output = ParameterGroupName(live.name.clone());
            Ok(Some(owned(&ask.who, live, output, tags)))
        })
        .await
    }

    async fn create(&self, who: &Identity, want: &DbParameterGroup) -> Result<Option<ParameterGroupName>, Fault> {
        let call = self.0.rds.create_db_parameter_group().db_parameter_group_name(&want.name).db_parameter_group_family(&want.family);
        let call = call.description(&want.description).set_tags(Some(tags::sdk(&who.tags)));
        call.send().await.or_fault("rds:CreateDBParameterGroup")?;
        self.sync(want, &BTreeMap::new()).await?;
        Ok(Some(ParameterGroupName(want.name.clone())))
    }

    async fn change(&self, who: &Identity, want: &DbParameterGroup, seen: &Seen<DbParameterGroup>) -> Result<(), Fault> {
        self.sync(want, &seen.live.parameters).await?;
        let group = self.get(&want.name).await?;
        let arn = group.as_ref().and_then(|group| group.db_parameter_group_arn()).unwrap_or_default();
        tags::sync(&self.0, arn, who, seen.tags.as_ref()).await
    }

    async fn remove(&self, spec: &DbParameterGroup, _: &ParameterGroupName) -> Result<(), Fault> {
        let call = self.0.rds.delete_db_parameter_group().db_parameter_group_name(&spec.name);
        call.send().await.or_gone("rds:DeleteDBParameterGroup").map(|_| ())
    }

    async fn names(&self, scope: &Scope) -> Result<Option<Vec<DbParameterGroup>>, Fault> {
        let mut pages = self.0.rds.describe_db_parameter_groups().into_paginator().items().send();
        let mut names = Vec::new();
        while let Some(it) = pages.next().await {
            let name = it.or_fault("rds:DescribeDBParameterGroups")?.db_parameter_group_name.filter(|name| scope.may_name(name));
            names.extend(name.map(|name| DbParameterGroup { name, ..DbParameterGroup::default() }));
        }
        Ok(Some(names))
    }
}
