//! Security-group rules: each an object with an id, tags and a description.

use super::filter::{Facts, page, passes, tag_set};
use super::{Here, Tags, not_found};
use crate::call::{AwsError, Input};
use crate::services::Answer;
use crate::world::ACCOUNT;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// One rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Its group.
    pub group: String,
    /// Outwards.
    pub egress: bool,
    /// `tcp`, `udp`, `icmp`, `-1` for all.
    pub protocol: String,
    /// First port.
    pub from: i64,
    /// Last port.
    pub to: i64,
    /// A CIDR block, a prefix list or a group id.
    pub peer: String,
    /// Why it is there.
    pub description: String,
    /// Its tags.
    pub tags: Tags,
}

impl Rule {
    fn same(&self, other: &Rule) -> bool {
        let key = |rule: &Rule| (rule.group.clone(), rule.egress, rule.protocol.clone(), rule.from, rule.to, rule.peer.clone());
        key(self) == key(other)
    }
}

fn render(id: &str, rule: &Rule) -> Value {
    let mut body = json!({
        "securityGroupRuleId": id, "groupId": rule.group, "groupOwnerId": ACCOUNT, "isEgress": rule.egress, "ipProtocol": rule.protocol,
        "fromPort": rule.from, "toPort": rule.to, "tagSet": tag_set(&rule.tags),
    });
    match rule.peer.split('-').next() {
        Some("sg") => body["referencedGroupInfo"] = json!({"groupId": rule.peer, "userId": ACCOUNT}),
        Some("pl") => body["prefixListId"] = json!(rule.peer),
        _ => body["cidrIpv4"] = json!(rule.peer),
    }
    if !rule.description.is_empty() {
        body["description"] = json!(rule.description);
    }
    body
}

/// The rules of a group in the older shape.
pub(super) fn permissions(here: &Here<'_>, group: &str, egress: bool) -> Value {
    let rules = here.ec2.rules.values().filter(|rule| rule.group == group && rule.egress == egress);
    rules
        .map(|rule| {
            let described = (!rule.description.is_empty()).then_some(&rule.description);
            let (mut ranges, mut groups) = (Vec::new(), Vec::new());
            if rule.peer.starts_with("sg-") {
                groups.push(json!({"groupId": rule.peer, "userId": ACCOUNT, "description": described}));
            } else {
                ranges.push(json!({"cidrIp": rule.peer, "description": described}));
            }
            let ports = (rule.protocol != "-1").then_some((rule.from, rule.to));
            json!({"ipProtocol": rule.protocol, "fromPort": ports.map(|it| it.0), "toPort": ports.map(|it| it.1), "ipRanges": ranges, "groups": groups})
        })
        .collect()
}

pub(super) fn describe(here: &mut Here<'_>, input: &Input) -> Answer {
    let asked = input.strings("SecurityGroupRuleId");
    if let Some(missing) = asked.iter().find(|id| !here.ec2.rules.contains_key(*id)) {
        return Err(not_found("InvalidSecurityGroupRuleId.NotFound", missing));
    }
    let found = here.ec2.rules.iter().filter(|(id, rule)| {
        let more = vec![("group-id", rule.group.clone()), ("security-group-rule-id", (*id).clone())];
        (asked.is_empty() || asked.contains(id)) && passes(input, &Facts { tags: &rule.tags, more })
    });
    page(input, "securityGroupRuleSet", found.map(|(id, rule)| render(id, rule)).collect())
}

/// The rules that `IpPermissions` describes.
fn rules(input: &Input, egress: bool) -> Result<Vec<Rule>, AwsError> {
    let group = input.str("GroupId")?;
    let tags = input.tags_for("security-group-rule");
    let mut rules = Vec::new();
    for permission in input.parts("IpPermissions") {
        let protocol = permission.str("IpProtocol")?.to_owned();
        let all = protocol == "-1";
        let (from, to) = if all { (-1, -1) } else { (permission.int("FromPort").unwrap_or(-1), permission.int("ToPort").unwrap_or(-1)) };
        let peers = [("IpRanges", "CidrIp"), ("Groups", "GroupId"), ("PrefixListIds", "PrefixListId")];
        for (list, name) in peers {
            for peer in permission.parts(list) {
                let description = peer.opt("Description").unwrap_or_default().to_owned();
                let (group, protocol, peer) = (group.to_owned(), protocol.clone(), peer.str(name)?.to_owned());
                rules.push(Rule { group, egress, protocol, from, to, peer, description, tags: tags.clone() });
            }
        }
    }
    Ok(rules)
}

pub(super) fn authorize(here: &mut Here<'_>, input: &Input, egress: bool) -> Answer {
    let group = input.str("GroupId")?;
    if !here.ec2.security_groups.contains_key(group) {
        return Err(not_found("InvalidGroup.NotFound", group));
    }
    let rules = rules(input, egress)?;
    for rule in &rules {
        if here.ec2.rules.values().any(|there| there.same(rule)) {
            let problem = format!(
                "the specified rule \"peer: {}, {}, from port: {}, to port: {}, ALLOW\" already exists",
                rule.peer, rule.protocol, rule.from, rule.to
            );
            return Err(AwsError::bad("InvalidPermission.Duplicate", problem));
        }
        if rule.peer.starts_with("sg-") && !here.ec2.security_groups.contains_key(&rule.peer) {
            return Err(not_found("InvalidGroup.NotFound", &rule.peer));
        }
    }
    let made: Vec<Value> = rules
        .into_iter()
        .map(|rule| {
            let id = here.ids.id("sgr");
            let body = render(&id, &rule);
            here.ec2.rules.insert(id, rule);
            body
        })
        .collect();
    Ok(json!({"return": true, "securityGroupRuleSet": made}))
}

pub(super) fn revoke(here: &mut Here<'_>, input: &Input, egress: bool) -> Answer {
    let group = input.str("GroupId")?;
    if !here.ec2.security_groups.contains_key(group) {
        return Err(not_found("InvalidGroup.NotFound", group));
    }
    let asked = input.strings("SecurityGroupRuleId");
    if let Some(missing) = asked.iter().find(|id| !here.ec2.rules.contains_key(*id)) {
        return Err(AwsError::bad("InvalidSecurityGroupRuleId.NotFound", format!("The security group rule ID '{missing}' does not exist")));
    }
    here.ec2.rules.retain(|id, _| !asked.contains(id));
    for gone in rules(input, egress)? {
        let before = here.ec2.rules.len();
        here.ec2.rules.retain(|_, rule| !rule.same(&gone));
        if here.ec2.rules.len() == before {
            return Err(AwsError::bad("InvalidPermission.NotFound", "The specified rule does not exist in this security group."));
        }
    }
    Ok(json!({"return": true}))
}

pub(super) fn describe_again(here: &mut Here<'_>, input: &Input, egress: bool) -> Answer {
    for described in rules(input, egress)? {
        for rule in here.ec2.rules.values_mut().filter(|rule| rule.same(&described)) {
            rule.description.clone_from(&described.description);
        }
    }
    for described in input.parts("SecurityGroupRuleDescription") {
        let id = described.str("SecurityGroupRuleId")?;
        let rule = here.ec2.rules.get_mut(id).ok_or_else(|| not_found("InvalidSecurityGroupRuleId.NotFound", id))?;
        described.opt("Description").unwrap_or_default().clone_into(&mut rule.description);
    }
    Ok(json!({"return": true}))
}
