//! ECS: clusters, task definitions, services and their tasks. Rollouts go on by themselves; each task holds a network interface.

mod cluster;
mod exec;
mod fate;
mod rollout;
mod service;
mod task;
mod task_definition;

pub(crate) use exec::reachable;
pub(crate) use rollout::{advance, settle};
pub(crate) use service::rescale;

use super::{Answer, unknown};
use crate::call::{AwsError, Call, Input};
use crate::table::{Item, Tags, tags_in, tags_out};
use crate::world::{Here, Region};
use serde_json::{Value, json};

/// Hands a call to its operation.
///
/// # Errors
/// AWS's error.
pub(crate) fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    let answer = operate(here, call);
    settle(here);
    answer
}

fn operate(here: &mut Here<'_>, call: &Call) -> Answer {
    let input = &call.input;
    match call.action.as_str() {
        "CreateCluster" => cluster::create(here, input),
        "DescribeClusters" => Ok(cluster::describe(here, input)),
        "UpdateCluster" | "UpdateClusterSettings" => cluster::update(here, input),
        "DeleteCluster" => cluster::delete(here, input),
        "ListClusters" => Ok(cluster::list(here, input)),
        "RegisterTaskDefinition" => task_definition::register(here, input),
        "DescribeTaskDefinition" => task_definition::describe(here, input),
        "ListTaskDefinitions" => Ok(task_definition::list(here, input)),
        "DeregisterTaskDefinition" => task_definition::deregister(here, input),
        "CreateService" => service::create(here, input),
        "DescribeServices" => service::describe(here, input),
        "UpdateService" => service::update(here, input),
        "DeleteService" => service::delete(here, input),
        "ListServices" => service::list(here, input),
        "ListTasks" => task::list(here, input),
        "DescribeTasks" => task::describe(here, input),
        "StopTask" => task::stop(here, input),
        "ExecuteCommand" => exec::execute(here, input),
        "TagResource" => {
            let tags = tags(input)?;
            let found = resource(here, input)?;
            found.tags.extend(tags);
            limit(&found.tags)?;
            Ok(json!({}))
        }
        "UntagResource" => {
            let keys = input.strings("tagKeys");
            resource(here, input)?.tags.retain(|key, _| !keys.contains(key));
            Ok(json!({}))
        }
        "ListTagsForResource" => Ok(json!({"tags": tags_out(&resource(here, input)?.tags, "key", "value")})),
        _ => Err(unknown(call)),
    }
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::bad("InvalidParameterException", message)
}

fn client(message: impl Into<String>) -> AwsError {
    AwsError::bad("ClientException", message)
}

fn no_cluster() -> AwsError {
    AwsError::bad("ClusterNotFoundException", "Cluster not found.")
}

/// What names something in an ARN, or the name itself.
fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// Letters, digits, hyphens and underscores, at most 255.
fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !name.is_empty() && name.len() <= 255 && name.chars().all(allowed)
}

/// Whether the answer shall hold this too: `TAGS`, `SETTINGS`.
fn includes(input: &Input, what: &str) -> bool {
    input.strings("include").iter().any(|it| it == what)
}

/// The size of a page, within AWS's bounds.
fn most(input: &Input, default: i64) -> usize {
    input.int("maxResults").unwrap_or(default).clamp(1, 100) as usize
}

/// How long a second of AWS lasts here.
fn pace(here: &Here<'_>) -> f64 {
    (1.0 / here.clock.speed).max(1e-6)
}

/// The name of the active cluster that a request means; `default` when it names none.
fn cluster_of(region: &Region, input: &Input) -> Result<String, AwsError> {
    let name = last(input.opt("cluster").unwrap_or("default"));
    let found = region.clusters.get(name).filter(|cluster| cluster.str("status") == "ACTIVE");
    found.map(|_| name.to_owned()).ok_or_else(no_cluster)
}

/// The tags of a request.
fn tags(input: &Input) -> Result<Tags, AwsError> {
    let tags = tags_in(input, "tags", "key", "value");
    if tags.iter().any(|(key, value)| key.is_empty() || key.len() > 128 || value.len() > 256 || key.starts_with("aws:")) {
        return Err(invalid("Tag keys have 1 to 128 characters and do not begin with aws:, tag values have at most 256 characters."));
    }
    limit(&tags)?;
    Ok(tags)
}

fn limit(tags: &Tags) -> Result<(), AwsError> {
    if tags.len() > 50 {
        return Err(invalid("The number of tags exceeds the limit of 50."));
    }
    Ok(())
}

/// What the ARN of a tag operation means.
fn resource<'a>(here: &'a mut Here<'_>, input: &Input) -> Result<&'a mut Item, AwsError> {
    let arn = input.str("resourceArn")?;
    let (kind, key) = arn.splitn(6, ':').nth(5).and_then(|rest| rest.split_once('/')).unwrap_or_default();
    let region = &mut *here.region;
    let (found, missing) = match kind {
        "cluster" => (region.clusters.get_mut(key), no_cluster()),
        "service" => (region.services.get_mut(key), invalid("The specified service was not found.")),
        "task-definition" => (region.task_definitions.get_mut(key), invalid("The specified task definition was not found.")),
        "task" => (region.tasks.get_mut(arn), invalid("The specified task was not found.")),
        _ => (None, invalid(format!("Invalid identifier: {arn} is not the ARN of a resource that has tags."))),
    };
    let found = found.ok_or(missing)?;
    if kind != "task-definition" && found.str("status") == "INACTIVE" {
        return Err(invalid(format!("The specified {kind} is inactive. Specify an active {kind} and try again.")));
    }
    Ok(found)
}
