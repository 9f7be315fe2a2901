//! A service on Fargate: so many tasks of a revision, registered in a target group, replaced a few at a time.
//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html>

mod form;

use self::form::{balancers, live, needs_update, network, propagate, rolling};
use super::patience::{lacks_linked_role, patiently, with_linked_role};
use super::rollout::{Rollout, explained, primary, progress, repeated};
use super::tags;
use super::why::Why;
use aws::named::{Calls, owned};
use aws::{Aws, FaultExt};
use aws_sdk_ecs::types::{LaunchType, Service, ServiceField};
use contract::{ClusterName, SecurityGroupId, SubnetId, TargetGroupArn, TaskDefinitionArn};
use engine::{Address, Ask, Class, Fault, Found, Identity, IdentityBy, Kind, Poll, Replace, Resource, Scope, Seen, Ticks};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// A target group and the container that is registered in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// The target group.
    pub group: TargetGroupArn,
    /// The container's name.
    pub container: String,
    /// Its port.
    pub port: i32,
}

/// What the service should be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EcsService {
    /// Its cluster.
    pub cluster: ClusterName,
    /// Its name, unique in the cluster.
    pub name: String,
    /// What its tasks are.
    pub task_definition: TaskDefinitionArn,
    /// How many tasks run; none: autoscaling decides.
    pub desired_count: Option<i32>,
    /// How many tasks it starts with when autoscaling decides: only a create uses it.
    pub start_with: i32,
    /// Where its tasks stand.
    pub subnets: BTreeSet<SubnetId>,
    /// The groups of its tasks.
    pub security_groups: BTreeSet<SecurityGroupId>,
    /// Whether tasks have public addresses.
    pub public_ip: bool,
    /// Where its tasks register.
    pub targets: BTreeSet<Target>,
    /// Seconds after a task's start in which the load balancer's verdict does not count.
    pub grace_period: i32,
    /// Whether operators may open a shell.
    pub exec: bool,
    /// Fargate's version.
    pub platform: String,
    /// The most tasks during a rollout, in percent of the desired ones.
    pub maximum_percent: i32,
    /// The fewest healthy tasks during a rollout, in percent of the desired ones.
    pub minimum_healthy_percent: i32,
    /// Whether AWS gives up a rollout whose tasks do not stay up, and goes back to the last good revision.
    pub circuit_breaker: bool,
    /// Whether tasks carry the tags of the service, and AWS's own with the names of cluster and service.
    pub tags_on_tasks: bool,
    /// How the newest rollout ended.
    pub rollout: Rollout,
}

impl Resource for EcsService {
    const KIND: Kind = "ecs_service";
    const REPLACE_ON: &'static [&'static str] = &["cluster", "name"];
    const REPLACE: Replace = Replace::DeleteFirst;
    const TYPICAL: Duration = Duration::from_secs(75);
    type Output = String;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Name(format!("{}/{}", self.cluster, self.name))
    }

    fn placeholder(&self, _: &Address) -> String {
        self.name.clone()
    }
}

/// Changes of IAM are known everywhere within seconds; the Terraform provider waits two minutes.
const KNOWN_WITHIN: Duration = Duration::from_secs(120);
/// A service of that name that was just deleted drains for a minute or two.
const DRAINED_WITHIN: Duration = Duration::from_secs(300);
/// AWS shows a new service within seconds, at the latest when the settle window has passed.
const SHOWN_WITHIN: Duration = Duration::from_secs(310);
/// The circuit breaker opens after at least three failed tasks, each of which takes minutes to pull, start and be found ill.
const ROLLED_OUT_WITHIN: Duration = Duration::from_secs(1800);
/// Tasks have the target group's deregistration delay and 30 s to stop.
const GONE_WITHIN: Duration = Duration::from_secs(600);

/// Works on services.
#[derive(Clone, Debug)]
pub(crate) struct EcsServices(pub Aws);

