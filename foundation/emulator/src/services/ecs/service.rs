//! Services: what shall run, and the calls that change it. How it comes to run is in `rollout`.

use super::{client, cluster_of, includes, invalid, is_name, last, most, pace, rollout, tags, task_definition, text};
use crate::call::{AwsError, Input};
use crate::services::{Answer, elbv2, scaling};
use crate::table::{Item, copy, merge, page, tags_out};
use crate::world::{ACCOUNT, Here, Region};
use serde_json::{Value, json};
use std::time::Duration;

/// A deleted service from `DRAINING` to `INACTIVE`.
const DRAIN: Duration = Duration::from_secs(60);

/// What CreateService and UpdateService take over as it is.
const FIELDS: &[&str] = &[
    "availabilityZoneRebalancing",
    "capacityProviderStrategy",
    "enableECSManagedTags",
    "enableExecuteCommand",
    "healthCheckGracePeriodSeconds",
    "loadBalancers",
    "placementConstraints",
    "placementStrategy",
    "platformVersion",
    "propagateTags",
    "serviceRegistries",
];

/// A change of one of these starts a new deployment.
const ROLLING: &[&str] = &["taskDefinition", "networkConfiguration", "enableExecuteCommand", "loadBalancers", "platformVersion"];

fn not_found() -> AwsError {
    AwsError::bad("ServiceNotFoundException", "Service not found.")
}

pub(super) fn create(here: &mut Here<'_>, input: &Input) -> Answer {
    let cluster = cluster_of(here.region, input)?;
    let name = input.str("serviceName")?;
    if !is_name(name) {
        return Err(invalid("Service name contains invalid characters."));
    }
    let key = format!("{cluster}/{name}");
    let there = here.region.services.get(&key);
    match there.map(|it| it.str("status")) {
        Some("ACTIVE") if there.is_some_and(|it| is_same(it, input)) => return answer(here, &key),
        Some("ACTIVE") => return Err(invalid("Creation of service was not idempotent.")),
        Some("DRAINING") => return Err(invalid("Unable to Start a service that is still Draining.")),
        _ => {}
    }
    let tags = tags(input)?;
    let mut body = fresh(here, input, &key);
    merge(&mut body, copy(input, FIELDS));
    apply(here, input, &mut body)?;
    body["desiredCount"] = json!(wanted_count(here.region, input, &key, None)?);
    check(here.region, &body)?;
    let mut item = Item::new(body, tags);
    item.inside = json!({"token": input.opt("clientToken"), "request": input.0, "pace": pace(here)});
    here.region.services.insert(key.clone(), item);
    rollout::start(here.region, here.ids, &key, here.clock.now());
    answer(here, &key)
}

/// Whether the service came from the same request: the same token and the same parameters.
fn is_same(there: &Item, input: &Input) -> bool {
    input.opt("clientToken").is_some() && there.inside["request"] == input.0
}

/// A service with AWS's defaults.
fn fresh(here: &Here<'_>, input: &Input, key: &str) -> Value {
    let (cluster, name) = key.split_once('/').unwrap_or_default();
    let mut body = json!({
        "serviceArn": here.arn("ecs", &format!("service/{key}")), "serviceName": name, "clusterArn": here.arn("ecs", &format!("cluster/{cluster}")),
        "status": "ACTIVE", "desiredCount": 0, "runningCount": 0, "pendingCount": 0, "launchType": input.opt("launchType").unwrap_or("EC2"),
        "loadBalancers": [], "serviceRegistries": [], "placementConstraints": [], "placementStrategy": [], "events": [], "deployments": [],
        "schedulingStrategy": input.opt("schedulingStrategy").unwrap_or("REPLICA"), "propagateTags": "NONE", "enableECSManagedTags": false,
        "enableExecuteCommand": false, "createdAt": here.clock.now(), "createdBy": format!("arn:aws:iam::{ACCOUNT}:root"),
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": {"enable": false, "rollback": false}, "maximumPercent": 200, "minimumHealthyPercent": 100,
        },
    });
    if input.opt("launchType") == Some("FARGATE") {
        merge(&mut body, json!({"platformVersion": "LATEST", "platformFamily": "Linux"}));
    }
    if !input.list("loadBalancers").is_empty() {
        let role = format!("arn:aws:iam::{ACCOUNT}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS");
        merge(&mut body, json!({"healthCheckGracePeriodSeconds": 0, "roleArn": role}));
    }
    merge(&mut body, copy(input, &["deploymentController"]));
    body
}

