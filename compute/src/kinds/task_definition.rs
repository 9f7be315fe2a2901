//! A revision of a task definition. It never changes: every difference is a new revision, and the old one is deregistered when
//! nothing uses it any more. It has no name of its own (AWS counts the revisions of a family), so it is found by its tags.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html>

use super::container::Container;
use super::tags;
use aws::named::{Tags, each};
use aws::{Aws, FaultExt, never_twice};
use aws_sdk_ecs::types::{
    self as ecs, Compatibility, CpuArchitecture, NetworkMode, OsFamily, RuntimePlatform, SortOrder, TaskDefinitionField,
    TaskDefinitionStatus, Volume,
};
use contract::{RoleArn, TaskDefinitionArn};
use engine::{Address, Ask, Class, Driver, Fault, Found, Identity, IdentityBy, Kind, Lead, Resource, Scope, Seen, Ticks};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

type Registration = aws_sdk_ecs::operation::register_task_definition::builders::RegisterTaskDefinitionFluentBuilder;

/// What the tasks are: one container on Fargate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
pub(crate) struct TaskDefinitions(pub Aws);

/// A revision with its tags.
pub(crate) type Revision = (ecs::TaskDefinition, Tags);

/// The tag with the image that the settings said when a revision was registered. The image that runs belongs to a release: it is
/// what the settings say only until the first one.
pub(crate) const DECLARED_IMAGE: &str = "orchestrator:image";

