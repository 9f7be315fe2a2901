//! A target-tracking policy: keeps a metric near a value by changing the number of tasks. It has no tags; it is ours because its
//! scalable target is.
//! <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html>

use super::patience::patiently;
use aws::named::{Calls, untagged};
use aws::{Aws, FaultExt};
use aws_sdk_applicationautoscaling::types::{
    MetricType, PolicyType, PredefinedMetricSpecification, ScalableDimension, ScalingPolicy as Live, ServiceNamespace,
    TargetTrackingScalingPolicyConfiguration,
};
use engine::{Address, Ask, Class, Fault, Found, Identity, IdentityBy, Kind, Replace, Resource, Seen};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What is kept near which value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Aim {
    /// AWS's name of the metric, for example `ECSServiceAverageCPUUtilization`.
    pub metric: String,
    /// Whose, for requests: `app/<load balancer>/targetgroup/<target group>`.
    pub label: Option<String>,
    /// The value.
    pub value: f64,
}

/// What the policy should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScalingPolicy {
    /// The scalable target: `service/<cluster>/<service>`.
    pub resource: String,
    /// Its name, unique at the target.
    pub name: String,
    /// What is kept near which value.
    pub aim: Aim,
    /// Seconds without tasks being taken away after some were.
    pub scale_in_cooldown: i32,
    /// Seconds for tasks that were added to take effect.
    pub scale_out_cooldown: i32,
}

impl Resource for ScalingPolicy {
    const KIND: Kind = "scaling_policy";
    const REPLACE_ON: &'static [&'static str] = &["resource", "name"];
    const REPLACE: Replace = Replace::DeleteFirst;
    type Output = ();

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Natural(format!("{}/{}", self.resource, self.name))
    }

    fn placeholder(&self, _: &Address) {}
}

/// Another call on the same scalable target takes seconds.
pub(super) const CONCURRENT_WITHIN: Duration = Duration::from_secs(60);

/// AWS refuses two changes of one scalable target at the same time, and its policies are made in parallel.
pub(super) fn concurrent(fault: &Fault) -> Option<Duration> {
    (fault.code == "ConcurrentUpdateException").then_some(CONCURRENT_WITHIN)
}

/// Works on scaling policies.
#[derive(Clone, Debug)]
pub(super) struct ScalingPolicies(pub Aws);

fn live(it: &Live) -> ScalingPolicy {
    let tracking = it.target_tracking_scaling_policy_configuration();
    let metric = tracking.and_then(TargetTrackingScalingPolicyConfiguration::predefined_metric_specification);
    ScalingPolicy {
        resource: it.resource_id().to_owned(),
        name: it.policy_name().to_owned(),
        aim: Aim {
            metric: metric.map_or_else(String::new, |metric| metric.predefined_metric_type().as_str().to_owned()),
            label: metric.and_then(|metric| metric.resource_label()).map(str::to_owned),
            value: tracking.map_or(0.0, |tracking| tracking.target_value()),
        },
        // AWS's defaults for a service.
        scale_in_cooldown: tracking.and_then(|tracking| tracking.scale_in_cooldown()).unwrap_or(300),
        scale_out_cooldown: tracking.and_then(|tracking| tracking.scale_out_cooldown()).unwrap_or(300),
    }
}

fn tracking(want: &ScalingPolicy) -> Result<TargetTrackingScalingPolicyConfiguration, Fault> {
    let metric = PredefinedMetricSpecification::builder().predefined_metric_type(MetricType::from(want.aim.metric.as_str()));
    let metric = metric.set_resource_label(want.aim.label.clone()).build();
    let metric = metric.map_err(|error| Fault::new(Class::Bug, error.to_string()))?;
    let tracking = TargetTrackingScalingPolicyConfiguration::builder().target_value(want.aim.value).predefined_metric_specification(metric);
    let tracking = tracking.scale_in_cooldown(want.scale_in_cooldown).scale_out_cooldown(want.scale_out_cooldown).build();
    tracking.map_err(|error| Fault::new(Class::Bug, error.to_string()))
}

