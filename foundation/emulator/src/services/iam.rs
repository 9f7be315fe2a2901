//! IAM: roles with their policies, service-linked roles, instance profiles. No call is refused for a policy; the simulator evaluates
//! them.

mod details;
mod profile;
mod simulate;

use super::{Answer, unknown};
use crate::call::{AwsError, Call, Input};
use crate::table::{Item, Table, copy, merge, page, tags_in, tags_out};
use crate::world::{ACCOUNT, Here};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

/// Services with a role of their own, and what AWS calls it.
const LINKED: &[(&str, &str)] = &[
    ("ecs", "ECS"),
    ("elasticloadbalancing", "ElasticLoadBalancing"),
    ("rds", "RDS"),
    ("autoscaling", "AutoScaling"),
    ("ecs.application-autoscaling", "ApplicationAutoScaling_ECSService"),
];

/// Hands a call to its operation.
///
/// # Errors
/// AWS's error.
pub(crate) fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    let input = &call.input;
    match call.action.as_str() {
        "CreateRole" => create_role(here, input),
        "GetRole" => Ok(json!({"Role": with_tags(role(here, input)?)})),
        "UpdateAssumeRolePolicy" => {
            set(changeable(here, input)?, json!({"AssumeRolePolicyDocument": encoded(document(input, "PolicyDocument")?)}))
        }
        "UpdateRole" => set(changeable(here, input)?, settings(input)?),
        "DeleteRole" => delete_role(here, input),
        "PutRolePolicy" => put_policy(here, input),
        "GetRolePolicy" => get_policy(here, input),
        "ListRolePolicies" => {
            let names = inside(role(here, input)?, "policies").keys().map(|name| json!(name)).collect();
            Ok(paged("PolicyNames", names, input))
        }
        "DeleteRolePolicy" => take(changeable(here, input)?, "policies", input.str("PolicyName")?),
        "AttachRolePolicy" => attach(here, input),
        "DetachRolePolicy" => take(changeable(here, input)?, "attached", input.str("PolicyArn")?),
        "ListAttachedRolePolicies" => {
            let attached = inside(role(here, input)?, "attached");
            let all = attached.iter().map(|(arn, name)| json!({"PolicyName": name, "PolicyArn": arn})).collect();
            Ok(paged("AttachedPolicies", all, input))
        }
        "ListRoles" => Ok(list_roles(here, input)),
        "GetAccountAuthorizationDetails" => details::details(here, input),
        "CreateServiceLinkedRole" => create_linked(here, input),
        "TagRole" | "UntagRole" | "ListRoleTags" => tagging(role(here, input)?, call),
        "SimulatePrincipalPolicy" => simulate::simulate(here, input),
        action if action.contains("InstanceProfile") => profile::handle(here, call),
        _ => Err(unknown(call)),
    }
}

fn not_found(message: String) -> AwsError {
    AwsError::new(404, "NoSuchEntity", message)
}

fn conflict(message: &str) -> AwsError {
    AwsError::new(409, "DeleteConflict", format!("Cannot delete entity, {message}."))
}

fn limit(message: impl Into<String>) -> AwsError {
    AwsError::new(409, "LimitExceeded", message)
}

fn invalid(what: &str, rule: &str) -> AwsError {
    AwsError::bad("ValidationError", format!("The specified value for {what} is invalid. It must {rule}."))
}

fn set(item: &mut Item, fields: Value) -> Answer {
    item.set(fields);
    Ok(json!({}))
}

fn role<'a>(here: &'a mut Here<'_>, input: &Input) -> Result<&'a mut Item, AwsError> {
    let name = input.str("RoleName")?;
    here.account.roles.get_mut(name).ok_or_else(|| not_found(format!("The role with name {name} cannot be found.")))
}

/// The role, unless it belongs to a service.
fn changeable<'a>(here: &'a mut Here<'_>, input: &Input) -> Result<&'a mut Item, AwsError> {
    let found = role(here, input)?;
    if found.str("Path").starts_with("/aws-service-role/") {
        let name = found.str("RoleName");
        return Err(AwsError::bad("UnmodifiableEntity", format!("The protected role '{name}' is only modifiable by AWS")));
    }
    Ok(found)
}

/// A page with IAM's own marks.
fn paged(set: &str, all: Vec<Value>, input: &Input) -> Value {
    let most = input.int("MaxItems").unwrap_or(100).clamp(1, 1000);
    let mut body = page(set, all, input.opt("Marker"), most as usize, "Marker");
    body["IsTruncated"] = json!(body.get("Marker").is_some());
    body
}

fn with_tags(item: &Item) -> Value {
    let mut body = item.body.clone();
    body["Tags"] = tags_out(&item.tags, "Key", "Value");
    body
}