/// How long a refusal of a create or a change is waited out.
fn patience(fault: &Fault) -> Option<Duration> {
    let message = fault.message.to_ascii_lowercase();
    let says = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
    match fault.code.as_str() {
        "InvalidParameterException" if says(&["was not idempotent", "still draining"]) => Some(DRAINED_WITHIN),
        "InvalidParameterException" if lacks_linked_role(fault) => Some(KNOWN_WITHIN),
        "InvalidParameterException" if says(&["unable to assume", "role being passed", "not have an associated load balancer"]) => {
            Some(KNOWN_WITHIN)
        }
        // A cluster of that name that was just made in the place of a deleted one.
        "ClusterNotFoundException" if says(&["inactive"]) => Some(KNOWN_WITHIN),
        _ => None,
    }
}

/// A delete that must be repeated: deployments end, or something still depends on the service.
fn is_busy(fault: &Fault) -> bool {
    let says = |text: &str| fault.message.to_ascii_lowercase().contains(text);
    fault.class == Class::Busy || says("deployments are active") || says("dependent object")
}

impl EcsServices {
    /// The services of these names in one cluster, deleted ones included. A cluster that is gone has none.
    async fn fetch(&self, cluster: &str, names: &[String]) -> Result<Vec<Service>, Fault> {
        let mut services = Vec::new();
        // AWS describes at most ten at once.
        for names in names.chunks(10) {
            let call = self.0.ecs.describe_services().cluster(cluster).set_services(Some(names.to_vec())).include(ServiceField::Tags);
            let answer = call.send().await.or_gone("ecs:DescribeServices")?;
            services.extend(answer.and_then(|answer| answer.services).unwrap_or_default());
        }
        Ok(services)
    }

    pub(crate) async fn one(&self, want: &EcsService) -> Result<Option<Service>, Fault> {
        let names = [want.name.clone()];
        Ok(self.fetch(want.cluster.as_str(), &names).await?.into_iter().next())
    }

    /// The service as it is, if it is active.
    pub(crate) async fn live(&self, want: &EcsService) -> Result<Option<EcsService>, Fault> {
        Ok(self.one(want).await?.filter(|it| it.status() == Some("ACTIVE")).map(|it| live(&it, want)))
    }

    /// The id of the primary deployment of a service that is active, and the service as it is.
    pub(crate) async fn deployment(&self, want: &EcsService) -> Result<Option<(String, EcsService)>, Fault> {
        let it = self.one(want).await?.filter(|it| it.status() == Some("ACTIVE"));
        Ok(it.map(|it| (primary(&it).and_then(|now| now.id()).unwrap_or_default().to_owned(), live(&it, want))))
    }

    /// Waits for the end of a rollout, as `progress` sees it; one that fails says why, at its first repeated cause. A service that was
    /// just made has the time `shown` to be seen at all.
    pub(crate) async fn rolled_out(
        &self,
        want: &EcsService,
        ticks: &Ticks,
        shown: Duration,
        progress: impl Fn(&Service) -> Result<Poll<()>, Fault>,
    ) -> Result<(), Fault> {
        let started = Instant::now();
        let look = || async {
            let it = match self.one(want).await? {
                Some(it) if it.status() == Some("ACTIVE") || started.elapsed() >= shown => it,
                None if started.elapsed() >= shown => {
                    return Err(Fault::new(Class::NotFound, format!("the service {} is gone", want.name)));
                }
                _ => return Ok(Poll::Waiting("AWS does not show the service yet".into())),
            };
            match progress(&it)? {
                Poll::Waiting(what) => match repeated(&self.0, want.cluster.as_str(), &it).await? {
                    Some(fault) => Err(fault),
                    None => Ok(Poll::Waiting(what)),
                },
                ready => Ok(ready),
            }
        };
        match self.0.until(ROLLED_OUT_WITHIN).poll(ticks, look).await {
            Err(fault) if matches!(fault.class, Class::Invalid | Class::Timeout) => {
                let it = self.one(want).await.ok().flatten();
                let definition = it.as_ref().and_then(explained).unwrap_or(want.task_definition.as_str());
                let why = Why { aws: &self.0, cluster: want.cluster.as_str(), service: &want.name, definition, ticks };
                Err(why.explained(fault, it.as_ref()).await)
            }
            other => other,
        }
    }

