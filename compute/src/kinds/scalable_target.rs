//! The number of a service's tasks as something that Application Auto Scaling may change, within bounds.
//! <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html>

use super::patience::patiently;
use super::scaling_policy::{CONCURRENT_WITHIN, concurrent};
use aws::named::{Calls, Tags, owned, tag_changes};
use aws::{Aws, FaultExt};
use aws_sdk_applicationautoscaling::types::{ScalableDimension, ScalableTarget as Live, ServiceNamespace};
use engine::{Address, Ask, Fault, Found, Identity, IdentityBy, Kind, Replace, Resource, Scope, Seen};
use serde::{Deserialize, Serialize};

/// What the scalable target should be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScalableTarget {
    /// `service/<cluster>/<service>`.
    pub resource: String,
    /// The fewest tasks.
    pub min: i32,
    /// The most tasks.
    pub max: i32,
}

impl Resource for ScalableTarget {
    const KIND: Kind = "scalable_target";
    const REPLACE_ON: &'static [&'static str] = &["resource"];
    const REPLACE: Replace = Replace::DeleteFirst;
    /// The resource.
    type Output = String;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Natural(self.resource.clone())
    }

    fn placeholder(&self, _: &Address) -> String {
        self.resource.clone()
    }
}

/// Works on scalable targets.
#[derive(Clone, Debug)]
pub(super) struct ScalableTargets(pub Aws);

impl ScalableTargets {
    async fn fetch(&self, resources: &[String]) -> Result<Vec<Live>, Fault> {
        let mut targets = Vec::new();
        // AWS takes at most 50 in a call.
        for resources in resources.chunks(50) {
            let call = self.0.scaling.describe_scalable_targets().service_namespace(ServiceNamespace::Ecs);
            let call = call.set_resource_ids(Some(resources.to_vec())).scalable_dimension(ScalableDimension::EcsServiceDesiredCount);
            let mut pages = call.into_paginator().items().send();
            while let Some(target) = pages.next().await {
                targets.push(target.or_fault("application-autoscaling:DescribeScalableTargets")?);
            }
        }
        Ok(targets)
    }

    async fn tags(&self, arn: &str) -> Result<Option<Tags>, Fault> {
        let call = self.0.scaling.list_tags_for_resource().resource_arn(arn);
        let answer = call.send().await.or_gone("application-autoscaling:ListTagsForResource")?;
        Ok(answer.map(|answer| answer.tags.unwrap_or_default().into_iter().collect()))
    }

    /// The same call makes and changes a target; AWS refuses tags on one that is there.
    async fn register(&self, who: &Identity, want: &ScalableTarget, tags: Option<&Tags>) -> Result<(), Fault> {
        let register = || async {
            let call = self.0.scaling.register_scalable_target().service_namespace(ServiceNamespace::Ecs);
            let call = call.resource_id(&want.resource).scalable_dimension(ScalableDimension::EcsServiceDesiredCount);
            let call = call.min_capacity(want.min).max_capacity(want.max);
            let call = call.set_tags(tags.map(|tags| tags.clone().into_iter().collect()));
            call.send().await.or_fault("application-autoscaling:RegisterScalableTarget").map(|_| ())
        };
        patiently(self.0.until(CONCURRENT_WITHIN), &who.address, concurrent, register).await
    }

    async fn sync_tags(&self, who: &Identity, want: &ScalableTarget, seen: Option<&Tags>) -> Result<(), Fault> {
        let (set, stale) = tag_changes(who, seen);
        if set.is_empty() && stale.is_empty() {
            return Ok(());
        }
        let targets = self.fetch(std::slice::from_ref(&want.resource)).await?;
        let Some(arn) = targets.first().and_then(Live::scalable_target_arn) else { return Ok(()) };
        if !set.is_empty() {
            let call = self.0.scaling.tag_resource().resource_arn(arn).set_tags(Some(set.into_iter().collect()));
            call.send().await.or_fault("application-autoscaling:TagResource")?;
        }
        if !stale.is_empty() {
            let call = self.0.scaling.untag_resource().resource_arn(arn).set_tag_keys(Some(stale));
            call.send().await.or_fault("application-autoscaling:UntagResource")?;
        }
        Ok(())
    }
}

impl Calls<ScalableTarget> for ScalableTargets {
    async fn look(&self, asks: &[Ask<ScalableTarget>]) -> Result<Found<ScalableTarget>, Fault> {
        let mut found = Found::new();
        let resources: Vec<String> = asks.iter().map(|ask| ask.want.resource.clone()).collect();
        for it in self.fetch(&resources).await? {
            let Some(ask) = asks.iter().find(|ask| ask.want.resource == it.resource_id()) else { continue };
            let Some(tags) = self.tags(it.scalable_target_arn().unwrap_or_default()).await? else { continue };
            let live = ScalableTarget { resource: ask.want.resource.clone(), min: it.min_capacity(), max: it.max_capacity() };
            found.insert(ask.who.address.clone(), owned(&ask.who, live, ask.want.resource.clone(), tags));
        }
        Ok(found)
    }

    async fn create(&self, who: &Identity, want: &ScalableTarget) -> Result<Option<String>, Fault> {
        match self.register(who, want, Some(&who.tags)).await {
            // The retry of a create whose answer was lost: whose it is the next look tells.
            Err(fault) if fault.message.contains("already exists") => Ok(None),
            other => other.map(|()| Some(want.resource.clone())),
        }
    }

    async fn change(&self, who: &Identity, want: &ScalableTarget, seen: &Seen<ScalableTarget>) -> Result<(), Fault> {
        if &seen.live != want {
            self.register(who, want, None).await?;
        }
        self.sync_tags(who, want, seen.tags.as_ref()).await
    }

    async fn remove(&self, spec: &ScalableTarget, _: &String) -> Result<(), Fault> {
        let call = self.0.scaling.deregister_scalable_target().service_namespace(ServiceNamespace::Ecs).resource_id(&spec.resource);
        let call = call.scalable_dimension(ScalableDimension::EcsServiceDesiredCount);
        call.send().await.or_gone("application-autoscaling:DeregisterScalableTarget").map(|_| ())
    }

    async fn names(&self, scope: &Scope) -> Result<Option<Vec<ScalableTarget>>, Fault> {
        let call = self.0.scaling.describe_scalable_targets().service_namespace(ServiceNamespace::Ecs);
        let mut pages = call.scalable_dimension(ScalableDimension::EcsServiceDesiredCount).into_paginator().items().send();
        let mut names = Vec::new();
        while let Some(it) = pages.next().await {
            let it = it.or_fault("application-autoscaling:DescribeScalableTargets")?;
            let resource = Some(it.resource_id).filter(|resource| scope.may_name(resource));
            names.extend(resource.map(|resource| ScalableTarget { resource, ..ScalableTarget::default() }));
        }
        Ok(Some(names))
    }
}