/// Adds, takes away or lists tags.
fn tagging(item: &mut Item, call: &Call) -> Answer {
    let input = &call.input;
    if call.action.starts_with("List") {
        let all = item.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
        return Ok(paged("Tags", all, input));
    }
    let (more, less) = (tags_in(input, "Tags", "Key", "Value"), input.strings("TagKeys"));
    if item.tags.keys().chain(more.keys().filter(|key| !item.tags.contains_key(*key))).count() > 50 {
        return Err(limit("The number of tags has reached the maximum limit."));
    }
    item.tags.extend(more);
    item.tags.retain(|key, _| !less.contains(key));
    Ok(json!({}))
}

/// A name of up to `most` characters; IAM does not let names differ by case alone.
fn fresh_name(table: &Table, input: &Input, field: &str, what: &str, most: usize) -> Result<String, AwsError> {
    let name = name(input, field, most)?;
    if table.keys().any(|there| there.eq_ignore_ascii_case(name)) {
        return Err(AwsError::new(409, "EntityAlreadyExists", format!("{what} with name {name} already exists.")));
    }
    Ok(name.to_owned())
}

fn name<'a>(input: &'a Input, field: &str, most: usize) -> Result<&'a str, AwsError> {
    let name = input.str(field)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    let fits = (1..=most).contains(&name.len()) && name.chars().all(allowed);
    if fits { Ok(name) } else { Err(invalid(field, &format!("have 1 to {most} alphanumeric characters or +=,.@_-"))) }
}

fn path(input: &Input) -> Result<&str, AwsError> {
    let path = input.opt("Path").unwrap_or("/");
    let fits = path.starts_with('/') && path.ends_with('/') && path.len() <= 512;
    if fits { Ok(path) } else { Err(invalid("path", "begin and end with /")) }
}

/// A policy as it came, if it is one.
fn document<'a>(input: &'a Input, field: &str) -> Result<&'a str, AwsError> {
    let text = input.str(field)?;
    let fits = serde_json::from_str(text).is_ok_and(|policy: Value| policy.get("Statement").is_some());
    if fits { Ok(text) } else { Err(AwsError::bad("MalformedPolicyDocument", "Syntax errors in policy.")) }
}

/// A policy as IAM answers it.
fn encoded(policy: &str) -> String {
    utf8_percent_encode(policy, NON_ALPHANUMERIC).to_string()
}

/// What CreateRole and UpdateRole may set.
fn settings(input: &Input) -> Answer {
    let mut set = copy(input, &["Description"]);
    if let Some(seconds) = input.int("MaxSessionDuration") {
        if !(3600..=43_200).contains(&seconds) {
            return Err(invalid("MaxSessionDuration", "be between 3600 and 43200"));
        }
        set["MaxSessionDuration"] = json!(seconds);
    }
    Ok(set)
}

fn new_role(here: &mut Here<'_>, path: &str, name: &str, trust: &str) -> Value {
    json!({
        "Path": path, "RoleName": name, "RoleId": here.ids.id("AROA").replace('-', "").to_uppercase(),
        "Arn": format!("arn:aws:iam::{ACCOUNT}:role{path}{name}"), "CreateDate": here.clock.stamp(), "AssumeRolePolicyDocument": trust,
        "MaxSessionDuration": 3600,
    })
}

fn create_role(here: &mut Here<'_>, input: &Input) -> Answer {
    let (path, trust, settings) = (path(input)?, encoded(document(input, "AssumeRolePolicyDocument")?), settings(input)?);
    let name = fresh_name(&here.account.roles, input, "RoleName", "Role", 64)?;
    let mut body = new_role(here, path, &name, &trust);
    merge(&mut body, settings);
    if let Some(boundary) = input.opt("PermissionsBoundary") {
        policy_name(boundary)?;
        body["PermissionsBoundary"] = json!({"PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": boundary});
    }
    let known = here.clock.after(crate::durations::ROLE_KNOWN);
    let item = Item { inside: json!({"known": known}), ..Item::new(body, tags_in(input, "Tags", "Key", "Value")) };
    let answer = with_tags(&item);
    here.account.roles.insert(name, item);
    Ok(json!({"Role": answer}))
}

