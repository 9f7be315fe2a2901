//! A security group. Its rules are objects of their own; the rule that AWS adds to a new group is taken away.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html>

use crate::ec2::{Item, filter, find, sync_tags, tag_specification};
use crate::{Aws, FaultExt, never_twice};
use aws_sdk_ec2::types::{Filter, IpPermission, IpRange, ResourceType};
use contract::{SecurityGroupId, VpcId};
use engine::settle::not_yet;
use engine::{Address, Ask, Class, Driver, Fault, Found, Identity, IdentityBy, Kind, Lead, Resource, Scope, Seen, Ticks};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What the group should be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// Its VPC.
    pub vpc: VpcId,
    /// Its name in the VPC, without a generation.
    pub name: String,
    /// What it is for; AWS cannot change it.
    pub description: String,
}

impl SecurityGroup {
    fn group_name(&self, generation: u32) -> String {
        if generation == 1 { self.name.clone() } else { format!("{}-{generation}", self.name) }
    }
}

impl Resource for SecurityGroup {
    const KIND: Kind = "security_group";
    const REPLACE_ON: &'static [&'static str] = &["vpc", "name", "description"];
    type Output = SecurityGroupId;

    fn identity(&self, generation: u32) -> IdentityBy {
        IdentityBy::Name(format!("{}/{}", self.vpc, self.group_name(generation)))
    }

    fn placeholder(&self, at: &Address) -> SecurityGroupId {
        SecurityGroupId::unknown(at)
    }
}

/// Network interfaces of what was deleted just before hold a group for a while.
const FREED_WITHIN: Duration = Duration::from_secs(600);

/// Works on security groups.
#[derive(Clone, Debug)]
pub struct SecurityGroups(pub Aws);

type Group = aws_sdk_ec2::types::SecurityGroup;