/// A revision in the shape of the declaration.
pub(crate) fn live(it: &ecs::TaskDefinition) -> TaskDefinition {
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
    /// The revision, if it is active.
    async fn describe(&self, arn: &str) -> Result<Option<Revision>, Fault> {
        let found = self.describe_any(arn).await?;
        Ok(found.filter(|(it, _)| it.status() == Some(&TaskDefinitionStatus::Active)))
    }

    /// The revision `family:number`, also one that was deregistered: AWS describes it still.
    pub(crate) async fn describe_any(&self, arn: &str) -> Result<Option<Revision>, Fault> {
        let call = self.0.ecs.describe_task_definition().task_definition(arn).include(TaskDefinitionField::Tags);
        let answer = match call.send().await.or_gone("ecs:DescribeTaskDefinition") {
            Err(fault) if fault.code == "ClientException" && fault.message.contains("Unable to describe") => None,
            other => other?,
        };
        let Some(answer) = answer else { return Ok(None) };
        let tags = tags::read(answer.tags());
        Ok(answer.task_definition.map(|it| (it, tags)))
    }

    /// The newest of the family's active revisions that has such tags.
    async fn newest(&self, family: &str, ours: impl Fn(&Tags) -> bool) -> Result<Option<Revision>, Fault> {
        let call = self.0.ecs.list_task_definitions().family_prefix(family).status(TaskDefinitionStatus::Active);
        let mut pages = call.sort(SortOrder::Desc).into_paginator().items().send();
        while let Some(arn) = pages.next().await {
            let found = self.describe(&arn.or_fault("ecs:ListTaskDefinitions")?).await?;
            if let Some(found) = found.filter(|(_, tags)| ours(tags)) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    async fn search(&self, who: &Identity, family: &str) -> Result<Option<Revision>, Fault> {
        self.newest(family, |tags| who.is_exactly(tags)).await
    }

    /// The remembered revision; one whose answer was lost by its tags.
    async fn find(&self, who: &Identity, family: &str, last: Option<&TaskDefinitionArn>) -> Result<Option<Revision>, Fault> {
        match last {
            Some(arn) => self.describe(arn.as_str()).await,
            None => self.search(who, family).await,
        }
    }

    /// The image that a new revision gets: the one that was released, unless the settings say another one since.
    async fn image(&self, who: &Identity, want: &TaskDefinition) -> Result<String, Fault> {
        let declared = &want.container.image;
        let before = self.newest(&want.family, |tags| who.owns(tags)).await?;
        let released = before.filter(|(_, tags)| tags.get(DECLARED_IMAGE) == Some(declared)).map(|(it, _)| live(&it).container.image);
        Ok(released.unwrap_or_else(|| declared.clone()))
    }

    async fn register(&self, who: &Identity, want: &TaskDefinition, image: String) -> Result<TaskDefinitionArn, Fault> {
        let declared = want.container.image.clone();
        let container = Container { image, ..want.container.clone() };
        let definition = container.definition().map_err(|error| Fault::new(Class::Bug, error.to_string()))?;
        let cpu = if want.arm64 { CpuArchitecture::Arm64 } else { CpuArchitecture::X8664 };
        let volumes: BTreeSet<&String> = want.container.mounts.values().collect();
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
            .set_volumes(Some(volumes.into_iter().map(|name| Volume::builder().name(name).build()).collect()));
        self.once(who, &want.family, &declared, call).await
    }

    /// Registers everything that another revision says, as it is.
    pub(crate) async fn register_copy(&self, who: &Identity, of: &ecs::TaskDefinition, declared: &str) -> Result<TaskDefinitionArn, Fault> {
        let family = of.family().unwrap_or_default();
        let call = self
            .0
            .ecs
            .register_task_definition()
            .family(family)
            .set_requires_compatibilities(of.requires_compatibilities.clone())
            .set_network_mode(of.network_mode.clone())
            .set_cpu(of.cpu.clone())
            .set_memory(of.memory.clone())
            .set_runtime_platform(of.runtime_platform.clone())
            .set_execution_role_arn(of.execution_role_arn.clone())
            .set_task_role_arn(of.task_role_arn.clone())
            .set_container_definitions(of.container_definitions.clone())
            .set_volumes(of.volumes.clone())
            .set_placement_constraints(of.placement_constraints.clone())
            .set_pid_mode(of.pid_mode.clone())
            .set_ipc_mode(of.ipc_mode.clone())
            .set_proxy_configuration(of.proxy_configuration.clone())
            .set_ephemeral_storage(of.ephemeral_storage.clone());
        self.once(who, family, declared, call).await
    }

    /// Registers once: a repeated call would count a second revision.
    async fn once(&self, who: &Identity, family: &str, declared: &str, call: Registration) -> Result<TaskDefinitionArn, Fault> {
        let mut tags = who.tags.to_map();
        tags.insert(DECLARED_IMAGE.to_owned(), declared.to_owned());
        let call = call.set_tags(Some(tags::given(&tags)));
        let once = aws_sdk_ecs::config::Builder::new().retry_classifier(never_twice());
        match call.customize().config_override(once).send().await.or_fault("ecs:RegisterTaskDefinition") {
            Ok(made) => Ok(made.task_definition().map_or_else(|| TaskDefinitionArn(String::new()), arn)),
            Err(fault) if fault.class == Class::InDoubt => self.search(who, family).await?.map(|(it, _)| arn(&it)).ok_or(fault),
            Err(fault) => Err(fault),
        }
    }
}

impl Driver<TaskDefinition> for TaskDefinitions {
    async fn observe(&self, asks: &[Ask<TaskDefinition>]) -> Result<Found<TaskDefinition>, Fault> {
        each(asks, |ask| async move {
            let Some((it, mut tags)) = self.find(&ask.who, &ask.want.family, ask.last.as_ref()).await? else { return Ok(None) };
            let mut live = live(&it);
            if let Some(declared) = tags.remove(DECLARED_IMAGE) {
                live.container.image = declared;
            }
            Ok(Some(Seen { live, output: arn(&it), ours: true, tags: Some(tags) }))
        })
        .await
    }

    async fn ensure(
        &self,
        who: &Identity,
        want: &TaskDefinition,
        seen: Option<Seen<TaskDefinition>>,
        ticks: &Ticks,
    ) -> Result<TaskDefinitionArn, Fault> {
        if let Some(seen) = seen {
            tags::sync(&self.0, seen.output.as_str(), who, seen.tags.as_ref()).await?;
            return Ok(seen.output);
        }
        if ticks.absent && who.generation == 1 {
            return self.register(who, want, want.container.image.clone()).await;
        }
        match self.search(who, &want.family).await? {
            Some((it, _)) => Ok(arn(&it)),
            None => self.register(who, want, self.image(who, want).await?).await,
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

    async fn list(&self, scope: &Scope) -> Result<Option<Vec<Lead<TaskDefinition>>>, Fault> {
        let mut pages = self.0.ecs.list_task_definitions().status(TaskDefinitionStatus::Active).into_paginator().items().send();
        let mut leads = Vec::new();
        while let Some(arn) = pages.next().await {
            let arn = Some(arn.or_fault("ecs:ListTaskDefinitions")?).filter(|arn| scope.may_name(arn));
            leads.extend(arn.map(|arn| Lead { want: TaskDefinition::default(), last: Some(TaskDefinitionArn(arn)) }));
        }
        Ok(Some(leads))
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
