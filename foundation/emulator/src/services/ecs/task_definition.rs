//! Task definitions: every registration is a new revision that never changes.

use super::{client, includes, is_name, last, most, tags, text};
use crate::call::{AwsError, Input};
use crate::services::Answer;
use crate::table::{Item, copy, merge, page, tags_out};
use crate::world::{Here, Region};
use serde_json::{Value, json};

/// What a registration may say beside the family; all of it is answered again.
const FIELDS: &[&str] = &[
    "containerDefinitions",
    "cpu",
    "enableFaultInjection",
    "ephemeralStorage",
    "executionRoleArn",
    "inferenceAccelerators",
    "ipcMode",
    "memory",
    "networkMode",
    "pidMode",
    "placementConstraints",
    "proxyConfiguration",
    "requiresCompatibilities",
    "runtimePlatform",
    "taskRoleArn",
    "volumes",
];

/// Fargate's sizes: CPU units, then least, most and step of the memory in MiB.
const SIZES: &[(i64, i64, i64, i64)] = &[
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16_384, 1024),
    (4096, 8192, 30_720, 1024),
    (8192, 16_384, 61_440, 4096),
    (16_384, 32_768, 122_880, 8192),
];

fn fits_fargate(cpu: i64, memory: i64) -> bool {
    let in_steps =
        |&(size, least, most, step): &(i64, i64, i64, i64)| cpu == size && (least..=most).contains(&memory) && (memory - least) % step == 0;
    (cpu == 256 && [512, 1024, 2048].contains(&memory)) || SIZES.iter().any(in_steps)
}

/// A size as AWS keeps it: `1 vCPU` is 1024, `2 GB` is 2048.
fn size(input: &Input, name: &str, unit: &str) -> Result<Option<i64>, AwsError> {
    let Some(given) = input.opt(name) else { return Ok(None) };
    let lower = given.to_ascii_lowercase();
    let units = lower.strip_suffix(unit).and_then(|number| number.trim().parse::<f64>().ok()).map(|number| (number * 1024.0) as i64);
    let found = units.or_else(|| lower.trim().parse().ok());
    found.map(Some).ok_or_else(|| client(format!("Invalid '{name}' setting for task.")))
}

fn check_containers(input: &Input) -> Result<(), AwsError> {
    let containers = input.parts("containerDefinitions");
    if containers.is_empty() {
        return Err(client("Container list cannot be empty."));
    }
    let volumes = input.parts("volumes");
    let mut names = Vec::new();
    for container in &containers {
        let name = container.opt("name").unwrap_or_default();
        if !is_name(name) || names.contains(&name) {
            return Err(client(format!("Container.name '{name}' is missing, invalid or used twice.")));
        }
        names.push(name);
        if container.opt("image").is_none_or(str::is_empty) {
            return Err(client("Container.image should not be null or empty."));
        }
        for mount in container.parts("mountPoints") {
            let source = mount.opt("sourceVolume").unwrap_or_default();
            if !volumes.iter().any(|volume| volume.opt("name") == Some(source)) {
                return Err(client(format!("Unknown volume '{source}'.")));
            }
        }
    }
    if containers.iter().all(|container| container.bool("essential") == Some(false)) {
        return Err(client("Task definition does not have any essential containers."));
    }
    Ok(())
}

fn check_roles(input: &Input) -> Result<(), AwsError> {
    let named = ["executionRoleArn", "taskRoleArn"].into_iter().filter_map(|role| input.opt(role));
    if named.into_iter().any(|role| !role.starts_with("arn:aws:iam::") || !role.contains(":role/")) {
        return Err(client("Role is not valid"));
    }
    if input.opt("executionRoleArn").is_some() {
        return Ok(());
    }
    let containers = input.parts("containerDefinitions");
    let log = |container: &Input| container.part("logConfiguration");
    if containers.iter().any(|it| !it.list("secrets").is_empty() || log(it).is_some_and(|log| !log.list("secretOptions").is_empty())) {
        return Err(client("When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."));
    }
    if is_fargate(input) && containers.iter().any(|it| log(it).is_some_and(|log| log.opt("logDriver") == Some("awslogs"))) {
        return Err(client("Fargate requires task definition to have execution role ARN to support log driver awslogs."));
    }
    Ok(())
}

fn is_fargate(input: &Input) -> bool {
    input.strings("requiresCompatibilities").iter().any(|it| it == "FARGATE")
}

/// Whether Fargate could run it.
fn check_fargate(input: &Input, cpu: Option<i64>, memory: Option<i64>) -> Result<(), AwsError> {
    if input.opt("networkMode") != Some("awsvpc") {
        return Err(client("Fargate only supports network mode \u{2018}awsvpc\u{2019}."));
    }
    let cpu = cpu.ok_or_else(|| client("Fargate requires that 'cpu' be defined at the task level."))?;
    let memory = memory.ok_or_else(|| client("Fargate requires that 'memory' be defined at the task level."))?;
    if !fits_fargate(cpu, memory) {
        return Err(client("No Fargate configuration exists for given values."));
    }
    let storage = input.part("ephemeralStorage").map_or(21, |it| it.int("sizeInGiB").unwrap_or_default());
    if !(21..=200).contains(&storage) {
        return Err(client("The ephemeral storage size must be between 21 and 200 GiB."));
    }
    let containers = input.parts("containerDefinitions");
    if containers.iter().filter_map(|it| it.int("cpu")).sum::<i64>() > cpu {
        return Err(client("Invalid setting for container. The total cpu of the containers is greater than the 'cpu' of the task."));
    }
    let greater = containers.iter().any(|it| it.int("memory").max(it.int("memoryReservation")) > Some(memory));
    if greater {
        Err(client("Invalid setting for container. The 'memory' setting for container is greater than for the task."))
    } else {
        Ok(())
    }
}

