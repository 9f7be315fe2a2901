//! How a service's rollout goes.

use super::tasks::tasks;
use super::why::alike;
use aws::Aws;
use aws_sdk_ecs::types::{Deployment, DeploymentRolloutState, DesiredStatus, Service};
use engine::{Class, Fault, Poll};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

/// The state of the newest rollout. One that an interrupted run left behind, or that failed, is a difference: the next run waits
/// for it, or tries again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rollout {
    /// All tasks run.
    #[default]
    Completed,
    /// Tasks start and stop.
    InProgress,
    /// The circuit breaker gave up.
    Failed,
}

impl Rollout {
    /// The state of the service's primary deployment.
    pub(super) fn of(it: &Service) -> Rollout {
        match primary(it).and_then(Deployment::rollout_state) {
            Some(DeploymentRolloutState::InProgress) => Rollout::InProgress,
            Some(DeploymentRolloutState::Failed) => Rollout::Failed,
            _ => Rollout::Completed,
        }
    }
}

/// The deployment that the service goes to.
pub(super) fn primary(it: &Service) -> Option<&Deployment> {
    it.deployments().iter().find(|deployment| deployment.status() == Some("PRIMARY"))
}

/// The revision whose rollout is to be explained: that of the newest deployment. After a rollback the service names an older one.
pub(super) fn explained(it: &Service) -> Option<&str> {
    let newest = it.deployments().iter().max_by_key(|deployment| deployment.created_at().map(|at| (at.secs(), at.subsec_nanos())));
    newest.and_then(|deployment| deployment.task_definition()).or(it.task_definition())
}

/// So many tasks that ended alike are a cause and no accident.
const REPEATED: i32 = 2;
pub(super) const TWICE: &str = "twice for one reason";

/// How far the service is on its way to `definition`.
pub(super) fn progress(it: &Service, definition: &str) -> Result<Poll<()>, Fault> {
    let Some(now) = primary(it) else { return Ok(Poll::Waiting("the deployment begins".into())) };
    let of = |deployment: &&Deployment| deployment.task_definition() == Some(definition);
    let failed = |deployment: &&Deployment| deployment.rollout_state() == Some(&DeploymentRolloutState::Failed);
    if !of(&now) {
        // AWS rolled back, or does not show the new deployment yet: only a failed one tells.
        return match it.deployments().iter().filter(of).find(failed) {
            Some(deployment) => Err(gave_up(deployment)),
            None => Ok(Poll::Waiting("the new deployment begins".into())),
        };
    }
    let (running, desired) = (now.running_count(), now.desired_count());
    match Rollout::of(it) {
        Rollout::Failed => Err(gave_up(now)),
        Rollout::Completed if running == desired => Ok(Poll::Ready(())),
        _ => Ok(Poll::Waiting(format!("{running} of {desired} tasks run"))),
    }
}

/// How far the service is with a deployment that is none of `before`, whatever revision that has. `begun` remembers that it was seen.
pub(crate) fn restarted(it: &Service, before: &BTreeSet<String>, begun: &AtomicBool) -> Result<Poll<()>, Fault> {
    let Some(now) = primary(it) else { return Ok(Poll::Waiting("the deployment begins".into())) };
    if now.id().is_some_and(|id| before.contains(id)) {
        let failed = |it: &&Deployment| it.rollout_state() == Some(&DeploymentRolloutState::Failed);
        return match it.deployments().iter().find(failed) {
            Some(failed) => Err(gave_up(failed)),
            None if begun.load(Ordering::Relaxed) => Err(gave_up(now)),
            None => Ok(Poll::Waiting("the new deployment begins".into())),
        };
    }
    begun.store(true, Ordering::Relaxed);
    let others: i32 = it.deployments().iter().filter(|other| other.id() != now.id()).map(Deployment::running_count).sum();
    let (running, desired) = (now.running_count(), now.desired_count());
    match Rollout::of(it) {
        Rollout::Failed => Err(gave_up(now)),
        Rollout::Completed if running == desired && others == 0 => Ok(Poll::Ready(())),
        _ => Ok(Poll::Waiting(format!("{running} of {desired} tasks run with the new value"))),
    }
}

fn gave_up(deployment: &Deployment) -> Fault {
    let reason = deployment.rollout_state_reason().unwrap_or("AWS gave no reason");
    Fault::new(Class::Invalid, format!("the new tasks do not stay up: {reason}"))
}