impl ScalingPolicies {
    /// The same call makes and changes a policy.
    async fn put(&self, who: &Identity, want: &ScalingPolicy) -> Result<(), Fault> {
        let put = || async {
            let call = self.0.scaling.put_scaling_policy().policy_name(&want.name).policy_type(PolicyType::TargetTrackingScaling);
            let call = call.service_namespace(ServiceNamespace::Ecs).resource_id(&want.resource);
            let call = call.scalable_dimension(ScalableDimension::EcsServiceDesiredCount);
            let call = call.target_tracking_scaling_policy_configuration(tracking(want)?);
            call.send().await.or_fault("application-autoscaling:PutScalingPolicy").map(|_| ())
        };
        patiently(self.0.until(CONCURRENT_WITHIN), &who.address, concurrent, put).await
    }
}

impl Calls<ScalingPolicy> for ScalingPolicies {
    async fn look(&self, asks: &[Ask<ScalingPolicy>]) -> Result<Found<ScalingPolicy>, Fault> {
        let resources: BTreeSet<&str> = asks.iter().map(|ask| ask.want.resource.as_str()).collect();
        let asked: BTreeMap<(&str, &str), &Ask<ScalingPolicy>> =
            asks.iter().map(|ask| ((ask.want.resource.as_str(), ask.want.name.as_str()), ask)).collect();
        let mut found = Found::new();
        for resource in resources {
            let call = self.0.scaling.describe_scaling_policies().service_namespace(ServiceNamespace::Ecs).resource_id(resource);
            let call = call.scalable_dimension(ScalableDimension::EcsServiceDesiredCount);
            let mut pages = call.into_paginator().items().send();
            while let Some(policy) = pages.next().await {
                let policy = policy.or_fault("application-autoscaling:DescribeScalingPolicies")?;
                if let Some(ask) = asked.get(&(policy.resource_id(), policy.policy_name())) {
                    found.insert(ask.who.address.clone(), untagged(live(&policy), (), true));
                }
            }
        }
        Ok(found)
    }

    async fn create(&self, who: &Identity, want: &ScalingPolicy) -> Result<Option<()>, Fault> {
        self.put(who, want).await.map(Some)
    }

    async fn change(&self, who: &Identity, want: &ScalingPolicy, seen: &Seen<ScalingPolicy>) -> Result<(), Fault> {
        if &seen.live == want { Ok(()) } else { self.put(who, want).await }
    }

    async fn remove(&self, spec: &ScalingPolicy, (): &()) -> Result<(), Fault> {
        let call = self.0.scaling.delete_scaling_policy().policy_name(&spec.name).service_namespace(ServiceNamespace::Ecs);
        let call = call.resource_id(&spec.resource).scalable_dimension(ScalableDimension::EcsServiceDesiredCount);
        call.send().await.or_gone("application-autoscaling:DeleteScalingPolicy").map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_applicationautoscaling::primitives::DateTime;

    #[test]
    fn what_is_sent_is_what_is_read() {
        let label = Some("app/shop-test/50dc6c495c0c9188/targetgroup/shop-test-app/73e2d6bc24d8a067".to_owned());
        for (metric, label) in [("ECSServiceAverageCPUUtilization", None), ("ALBRequestCountPerTarget", label)] {
            let want = ScalingPolicy {
                resource: "service/shop-test/app".into(),
                name: "shop-test-cpu".into(),
                aim: Aim { metric: metric.into(), label, value: 70.0 },
                scale_in_cooldown: 300,
                scale_out_cooldown: 60,
            };
            let it = Live::builder().policy_arn("arn").policy_name(&want.name).resource_id(&want.resource);
            let it = it.service_namespace(ServiceNamespace::Ecs).scalable_dimension(ScalableDimension::EcsServiceDesiredCount);
            let it = it.policy_type(PolicyType::TargetTrackingScaling).creation_time(DateTime::from_secs(0));
            let it = it.target_tracking_scaling_policy_configuration(tracking(&want).unwrap()).build().unwrap();
            assert_eq!(live(&it), want);
        }
    }
}