/// Takes over what needs more than a copy: the task definition's ARN, the network's defaults, a part of the deployment's settings.
fn apply(here: &Here<'_>, input: &Input, body: &mut Value) -> Result<(), AwsError> {
    if let Some(name) = input.opt("taskDefinition") {
        let found = task_definition::find(here.region, name).ok_or_else(|| client("TaskDefinition not found."))?;
        if found.str("status") != "ACTIVE" {
            return Err(client("TaskDefinition is inactive"));
        }
        takes_roles(here, found)?;
        body["taskDefinition"] = json!(found.str("taskDefinitionArn"));
    }
    if let Some(given) = input.part("networkConfiguration").and_then(|it| it.part("awsvpcConfiguration")) {
        let mut network = json!({"subnets": [], "securityGroups": [], "assignPublicIp": "DISABLED"});
        merge(&mut network, given.0);
        body["networkConfiguration"] = json!({"awsvpcConfiguration": network});
    }
    if let Some(given) = input.part("deploymentConfiguration") {
        merge(&mut body["deploymentConfiguration"], given.0);
    }
    Ok(())
}

/// IAM tells the other services of a new role a while later.
fn takes_roles(here: &Here<'_>, definition: &Item) -> Result<(), AwsError> {
    let known = |field: &str| {
        let role = here.account.roles.get(last(definition.str(field)))?;
        role.inside["known"].as_f64()
    };
    if ["taskRoleArn", "executionRoleArn"].into_iter().filter_map(known).any(|known| here.clock.now() < known) {
        return Err(invalid("Unable to assume role. Please verify that the ECS service role being passed has the proper permissions."));
    }
    Ok(())
}

/// How many tasks the request wants, within the bounds of a scalable target.
fn wanted_count(region: &Region, input: &Input, key: &str, before: Option<i64>) -> Result<i64, AwsError> {
    let count = input.int("desiredCount").or(before).ok_or_else(|| invalid("desiredCount must be specified for the REPLICA strategy."))?;
    if count < 0 {
        return Err(invalid("desiredCount must not be negative."));
    }
    Ok(scaling::clamp(region, &format!("service/{key}"), count))
}

/// Whether AWS would run the service so.
fn check(region: &Region, body: &Value) -> Result<(), AwsError> {
    let definition = task_definition::find(region, text(body, "taskDefinition")).ok_or_else(|| client("TaskDefinition not found."))?;
    let launch = text(body, "launchType");
    if !definition.body["compatibilities"].as_array().is_some_and(|all| all.contains(&json!(launch))) {
        return Err(invalid(format!("Task definition does not support launch_type {launch}.")));
    }
    let percent = |name: &str| body["deploymentConfiguration"][name].as_i64().unwrap_or_default();
    if percent("maximumPercent") <= 100 && percent("minimumHealthyPercent") >= 100 {
        return Err(invalid("Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments."));
    }
    if body["enableExecuteCommand"] == json!(true) && definition.str("taskRoleArn").is_empty() {
        return Err(invalid(
            "The service couldn't be created because a valid taskRoleArn is not being used. Specify a valid task role in your task definition and try again.",
        ));
    }
    if definition.str("networkMode") == "awsvpc" {
        check_network(region, &body["networkConfiguration"]["awsvpcConfiguration"])?;
    } else if body.get("networkConfiguration").is_some() {
        return Err(invalid("Network Configuration is not valid for the given networkMode of this task definition."));
    }
    check_balancers(region, body, definition)
}

