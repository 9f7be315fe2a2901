//! Why tasks do not stay up: what ECS, the load balancer and the container's log say of one that ended.

use super::rollout::TWICE;
use super::tasks::tasks;
use aws::{Aws, FaultExt, repeats};
use aws_sdk_ecs::types::{Container, ContainerDefinition, DesiredStatus, Service, Task, TaskStopCode};
use engine::{Class, Fault, Poll, Ticks};
use std::time::Duration;

/// How many of a container's last lines are shown.
const LINES: usize = 10;
/// How long a line is at most: what follows helps nobody.
const LONGEST: usize = 500;
/// CloudWatch shows the last lines of a container some seconds after its end.
const WRITTEN_WITHIN: Duration = Duration::from_secs(8);

/// The service whose tasks do not stay up, and the revision that they are of.
pub(super) struct Why<'a> {
    pub aws: &'a Aws,
    pub cluster: &'a str,
    pub service: &'a str,
    pub definition: &'a str,
    pub ticks: &'a Ticks,
}

impl Why<'_> {
    /// The fault of a rollout with the end of its last task, the health check that failed, the last lines of the container, and what
    /// to do next. The rollout's own fault is worth more than that of a read about it.
    pub(super) async fn explained(&self, fault: Fault, it: Option<&Service>) -> Fault {
        let stopped = tasks(self.aws, self.cluster, self.service, DesiredStatus::Stopped).await.unwrap_or_default();
        let ours = stopped.iter().filter(|task| task.task_definition_arn() == Some(self.definition) && failed(task));
        let last = ours.max_by_key(|task| task.stopped_at().or(task.stopping_at()).map(|at| at.secs()));
        let mut fault = fault;
        if let Some(task) = last {
            if !fault.message.contains(TWICE) {
                fault.message = format!("{}; the last task ended: {}", fault.message, reason(task));
            }
            if let Some(check) = self.check(task, it).await {
                fault.message = format!("{}; its health check: {check}", fault.message);
            }
            fault.detail = self.detail(task).await;
        }
        let hint = self.hint(last);
        fault.hint(hint)
    }

    fn hint(&self, last: Option<&Task>) -> String {
        let ends = |text: &str| last.is_some_and(|task| reason(task).contains(text));
        let first = match () {
            () if ends("CannotPullContainerError") => "look whether the image is in its registry and the execution role may pull it",
            () if ends("OutOfMemory") => "give the tasks more memory (`compute.memory`), or look for what fills it",
            () if ends("health checks") => {
                "look why the health check fails (the container's log, `edge.health_check`, `compute.health_check`), and whether a start takes longer than \
                 `compute.grace_period`"
            }
            () => "look at the container's log and correct the image or its settings",
        };
        format!("{first}; then run the same command again; until then the last good revision runs, if there was one")
    }

    /// What the load balancer, or the container's own check, says of a task that failed it.
    async fn check(&self, task: &Task, it: Option<&Service>) -> Option<String> {
        let said = task.stopped_reason().unwrap_or_default();
        if said.contains("container health checks") {
            let command = self.containers().await?.into_iter().find_map(|it| Some(it.health_check?.command.join(" ")))?;
            return Some(format!("`{command}` failed"));
        }
        if !said.contains("ELB health checks") {
            return None;
        }
        // The service's events keep what the target group forgets with the target.
        let events = it.map(Service::events).unwrap_or_default();
        let told = events.iter().filter_map(|event| event.message()).find_map(|message| {
            let (_, reason) = message.split_once("due to (reason ")?;
            Some(reason.trim_end_matches('.').trim_end_matches(')').to_owned())
        });
        match told {
            Some(told) => Some(told),
            None => self.target_health(said.split("target-group ").nth(1)?.trim_end_matches(')')).await,
        }
    }

    async fn target_health(&self, group: &str) -> Option<String> {
        let answer = self.aws.elb.describe_target_health().target_group_arn(group).send().await.ok()?;
        let ill = answer.target_health_descriptions().iter().filter_map(|it| it.target_health()?.description());
        ill.map(str::to_owned).find(|text| text.contains("Health checks failed"))
    }

    async fn containers(&self) -> Option<Vec<ContainerDefinition>> {
        let call = self.aws.ecs.describe_task_definition().task_definition(self.definition);
        call.send().await.ok()?.task_definition?.container_definitions
    }

    /// The task and the last lines of its container.
    async fn detail(&self, task: &Task) -> Vec<String> {
        let id = last_part(task.task_arn());
        let Some(container) = guilty(task) else { return Vec::new() };
        let name = container.name().unwrap_or_default();
        let code = container.exit_code().map(|code| format!(", exit code {code}")).unwrap_or_default();
        let mut detail = vec![format!("task {id} of {}: container {name}{code}", last_part(Some(self.definition)))];
        if task.stop_code() == Some(&TaskStopCode::TaskFailedToStart) {
            return detail;
        }
        match self.lines(id, name).await {
            Ok(lines) if lines.is_empty() => detail.push("its log is empty".to_owned()),
            Ok(lines) => detail.extend(lines.into_iter().map(|line| format!("{name} | {line}"))),
            Err(fault) => detail.push(format!("its log is not shown: {fault}")),
        }
        detail
    }

    async fn lines(&self, task: &str, container: &str) -> Result<Vec<String>, Fault> {
        let unknown = || Fault::new(Class::NotFound, "the revision cannot be read");
        let definition = self.containers().await.ok_or_else(unknown)?.into_iter().find(|it| it.name() == Some(container));
        let Some(definition) = definition else { return Ok(Vec::new()) };
        let option = |name: &str| definition.log_configuration()?.options()?.get(name).cloned();
        let (Some(group), Some(prefix)) = (option("awslogs-group"), option("awslogs-stream-prefix")) else { return Ok(Vec::new()) };
        let stream = format!("{prefix}/{container}/{task}");
        let look = || async {
            let call = self.aws.logs.get_log_events().log_group_name(&group).log_stream_name(&stream);
            let answer = call.limit(LINES as i32).start_from_head(false).send().await.or_gone("logs:GetLogEvents")?;
            let events = answer.and_then(|answer| answer.events).unwrap_or_default();
            let lines: Vec<String> = events.into_iter().filter_map(|event| event.message).collect();
            Ok(if lines.is_empty() { Poll::Waiting("the log of the task".to_owned()) } else { Poll::Ready(lines) })
        };
        let lines = match self.aws.until(WRITTEN_WITHIN).poll(self.ticks, look).await {
            Err(fault) if fault.class == Class::Timeout => Vec::new(),
            other => other?,
        };
        let secrets = self.secrets(&definition).await?;
        Ok(lines.iter().map(|line| shown(line, &secrets)).collect())
    }

    /// The values that the container was given as secrets: what an application writes into its log is nobody's promise, so that no line
    /// is shown before it was compared with them.
    async fn secrets(&self, container: &ContainerDefinition) -> Result<Vec<String>, Fault> {
        let unread = |fault: Fault| Fault { message: format!("it may hold secrets, and they cannot be read to compare: {fault}"), ..fault };
        let parameter = |arn: &str| arn.split_once(":parameter").map(|(_, name)| name.to_owned());
        let names: Option<Vec<String>> = container.secrets().iter().map(|secret| parameter(secret.value_from())).collect();
        let elsewhere = || Fault::new(Class::Invalid, "some of them are not in SSM");
        let names = names.ok_or_else(|| unread(elsewhere()))?;
        let mut values = Vec::new();
        for names in names.chunks(10) {
            let call = self.aws.ssm.get_parameters().set_names(Some(names.to_vec())).with_decryption(true);
            let answer = call.send().await.or_fault("ssm:GetParameters").map_err(unread)?;
            values.extend(answer.parameters.unwrap_or_default().into_iter().filter_map(|it| it.value));
        }
        if values.len() < names.len() { Err(unread(Fault::new(Class::NotFound, "some of them are gone"))) } else { Ok(values) }
    }
}

