//! Target groups and the health of what registers in them.

use super::{check_name, defaults, has_listener, missing, paged};
use crate::call::{AwsError, Input};
use crate::durations::TARGET_HEALTHY;
use crate::services::Answer;
use crate::table::{Item, copy, merge, tags_in};
use crate::world::Here;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The attributes of a target group with AWS's defaults.
pub(super) const ATTRIBUTES: &[(&str, &str)] = &[
    ("deregistration_delay.timeout_seconds", "300"),
    ("load_balancing.algorithm.anomaly_mitigation", "off"),
    ("load_balancing.algorithm.type", "round_robin"),
    ("load_balancing.cross_zone.enabled", "use_load_balancer_configuration"),
    ("slow_start.duration_seconds", "0"),
    ("stickiness.app_cookie.cookie_name", ""),
    ("stickiness.app_cookie.duration_seconds", "86400"),
    ("stickiness.enabled", "false"),
    ("stickiness.lb_cookie.duration_seconds", "86400"),
    ("stickiness.type", "lb_cookie"),
    ("target_group_health.dns_failover.minimum_healthy_targets.count", "1"),
    ("target_group_health.dns_failover.minimum_healthy_targets.percentage", "off"),
    ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "1"),
    ("target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "off"),
];

/// What can be changed after the create.
const CHECKS: &[&str] = &[
    "HealthCheckProtocol",
    "HealthCheckPort",
    "HealthCheckPath",
    "HealthCheckEnabled",
    "HealthCheckIntervalSeconds",
    "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount",
    "UnhealthyThresholdCount",
    "Matcher",
];

fn check(body: &Value) -> Result<(), AwsError> {
    let input = Input(body.clone());
    let (interval, timeout) = (input.int("HealthCheckIntervalSeconds").unwrap_or(30), input.int("HealthCheckTimeoutSeconds").unwrap_or(5));
    let counts = ["HealthyThresholdCount", "UnhealthyThresholdCount"].map(|name| input.int(name).unwrap_or(2));
    match () {
        () if !(5..=300).contains(&interval) => Err(AwsError::bad("ValidationError", "Health check interval must be between 5 and 300")),
        () if timeout >= interval => Err(AwsError::bad("ValidationError", "Health check timeout must be smaller than the interval")),
        () if counts.iter().any(|count| !(2..=10).contains(count)) => {
            Err(AwsError::bad("ValidationError", "Health check thresholds must be between 2 and 10"))
        }
        () => Ok(()),
    }
}

pub(super) fn create(here: &mut Here<'_>, input: &Input) -> Answer {
    let name = input.str("Name")?.to_owned();
    check_name(&name)?;
    let vpc = input.str("VpcId")?;
    if !here.region.ec2.vpcs.contains_key(vpc) {
        return Err(AwsError::bad("ValidationError", format!("The VPC ID '{vpc}' is not found")));
    }
    let mut body = json!({
        "TargetGroupName": name, "ProtocolVersion": "HTTP1", "TargetType": "instance", "HealthCheckProtocol": "HTTP",
        "HealthCheckPort": "traffic-port", "HealthCheckPath": "/", "HealthCheckEnabled": "true", "HealthCheckIntervalSeconds": "30",
        "HealthCheckTimeoutSeconds": "5", "HealthyThresholdCount": "5", "UnhealthyThresholdCount": "2", "Matcher": {"HttpCode": "200"},
        "IpAddressType": "ipv4",
    });
    merge(&mut body, copy(input, CHECKS));
    merge(&mut body, copy(input, &["Protocol", "ProtocolVersion", "Port", "VpcId", "TargetType", "IpAddressType"]));
    check(&body)?;
    if let Some(there) = here.region.target_groups.values().find(|it| it.str("TargetGroupName") == name) {
        let mut same = there.body.clone();
        merge(&mut same, json!({"TargetGroupArn": null}));
        if same == body {
            return Ok(json!({"TargetGroups": [there.body]}));
        }
        let problem = format!("A target group with the same name '{name}' exists, but with different settings");
        return Err(AwsError::bad("DuplicateTargetGroupName", problem));
    }
    let tail = super::balancer::digits(here);
    let arn = here.arn("elasticloadbalancing", &format!("targetgroup/{name}/{tail}"));
    body["TargetGroupArn"] = json!(arn);
    let mut item = Item::new(body.clone(), tags_in(input, "Tags", "Key", "Value"));
    item.inside = json!({"attributes": defaults(ATTRIBUTES), "targets": []});
    here.region.target_groups.insert(arn, item);
    Ok(json!({"TargetGroups": [body]}))
}

