//! How the service is: its tasks, its rollout, what it runs.

use crate::kinds::{EcsService, EcsServices, TaskDefinitions};
use aws::Aws;
use engine::ledger::Folded;
use engine::sign::objects;
use engine::{Fault, LayerName, Level, Sign};

/// A line for each service.
pub(crate) async fn health(aws: &Aws, memory: &Folded) -> Result<Vec<Sign>, Fault> {
    let mut signs = Vec::new();
    for (want, _) in objects::<EcsService>(memory) {
        signs.push(service(aws, &want).await?);
    }
    Ok(signs)
}

async fn service(aws: &Aws, want: &EcsService) -> Result<Sign, Fault> {
    let Some(it) = EcsServices(aws.clone()).one(want).await?.filter(|it| it.status() == Some("ACTIVE")) else {
        let sign = Sign::new(LayerName::Compute, "service", Level::Fail, format!("the service {} is gone", want.name));
        return Ok(sign.hint("run `deploy` to make it again"));
    };
    let (running, desired) = (it.running_count(), it.desired_count());
    let primary = it.deployments().iter().find(|it| it.status() == Some("PRIMARY"));
    let rollout = primary.and_then(|it| it.rollout_state()).map_or("unknown", |state| state.as_str()).to_ascii_lowercase();
    let revision = it.task_definition().and_then(|arn| arn.rsplit('/').next()).unwrap_or_default().to_owned();
    let definition = TaskDefinitions(aws.clone()).describe_any(it.task_definition().unwrap_or_default()).await?;
    let image = definition.and_then(|(it, _)| it.container_definitions().first()?.image().map(str::to_owned)).unwrap_or_default();
    let level = match rollout.as_str() {
        "failed" => Level::Fail,
        "in_progress" => Level::Warn,
        _ if running < desired => Level::Fail,
        _ => Level::Ok,
    };
    let text = format!("{running} of {desired} tasks run {image} as {revision}, rollout {}", rollout.replace('_', " "));
    let sign = Sign::new(LayerName::Compute, "service", level, text);
    let sign = sign.fact("running", running).fact("desired", desired).fact("pending", it.pending_count());
    let sign = sign.fact("image", image).fact("revision", revision).fact("rollout", rollout);
    Ok(if level == Level::Fail { sign.hint("look at the tasks' log (`logs`); `rollback` brings the revision before back") } else { sign })
}
