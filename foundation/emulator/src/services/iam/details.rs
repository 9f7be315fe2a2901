//! Everything of every role at once: `GetAccountAuthorizationDetails`. Users, groups and policies are nobody's here.

use super::{encoded, inside, paged};
use crate::call::Input;
use crate::services::Answer;
use crate::table::{Item, merge, tags_out};
use crate::world::Here;
use serde_json::{Value, json};

/// Roles with their policies and profiles; without the description and the longest session, which this operation does not tell.
pub(super) fn details(here: &Here<'_>, input: &Input) -> Answer {
    let kinds = input.strings("Filter");
    let wanted = kinds.is_empty() || kinds.iter().any(|kind| kind == "Role");
    let all = here.account.roles.values().filter(|_| wanted).map(|role| detail(here, role));
    let mut body = paged("RoleDetailList", all.collect(), input);
    merge(&mut body, json!({"UserDetailList": [], "GroupDetailList": [], "Policies": []}));
    Ok(body)
}

fn detail(here: &Here<'_>, role: &Item) -> Value {
    let policies = inside(role, "policies").into_iter();
    let policies: Vec<Value> =
        policies.map(|(name, text)| json!({"PolicyName": name, "PolicyDocument": encoded(text.as_str().unwrap_or_default())})).collect();
    let attached = inside(role, "attached").into_iter();
    let attached: Vec<Value> = attached.map(|(arn, name)| json!({"PolicyName": name, "PolicyArn": arn})).collect();
    let profiles = here.account.instance_profiles.values().filter(|profile| profile.inside["role"] == role.str("RoleName"));
    let profiles: Vec<Value> = profiles.map(|profile| profile.body.clone()).collect();
    let mut body = role.body.clone();
    merge(&mut body, json!({"Description": null, "MaxSessionDuration": null}));
    merge(
        &mut body,
        json!({"RolePolicyList": policies, "AttachedManagedPolicies": attached, "InstanceProfileList": profiles,
            "Tags": tags_out(&role.tags, "Key", "Value")}),
    );
    body
}