fn create_linked(here: &mut Here<'_>, input: &Input) -> Answer {
    let service = input.str("AWSServiceName")?;
    let no_service = || AwsError::bad("InvalidInput", format!("{service} cannot have a service-linked role"));
    let host = service.strip_suffix(".amazonaws.com").ok_or_else(no_service)?;
    let known = LINKED.iter().find(|(name, _)| *name == host).map_or(host, |(_, title)| title);
    let suffix = input.opt("CustomSuffix").map(|suffix| format!("_{suffix}")).unwrap_or_default();
    let name = format!("AWSServiceRoleFor{known}{suffix}");
    if here.account.roles.contains_key(&name) {
        return Err(AwsError::bad("InvalidInput", format!("Service role name {name} has been taken in this account")));
    }
    let path = format!("/aws-service-role/{service}/");
    let statement = json!({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"});
    let trust = encoded(&json!({"Version": "2012-10-17", "Statement": [statement]}).to_string());
    let mut body = new_role(here, &path, &name, &trust);
    merge(&mut body, copy(input, &["Description"]));
    here.account.roles.insert(name, Item::new(body.clone(), Default::default()));
    Ok(json!({"Role": body}))
}

/// What a role has inside: inline policies by name, names of attached policies by ARN.
fn inside(role: &Item, table: &str) -> Map<String, Value> {
    role.inside.get(table).and_then(Value::as_object).cloned().unwrap_or_default()
}

fn take(role: &mut Item, table: &str, name: &str) -> Answer {
    let found = role.inside.get_mut(table).and_then(Value::as_object_mut).and_then(|all| all.remove(name));
    found.map(|_| json!({})).ok_or_else(|| not_found(format!("Policy {name} was not found.")))
}

fn delete_role(here: &mut Here<'_>, input: &Input) -> Answer {
    let found = changeable(here, input)?;
    let (policies, attached, name) = (inside(found, "policies"), inside(found, "attached"), input.str("RoleName")?);
    let used = here.account.instance_profiles.values().any(|profile| profile.inside["role"] == name);
    match (used, attached.is_empty(), policies.is_empty()) {
        (true, _, _) => Err(conflict("must remove roles from instance profile first")),
        (_, false, _) => Err(conflict("must detach all policies first")),
        (_, _, false) => Err(conflict("must delete policies first")),
        _ => Ok(here.account.roles.remove(name).map_or(Value::Null, |_| json!({}))),
    }
}

fn put_policy(here: &mut Here<'_>, input: &Input) -> Answer {
    let (name, text) = (name(input, "PolicyName", 128)?, document(input, "PolicyDocument")?);
    let found = changeable(here, input)?;
    let mut policies = inside(found, "policies");
    policies.insert(name.to_owned(), json!(text));
    // Spaces do not count.
    if policies.values().filter_map(Value::as_str).flat_map(str::split_whitespace).map(str::len).sum::<usize>() > 10_240 {
        return Err(limit(format!("Maximum policy size of 10240 bytes exceeded for role {}", found.str("RoleName"))));
    }
    found.inside["policies"] = Value::Object(policies);
    Ok(json!({}))
}

fn get_policy(here: &mut Here<'_>, input: &Input) -> Answer {
    let (found, name) = (role(here, input)?, input.str("PolicyName")?);
    let missing = || not_found(format!("The role policy with name {name} cannot be found."));
    let text = found.inside["policies"][name].as_str().ok_or_else(missing)?;
    Ok(json!({"RoleName": found.str("RoleName"), "PolicyName": name, "PolicyDocument": encoded(text)}))
}

/// The name in the ARN of a managed policy: AWS's own or the account's, which nobody can make here, so that none is unknown.
fn policy_name(arn: &str) -> Result<&str, AwsError> {
    let path = arn.strip_prefix("arn:aws:iam::").and_then(|rest| rest.split_once(":policy/"));
    let found = path.filter(|(owner, _)| ["aws", ACCOUNT].contains(owner)).and_then(|(_, path)| path.rsplit('/').next());
    found.filter(|name| !name.is_empty()).ok_or_else(|| AwsError::bad("InvalidInput", format!("ARN {arn} is not valid.")))
}

fn attach(here: &mut Here<'_>, input: &Input) -> Answer {
    let (arn, name) = (input.str("PolicyArn")?, policy_name(input.str("PolicyArn")?)?);
    let found = changeable(here, input)?;
    let attached = inside(found, "attached");
    if attached.len() >= 10 && !attached.contains_key(arn) {
        return Err(limit("Cannot exceed quota for PoliciesPerRole: 10"));
    }
    found.inside["attached"][arn] = json!(name);
    Ok(json!({}))
}

/// Roles as IAM lists them: without some of what GetRole answers.
fn list_roles(here: &Here<'_>, input: &Input) -> Value {
    let prefix = input.opt("PathPrefix").unwrap_or("/");
    let all = here.account.roles.values().filter(|role| role.str("Path").starts_with(prefix)).map(|role| {
        let mut body = role.body.clone();
        merge(&mut body, json!({"PermissionsBoundary": null}));
        body
    });
    paged("Roles", all.collect(), input)
}