fn check_network(region: &Region, network: &Value) -> Result<(), AwsError> {
    let network = Input(network.clone());
    let (subnets, groups) = (network.strings("subnets"), network.strings("securityGroups"));
    if network.0.is_null() {
        return Err(invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified."));
    }
    if subnets.is_empty() || subnets.len() > 16 || groups.len() > 5 {
        return Err(invalid("awsvpcConfiguration takes 1 to 16 subnets and at most 5 security groups."));
    }
    if let Some(id) = subnets.iter().find(|id| !region.ec2.subnets.contains_key(*id)) {
        return Err(invalid(format!(
            "Error retrieving subnet information for [{id}]: The subnet ID '{id}' does not exist (ErrorCode: InvalidSubnetID.NotFound)"
        )));
    }
    if let Some(id) = groups.iter().find(|id| !region.ec2.security_groups.contains_key(*id)) {
        return Err(invalid(format!(
            "Error retrieving security group information for [{id}]: The security group '{id}' does not exist (ErrorCode: InvalidGroup.NotFound)"
        )));
    }
    let vpcs = |id: &String| region.ec2.subnets.get(id).map(|it| it.vpc.as_str());
    let vpc = subnets.first().and_then(vpcs);
    let apart =
        subnets.iter().any(|id| vpcs(id) != vpc) || groups.iter().any(|id| Some(region.ec2.security_groups[id].vpc.as_str()) != vpc);
    if apart { Err(invalid("The subnets and security groups of a service must belong to the same VPC.")) } else { Ok(()) }
}

fn check_balancers(region: &Region, body: &Value, definition: &Item) -> Result<(), AwsError> {
    let balancers = Input(body.clone()).parts("loadBalancers");
    if balancers.is_empty() && body["healthCheckGracePeriodSeconds"].as_i64().is_some_and(|seconds| seconds > 0) {
        return Err(invalid("Health check grace period is only valid for services configured to use load balancers"));
    }
    let containers = Input(definition.body.clone()).parts("containerDefinitions");
    for balancer in balancers {
        let (arn, name) = (balancer.opt("targetGroupArn").unwrap_or_default(), balancer.opt("containerName").unwrap_or_default());
        let port = balancer.int("containerPort");
        let container = containers.iter().find(|it| it.opt("name") == Some(name));
        let container = container.ok_or_else(|| invalid(format!("The container {name} does not exist in the task definition.")))?;
        if port.is_none() || !container.parts("portMappings").iter().any(|it| it.int("containerPort") == port) {
            let port = port.unwrap_or_default();
            return Err(invalid(format!("The container {name} did not have a container port {port} defined.")));
        }
        if !elbv2::has_listener(region, arn) {
            return Err(invalid(format!("The target group with targetGroupArn {arn} does not have an associated load balancer.")));
        }
        let kind = region.target_groups.get(arn).map_or("ip", |group| group.str("TargetType"));
        if definition.str("networkMode") == "awsvpc" && kind != "ip" {
            return Err(invalid(format!(
                "The provided target group {arn} has target type {kind}, which is incompatible with the awsvpc network mode specified in the task definition."
            )));
        }
    }
    Ok(())
}

fn answer(here: &Here<'_>, key: &str) -> Answer {
    let found = here.region.services.get(key).ok_or_else(not_found)?;
    Ok(json!({"service": shown(here.region, found, true)}))
}

/// A service as it is described, with its counts of now.
fn shown(region: &Region, service: &Item, with_tags: bool) -> Value {
    let mut body = service.body.clone();
    let (mut running, mut pending) = (0, 0);
    for deployment in body["deployments"].as_array_mut().into_iter().flatten() {
        let id = text(deployment, "id").to_owned();
        let count = |status: &str| region.tasks.values().filter(|it| it.str("startedBy") == id && it.str("lastStatus") == status).count();
        let (now, soon) = (count("RUNNING"), count("PENDING"));
        merge(deployment, json!({"runningCount": now, "pendingCount": soon}));
        running += now;
        pending += soon;
    }
    merge(&mut body, json!({"runningCount": running, "pendingCount": pending}));
    if with_tags {
        body["tags"] = tags_out(&service.tags, "key", "value");
    }
    body
}

/// The key of the service that a request means.
fn key(here: &Here<'_>, input: &Input) -> Result<String, AwsError> {
    let key = format!("{}/{}", cluster_of(here.region, input)?, last(input.str("service")?));
    if here.region.services.contains_key(&key) { Ok(key) } else { Err(not_found()) }
}

pub(super) fn describe(here: &Here<'_>, input: &Input) -> Answer {
    let (cluster, names) = (cluster_of(here.region, input)?, input.strings("services"));
    if names.is_empty() || names.len() > 10 {
        return Err(invalid("Between 1 and 10 services can be described in one call."));
    }
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        let key = format!("{cluster}/{}", last(&name));
        match here.region.services.get(&key) {
            Some(service) => found.push(shown(here.region, service, includes(input, "TAGS"))),
            None => failures.push(json!({"arn": here.arn("ecs", &format!("service/{key}")), "reason": "MISSING"})),
        }
    }
    Ok(json!({"services": found, "failures": failures}))
}

