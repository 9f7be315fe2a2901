//! A revision of a task definition. It never changes: every difference is a new revision, and the old one is deregistered when
//! nothing uses it any more. It has no name of its own (AWS counts the revisions of a family), so it is found by its tags.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html>

use super::container::Container;
use super::tags;
use aws::named::Tags;
use aws::{Aws, FaultExt, never_twice};
use aws_sdk_ecs::types::{
    self as ecs, Compatibility, CpuArchitecture, NetworkMode, OsFamily, RuntimePlatform, SortOrder, TaskDefinitionField,
    TaskDefinitionStatus, Volume,
};
use contract::{RoleArn, TaskDefinitionArn};
use engine::{Address, Ask, Class, Driver, Fault, Found, Identity, IdentityBy, Kind, Resource, Seen, Ticks};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What the tasks are: one container on Fargate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskDefinition {
    /// The family whose revisions AWS counts.
    pub family: String,
    /// CPU units of a task.
    pub cpu: u32,
    /// Memory of a task in MiB.
    pub memory: u32,
    /// Whether it runs on ARM.
    pub arm64: bool,
    /// What ECS uses to start the container: image, secrets, log.
    pub execution_role: RoleArn,
    /// What the application uses.
    pub task_role: RoleArn,
    /// What runs.
    pub container: Container,
}

impl Resource for TaskDefinition {
    const KIND: Kind = "task_definition";
    const REPLACE_ON: &'static [&'static str] = &["family", "cpu", "memory", "arm64", "execution_role", "task_role", "container"];
    type Output = TaskDefinitionArn;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Tag
    }

    fn placeholder(&self, at: &Address) -> TaskDefinitionArn {
        TaskDefinitionArn::unknown(at)
    }
}

/// Works on task definitions.
#[derive(Clone, Debug)]
pub(super) struct TaskDefinitions(pub Aws);

/// A revision with its tags.
type Revision = (ecs::TaskDefinition, Tags);

fn live(it: &ecs::TaskDefinition) -> TaskDefinition {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let number = |text: Option<&str>| text.and_then(|text| text.parse().ok()).unwrap_or_default();
    let architecture = it.runtime_platform().and_then(|platform| platform.cpu_architecture());
    TaskDefinition {
        family: text(it.family()),
        cpu: number(it.cpu()),
        memory: number(it.memory()),
        arm64: architecture == Some(&CpuArchitecture::Arm64),
        execution_role: RoleArn(text(it.execution_role_arn())),
        task_role: RoleArn(text(it.task_role_arn())),
        container: Container::of(it.container_definitions().first().unwrap_or(&ecs::ContainerDefinition::builder().build())),
    }
}

fn arn(it: &ecs::TaskDefinition) -> TaskDefinitionArn {
    TaskDefinitionArn(it.task_definition_arn().unwrap_or_default().to_owned())
}

impl TaskDefinitions {
    /// The revision, if it is active. AWS still describes one that was deregistered.
    async fn describe(&self, arn: &str) -> Result<Option<Revision>, Fault> {
        let call = self.0.ecs.describe_task_definition().task_definition(arn).include(TaskDefinitionField::Tags);
        let answer = match call.send().await.or_gone("ecs:DescribeTaskDefinition") {
            Err(fault) if fault.code == "ClientException" && fault.message.contains("Unable to describe") => None,
            other => other?,
        };
        let Some(answer) = answer else { return Ok(None) };
        let tags = tags::read(answer.tags());
        let active = answer.task_definition.filter(|it| it.status() == Some(&TaskDefinitionStatus::Active));
        Ok(active.map(|it| (it, tags)))
    }