    /// Brings the service from `live` to `want`.
    pub(crate) async fn give(&self, want: &EcsService, live: &EcsService) -> Result<(), Fault> {
        let address = Address::new(engine::LayerName::Compute, "service");
        patiently(self.0.until(DRAINED_WITHIN), &address, patience, || self.update_once(want, live)).await
    }

    async fn create_once(&self, who: &Identity, want: &EcsService) -> Result<(), Fault> {
        let call = self
            .0
            .ecs
            .create_service()
            .cluster(want.cluster.as_str())
            .service_name(&want.name)
            .client_token(&who.token)
            .task_definition(want.task_definition.as_str())
            .desired_count(want.desired_count.unwrap_or(want.start_with))
            .launch_type(LaunchType::Fargate)
            .platform_version(&want.platform)
            .network_configuration(network(want)?)
            .set_load_balancers(Some(balancers(want)))
            .set_health_check_grace_period_seconds((!want.targets.is_empty()).then_some(want.grace_period))
            .deployment_configuration(rolling(want))
            .enable_execute_command(want.exec)
            .enable_ecs_managed_tags(want.tags_on_tasks)
            .propagate_tags(propagate(want))
            .set_tags(Some(tags::given(&who.tags)));
        with_linked_role(&self.0, call.send().await.or_fault("ecs:CreateService")).await.map(|_| ())
    }

    /// Tells AWS only what differs: some fields start a rollout although they stay the same.
    async fn update_once(&self, want: &EcsService, live: &EcsService) -> Result<(), Fault> {
        let network_differs =
            (&want.subnets, &want.security_groups, want.public_ip) != (&live.subnets, &live.security_groups, live.public_ip);
        let percents = |it: &EcsService| (it.maximum_percent, it.minimum_healthy_percent, it.circuit_breaker);
        let tags_differ = want.tags_on_tasks != live.tags_on_tasks;
        let call = self
            .0
            .ecs
            .update_service()
            .cluster(want.cluster.as_str())
            .service(&want.name)
            .set_task_definition((want.task_definition != live.task_definition).then(|| want.task_definition.0.clone()))
            .set_desired_count(want.desired_count.filter(|_| want.desired_count != live.desired_count))
            .set_platform_version((want.platform != live.platform).then(|| want.platform.clone()))
            .set_network_configuration(if network_differs { Some(network(want)?) } else { None })
            .set_load_balancers((want.targets != live.targets).then(|| balancers(want)))
            .set_health_check_grace_period_seconds((want.grace_period != live.grace_period).then_some(want.grace_period))
            .set_deployment_configuration((percents(want) != percents(live)).then(|| rolling(want)))
            .set_enable_execute_command((want.exec != live.exec).then_some(want.exec))
            .set_enable_ecs_managed_tags(tags_differ.then_some(want.tags_on_tasks))
            .set_propagate_tags(tags_differ.then(|| propagate(want)))
            // The same revision again: without force AWS would see nothing to do.
            .set_force_new_deployment((live.rollout == Rollout::Failed).then_some(true));
        call.send().await.or_fault("ecs:UpdateService").map(|_| ())
    }

    /// Stops all tasks and deletes. One that drains or is gone already is a success.
    async fn end(&self, spec: &EcsService) -> Result<(), Fault> {
        let call = self.0.ecs.delete_service().cluster(spec.cluster.as_str()).service(&spec.name).force(true);
        match call.send().await.or_gone("ecs:DeleteService") {
            Err(fault) if fault.code == "ServiceNotActiveException" || is_busy(&fault) => Ok(()),
            other => other.map(|_| ()),
        }
    }
}

