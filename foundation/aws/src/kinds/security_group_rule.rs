//! One rule of a security group: an object of its own with a description and tags.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_SecurityGroupRule.html>

use crate::ec2::{Item, filter, find, sync_tags, tag_specification};
use crate::{Aws, FaultExt};
use aws_sdk_ec2::types::{Filter, IpPermission, IpRange, PrefixListId, ResourceType, SecurityGroupRuleDescription, UserIdGroupPair};
use contract::{RuleId, SecurityGroupId};
use engine::settle::not_yet;
use engine::{Address, Ask, Class, Driver, Fault, Found, Identity, IdentityBy, Kind, Lead, Resource, Scope, Seen, Ticks};
use serde::{Deserialize, Serialize};

/// The way a rule works.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Into the group's members.
    #[default]
    In,
    /// Out of them.
    Out,
}

/// What the rule should be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SecurityGroupRule {
    /// Its group.
    pub group: SecurityGroupId,
    /// In or out.
    pub direction: Direction,
    /// `tcp`, `udp`, or `-1` for everything.
    pub protocol: String,
    /// The first port; -1 with protocol `-1`.
    pub from_port: i32,
    /// The last port; -1 with protocol `-1`.
    pub to_port: i32,
    /// The other end: a CIDR block, a security group (`sg-…`) or a prefix list (`pl-…`).
    pub peer: String,
    /// Why it is there.
    pub description: String,
}

impl SecurityGroupRule {
    /// A rule for one TCP port.
    pub fn tcp(group: SecurityGroupId, direction: Direction, port: u16, peer: impl Into<String>, description: impl Into<String>) -> Self {
        let port = i32::from(port);
        let (peer, description) = (peer.into(), description.into());
        SecurityGroupRule { group, direction, protocol: "tcp".into(), from_port: port, to_port: port, peer, description }
    }

    fn key(&self) -> String {
        format!("{}/{:?}/{}/{}-{}/{}", self.group, self.direction, self.protocol, self.from_port, self.to_port, self.peer)
    }

    fn permission(&self) -> IpPermission {
        let permission = IpPermission::builder().ip_protocol(&self.protocol);
        let permission = if self.protocol == "-1" { permission } else { permission.from_port(self.from_port).to_port(self.to_port) };
        let (peer, description) = (&self.peer, &self.description);
        match peer.split('-').next() {
            Some("sg") => permission.user_id_group_pairs(UserIdGroupPair::builder().group_id(peer).description(description).build()),
            Some("pl") => permission.prefix_list_ids(PrefixListId::builder().prefix_list_id(peer).description(description).build()),
            _ => permission.ip_ranges(IpRange::builder().cidr_ip(peer).description(description).build()),
        }
        .build()
    }
}

impl Resource for SecurityGroupRule {
    const KIND: Kind = "security_group_rule";
    const REPLACE_ON: &'static [&'static str] = &["group", "direction", "protocol", "from_port", "to_port", "peer"];
    type Output = RuleId;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Natural(self.key())
    }

    fn placeholder(&self, at: &Address) -> RuleId {
        RuleId::unknown(at)
    }
}

/// Works on security-group rules.
#[derive(Clone, Debug)]
pub struct SecurityGroupRules(pub Aws);

type Rule = aws_sdk_ec2::types::SecurityGroupRule;

fn live(rule: &Rule) -> SecurityGroupRule {
    let group_peer = rule.referenced_group_info().and_then(|group| group.group_id());
    let peer = group_peer.or(rule.prefix_list_id()).or(rule.cidr_ipv4()).or(rule.cidr_ipv6()).unwrap_or_default();
    SecurityGroupRule {
        group: rule.group_id().unwrap_or_default().to_owned().into(),
        direction: if rule.is_egress() == Some(true) { Direction::Out } else { Direction::In },
        protocol: rule.ip_protocol().unwrap_or_default().to_owned(),
        from_port: rule.from_port().unwrap_or(-1),
        to_port: rule.to_port().unwrap_or(-1),
        peer: peer.to_owned(),
        description: rule.description().unwrap_or_default().to_owned(),
    }
}

