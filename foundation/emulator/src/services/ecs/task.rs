//! Tasks: each holds a network interface while it runs and a little longer. A stopped one can be described for an hour.

use super::fate::{self, Fate, START};
use super::{cluster_of, includes, invalid, last, most, rollout, text};
use crate::call::Input;
use crate::services::{Answer, logs};
use crate::table::{Item, Tags, page, tags_out};
use crate::world::{Here, Ids, Region};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// From the wish to stop to `STOPPED`, in seconds.
const STOP: f64 = 30.0;
/// How long its network interface outlives it, in seconds.
const DETACH: f64 = 30.0;
/// How long a stopped task can be described, in seconds.
const REMEMBERED: f64 = 3600.0;

fn pace(item: &Item) -> f64 {
    item.inside["pace"].as_f64().unwrap_or(1.0)
}

/// The deployments that have a running task.
pub(super) fn running(region: &Region) -> BTreeSet<String> {
    let runs = region.tasks.values().filter(|it| it.str("lastStatus") == "RUNNING" && it.str("desiredStatus") == "RUNNING");
    runs.map(|it| it.str("startedBy").to_owned()).collect()
}

/// The tasks of a deployment that run or shall run, the oldest first.
pub(super) fn live(region: &Region, deployment: &str) -> Vec<String> {
    let of = |it: &&Item| it.str("startedBy") == deployment && it.str("desiredStatus") == "RUNNING";
    let mut found: Vec<&Item> = region.tasks.values().filter(of).collect();
    found.sort_by(|a, b| a.body["createdAt"].as_f64().partial_cmp(&b.body["createdAt"].as_f64()).unwrap_or(std::cmp::Ordering::Equal));
    found.into_iter().map(|it| it.str("taskArn").to_owned()).collect()
}

/// Starts a task of a service's primary deployment and returns its id; `None` when no subnet has room for it.
pub(super) fn launch(region: &mut Region, ids: &mut Ids, key: &str, at: f64) -> Option<String> {
    let service = region.services.get(key)?;
    let (deployment, pace) = (service.body["deployments"][0].clone(), pace(service));
    let definition = region.task_definitions.get(last(text(&deployment, "taskDefinition")))?;
    let id = ids.uuid().replace('-', "");
    let arn = format!("{}/{id}", service.str("clusterArn").replace(":cluster/", ":task/"));
    let mut body = json!({
        "taskArn": arn, "clusterArn": service.str("clusterArn"), "taskDefinitionArn": deployment["taskDefinition"],
        "group": format!("service:{}", service.str("serviceName")), "startedBy": deployment["id"], "launchType": deployment["launchType"],
        "desiredStatus": "RUNNING", "lastStatus": "PENDING", "createdAt": at, "version": 1, "attachments": [], "healthStatus": "UNKNOWN",
        "enableExecuteCommand": service.body["enableExecuteCommand"], "containers": containers(definition, &arn, ids), "overrides": {},
    });
    if deployment["launchType"] == json!("FARGATE") {
        crate::table::merge(&mut body, json!({"platformVersion": "1.4.0", "platformFamily": "Linux"}));
    }
    for name in ["cpu", "memory", "ephemeralStorage"] {
        crate::table::merge(&mut body, json!({name: definition.body[name]}));
    }
    let mut item = Item::new(body, tags(service, definition));
    let fate = fate::of(&definition.body).0;
    let ends = fate.lifetime(region, service, &definition.body).map(|lifetime| at + lifetime * pace);
    item.inside = json!({"service": key, "pace": pace, "targets": service.body["loadBalancers"], "fate": fate.word(), "ends": ends});
    item.inside["secrets"] = injected(region, &definition.body);
    let network = &deployment["networkConfiguration"]["awsvpcConfiguration"];
    let writers = logs::Writer::of(&definition.body, &arn, fate.word(), at + START * pace, pace);
    if fate != Fate::Broken {
        let mut running = json!({"lastStatus": "RUNNING", "startedAt": at + START * pace, "connectivity": "CONNECTED"});
        if fate != Fate::Sick && checks_health(&definition.body) {
            running["healthStatus"] = json!("HEALTHY");
        }
        item.later(at + START * pace, running);
        if !network.is_null() {
            let network = Input(network.clone());
            attach(region, ids, &mut item, &network)?;
        }
        writers.iter().for_each(|writer| writer.open(region));
    }
    region.tasks.insert(arn, item);
    Some(id)
}