/// A line as it may be shown.
fn shown(line: &str, secrets: &[String]) -> String {
    if secrets.iter().any(|secret| repeats(line, secret)) {
        return "(this line repeats a part of a secret and is not shown)".to_owned();
    }
    let line = line.trim_end();
    match line.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}

fn last_part(arn: Option<&str>) -> &str {
    arn.and_then(|arn| arn.rsplit('/').next()).unwrap_or_default()
}

/// Whether a task ended badly: one that was one too many, or that somebody stopped, did not.
fn failed(task: &Task) -> bool {
    let said = task.stopped_reason().unwrap_or_default();
    match task.stop_code() {
        Some(TaskStopCode::UserInitiated) => false,
        Some(TaskStopCode::ServiceSchedulerInitiated) => said.contains("failed"),
        _ => true,
    }
}

/// The container that a task ended for: the one with a reason or an exit code of its own.
fn guilty(task: &Task) -> Option<&Container> {
    let all = task.containers();
    all.iter().find(|it| it.reason().is_some() || it.exit_code().is_some_and(|code| code != 0)).or(all.first())
}

/// The reason for which two of these tasks ended.
pub(super) fn alike(stopped: &[Task], deployment: Option<&str>) -> Option<String> {
    let reasons: Vec<String> = stopped.iter().filter(|task| task.started_by() == deployment && failed(task)).map(reason).collect();
    let again = reasons.iter().enumerate().find(|(index, reason)| reasons[..*index].contains(reason));
    again.map(|(_, reason)| reason.clone())
}

