//! An ECS cluster: the name that services share, its metrics, and where sessions of ECS Exec are logged. A deleted one is still
//! described as inactive.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCluster.html>

use super::patience::{lacks_linked_role, patiently, with_linked_role};
use super::tags;
use aws::named::{Calls, owned};
use aws::{Aws, FaultExt};
use aws_sdk_ecs::types::{
    Cluster, ClusterConfiguration, ClusterField, ClusterSetting, ClusterSettingName, ExecuteCommandConfiguration,
    ExecuteCommandLogConfiguration, ExecuteCommandLogging,
};
use contract::{ClusterName, KeyArn, LogGroupName};
use engine::{Address, Ask, Class, Fault, Found, Identity, IdentityBy, Kind, Poll, Replace, Resource, Scope, Seen, Ticks};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What the cluster should be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EcsCluster {
    /// Its name, unique in account and region.
    pub name: String,
    /// Container Insights: `enabled` or `disabled`.
    pub insights: String,
    /// The key that sessions of ECS Exec are encrypted with.
    pub key: KeyArn,
    /// The log group that they are written to.
    pub exec_log_group: LogGroupName,
}

impl Resource for EcsCluster {
    const KIND: Kind = "ecs_cluster";
    const REPLACE_ON: &'static [&'static str] = &["name"];
    const REPLACE: Replace = Replace::DeleteFirst;
    type Output = ClusterName;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Name(self.name.clone())
    }

    fn placeholder(&self, _: &Address) -> ClusterName {
        ClusterName(self.name.clone())
    }
}

/// AWS's own role for ECS is known everywhere within seconds; the Terraform provider waits two minutes.
const KNOWN_WITHIN: Duration = Duration::from_secs(120);
/// A service drains for a minute or two, and its tasks have 30 s to stop.
const FREE_WITHIN: Duration = Duration::from_secs(600);

/// Works on clusters.
#[derive(Clone, Debug)]
pub(super) struct EcsClusters(pub Aws);

fn live(it: &Cluster, want: &EcsCluster) -> EcsCluster {
    let insights = it.settings().iter().find(|setting| setting.name() == Some(&ClusterSettingName::ContainerInsights));
    let exec = it.configuration().and_then(ClusterConfiguration::execute_command_configuration);
    let log = exec.and_then(ExecuteCommandConfiguration::log_configuration);
    // A log that is not encrypted is not the one that is wanted.
    let log = log.filter(|log| log.cloud_watch_encryption_enabled()).and_then(|log| log.cloud_watch_log_group_name());
    EcsCluster {
        name: want.name.clone(),
        insights: insights.and_then(|setting| setting.value()).unwrap_or("disabled").to_owned(),
        key: KeyArn(exec.and_then(|exec| exec.kms_key_id()).unwrap_or_default().to_owned()),
        exec_log_group: LogGroupName(log.unwrap_or_default().to_owned()),
    }
}

fn settings(want: &EcsCluster) -> ClusterSetting {
    ClusterSetting::builder().name(ClusterSettingName::ContainerInsights).value(&want.insights).build()
}

fn configuration(want: &EcsCluster) -> ClusterConfiguration {
    let log = ExecuteCommandLogConfiguration::builder()
        .cloud_watch_log_group_name(want.exec_log_group.as_str())
        .cloud_watch_encryption_enabled(true)
        .build();
    let exec = ExecuteCommandConfiguration::builder().kms_key_id(want.key.as_str()).logging(ExecuteCommandLogging::Override);
    ClusterConfiguration::builder().execute_command_configuration(exec.log_configuration(log).build()).build()
}

/// Something in the cluster has not ended yet.
fn is_in_use(fault: &Fault) -> bool {
    fault.class == Class::Busy || fault.code.starts_with("ClusterContains") || fault.code == "UpdateInProgressException"
}