/// The secrets that a task is started with: each variable's parameter and its version of now. Later versions do not reach it.
fn injected(region: &Region, definition: &Value) -> Value {
    let containers = definition["containerDefinitions"].as_array().into_iter().flatten();
    let secrets = containers.flat_map(|container| container["secrets"].as_array().into_iter().flatten());
    let found = secrets.filter_map(|secret| {
        let from = text(secret, "valueFrom");
        let parameter = region.parameters.values().find(|it| it.str("ARN") == from || it.str("Name") == from)?;
        Some((text(secret, "name").to_owned(), json!({"parameter": parameter.str("Name"), "version": parameter.body["Version"]})))
    });
    Value::Object(found.collect())
}

fn checks_health(definition: &Value) -> bool {
    definition["containerDefinitions"].as_array().into_iter().flatten().any(|container| container.get("healthCheck").is_some())
}

fn containers(definition: &Item, task: &str, ids: &mut Ids) -> Value {
    let all = definition.body["containerDefinitions"].as_array().into_iter().flatten();
    let container = |it: &Value| {
        let id = ids.uuid();
        json!({
            "containerArn": format!("{}/{id}", task.replace(":task/", ":container/")), "taskArn": task, "name": it["name"],
            "image": it["image"], "runtimeId": runtime_id(last(task), &id), "lastStatus": "PENDING", "networkInterfaces": [], "cpu": it["cpu"].to_string(), "healthStatus": "UNKNOWN",
        })
    };
    all.map(container).collect()
}

/// What Fargate calls a container: the task's id and ten digits.
fn runtime_id(task: &str, id: &str) -> String {
    let digits: String = id.bytes().filter(u8::is_ascii_hexdigit).map(|byte| char::from(b'0' + byte % 10)).take(10).collect();
    format!("{task}-{digits}")
}

/// The tags that a task gets from its service or its definition, and those of ECS itself.
fn tags(service: &Item, definition: &Item) -> Tags {
    let mut tags = match service.str("propagateTags") {
        "SERVICE" => service.tags.clone(),
        "TASK_DEFINITION" => definition.tags.clone(),
        _ => Tags::new(),
    };
    if service.body["enableECSManagedTags"] == json!(true) {
        tags.insert("aws:ecs:clusterName".to_owned(), last(service.str("clusterArn")).to_owned());
        tags.insert("aws:ecs:serviceName".to_owned(), service.str("serviceName").to_owned());
    }
    tags
}

/// Gives a task a network interface in the subnet that has the fewest of them.
fn attach(region: &mut Region, ids: &mut Ids, task: &mut Item, network: &Input) -> Option<()> {
    let used = |subnet: &String| region.ec2.interfaces.values().filter(|it| it.str("subnetId") == subnet).count();
    let free = |subnet: String| free_address(region, &subnet).map(|ip| (subnet, ip));
    let mut subnets = network.strings("subnets");
    subnets.sort_by_key(used);
    let (subnet, ip) = subnets.into_iter().find_map(free)?;
    let place = region.ec2.subnets.get(&subnet)?;
    let (vpc, zone) = (place.vpc.clone(), place.zone.clone());
    let mut groups = network.strings("securityGroups");
    if groups.is_empty() {
        let own = region.ec2.security_groups.iter().filter(|(_, it)| it.vpc == vpc && it.name == "default");
        groups.extend(own.map(|(id, _)| id.clone()));
    }
    let (interface, attachment) = (ids.id("eni"), ids.uuid());
    let detail = |name: &str, value: &str| json!({"name": name, "value": value});
    task.set(json!({"availabilityZone": zone, "attachments": [{
        "id": attachment, "type": "ElasticNetworkInterface", "status": "ATTACHED",
        "details": [detail("subnetId", &subnet), detail("networkInterfaceId", &interface), detail("privateIPv4Address", &ip)],
    }]}));
    for container in task.body["containers"].as_array_mut().into_iter().flatten() {
        container["networkInterfaces"] = json!([{"attachmentId": attachment, "privateIpv4Address": ip}]);
    }
    task.inside["ip"] = json!(ip);
    task.inside["interface"] = json!(interface);
    let body = json!({
        "networkInterfaceId": interface, "subnetId": subnet, "vpcId": vpc, "availabilityZone": zone, "groups": groups,
        "description": task.str("taskArn"), "status": "in-use", "privateIpAddress": ip, "interfaceType": "interface", "requesterManaged": true,
    });
    region.ec2.interfaces.insert(interface, Item::new(body, Tags::new()));
    Some(())
}