impl SecurityGroupRules {
    async fn fetch(&self, filters: Vec<Filter>) -> Result<Vec<Item<Rule>>, Fault> {
        let mut pages = self.0.ec2.describe_security_group_rules().set_filters(Some(filters)).into_paginator().send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            let rules = page.or_fault("ec2:DescribeSecurityGroupRules")?.security_group_rules.unwrap_or_default();
            items.extend(rules.into_iter().map(|rule| Item::new(rule.security_group_rule_id(), rule.tags(), rule.clone())));
        }
        Ok(items)
    }

    async fn create(&self, who: &Identity, want: &SecurityGroupRule) -> Result<RuleId, Fault> {
        let tags = tag_specification(ResourceType::SecurityGroupRule, who);
        let (group, permission) = (want.group.as_str(), want.permission());
        let made = match want.direction {
            Direction::In => {
                let call =
                    self.0.ec2.authorize_security_group_ingress().group_id(group).ip_permissions(permission).tag_specifications(tags);
                call.send().await.or_fault("ec2:AuthorizeSecurityGroupIngress").map(|made| made.security_group_rules)
            }
            Direction::Out => {
                let call = self.0.ec2.authorize_security_group_egress().group_id(group).ip_permissions(permission).tag_specifications(tags);
                call.send().await.or_fault("ec2:AuthorizeSecurityGroupEgress").map(|made| made.security_group_rules)
            }
        };
        match made {
            Ok(rules) => {
                Ok(rules.unwrap_or_default().first().and_then(|rule| rule.security_group_rule_id()).unwrap_or_default().to_owned().into())
            }
            // AWS holds at most one rule of the same meaning: an answer that was lost left it there.
            Err(fault) if fault.code == "InvalidPermission.Duplicate" || fault.class == Class::InDoubt => {
                let rules = self.fetch(vec![filter("group-id", [want.group.0.clone()])]).await?;
                match rules.into_iter().find(|item| live(&item.it).key() == want.key()) {
                    Some(item) if who.owns(&item.tags) => Ok(item.id.into()),
                    Some(_) => Err(Fault::new(Class::Foreign, format!("{} already has this rule, and it is not ours", want.group))),
                    None if fault.class == Class::InDoubt => Err(fault),
                    None => Err(not_yet(&format!("a rule of {}", want.group))),
                }
            }
            Err(fault) => Err(fault),
        }
    }

    async fn describe_again(&self, id: &RuleId, want: &SecurityGroupRule) -> Result<(), Fault> {
        let description =
            SecurityGroupRuleDescription::builder().security_group_rule_id(id.as_str()).description(&want.description).build();
        let (ec2, group) = (&self.0.ec2, want.group.as_str());
        match want.direction {
            Direction::In => {
                let call =
                    ec2.update_security_group_rule_descriptions_ingress().group_id(group).security_group_rule_descriptions(description);
                call.send().await.or_fault("ec2:UpdateSecurityGroupRuleDescriptionsIngress").map(|_| ())
            }
            Direction::Out => {
                let call =
                    ec2.update_security_group_rule_descriptions_egress().group_id(group).security_group_rule_descriptions(description);
                call.send().await.or_fault("ec2:UpdateSecurityGroupRuleDescriptionsEgress").map(|_| ())
            }
        }
    }
}

impl Driver<SecurityGroupRule> for SecurityGroupRules {
    async fn observe(&self, asks: &[Ask<SecurityGroupRule>]) -> Result<Found<SecurityGroupRule>, Fault> {
        let found = find(asks, "security-group-rule-id", |id| id.as_str(), |filters| self.fetch(filters)).await?;
        let seen = |item: Item<Rule>| Seen { live: live(&item.it), output: item.id.into(), ours: true, tags: Some(item.tags) };
        Ok(found.into_iter().map(|(at, item)| (at, seen(item))).collect())
    }

    async fn ensure(
        &self,
        who: &Identity,
        want: &SecurityGroupRule,
        seen: Option<Seen<SecurityGroupRule>>,
        _: &Ticks,
    ) -> Result<RuleId, Fault> {
        let Some(seen) = seen else { return self.create(who, want).await };
        if seen.live.description != want.description {
            self.describe_again(&seen.output, want).await?;
        }
        sync_tags(&self.0, seen.output.as_str(), who, seen.tags.as_ref()).await?;
        Ok(seen.output)
    }

    async fn delete(&self, who: &Identity, spec: &SecurityGroupRule, last: Option<&RuleId>, _: &Ticks) -> Result<(), Fault> {
        let id = match last {
            Some(id) => Some(id.0.clone()),
            None => {
                let rules = self.fetch(vec![filter("group-id", [spec.group.0.clone()])]).await?;
                rules.into_iter().find(|item| who.is_exactly(&item.tags)).map(|item| item.id)
            }
        };
        let Some(id) = id else { return Ok(()) };
        let (ec2, group) = (&self.0.ec2, spec.group.as_str());
        match spec.direction {
            Direction::In => {
                let call = ec2.revoke_security_group_ingress().group_id(group).security_group_rule_ids(id);
                call.send().await.or_gone("ec2:RevokeSecurityGroupIngress").map(|_| ())
            }
            Direction::Out => {
                let call = ec2.revoke_security_group_egress().group_id(group).security_group_rule_ids(id);
                call.send().await.or_gone("ec2:RevokeSecurityGroupEgress").map(|_| ())
            }
        }
    }

    async fn list(&self, scope: &Scope) -> Result<Option<Vec<Lead<SecurityGroupRule>>>, Fault> {
        crate::ec2::leads(scope, |filters| self.fetch(filters)).await
    }
}
