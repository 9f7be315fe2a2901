//! Security groups.

use super::filter::{Facts, describe as describe_all, tag_set};
use super::rule::{Rule, permissions};
use super::{Here, Tags, in_use, not_found};
use crate::call::{AwsError, Input};
use crate::services::Answer;
use crate::world::ACCOUNT;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A security group; its rules are objects of their own.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecurityGroup {
    /// Its name, unique in its VPC.
    pub name: String,
    /// Its description, which cannot change.
    pub description: String,
    /// Its VPC.
    pub vpc: String,
    /// Its tags.
    pub tags: Tags,
}

fn everywhere(group: &str) -> Rule {
    Rule {
        group: group.into(),
        egress: true,
        protocol: "-1".into(),
        from: -1,
        to: -1,
        peer: "0.0.0.0/0".into(),
        description: String::new(),
        tags: Tags::new(),
    }
}

pub(super) fn create_default(here: &mut Here<'_>, vpc: &str) {
    let id = here.ids.id("sg");
    let group =
        SecurityGroup { name: "default".into(), description: "default VPC security group".into(), vpc: vpc.into(), tags: Tags::new() };
    here.ec2.security_groups.insert(id.clone(), group);
    here.ec2.rules.insert(here.ids.id("sgr"), everywhere(&id));
    let own = Rule { egress: false, peer: id.clone(), ..everywhere(&id) };
    here.ec2.rules.insert(here.ids.id("sgr"), own);
}

pub(super) fn create(here: &mut Here<'_>, input: &Input) -> Answer {
    let (name, description, vpc) = (input.str("GroupName")?, input.str("GroupDescription")?, input.str("VpcId")?);
    if name.starts_with("sg-") || name.is_empty() || name.len() > 255 {
        return Err(AwsError::bad("InvalidParameterValue", format!("Value ({name}) for parameter GroupName is invalid.")));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
    if description.is_empty() || description.len() > 255 || !description.chars().all(allowed) {
        let problem =
            format!("Value ({description}) for parameter GroupDescription is invalid. Character sets beyond ASCII are not supported.");
        return Err(AwsError::bad("InvalidParameterValue", problem));
    }
    if !here.ec2.vpcs.contains_key(vpc) {
        return Err(not_found("InvalidVpcID.NotFound", vpc));
    }
    if here.ec2.security_groups.values().any(|it| it.vpc == vpc && it.name == name) {
        return Err(AwsError::bad("InvalidGroup.Duplicate", format!("The security group '{name}' already exists for VPC '{vpc}'")));
    }
    let id = here.ids.id("sg");
    let tags = input.tags_for("security-group");
    let body = json!({"return": true, "groupId": id, "tagSet": tag_set(&tags)});
    let group = SecurityGroup { name: name.into(), description: description.into(), vpc: vpc.into(), tags };
    here.ec2.rules.insert(here.ids.id("sgr"), everywhere(&id));
    here.ec2.security_groups.insert(id, group);
    Ok(body)
}

fn render(here: &Here<'_>, id: &str, it: &SecurityGroup) -> Value {
    json!({
        "ownerId": ACCOUNT, "groupId": id, "groupName": it.name, "groupDescription": it.description, "vpcId": it.vpc,
        "ipPermissions": permissions(here, id, false), "ipPermissionsEgress": permissions(here, id, true), "tagSet": tag_set(&it.tags),
    })
}

pub(super) fn describe(here: &mut Here<'_>, input: &Input) -> Answer {
    let here = &*here;
    describe_all(
        input,
        "GroupId",
        "InvalidGroup.NotFound",
        "securityGroupInfo",
        &here.ec2.security_groups,
        |id, it| Facts {
            tags: &it.tags,
            more: vec![("group-id", id.clone()), ("group-name", it.name.clone()), ("vpc-id", it.vpc.clone())],
        },
        |id, it| render(here, id, it),
    )
}

pub(super) fn delete(here: &mut Here<'_>, input: &Input) -> Answer {
    let id = input.str("GroupId")?;
    let it = here.ec2.security_groups.get(id).ok_or_else(|| not_found("InvalidGroup.NotFound", id))?;
    if it.name == "default" {
        return Err(AwsError::bad("CannotDelete", format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user")));
    }
    let named = here.ec2.rules.values().any(|rule| rule.peer == id && rule.group != id);
    let worn = here.ec2.endpoints.values().any(|it| it.groups.iter().any(|group| group == id));
    if named || worn || here.ec2.is_held(id) {
        return Err(in_use("securityGroup", id));
    }
    here.ec2.security_groups.remove(id);
    here.ec2.rules.retain(|_, rule| rule.group != id);
    Ok(json!({"return": true, "groupId": id}))
}