/// The first address of a subnet that no interface has; AWS keeps the first three.
fn free_address(region: &Region, subnet: &str) -> Option<String> {
    let taken: BTreeSet<&str> = region.ec2.interfaces.values().map(|it| it.str("privateIpAddress")).collect();
    let hosts = region.ec2.subnets.get(subnet)?.cidr.hosts().skip(3).map(|ip| ip.to_string());
    hosts.into_iter().find(|ip| !taken.contains(ip.as_str()))
}

/// A task that is about to stop no longer counts as living, so its tags go where only a description sees them.
fn hide_tags(task: &mut Item) {
    task.inside["tags"] = tags_out(&task.tags, "key", "value");
    task.tags.clear();
}

/// Stops a task; its network interface goes after it.
pub(super) fn halt(region: &mut Region, arn: &str, at: f64, code: &str, reason: &str) {
    let Some(task) = region.tasks.get_mut(arn).filter(|task| task.str("desiredStatus") == "RUNNING") else { return };
    let pace = pace(task);
    let stopped = at + STOP * pace;
    task.next.clear();
    task.set(
        json!({"desiredStatus": "STOPPED", "lastStatus": "DEACTIVATING", "stoppingAt": at, "stopCode": code, "stoppedReason": reason}),
    );
    task.later(stopped, json!({"lastStatus": "STOPPED", "stoppedAt": stopped, "executionStoppedAt": stopped, "connectivity": null}));
    task.later(stopped + REMEMBERED * pace, Value::Null);
    // It was asked to stop, and did in time.
    task.inside["container"] = json!({"exitCode": 0});
    hide_tags(task);
    detach(region, arn, stopped + DETACH * pace);
    logs::close(region, arn, at);
}

/// Ends a task as its fate says.
pub(super) fn end(region: &mut Region, arn: &str, at: f64, fate: Fate, image: &str) {
    let Some(end) = fate.end(image) else {
        let reason = match (fate, region.tasks.get(arn).and_then(|task| task.inside["targets"][0]["targetGroupArn"].as_str())) {
            (Fate::Unhealthy, Some(group)) => format!("Task failed ELB health checks in (target-group {group})"),
            _ => "Task failed container health checks".to_owned(),
        };
        return halt(region, arn, at, "ServiceSchedulerInitiated", &reason);
    };
    let Some(task) = region.tasks.get_mut(arn) else { return };
    task.next.clear();
    task.set(json!({
        "desiredStatus": "STOPPED", "lastStatus": "STOPPED", "stopCode": end.code, "stoppedReason": end.reason, "stoppingAt": at,
        "stoppedAt": at, "executionStoppedAt": at, "connectivity": null,
    }));
    task.inside["container"] = end.container;
    let pace = pace(task);
    task.later(at + REMEMBERED * pace, Value::Null);
    hide_tags(task);
    detach(region, arn, at + DETACH * pace);
    logs::close(region, arn, at);
}

/// Lets the interface of a task go at `at`.
fn detach(region: &mut Region, task: &str, at: f64) {
    let interface = region.tasks.get(task).map(|task| text(&task.inside, "interface").to_owned()).unwrap_or_default();
    if let Some(interface) = region.ec2.interfaces.get_mut(&interface) {
        interface.later(at, Value::Null);
    }
}