/// The reason for which two tasks of the newest deployment ended: the third will end so as well, and the circuit breaker would
/// only find it out later.
pub(super) async fn repeated(aws: &Aws, cluster: &str, it: &Service) -> Result<Option<Fault>, Fault> {
    let Some(now) = primary(it).filter(|now| now.failed_tasks() >= REPEATED) else { return Ok(None) };
    let stopped = tasks(aws, cluster, it.service_name().unwrap_or_default(), DesiredStatus::Stopped).await?;
    Ok(alike(&stopped, now.id()).map(|reason| Fault::new(Class::Invalid, format!("the new tasks do not stay up, {TWICE}: {reason}"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ecs::primitives::DateTime;

    fn deployment(status: &str, definition: &str, state: DeploymentRolloutState, running: i32) -> Deployment {
        let deployment = Deployment::builder().status(status).task_definition(definition).rollout_state(state);
        deployment.rollout_state_reason("tasks failed to start").desired_count(2).running_count(running).build()
    }

    fn service(deployments: Vec<Deployment>) -> Service {
        Service::builder().set_deployments(Some(deployments)).build()
    }

    #[test]
    fn after_a_rollback_the_newest_revision_is_explained() {
        use DeploymentRolloutState::{Completed, Failed};
        let at = |mut it: Deployment, second: i64| {
            it.created_at = Some(DateTime::from_secs(second));
            it
        };
        let back = at(deployment("PRIMARY", "app:1", Completed, 2), 1);
        let failed = [at(deployment("ACTIVE", "app:2", Failed, 0), 2), at(deployment("ACTIVE", "app:3", Failed, 0), 3)];
        assert_eq!(explained(&service(vec![back, failed[1].clone(), failed[0].clone()])), Some("app:3"));
        assert_eq!(explained(&Service::builder().task_definition("app:1").build()), Some("app:1"));
    }

    #[test]
    fn it_is_done_when_all_new_tasks_run() {
        use DeploymentRolloutState::{Completed, InProgress};
        for (state, running, wanted) in
            [(InProgress, 1, Some("1 of 2 tasks run")), (Completed, 1, Some("1 of 2 tasks run")), (Completed, 2, None)]
        {
            let it = service(vec![deployment("PRIMARY", "app:2", state, running), deployment("ACTIVE", "app:1", Completed, 2)]);
            let waits = match progress(&it, "app:2").unwrap() {
                Poll::Ready(()) => None,
                Poll::Waiting(what) | Poll::Refused(what, _) => Some(what),
            };
            assert_eq!(waits.as_deref(), wanted);
        }
    }

    #[test]
    fn a_rollback_is_a_failure_and_not_a_success_of_the_old_revision() {
        use DeploymentRolloutState::{Completed, Failed, InProgress};
        for state in [InProgress, Completed] {
            let it = service(vec![deployment("PRIMARY", "app:1", state, 2), deployment("ACTIVE", "app:2", Failed, 0)]);
            let fault = progress(&it, "app:2").unwrap_err();
            assert_eq!(fault.class, Class::Invalid);
            assert!(fault.message.contains("tasks failed to start"), "{}", fault.message);
        }
    }

    #[test]
    fn another_try_of_a_revision_that_failed_is_no_failure() {
        use DeploymentRolloutState::{Failed, InProgress};
        let it = service(vec![deployment("PRIMARY", "app:2", InProgress, 0), deployment("ACTIVE", "app:2", Failed, 0)]);
        assert!(matches!(progress(&it, "app:2"), Ok(Poll::Waiting(_))));
    }

    #[test]
    fn a_restart_is_done_when_another_deployment_alone_runs_its_tasks() {
        use DeploymentRolloutState::{Completed, Failed, InProgress};
        let of = |id: &str, status: &str, state, running| {
            let it = Deployment::builder().id(id).status(status).task_definition("app:1").rollout_state(state);
            it.desired_count(2).running_count(running).build()
        };
        let (old, fresh) = (|running| of("old", "ACTIVE", Completed, running), |state, running| of("new", "PRIMARY", state, running));
        let waits = |all: Vec<Deployment>, begun: &AtomicBool| match restarted(&service(all), &["old".to_owned()].into(), begun) {
            Ok(Poll::Ready(())) => "done".to_owned(),
            Ok(Poll::Waiting(what) | Poll::Refused(what, _)) => what,
            Err(fault) => format!("failed: {}", fault.message),
        };
        let begun = AtomicBool::new(false);
        assert!(waits(vec![of("old", "PRIMARY", Completed, 2)], &begun).contains("begins"));
        assert!(waits(vec![fresh(InProgress, 1), old(2)], &begun).contains("1 of 2"));
        assert!(waits(vec![fresh(Completed, 2), old(1)], &begun).contains("2 of 2"));
        assert_eq!(waits(vec![fresh(Completed, 2)], &begun), "done");
        let back = of("old", "PRIMARY", InProgress, 2);
        assert!(waits(vec![back.clone(), of("new", "ACTIVE", Failed, 0)], &begun).starts_with("failed"));
        assert!(waits(vec![back], &begun).starts_with("failed"), "AWS does not show the failed one any more");
    }

    #[test]
    fn what_is_not_shown_yet_is_waited_for() {
        let it = service(vec![deployment("PRIMARY", "app:1", DeploymentRolloutState::Completed, 2)]);
        assert!(matches!(progress(&it, "app:2"), Ok(Poll::Waiting(_))));
    }
}