pub(super) fn describe(here: &Here<'_>, input: &Input) -> Answer {
    let (names, arns, balancer) = (input.strings("Names"), input.strings("TargetGroupArns"), input.opt("LoadBalancerArn"));
    let table = &here.region.target_groups;
    let known = |name: &String| table.values().any(|it| it.str("TargetGroupName") == name);
    if let Some(lost) = names.iter().find(|name| !known(name)).or(arns.iter().find(|arn| !table.contains_key(*arn))) {
        return Err(missing("TargetGroupNotFound", lost));
    }
    let of = |arn: &str| -> BTreeSet<String> {
        let forwards = here.region.listeners.values().filter(|it| it.body["DefaultActions"].to_string().contains(arn));
        forwards.map(|it| it.str("LoadBalancerArn").to_owned()).collect()
    };
    let mut found = Vec::new();
    for it in table.values() {
        let balancers = of(it.str("TargetGroupArn"));
        let named = names.is_empty() || names.iter().any(|name| name == it.str("TargetGroupName"));
        let listed = arns.is_empty() || arns.iter().any(|arn| arn == it.str("TargetGroupArn"));
        if named && listed && balancer.is_none_or(|arn| balancers.iter().any(|it| it == arn)) {
            let mut body = it.body.clone();
            body["LoadBalancerArns"] = balancers.into_iter().collect();
            found.push(body);
        }
    }
    Ok(paged(input, "TargetGroups", found))
}

fn group<'a>(here: &'a mut Here<'_>, arn: &str) -> Result<&'a mut Item, AwsError> {
    here.region.target_groups.get_mut(arn).ok_or_else(|| missing("TargetGroupNotFound", arn))
}

pub(super) fn modify(here: &mut Here<'_>, input: &Input) -> Answer {
    let found = group(here, input.str("TargetGroupArn")?)?;
    let mut body = found.body.clone();
    merge(&mut body, copy(input, CHECKS));
    check(&body)?;
    found.body = body.clone();
    Ok(json!({"TargetGroups": [body]}))
}

pub(super) fn delete(here: &mut Here<'_>, input: &Input) -> Answer {
    let arn = input.str("TargetGroupArn")?;
    if has_listener(here.region, arn) {
        return Err(AwsError::bad("ResourceInUse", format!("Target group '{arn}' is currently in use by a listener or a rule")));
    }
    here.region.target_groups.remove(arn);
    Ok(json!({}))
}

/// Lets an address take part: healthy after its checks, or not, if it answers them with this code.
pub(crate) fn register(here: &mut Here<'_>, arn: &str, ip: &str, port: i64, answers: Option<u16>) {
    let healthy = here.clock.after(TARGET_HEALTHY);
    if let Some(targets) = here.region.target_groups.get_mut(arn).and_then(|it| it.inside["targets"].as_array_mut()) {
        targets.retain(|it| it["Id"] != ip || it["Port"] != json!(port));
        targets.push(json!({"Id": ip, "Port": port, "healthy": healthy, "answers": answers}));
    }
}

/// Takes an address out.
pub(crate) fn deregister(here: &mut Here<'_>, arn: &str, ip: &str, port: i64) {
    if let Some(targets) = here.region.target_groups.get_mut(arn).and_then(|it| it.inside["targets"].as_array_mut()) {
        targets.retain(|it| it["Id"] != ip || it["Port"] != json!(port));
    }
}

pub(super) fn register_call(here: &mut Here<'_>, input: &Input, add: bool) -> Answer {
    let arn = input.str("TargetGroupArn")?.to_owned();
    let port = Input(group(here, &arn)?.body.clone()).int("Port").unwrap_or(80);
    for target in input.parts("Targets") {
        let (ip, port) = (target.str("Id")?.to_owned(), target.int("Port").unwrap_or(port));
        if add { register(here, &arn, &ip, port, None) } else { deregister(here, &arn, &ip, port) }
    }
    Ok(json!({}))
}

pub(super) fn health(here: &mut Here<'_>, input: &Input) -> Answer {
    let (now, arn) = (here.clock.now(), input.str("TargetGroupArn")?.to_owned());
    let used = has_listener(here.region, &arn);
    let render = |it: &Value| {
        let state = match () {
            () if !used => {
                json!({"State": "unused", "Reason": "Target.NotInUse", "Description": "Target group is not configured to receive traffic"})
            }
            () if it["healthy"].as_f64().is_some_and(|at| at <= now) => match it["answers"].as_u64() {
                None => json!({"State": "healthy"}),
                Some(code) => {
                    let description = format!("Health checks failed with these codes: [{code}]");
                    json!({"State": "unhealthy", "Reason": "Target.ResponseCodeMismatch", "Description": description})
                }
            },
            () => json!({"State": "initial", "Reason": "Elb.RegistrationInProgress", "Description": "Target registration is in progress"}),
        };
        json!({"Target": {"Id": it["Id"], "Port": it["Port"]}, "HealthCheckPort": it["Port"].to_string(), "TargetHealth": state})
    };
    let all: Vec<Value> = group(here, &arn)?.inside["targets"].as_array().into_iter().flatten().map(render).collect();
    Ok(json!({"TargetHealthDescriptions": all}))
}
