//! The resource kinds that only this layer declares.

mod container;
mod ecs_cluster;
mod ecs_service;
mod names;
mod patience;
mod rollout;
mod scalable_target;
mod scaling_policy;
mod tags;
mod task_definition;
mod tasks;
mod why;

pub use container::{Container, Health, Log};
pub use ecs_cluster::EcsCluster;
pub use ecs_service::{EcsService, Target};
pub use rollout::Rollout;
pub use scalable_target::ScalableTarget;
pub use scaling_policy::{Aim, ScalingPolicy};
pub use task_definition::TaskDefinition;

pub(crate) use ecs_service::EcsServices;
pub(crate) use rollout::restarted;
pub(crate) use task_definition::{DECLARED_IMAGE, Revision, TaskDefinitions, live as live_definition};
pub(crate) use tasks::tasks;

use aws::Aws;
use aws::kinds::alarm::Alarms;
use aws::kinds::iam_role::IamRoles;
use aws::named::Named;
use engine::Kinds;

/// Every kind that this layer ever shipped, with its driver.
pub fn kinds(aws: &Aws) -> Kinds {
    Kinds::new()
        .with(Named(Alarms(aws.clone())))
        .with(Named(IamRoles(aws.clone())))
        .with(Named(ecs_cluster::EcsClusters(aws.clone())))
        .with(task_definition::TaskDefinitions(aws.clone()))
        .with(Named(ecs_service::EcsServices(aws.clone())))
        .with(Named(scalable_target::ScalableTargets(aws.clone())))
        .with(Named(scaling_policy::ScalingPolicies(aws.clone())))
}
