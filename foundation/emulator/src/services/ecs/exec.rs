//! ECS Exec: a session with a container of a running task.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ExecuteCommand.html>

use super::{cluster_of, invalid, last, text};
use crate::call::Input;
use crate::services::{Answer, ssm};
use crate::table::Item;
use crate::world::{Here, Region};
use serde_json::{Value, json};

/// Whether operators can get into a task now.
fn is_open(task: &Item) -> bool {
    task.str("lastStatus") == "RUNNING" && task.str("desiredStatus") == "RUNNING" && task.body["enableExecuteCommand"] == json!(true)
}

/// Whether `ecs:cluster_task_runtime` names a container that a session can be opened with.
pub(crate) fn reachable(region: &Region, target: &str) -> bool {
    let Some((cluster, rest)) = target.strip_prefix("ecs:").and_then(|target| target.split_once('_')) else { return false };
    let Some((id, runtime)) = rest.split_once('_') else { return false };
    let of = |task: &&Item| last(task.str("taskArn")) == id && last(task.str("clusterArn")) == cluster && is_open(task);
    let has = |task: &Item| task.body["containers"].as_array().into_iter().flatten().any(|it| text(it, "runtimeId") == runtime);
    region.tasks.values().find(of).is_some_and(has)
}

pub(super) fn execute(here: &mut Here<'_>, input: &Input) -> Answer {
    let cluster = cluster_of(here.region, input)?;
    let (arn, command) = (here.arn("ecs", &format!("task/{cluster}/{}", last(input.str("task")?))), input.str("command")?);
    if input.bool("interactive") != Some(true) {
        return Err(invalid("Interactive is the only mode supported currently."));
    }
    let task = here.region.tasks.get(&arn).filter(|task| task.str("desiredStatus") == "RUNNING");
    let task = task.ok_or_else(|| invalid("The task provided in the request was not found."))?;
    if !is_open(task) {
        return Err(invalid(
            "The execute command failed because execute command was not enabled when the task was run or the execute command agent isn't running. \
             Wait and try again or run a new task with execute command enabled and try again.",
        ));
    }
    let all: Vec<Value> = task.body["containers"].as_array().cloned().unwrap_or_default();
    let container = match (input.opt("container"), all.as_slice()) {
        (Some(name), all) => all.iter().find(|it| text(it, "name") == name).cloned(),
        (None, [only]) => Some(only.clone()),
        (None, _) => return Err(invalid("The container name must be specified when a task has more than one container.")),
    };
    let container = container.ok_or_else(|| invalid("The container provided in the request was not found."))?;
    let target = format!("ecs:{cluster}_{}_{}", last(&arn), text(&container, "runtimeId"));
    let session = ssm::open(here, &target, &json!({"command": [command]}), "ecs-execute-command");
    Ok(json!({
        "clusterArn": here.arn("ecs", &format!("cluster/{cluster}")), "taskArn": arn, "containerArn": container["containerArn"],
        "containerName": container["name"], "interactive": true,
        "session": {"sessionId": session["SessionId"], "streamUrl": session["StreamUrl"], "tokenValue": session["TokenValue"]},
    }))
}