/// A task as it is described: its containers are where it is.
fn shown(task: &Item, with_tags: bool) -> Value {
    let mut body = task.body.clone();
    let (status, health) = (body["lastStatus"].clone(), body["healthStatus"].clone());
    let agent = status == json!("RUNNING") && body["enableExecuteCommand"] == json!(true);
    for container in body["containers"].as_array_mut().into_iter().flatten() {
        crate::table::merge(container, json!({"lastStatus": status, "healthStatus": health}));
        if status == json!("STOPPED") {
            crate::table::merge(container, task.inside["container"].clone());
        }
        if agent {
            container["managedAgents"] = json!([{"name": "ExecuteCommandAgent", "lastStatus": "RUNNING"}]);
        }
    }
    body["tags"] = match task.inside.get("tags") {
        _ if !with_tags => json!([]),
        Some(hidden) => hidden.clone(),
        None => tags_out(&task.tags, "key", "value"),
    };
    body
}

pub(super) fn list(here: &Here<'_>, input: &Input) -> Answer {
    let name = cluster_of(here.region, input)?;
    let cluster = here.arn("ecs", &format!("cluster/{name}"));
    let service = input.opt("serviceName").map(|service| format!("{name}/{}", last(service)));
    if service.as_ref().is_some_and(|key| !here.region.services.contains_key(key)) {
        return Err(crate::call::AwsError::bad("ServiceNotFoundException", "Service not found."));
    }
    let wanted = input.opt("desiredStatus").unwrap_or("RUNNING");
    let is = |it: &Item, name: &str| input.opt(name).is_none_or(|wanted| it.str(name) == wanted);
    let family = |it: &Item| last(it.str("taskDefinitionArn")).split(':').next().unwrap_or_default().to_owned();
    let passes = |it: &&Item| {
        it.str("clusterArn") == cluster
            && it.str("desiredStatus") == wanted
            && service.as_deref().is_none_or(|key| text(&it.inside, "service") == key)
            && input.opt("family").is_none_or(|wanted| family(it) == wanted)
            && is(it, "startedBy")
            && is(it, "launchType")
    };
    let all = here.region.tasks.values().filter(passes).map(|it| json!(it.str("taskArn"))).collect();
    Ok(page("taskArns", all, input.opt("nextToken"), most(input, 100), "nextToken"))
}

/// The ARN of the task that a name or ARN means.
fn arn(here: &Here<'_>, cluster: &str, name: &str) -> String {
    here.arn("ecs", &format!("task/{cluster}/{}", last(name)))
}

pub(super) fn describe(here: &Here<'_>, input: &Input) -> Answer {
    let (cluster, names) = (cluster_of(here.region, input)?, input.strings("tasks"));
    if names.is_empty() || names.len() > 100 {
        return Err(invalid("Between 1 and 100 tasks can be described in one call."));
    }
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for name in names {
        let arn = arn(here, &cluster, &name);
        match here.region.tasks.get(&arn) {
            Some(task) => found.push(shown(task, includes(input, "TAGS"))),
            None => failures.push(json!({"arn": arn, "reason": "MISSING"})),
        }
    }
    Ok(json!({"tasks": found, "failures": failures}))
}

pub(super) fn stop(here: &mut Here<'_>, input: &Input) -> Answer {
    let cluster = cluster_of(here.region, input)?;
    let (arn, now) = (arn(here, &cluster, input.str("task")?), here.clock.now());
    let missing = || invalid("The referenced task was not found.");
    let service = here.region.tasks.get(&arn).map(|task| text(&task.inside, "service").to_owned()).ok_or_else(missing)?;
    halt(here.region, &arn, now, "UserInitiated", input.opt("reason").unwrap_or("Task stopped by user"));
    // The service starts another one in its place.
    if here.region.services.get(&service).is_some_and(|it| it.str("status") == "ACTIVE") {
        rollout::fill(here.region, here.ids, &service, now);
    }
    let task = here.region.tasks.get(&arn).ok_or_else(missing)?;
    Ok(json!({"task": shown(task, true)}))
}
