//! The same revision again: tasks get their secrets when they start, so what reads a secret that changed is started anew.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-ssm-paramstore.html>

use crate::kinds::{EcsService, EcsServices, TaskDefinitions, restarted};
use aws::{Aws, FaultExt, never_twice};
use contract::Secret;
use engine::ledger::Ledger;
use engine::{Address, Class, Fault, LayerName, Ticks};
use std::collections::BTreeSet;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How often a call whose answer was lost is sent at most.
const TRIES: usize = 3;

/// The service that may have to be started anew.
#[derive(Clone, Debug)]
pub struct Restart<'a> {
    aws: &'a Aws,
    want: EcsService,
}

/// What the service runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Its primary deployment.
    pub deployment: String,
    /// Whether its containers get the secret.
    pub reads: bool,
}

impl<'a> Restart<'a> {
    /// The service that the layer's ledger knows; none when it was not deployed.
    ///
    /// # Errors
    /// [`Class::Bug`] for a row of another shape.
    pub fn of(aws: &'a Aws, ledger: &dyn Ledger) -> Result<Option<Restart<'a>>, Fault> {
        let (at, folded) = (Address::new(LayerName::Compute, "service"), ledger.folded());
        let Some(row) = folded.made(&at) else { return Ok(None) };
        let want = serde_json::from_value(row.spec.clone()).map_err(|error| Fault::new(Class::Bug, error.to_string()))?;
        Ok(Some(Restart { aws, want }))
    }

    /// What the service runs, and whether that gets `secret`; none when it is gone.
    ///
    /// # Errors
    /// The fault of a read.
    pub async fn running(&self, secret: &Secret) -> Result<Option<Running>, Fault> {
        let services = EcsServices(self.aws.clone());
        let Some((deployment, live)) = services.deployment(&self.want).await? else { return Ok(None) };
        let definition = TaskDefinitions(self.aws.clone()).describe_any(live.task_definition.as_str()).await?;
        let containers = definition.and_then(|(it, _)| it.container_definitions).unwrap_or_default();
        let mut sources = containers.iter().flat_map(|container| container.secrets()).map(|it| it.value_from());
        Ok(Some(Running { deployment, reads: sources.any(|from| from == secret.arn || from == secret.name) }))
    }

    /// Starts a new deployment, which is none of `before`. One whose order's answer was lost is looked for before it is ordered again.
    ///
    /// # Errors
    /// [`Class::NotFound`] when the service is gone; the fault of `ecs:UpdateService`.
    pub async fn force(&self, before: &BTreeSet<String>) -> Result<(), Fault> {
        let mut tries = 0;
        loop {
            tries += 1;
            let once = aws_sdk_ecs::config::Builder::new().retry_classifier(never_twice());
            let call = self.aws.ecs.update_service().cluster(self.want.cluster.as_str()).service(&self.want.name);
            let call = call.force_new_deployment(true).customize().config_override(once);
            match call.send().await.or_fault("ecs:UpdateService") {
                Err(fault) if fault.class == Class::InDoubt && tries < TRIES => {
                    let now = EcsServices(self.aws.clone()).deployment(&self.want).await?;
                    if now.is_some_and(|(deployment, _)| !before.contains(&deployment)) {
                        return Ok(());
                    }
                }
                other => return other.map(|_| ()),
            }
        }
    }

    /// Waits until a deployment that is none of `before` runs all its tasks, and no other runs any.
    ///
    /// # Errors
    /// [`Class::Invalid`] with the reason when its tasks do not stay up; [`Class::Timeout`].
    pub async fn follow(&self, before: &BTreeSet<String>, ticks: &Ticks) -> Result<(), Fault> {
        let begun = AtomicBool::new(false);
        EcsServices(self.aws.clone()).rolled_out(&self.want, ticks, Duration::ZERO, |it| restarted(it, before, &begun)).await
    }
}