    /// Ours among the active revisions of the family, the newest first.
    async fn search(&self, who: &Identity, family: &str) -> Result<Option<Revision>, Fault> {
        let call = self.0.ecs.list_task_definitions().family_prefix(family).status(TaskDefinitionStatus::Active);
        let mut pages = call.sort(SortOrder::Desc).into_paginator().items().send();
        while let Some(arn) = pages.next().await {
            let found = self.describe(&arn.or_fault("ecs:ListTaskDefinitions")?).await?;
            if let Some(found) = found.filter(|(_, tags)| who.is_exactly(tags)) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The remembered revision; one whose answer was lost by its tags.
    async fn find(&self, who: &Identity, family: &str, last: Option<&TaskDefinitionArn>) -> Result<Option<Revision>, Fault> {
        match last {
            Some(arn) => self.describe(arn.as_str()).await,
            None => self.search(who, family).await,
        }
    }

    /// Registers once: a repeated call would count a second revision.
    async fn register(&self, who: &Identity, want: &TaskDefinition) -> Result<TaskDefinitionArn, Fault> {
        let definition = want.container.definition().map_err(|error| Fault::new(Class::Bug, error.to_string()))?;
        let cpu = if want.arm64 { CpuArchitecture::Arm64 } else { CpuArchitecture::X8664 };
        let volumes: BTreeSet<&String> = want.container.mounts.values().collect();
        let volumes = volumes.into_iter().map(|name| Volume::builder().name(name).build()).collect();
        let call = self
            .0
            .ecs
            .register_task_definition()
            .family(&want.family)
            .requires_compatibilities(Compatibility::Fargate)
            .network_mode(NetworkMode::Awsvpc)
            .cpu(want.cpu.to_string())
            .memory(want.memory.to_string())
            .runtime_platform(RuntimePlatform::builder().cpu_architecture(cpu).operating_system_family(OsFamily::Linux).build())
            .execution_role_arn(want.execution_role.as_str())
            .task_role_arn(want.task_role.as_str())
            .container_definitions(definition)
            .set_volumes(Some(volumes))
            .set_tags(Some(tags::given(&who.tags)));
        let once = aws_sdk_ecs::config::Builder::new().retry_classifier(never_twice());
        match call.customize().config_override(once).send().await.or_fault("ecs:RegisterTaskDefinition") {
            Ok(made) => Ok(made.task_definition().map_or_else(|| TaskDefinitionArn(String::new()), arn)),
            Err(fault) if fault.class == Class::InDoubt => self.search(who, &want.family).await?.map(|(it, _)| arn(&it)).ok_or(fault),
            Err(fault) => Err(fault),
        }
    }
}

impl Driver<TaskDefinition> for TaskDefinitions {
    async fn observe(&self, asks: &[Ask<TaskDefinition>]) -> Result<Found<TaskDefinition>, Fault> {
        let mut found = Found::new();
        for ask in asks {
            if let Some((it, tags)) = self.find(&ask.who, &ask.want.family, ask.last.as_ref()).await? {
                let seen = Seen { live: live(&it), output: arn(&it), ours: true, tags: Some(tags) };
                found.insert(ask.who.address.clone(), seen);
            }
        }
        Ok(found)
    }

    async fn ensure(
        &self,
        who: &Identity,
        want: &TaskDefinition,
        seen: Option<Seen<TaskDefinition>>,
        _: &Ticks,
    ) -> Result<TaskDefinitionArn, Fault> {
        if let Some(seen) = seen {
            tags::sync(&self.0, seen.output.as_str(), who, seen.tags.as_ref()).await?;
            return Ok(seen.output);
        }
        match self.search(who, &want.family).await? {
            Some((it, _)) => Ok(arn(&it)),
            None => self.register(who, want).await,
        }
    }

    /// Tasks of a deregistered revision run on.
    async fn delete(&self, who: &Identity, spec: &TaskDefinition, last: Option<&TaskDefinitionArn>, _: &Ticks) -> Result<(), Fault> {
        let Some((it, _)) = self.find(who, &spec.family, last).await? else { return Ok(()) };
        let arn = arn(&it);
        let call = self.0.ecs.deregister_task_definition().task_definition(arn.as_str());
        let Err(fault) = call.send().await.or_fault("ecs:DeregisterTaskDefinition") else { return Ok(()) };
        // The retry of a call whose answer was lost finds it inactive.
        if self.describe(arn.as_str()).await?.is_none() { Ok(()) } else { Err(fault) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::container::tests::container;
    use super::*;

    #[test]
    fn every_field_makes_a_new_revision() {
        let role = |name: &str| RoleArn(format!("arn:aws:iam::123456789012:role/{name}"));
        let spec = TaskDefinition {
            family: "shop-test-app".into(),
            cpu: 256,
            memory: 512,
            arm64: false,
            execution_role: role("execution"),
            task_role: role("task"),
            container: container(),
        };
        let fields = serde_json::to_value(spec).unwrap();
        let fields: Vec<&String> = fields.as_object().unwrap().keys().collect();
        assert_eq!(fields, TaskDefinition::REPLACE_ON);
    }
}