impl SecurityGroups {
    async fn fetch(&self, filters: Vec<Filter>) -> Result<Vec<Item<Group>>, Fault> {
        let mut pages = self.0.ec2.describe_security_groups().set_filters(Some(filters)).into_paginator().send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            let groups = page.or_fault("ec2:DescribeSecurityGroups")?.security_groups.unwrap_or_default();
            items.extend(groups.into_iter().map(|group| Item::new(group.group_id(), group.tags(), group.clone())));
        }
        Ok(items)
    }

    async fn named(&self, who: &Identity) -> Result<Option<Item<Group>>, Fault> {
        let Some((vpc, name)) = who.name().split_once('/') else { return Ok(None) };
        let filters = vec![filter("vpc-id", [vpc.to_owned()]), filter("group-name", [name.to_owned()])];
        Ok(self.fetch(filters).await?.into_iter().next())
    }

    async fn create(&self, who: &Identity, want: &SecurityGroup, absent: bool) -> Result<SecurityGroupId, Fault> {
        if !absent && let Some(there) = self.named(who).await? {
            return if who.owns(&there.tags) { Ok(there.id.into()) } else { Err(foreign(who)) };
        }
        let created = self
            .0
            .ec2
            .create_security_group()
            .group_name(want.group_name(who.generation))
            .description(&want.description)
            .vpc_id(want.vpc.as_str())
            .tag_specifications(tag_specification(ResourceType::SecurityGroup, who))
            .customize()
            .config_override(aws_sdk_ec2::config::Builder::new().retry_classifier(never_twice()))
            .send()
            .await
            .or_fault("ec2:CreateSecurityGroup");
        match created {
            Ok(created) => Ok(created.group_id.unwrap_or_default().into()),
            // Made by a call whose answer was lost, most likely; whose it is the next look tells.
            Err(fault) if fault.code == "InvalidGroup.Duplicate" => Err(not_yet(&format!("the security group {}", who.name()))),
            Err(fault) => Err(fault),
        }
    }

    /// The same for a group that was just made: AWS may not show its rule yet.
    async fn strip_new(&self, id: &SecurityGroupId) -> Result<(), Fault> {
        let everywhere = IpPermission::builder().ip_protocol("-1").ip_ranges(IpRange::builder().cidr_ip("0.0.0.0/0").build()).build();
        let revoke = self.0.ec2.revoke_security_group_egress().group_id(id.as_str()).ip_permissions(everywhere);
        match revoke.send().await.or_fault("ec2:RevokeSecurityGroupEgress") {
            Err(fault) if fault.code == "InvalidPermission.NotFound" => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Takes away the rule to everywhere that AWS gives every new group.
    async fn strip(&self, id: &SecurityGroupId) -> Result<(), Fault> {
        let rules = self.0.ec2.describe_security_group_rules().filters(filter("group-id", [id.0.clone()])).send().await;
        let rules = rules.or_fault("ec2:DescribeSecurityGroupRules")?.security_group_rules.unwrap_or_default();
        let default = |rule: &&aws_sdk_ec2::types::SecurityGroupRule| {
            rule.is_egress() == Some(true) && rule.ip_protocol() == Some("-1") && rule.tags().is_empty()
        };
        if let Some(rule) = rules.iter().find(default).and_then(|rule| rule.security_group_rule_id()) {
            let revoke = self.0.ec2.revoke_security_group_egress().group_id(id.as_str()).security_group_rule_ids(rule);
            revoke.send().await.or_gone("ec2:RevokeSecurityGroupEgress")?;
        }
        Ok(())
    }
}

fn foreign(who: &Identity) -> Fault {
    Fault::new(Class::Foreign, format!("the security group {} exists and is not ours", who.name()))
}

impl Driver<SecurityGroup> for SecurityGroups {
    async fn observe(&self, asks: &[Ask<SecurityGroup>]) -> Result<Found<SecurityGroup>, Fault> {
        let found = find(asks, "group-id", |id| id.as_str(), |filters| self.fetch(filters)).await?;
        let mut seen = Found::new();
        for ask in asks {
            let item = match found.get(&ask.who.address) {
                Some(item) => Some((item.clone(), true)),
                None => self.named(&ask.who).await?.map(|item| (item, false)),
            };
            let Some((item, ours)) = item else { continue };
            let suffix = format!("-{}", ask.who.generation);
            let name = item.it.group_name().unwrap_or_default();
            let name = if ask.who.generation == 1 { name } else { name.strip_suffix(&suffix).unwrap_or(name) };
            let live = SecurityGroup {
                vpc: item.it.vpc_id().unwrap_or_default().to_owned().into(),
                name: name.to_owned(),
                description: item.it.description().unwrap_or_default().to_owned(),
            };
            seen.insert(ask.who.address.clone(), Seen { live, output: item.id.into(), ours, tags: Some(item.tags) });
        }
        Ok(seen)
    }

    async fn ensure(
        &self,
        who: &Identity,
        want: &SecurityGroup,
        seen: Option<Seen<SecurityGroup>>,
        ticks: &Ticks,
    ) -> Result<SecurityGroupId, Fault> {
        let id = match &seen {
            Some(seen) => seen.output.clone(),
            None => self.create(who, want, ticks.absent).await?,
        };
        match &seen {
            Some(_) => self.strip(&id).await?,
            None => self.strip_new(&id).await?,
        }
        sync_tags(&self.0, id.as_str(), who, seen.as_ref().and_then(|seen| seen.tags.as_ref())).await?;
        Ok(id)
    }

    async fn delete(&self, who: &Identity, _: &SecurityGroup, last: Option<&SecurityGroupId>, ticks: &Ticks) -> Result<(), Fault> {
        let id = match last {
            Some(id) => Some(id.clone()),
            None => self.named(who).await?.filter(|there| who.owns(&there.tags)).map(|there| there.id.into()),
        };
        let Some(id) = id else { return Ok(()) };
        let delete = || async {
            self.0.ec2.delete_security_group().group_id(id.as_str()).send().await.or_gone("ec2:DeleteSecurityGroup").map(|_| ())
        };
        crate::ec2::when_free(&self.0, FREED_WITHIN, ticks, delete).await
    }

    async fn list(&self, scope: &Scope) -> Result<Option<Vec<Lead<SecurityGroup>>>, Fault> {
        crate::ec2::leads(scope, |filters| self.fetch(filters)).await
    }
}