pub(super) fn update(here: &mut Here<'_>, input: &Input) -> Answer {
    let (key, now) = (key(here, input)?, here.clock.now());
    let there = here.region.services.get(&key).ok_or_else(not_found)?;
    if there.str("status") != "ACTIVE" {
        return Err(AwsError::bad("ServiceNotActiveException", "Service was not ACTIVE."));
    }
    let mut body = there.body.clone();
    merge(&mut body, copy(input, FIELDS));
    apply(here, input, &mut body)?;
    body["desiredCount"] = json!(wanted_count(here.region, input, &key, there.body["desiredCount"].as_i64())?);
    check(here.region, &body)?;
    let rolls = input.bool("forceNewDeployment") == Some(true) || ROLLING.iter().any(|name| body[*name] != there.body[*name]);
    let pace = pace(here);
    let service = here.region.services.get_mut(&key).ok_or_else(not_found)?;
    service.body = body;
    service.inside["pace"] = json!(pace);
    if rolls {
        rollout::start(here.region, here.ids, &key, now);
    } else {
        rollout::fill(here.region, here.ids, &key, now);
    }
    answer(here, &key)
}

pub(super) fn delete(here: &mut Here<'_>, input: &Input) -> Answer {
    let (key, now, gone) = (key(here, input)?, here.clock.now(), here.clock.after(DRAIN));
    let pace = pace(here);
    let service = here.region.services.get_mut(&key).ok_or_else(not_found)?;
    if service.str("status") != "ACTIVE" {
        return answer(here, &key);
    }
    if service.body["desiredCount"].as_i64() > Some(0) && input.bool("force") != Some(true) {
        return Err(invalid("The service cannot be stopped while it is scaled above 0."));
    }
    service.set(json!({"status": "DRAINING", "desiredCount": 0}));
    service.later(gone, json!({"status": "INACTIVE", "deployments": []}));
    service.inside["pace"] = json!(pace);
    rollout::end(here.region, &key, now);
    answer(here, &key)
}

pub(super) fn list(here: &Here<'_>, input: &Input) -> Answer {
    let cluster = here.arn("ecs", &format!("cluster/{}", cluster_of(here.region, input)?));
    let is = |it: &Item, name: &str| input.opt(name).is_none_or(|wanted| it.str(name) == wanted);
    let of = |it: &&Item| it.str("clusterArn") == cluster && it.str("status") == "ACTIVE";
    let found = here.region.services.values().filter(of).filter(|it| is(it, "launchType") && is(it, "schedulingStrategy"));
    let all = found.map(|it| json!(it.str("serviceArn"))).collect();
    Ok(page("serviceArns", all, input.opt("nextToken"), most(input, 10), "nextToken"))
}

/// Brings the service `service/cluster/name` into the bounds of its scalable target.
pub(crate) fn rescale(here: &mut Here<'_>, resource: &str) {
    let key = resource.strip_prefix("service/").unwrap_or(resource);
    let Some(before) = here.region.services.get(key).and_then(|it| it.body["desiredCount"].as_i64()) else { return };
    let (count, pace, now) = (scaling::clamp(here.region, resource, before), pace(here), here.clock.now());
    if count != before
        && let Some(service) = here.region.services.get_mut(key)
    {
        service.set(json!({"desiredCount": count}));
        service.inside["pace"] = json!(pace);
        rollout::fill(here.region, here.ids, key, now);
        rollout::settle(here);
    }
}