fn reason(task: &Task) -> String {
    let said = task.stopped_reason().unwrap_or("AWS gave no reason");
    // How it ended once it was asked to stop is no cause.
    let asked = task.stop_code() == Some(&TaskStopCode::ServiceSchedulerInitiated);
    let mut parts = vec![said.to_owned()];
    parts.extend(task.containers().iter().filter(|_| !asked).filter_map(|container| {
        let name = container.name().unwrap_or_default();
        let code = container.exit_code().filter(|code| *code != 0);
        match (container.reason().filter(|reason| *reason != said), code) {
            (Some(reason), Some(code)) => Some(format!("{name}: {reason} (exit code {code})")),
            (Some(reason), None) => Some(format!("{name}: {reason}")),
            (None, Some(code)) => Some(format!("{name} exited with {code}")),
            _ => None,
        }
    }));
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(code: TaskStopCode, said: &str, container: Option<Container>) -> Task {
        Task::builder().stop_code(code).stopped_reason(said).started_by("ecs-svc/1").set_containers(container.map(|it| vec![it])).build()
    }

    fn container(code: i32) -> aws_sdk_ecs::types::builders::ContainerBuilder {
        Container::builder().name("app").exit_code(code)
    }

    #[test]
    fn the_end_of_a_task_names_its_container() {
        let ended = |container| reason(&task(TaskStopCode::EssentialContainerExited, "Essential container in task exited", container));
        assert_eq!(ended(Some(container(1).build())), "Essential container in task exited; app exited with 1");
        let killed = container(137).reason("OutOfMemoryError: Container killed due to memory usage").build();
        let wanted = "Essential container in task exited; app: OutOfMemoryError: Container killed due to memory usage (exit code 137)";
        assert_eq!(ended(Some(killed)), wanted);
        assert_eq!(ended(Some(container(0).build())), "Essential container in task exited");
        let never = Container::builder().name("app").reason("CannotPullContainerError: no").build();
        assert_eq!(
            reason(&task(TaskStopCode::TaskFailedToStart, "CannotPullContainerError: no", Some(never))),
            "CannotPullContainerError: no"
        );
    }

    #[test]
    fn two_that_failed_alike_are_a_cause_and_two_that_were_too_many_are_none() {
        use TaskStopCode::ServiceSchedulerInitiated as Scheduler;
        let check = "Task failed ELB health checks in (target-group arn)";
        // One has stopped already, the other stops.
        let ill = [task(Scheduler, check, Some(container(137).build())), task(Scheduler, check, None)];
        assert_eq!(alike(&ill, Some("ecs-svc/1")).as_deref(), Some(check));
        assert_eq!(alike(&ill, Some("ecs-svc/2")), None);
        let many = || task(Scheduler, "Scaling activity initiated by (deployment ecs-svc/1)", None);
        assert_eq!(alike(&[many(), many()], Some("ecs-svc/1")), None);
        let by_hand = || task(TaskStopCode::UserInitiated, "Task stopped by user", None);
        assert_eq!(alike(&[by_hand(), by_hand()], Some("ecs-svc/1")), None);
    }

    #[test]
    fn a_line_that_repeats_a_secret_is_not_shown() {
        let secrets = ["correct-horse-battery".to_owned()];
        assert!(!shown("could not log in with correct-horse", &secrets).contains("horse"));
        assert_eq!(shown("ready\n", &secrets), "ready");
        assert_eq!(shown(&"é".repeat(600), &secrets).chars().count(), 501);
    }
}
