//! Into a task: which one, whether it lets operators in, and the session that does.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html>

use crate::kinds::tasks;
use aws::session::Opened;
use aws::{Aws, FaultExt};
use aws_sdk_ecs::types::{Container, DesiredStatus, Task};
use engine::{Class, Fault};
use serde_json::json;

/// A service whose tasks are entered.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The clients.
    pub aws: &'a Aws,
    /// Its cluster.
    pub cluster: &'a str,
    /// Its name.
    pub service: &'a str,
    /// The environment, for what to do next.
    pub env: &'a str,
}

/// A task that lets operators in.
#[derive(Clone, Debug)]
pub struct Door {
    /// Its id.
    pub task: String,
    /// The container.
    pub container: String,
    /// What Session Manager calls the container.
    pub target: String,
}

fn id(task: &Task) -> &str {
    task.task_arn().and_then(|arn| arn.rsplit('/').next()).unwrap_or_default()
}

fn runs(task: &Task) -> bool {
    task.last_status() == Some("RUNNING") && task.desired_status() == Some("RUNNING")
}

impl Place<'_> {
    /// The running tasks, the newest first.
    async fn running(&self) -> Result<Vec<Task>, Fault> {
        let mut tasks = tasks(self.aws, self.cluster, self.service, DesiredStatus::Running).await?;
        tasks.retain(runs);
        tasks.sort_by_key(|task| std::cmp::Reverse(task.started_at().map(|at| at.secs())));
        Ok(tasks)
    }

    /// The door of the task whose id begins so, or of the newest one.
    ///
    /// # Errors
    /// [`Class::NotFound`] with the tasks that run; [`Class::Invalid`] with the setting that lets operators in.
    pub async fn door(&self, wanted: Option<&str>) -> Result<Door, Fault> {
        let tasks = self.running().await?;
        let task = self.pick(&tasks, wanted)?;
        self.check(task)?;
        let container = task.containers().first();
        let container = container.ok_or_else(|| Fault::new(Class::NotFound, format!("the task {} has no container", id(task))))?;
        let target = format!("ecs:{}_{}_{}", self.cluster, id(task), container.runtime_id().unwrap_or_default());
        Ok(Door { task: id(task).to_owned(), container: container.name().unwrap_or_default().to_owned(), target })
    }

    fn pick<'t>(&self, tasks: &'t [Task], wanted: Option<&str>) -> Result<&'t Task, Fault> {
        let nothing = |problem: String| Fault::new(Class::NotFound, problem);
        let Some(newest) = tasks.first() else {
            let hint = format!("`logs --since 1h --env {}` shows what the last ones wrote", self.env);
            return Err(nothing(format!("no task of `{}` runs", self.service)).hint(hint));
        };
        let Some(wanted) = wanted else { return Ok(newest) };
        let fits: Vec<&Task> = tasks.iter().filter(|task| id(task).starts_with(wanted)).collect();
        let problem = match fits.as_slice() {
            [only] => return Ok(only),
            [] => format!("no task whose id begins with `{wanted}` runs"),
            _ => format!("more than one task's id begins with `{wanted}`"),
        };
        let known: Vec<&str> = tasks.iter().map(id).collect();
        Err(nothing(problem).hint(format!("these run: {}", known.join(", "))))
    }

    /// Whether the task lets operators in.
    fn check(&self, task: &Task) -> Result<(), Fault> {
        if !task.enable_execute_command() {
            let problem = format!("the tasks of `{}` let nobody in: `compute.exec` is off, or was when they started", self.service);
            let hint =
                format!("set `compute.exec = true` in the settings of `{0}` and run `deploy --env {0}`: it starts them anew", self.env);
            return Err(Fault::new(Class::Invalid, problem).hint(hint));
        }
        let agent = |container: &Container| {
            let agents = container.managed_agents();
            agents.is_empty() || agents.iter().any(|agent| agent.last_status() == Some("RUNNING"))
        };
        if task.containers().iter().all(agent) {
            return Ok(());
        }
        Err(Fault::new(Class::Busy, format!("the agent that lets operators into the task {} does not run (yet)", id(task))))
    }

    /// Opens a session that runs `command` in the container.
    ///
    /// # Errors
    /// The fault of `ecs:ExecuteCommand`.
    pub async fn execute(&self, door: &Door, command: &str) -> Result<Opened, Fault> {
        let call = self.aws.ecs.execute_command().cluster(self.cluster).task(&door.task).container(&door.container);
        let answer = call.command(command).interactive(true).send().await.or_fault("ecs:ExecuteCommand")?;
        let session = answer.session.ok_or_else(|| Fault::new(Class::Unavailable, "AWS opened no session").call("ecs:ExecuteCommand"))?;
        Ok(Opened::new(session.session_id, session.stream_url, session.token_value, json!({"Target": door.target})))
    }
}
