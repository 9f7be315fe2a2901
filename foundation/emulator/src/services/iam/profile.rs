//! Instance profiles: a role in the form in which EC2 takes it.

use super::{changeable, conflict, fresh_name, limit, not_found, paged, path, role, tagging, with_tags};
use crate::call::{AwsError, Call, Input};
use crate::services::{Answer, unknown};
use crate::table::{Item, merge, tags_in};
use crate::world::{ACCOUNT, Here};
use serde_json::{Value, json};

/// Hands a call to its operation.
///
/// # Errors
/// AWS's error.
pub(super) fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    let input = &call.input;
    match call.action.as_str() {
        "CreateInstanceProfile" => create_profile(here, input),
        "ListInstanceProfiles" => {
            let all = here.account.instance_profiles.values().map(|it| {
                let mut body = described(it, here);
                merge(&mut body, json!({"Tags": null}));
                body
            });
            Ok(paged("InstanceProfiles", all.collect(), input))
        }
        "GetInstanceProfile" => Ok(json!({"InstanceProfile": described(&profile(here, input)?.clone(), here)})),
        "AddRoleToInstanceProfile" => add_role(here, input),
        "RemoveRoleFromInstanceProfile" => remove_role(here, input),
        "DeleteInstanceProfile" => {
            if !profile(here, input)?.inside.is_null() {
                return Err(conflict("must remove roles from instance profile first"));
            }
            here.account.instance_profiles.remove(input.str("InstanceProfileName")?);
            Ok(json!({}))
        }
        "TagInstanceProfile" | "UntagInstanceProfile" | "ListInstanceProfileTags" => tagging(profile(here, input)?, call),
        "ListInstanceProfilesForRole" => {
            let name = role(here, input)?.str("RoleName").to_owned();
            let all = here.account.instance_profiles.values().filter(|profile| profile.inside["role"] == name);
            Ok(paged("InstanceProfiles", all.map(|profile| described(profile, here)).collect(), input))
        }
        _ => Err(unknown(call)),
    }
}

fn profile<'a>(here: &'a mut Here<'_>, input: &Input) -> Result<&'a mut Item, AwsError> {
    let name = input.str("InstanceProfileName")?;
    here.account.instance_profiles.get_mut(name).ok_or_else(|| not_found(format!("Instance Profile {name} cannot be found.")))
}

/// An instance profile with its role.
fn described(profile: &Item, here: &Here<'_>) -> Value {
    let role = profile.inside["role"].as_str().and_then(|name| here.account.roles.get(name));
    let mut body = with_tags(profile);
    body["Roles"] = role.map(|role| role.body.clone()).into_iter().collect();
    body
}

fn create_profile(here: &mut Here<'_>, input: &Input) -> Answer {
    let path = path(input)?;
    let name = fresh_name(&here.account.instance_profiles, input, "InstanceProfileName", "Instance Profile", 128)?;
    let body = json!({
        "Path": path, "InstanceProfileName": name, "InstanceProfileId": here.ids.id("AIPA").replace('-', "").to_uppercase(),
        "CreateDate": here.clock.stamp(), "Arn": format!("arn:aws:iam::{ACCOUNT}:instance-profile{path}{name}"),
    });
    let item = Item::new(body, tags_in(input, "Tags", "Key", "Value"));
    let answer = described(&item, here);
    here.account.instance_profiles.insert(name, item);
    Ok(json!({"InstanceProfile": answer}))
}

fn add_role(here: &mut Here<'_>, input: &Input) -> Answer {
    let role = changeable(here, input)?.str("RoleName").to_owned();
    let known = here.clock.after(crate::durations::PROFILE_KNOWN);
    let found = profile(here, input)?;
    if found.inside.get("role").is_some() {
        return Err(limit("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1"));
    }
    found.inside = json!({"role": role, "known": known});
    Ok(json!({}))
}

fn remove_role(here: &mut Here<'_>, input: &Input) -> Answer {
    let name = input.str("RoleName")?;
    let found = profile(here, input)?;
    if found.inside["role"] != name {
        return Err(not_found(format!("The role with name {name} cannot be found.")));
    }
    found.inside = Value::Null;
    Ok(json!({}))
}