impl Calls<EcsService> for EcsServices {
    /// One that drains is not there any more: only a create has to wait for its end.
    async fn look(&self, asks: &[Ask<EcsService>]) -> Result<Found<EcsService>, Fault> {
        let mut clusters: BTreeMap<&str, Vec<&Ask<EcsService>>> = BTreeMap::new();
        for ask in asks {
            clusters.entry(ask.want.cluster.as_str()).or_default().push(ask);
        }
        let mut found = Found::new();
        for (cluster, asks) in clusters {
            let names: Vec<String> = asks.iter().map(|ask| ask.want.name.clone()).collect();
            for it in self.fetch(cluster, &names).await?.into_iter().filter(|it| it.status() == Some("ACTIVE")) {
                let Some(ask) = asks.iter().find(|ask| Some(ask.want.name.as_str()) == it.service_name()) else { continue };
                let seen = owned(&ask.who, live(&it, &ask.want), ask.want.name.clone(), tags::read(it.tags()));
                found.insert(ask.who.address.clone(), seen);
            }
        }
        Ok(found)
    }

    async fn create(&self, who: &Identity, want: &EcsService) -> Result<Option<String>, Fault> {
        patiently(self.0.until(DRAINED_WITHIN), &who.address, patience, || self.create_once(who, want)).await?;
        Ok(Some(want.name.clone()))
    }

    async fn change(&self, who: &Identity, want: &EcsService, seen: &Seen<EcsService>) -> Result<(), Fault> {
        if needs_update(want, &seen.live) {
            patiently(self.0.until(DRAINED_WITHIN), &who.address, patience, || self.update_once(want, &seen.live)).await?;
        }
        if tags::differ(who, seen.tags.as_ref())
            && let Some(it) = self.one(want).await?
        {
            tags::sync(&self.0, it.service_arn().unwrap_or_default(), who, seen.tags.as_ref()).await?;
        }
        Ok(())
    }

    async fn settle(&self, want: &EcsService, _: &String, ticks: &Ticks) -> Result<(), Fault> {
        self.rolled_out(want, ticks, SHOWN_WITHIN, |it| progress(it, want.task_definition.as_str())).await
    }

    async fn remove(&self, spec: &EcsService, _: &String) -> Result<(), Fault> {
        self.end(spec).await
    }

    async fn settle_gone(&self, _: &Identity, spec: &EcsService, ticks: &Ticks) -> Result<(), Fault> {
        let look = || async {
            let Some(it) = self.one(spec).await? else { return Ok(Poll::Ready(())) };
            match it.status() {
                Some("INACTIVE") => return Ok(Poll::Ready(())),
                Some("ACTIVE") => self.end(spec).await?,
                _ => {}
            }
            Ok(Poll::Waiting(format!("{} drains, {} tasks still run", spec.name, it.running_count())))
        };
        self.0.until(GONE_WITHIN).poll(ticks, look).await
    }

    async fn names(&self, scope: &Scope) -> Result<Option<Vec<EcsService>>, Fault> {
        let services = super::names::services(&self.0, scope).await?.into_iter();
        Ok(Some(services.map(|(cluster, name)| EcsService { cluster: cluster.into(), name, ..EcsService::default() }).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: &str, message: &str) -> Fault {
        Fault { code: code.into(), ..Fault::new(Class::Invalid, message) }
    }

    #[test]
    fn only_what_passes_is_waited_out() {
        let invalid = "InvalidParameterException";
        for (code, message, wanted) in [
            (invalid, "Unable to Start a service that is still Draining.", Some(DRAINED_WITHIN)),
            (invalid, "Creation of service was not idempotent.", Some(DRAINED_WITHIN)),
            (invalid, "Unable to assume role and validate the specified targetGroupArn.", Some(KNOWN_WITHIN)),
            (invalid, "Please verify that the ECS service role being passed has the proper permissions.", Some(KNOWN_WITHIN)),
            (invalid, "The target group with targetGroupArn arn:… does not have an associated load balancer.", Some(KNOWN_WITHIN)),
            (invalid, "Unable to assume the service linked role.", Some(KNOWN_WITHIN)),
            ("ClusterNotFoundException", "The referenced cluster was inactive.", Some(KNOWN_WITHIN)),
            ("ClusterNotFoundException", "Cluster not found.", None),
            (invalid, "The container app does not exist in the task definition.", None),
            ("AccessDeniedException", "Unable to assume role", None),
        ] {
            assert_eq!(patience(&refusal(code, message)), wanted, "{message}");
        }
    }
}
