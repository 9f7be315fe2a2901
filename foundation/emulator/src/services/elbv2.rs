//! Elastic Load Balancing v2: application load balancers, target groups, listeners.

mod balancer;
mod listener;
mod target;

use super::{Answer, unknown};
use crate::call::{AwsError, Call, Input};
use crate::table::{Item, Table, merge, page, tags_in, tags_out};
use crate::world::{Here, Region};
use serde_json::{Value, json};

pub(crate) use target::{deregister, register};

/// Hands a call to its operation.
///
/// # Errors
/// AWS's error.
pub(crate) fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    let input = &call.input;
    match call.action.as_str() {
        "CreateLoadBalancer" => balancer::create(here, input),
        "DescribeLoadBalancers" => balancer::describe(here, input),
        "DescribeLoadBalancerAttributes" => attributes(&here.region.load_balancers, input, "LoadBalancerArn", "LoadBalancerNotFound"),
        "ModifyLoadBalancerAttributes" => {
            let table = &mut here.region.load_balancers;
            modify_attributes(table, input, "LoadBalancerArn", "LoadBalancerNotFound", balancer::ATTRIBUTES)
        }
        "SetSecurityGroups" => balancer::set_security_groups(here, input),
        "SetSubnets" => balancer::set_subnets(here, input),
        "DeleteLoadBalancer" => balancer::delete(here, input),
        "CreateTargetGroup" => target::create(here, input),
        "DescribeTargetGroups" => target::describe(here, input),
        "ModifyTargetGroup" => target::modify(here, input),
        "DescribeTargetGroupAttributes" => attributes(&here.region.target_groups, input, "TargetGroupArn", "TargetGroupNotFound"),
        "ModifyTargetGroupAttributes" => {
            let table = &mut here.region.target_groups;
            modify_attributes(table, input, "TargetGroupArn", "TargetGroupNotFound", target::ATTRIBUTES)
        }
        "DeleteTargetGroup" => target::delete(here, input),
        "RegisterTargets" => target::register_call(here, input, true),
        "DeregisterTargets" => target::register_call(here, input, false),
        "DescribeTargetHealth" => target::health(here, input),
        "CreateListener" => listener::create(here, input),
        "DescribeListeners" => listener::describe(here, input),
        "DescribeListenerAttributes" => {
            item(here.region, input.str("ListenerArn")?)?;
            Ok(json!({"Attributes": []}))
        }
        "ModifyListener" => listener::modify(here, input),
        "DeleteListener" => listener::delete(here, input),
        "AddTags" => change_tags(here.region, input, true),
        "RemoveTags" => change_tags(here.region, input, false),
        "DescribeTags" => describe_tags(here.region, input),
        _ => Err(unknown(call)),
    }
}

fn missing(code: &str, what: &str) -> AwsError {
    AwsError::bad(code, format!("One or more of '{what}' not found"))
}

/// Names of balancers and target groups: at most 32 letters, digits and hyphens, no hyphen at an end.
fn check_name(name: &str) -> Result<(), AwsError> {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if name.is_empty() || name.len() > 32 || !plain || name.starts_with('-') || name.ends_with('-') {
        let problem = format!("'{name}' must have at most 32 letters, digits and hyphens and must not begin or end with a hyphen");
        return Err(AwsError::bad("ValidationError", problem));
    }
    Ok(())
}

fn key_values(map: &Value) -> Value {
    map.as_object().into_iter().flatten().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

fn attributes(table: &Table, input: &Input, arn: &str, code: &str) -> Answer {
    let arn = input.str(arn)?;
    let found = table.get(arn).ok_or_else(|| missing(code, arn))?;
    Ok(json!({"Attributes": key_values(&found.inside["attributes"])}))
}

fn modify_attributes(table: &mut Table, input: &Input, arn: &str, code: &str, known: &[(&str, &str)]) -> Answer {
    let arn = input.str(arn)?;
    let found = table.get_mut(arn).ok_or_else(|| missing(code, arn))?;
    let wanted = input.parts("Attributes");
    for attribute in &wanted {
        let key = attribute.str("Key")?;
        if !known.iter().any(|(name, _)| *name == key) {
            return Err(AwsError::bad("InvalidConfigurationRequest", format!("Attribute key '{key}' is not recognized")));
        }
    }
    for attribute in &wanted {
        merge(&mut found.inside["attributes"], json!({attribute.str("Key")?: attribute.opt("Value").unwrap_or_default()}));
    }
    Ok(json!({"Attributes": key_values(&found.inside["attributes"])}))
}

/// The attributes that AWS gives a new object.
fn defaults(known: &[(&str, &str)]) -> Value {
    Value::Object(known.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect())
}

fn item<'a>(region: &'a mut Region, arn: &str) -> Result<&'a mut Item, AwsError> {
    let (found, code) = if arn.contains(":loadbalancer/") {
        (region.load_balancers.get_mut(arn), "LoadBalancerNotFound")
    } else if arn.contains(":targetgroup/") {
        (region.target_groups.get_mut(arn), "TargetGroupNotFound")
    } else {
        (region.listeners.get_mut(arn), "ListenerNotFound")
    };
    found.ok_or_else(|| missing(code, arn))
}

fn change_tags(region: &mut Region, input: &Input, add: bool) -> Answer {
    let (tags, keys) = (tags_in(input, "Tags", "Key", "Value"), input.strings("TagKeys"));
    for arn in input.strings("ResourceArns") {
        let found = item(region, &arn)?;
        if add {
            found.tags.extend(tags.clone());
        } else {
            found.tags.retain(|key, _| !keys.contains(key));
        }
    }
    Ok(json!({}))
}

fn describe_tags(region: &mut Region, input: &Input) -> Answer {
    let arns = input.strings("ResourceArns");
    if arns.len() > 20 {
        return Err(AwsError::bad("ValidationError", "At most 20 resources can be described at once"));
    }
    let mut all = Vec::new();
    for arn in arns {
        let tags = tags_out(&item(region, &arn)?.tags, "Key", "Value");
        all.push(json!({"ResourceArn": arn, "Tags": tags}));
    }
    Ok(json!({"TagDescriptions": all}))
}

/// One page of a Describe call.
fn paged(input: &Input, set: &str, all: Vec<Value>) -> Value {
    page(set, all, input.opt("Marker"), input.int("PageSize").unwrap_or(400).clamp(1, 400) as usize, "NextMarker")
}

/// Whether a listener forwards to the target group.
pub(crate) fn has_listener(region: &Region, group: &str) -> bool {
    region.listeners.values().any(|listener| listener.body["DefaultActions"].to_string().contains(group))
}