impl EcsClusters {
    /// The clusters of these names that are there.
    async fn fetch(&self, names: Vec<String>) -> Result<Vec<Cluster>, Fault> {
        let mut clusters = Vec::new();
        for names in names.chunks(100) {
            let call = self.0.ecs.describe_clusters().set_clusters(Some(names.to_vec()));
            let call = call.include(ClusterField::Tags).include(ClusterField::Settings).include(ClusterField::Configurations);
            clusters.extend(call.send().await.or_fault("ecs:DescribeClusters")?.clusters.unwrap_or_default());
        }
        clusters.retain(|it| it.status() != Some("INACTIVE"));
        Ok(clusters)
    }

    async fn one(&self, want: &EcsCluster) -> Result<Option<Cluster>, Fault> {
        Ok(self.fetch(vec![want.name.clone()]).await?.into_iter().next())
    }

    /// Deletes the cluster; what holds it, if something does.
    async fn end(&self, spec: &EcsCluster) -> Result<Option<Fault>, Fault> {
        match self.0.ecs.delete_cluster().cluster(&spec.name).send().await.or_gone("ecs:DeleteCluster") {
            Err(fault) if is_in_use(&fault) => Ok(Some(fault)),
            other => other.map(|_| None),
        }
    }
}

impl Calls<EcsCluster> for EcsClusters {
    async fn look(&self, asks: &[Ask<EcsCluster>]) -> Result<Found<EcsCluster>, Fault> {
        let mut found = Found::new();
        for it in self.fetch(asks.iter().map(|ask| ask.want.name.clone()).collect()).await? {
            let Some(ask) = asks.iter().find(|ask| Some(ask.want.name.as_str()) == it.cluster_name()) else { continue };
            let output = ClusterName(ask.want.name.clone());
            found.insert(ask.who.address.clone(), owned(&ask.who, live(&it, &ask.want), output, tags::read(it.tags())));
        }
        Ok(found)
    }

    /// `CreateCluster` would return somebody else's cluster of that name: the look after compares the tags.
    async fn create(&self, who: &Identity, want: &EcsCluster) -> Result<Option<ClusterName>, Fault> {
        let create = || async {
            let call = self.0.ecs.create_cluster().cluster_name(&want.name).settings(settings(want));
            let call = call.configuration(configuration(want)).set_tags(Some(tags::given(&who.tags)));
            with_linked_role(&self.0, call.send().await.or_fault("ecs:CreateCluster")).await
        };
        let patience = |fault: &Fault| lacks_linked_role(fault).then_some(KNOWN_WITHIN);
        patiently(self.0.until(FREE_WITHIN), &who.address, patience, create).await.map(|_| None)
    }

    async fn change(&self, who: &Identity, want: &EcsCluster, seen: &Seen<EcsCluster>) -> Result<(), Fault> {
        if &seen.live != want {
            let call = self.0.ecs.update_cluster().cluster(&want.name).settings(settings(want)).configuration(configuration(want));
            call.send().await.or_fault("ecs:UpdateCluster")?;
        }
        if tags::differ(who, seen.tags.as_ref())
            && let Some(it) = self.one(want).await?
        {
            tags::sync(&self.0, it.cluster_arn().unwrap_or_default(), who, seen.tags.as_ref()).await?;
        }
        Ok(())
    }

    /// What holds the cluster is waited for in `settle_gone`, which has ticks.
    async fn remove(&self, spec: &EcsCluster, _: &ClusterName) -> Result<(), Fault> {
        self.end(spec).await.map(|_| ())
    }

    async fn settle_gone(&self, _: &Identity, spec: &EcsCluster, ticks: &Ticks) -> Result<(), Fault> {
        let look = || async {
            if self.one(spec).await?.is_none() {
                return Ok(Poll::Ready(()));
            }
            let held = self.end(spec).await?;
            Ok(Poll::Waiting(held.map_or_else(|| format!("{} ends", spec.name), |fault| fault.message)))
        };
        self.0.until(FREE_WITHIN).poll(ticks, look).await
    }

    async fn names(&self, scope: &Scope) -> Result<Option<Vec<EcsCluster>>, Fault> {
        let clusters = super::names::clusters(&self.0, scope).await?.into_iter();
        Ok(Some(clusters.map(|name| EcsCluster { name, ..EcsCluster::default() }).collect()))
    }
}