/// A container with the defaults that AWS answers.
fn with_defaults(container: &Value, awsvpc: bool) -> Value {
    let mut body = json!({"cpu": 0, "portMappings": [], "essential": true, "environment": [], "mountPoints": [], "volumesFrom": [], "systemControls": []});
    merge(&mut body, container.clone());
    for port in body["portMappings"].as_array_mut().into_iter().flatten() {
        if port["protocol"].is_null() {
            port["protocol"] = json!("tcp");
        }
        if awsvpc && port["hostPort"].is_null() {
            port["hostPort"] = port["containerPort"].clone();
        }
    }
    body
}

pub(super) fn register(here: &mut Here<'_>, input: &Input) -> Answer {
    let family = input.opt("family").unwrap_or_default().to_owned();
    if !is_name(&family) {
        return Err(client("Family should not be null or empty, and contains letters, numbers, hyphens and underscores only."));
    }
    let (cpu, memory) = (size(input, "cpu", "vcpu")?, size(input, "memory", "gb")?);
    check_containers(input)?;
    let fargate = check_fargate(input, cpu, memory);
    if is_fargate(input) {
        fargate.clone()?;
    }
    check_roles(input)?;
    let tags = tags(input)?;
    let revision = revisions(here.region, &family).map(|(number, _)| number).max().unwrap_or_default() + 1;
    let mut body = json!({
        "taskDefinitionArn": here.arn("ecs", &format!("task-definition/{family}:{revision}")), "family": family, "revision": revision,
        "status": "ACTIVE", "volumes": [], "placementConstraints": [], "requiresAttributes": [],
        "compatibilities": if fargate.is_ok() { json!(["EC2", "FARGATE"]) } else { json!(["EC2"]) },
        "registeredAt": here.clock.now(), "registeredBy": here.arn("iam", "root").replace(here.name, ""),
    });
    merge(&mut body, copy(input, FIELDS));
    for (name, number) in [("cpu", cpu), ("memory", memory)] {
        merge(&mut body, json!({name: number.map(|number| number.to_string())}));
    }
    let awsvpc = input.opt("networkMode") == Some("awsvpc");
    body["containerDefinitions"] = input.list("containerDefinitions").iter().map(|it| with_defaults(it, awsvpc)).collect();
    let answer = json!({"taskDefinition": body, "tags": tags_out(&tags, "key", "value")});
    here.region.task_definitions.insert(format!("{family}:{revision}"), Item::new(body, tags));
    Ok(answer)
}

/// Every revision of a family, with its number.
fn revisions<'a>(region: &'a Region, family: &'a str) -> impl Iterator<Item = (i64, &'a Item)> {
    let of = region.task_definitions.values().filter(move |it| it.str("family") == family);
    of.map(|it| (it.body["revision"].as_i64().unwrap_or_default(), it))
}

/// The task definition of an ARN, `family:revision`, or the newest active one of a family.
pub(super) fn find<'a>(region: &'a Region, name: &str) -> Option<&'a Item> {
    let name = last(name);
    if name.contains(':') {
        return region.task_definitions.get(name);
    }
    let family = name.to_owned();
    let active = region.task_definitions.values().filter(|it| it.str("family") == family && it.str("status") == "ACTIVE");
    active.max_by_key(|it| it.body["revision"].as_i64())
}

pub(super) fn describe(here: &Here<'_>, input: &Input) -> Answer {
    let found = find(here.region, input.str("taskDefinition")?).ok_or_else(|| client("Unable to describe task definition."))?;
    let mut answer = json!({"taskDefinition": found.body});
    if includes(input, "TAGS") {
        answer["tags"] = tags_out(&found.tags, "key", "value");
    }
    Ok(answer)
}

pub(super) fn list(here: &Here<'_>, input: &Input) -> Value {
    let status = input.opt("status").unwrap_or("ACTIVE");
    let wanted = |it: &&Item| it.str("status") == status && input.opt("familyPrefix").is_none_or(|family| it.str("family") == family);
    let mut found: Vec<&Item> = here.region.task_definitions.values().filter(wanted).collect();
    found.sort_by_key(|it| (it.str("family"), it.body["revision"].as_i64()));
    if input.opt("sort") == Some("DESC") {
        found.reverse();
    }
    let all = found.into_iter().map(|it| json!(text(&it.body, "taskDefinitionArn"))).collect();
    page("taskDefinitionArns", all, input.opt("nextToken"), most(input, 100), "nextToken")
}

pub(super) fn deregister(here: &mut Here<'_>, input: &Input) -> Answer {
    let key = last(input.str("taskDefinition")?).to_owned();
    if !key.contains(':') {
        return Err(client("A revision of the task definition must be specified."));
    }
    let now = here.clock.now();
    let found = here.region.task_definitions.get_mut(&key).ok_or_else(|| client("The specified task definition does not exist."))?;
    if found.str("status") == "ACTIVE" {
        found.set(json!({"status": "INACTIVE", "deregisteredAt": now}));
    }
    Ok(json!({"taskDefinition": found.body}))
}
