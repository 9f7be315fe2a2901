//! The tasks of a service. <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html>

use aws::{Aws, FaultExt};
use aws_sdk_ecs::types::{DesiredStatus, Task};
use engine::Fault;

/// How many tasks AWS describes in one call.
const AT_ONCE: usize = 100;

/// Those that should be so; AWS knows ended ones for an hour.
///
/// # Errors
/// The fault of `ecs:ListTasks` or `ecs:DescribeTasks`.
pub(crate) async fn tasks(aws: &Aws, cluster: &str, service: &str, desired: DesiredStatus) -> Result<Vec<Task>, Fault> {
    let mut pages = aws.ecs.list_tasks().cluster(cluster).service_name(service).desired_status(desired).into_paginator().items().send();
    let mut arns = Vec::new();
    while let Some(arn) = pages.next().await {
        arns.push(arn.or_fault("ecs:ListTasks")?);
    }
    let mut tasks = Vec::new();
    for arns in arns.chunks(AT_ONCE) {
        let answer = aws.ecs.describe_tasks().cluster(cluster).set_tasks(Some(arns.to_vec())).send().await;
        tasks.extend(answer.or_fault("ecs:DescribeTasks")?.tasks.unwrap_or_default());
    }
    Ok(tasks)
}
