//! Where tasks register and are asked whether they are well.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html>

use super::{AT_ONCE, tags};
use crate::config::HealthCheck;
use aws::named::{Calls, MANY, each, owned, several};
use aws::{Aws, FaultExt};
use aws_sdk_elasticloadbalancingv2::types::{Matcher, ProtocolEnum, TargetGroup as Live, TargetGroupAttribute, TargetTypeEnum};
use contract::{TargetGroupArn, VpcId};
use engine::{Address, Ask, Fault, Found, Identity, IdentityBy, Kind, LayerName, Resource, Scope, Seen, Sink};
use futures::try_join;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What the target group should be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TargetGroup {
    /// Its name, unique in account and region, without a generation.
    pub name: String,
    /// Its VPC.
    pub vpc: VpcId,
    /// The port of its targets.
    pub port: i32,
    /// How they are asked.
    pub health_check: HealthCheck,
    /// Seconds that a leaving target keeps its open requests.
    pub deregistration_delay: u32,
}

impl TargetGroup {
    /// A successor lives beside the group that it replaces, so it needs a name of its own.
    fn called(&self, generation: u32) -> String {
        let suffix = if generation == 1 { String::new() } else { format!("-{generation}") };
        let room = 32 - suffix.len();
        format!("{}{suffix}", self.name.chars().take(room).collect::<String>().trim_end_matches('-'))
    }
}

impl Resource for TargetGroup {
    const KIND: Kind = "target_group";
    const REPLACE_ON: &'static [&'static str] = &["name", "vpc", "port"];
    type Output = TargetGroupArn;

    fn identity(&self, generation: u32) -> IdentityBy {
        IdentityBy::Name(self.called(generation))
    }

    fn placeholder(&self, at: &Address) -> TargetGroupArn {
        TargetGroupArn::unknown(at)
    }
}

/// A listener that was deleted or re-pointed holds its old group for a while; the Terraform provider waits two minutes.
const FREED_WITHIN: Duration = Duration::from_secs(120);

/// Works on target groups.
#[derive(Clone, Debug)]
pub(super) struct TargetGroups(pub Aws);

const DELAY: &str = "deregistration_delay.timeout_seconds";

impl TargetGroups {
    /// The groups of these names.
    async fn named(&self, names: Vec<String>) -> Result<Option<Vec<Live>>, Fault> {
        let call = self.0.elb.describe_target_groups().set_names(Some(names)).send().await;
        Ok(call.or_gone("elasticloadbalancing:DescribeTargetGroups")?.map(|answer| answer.target_groups.unwrap_or_default()))
    }

    /// All of the account.
    async fn all(&self) -> Result<Vec<Live>, Fault> {
        let pages = self.0.elb.describe_target_groups().into_paginator().items().send();
        pages.collect::<Result<Vec<_>, _>>().await.or_fault("elasticloadbalancing:DescribeTargetGroups")
    }

    async fn delay(&self, arn: &str) -> Result<u32, Fault> {
        let call = self.0.elb.describe_target_group_attributes().target_group_arn(arn);
        let answer = call.send().await.or_fault("elasticloadbalancing:DescribeTargetGroupAttributes")?;
        let value = answer.attributes().iter().find(|it| it.key() == Some(DELAY)).and_then(|it| it.value());
        Ok(value.and_then(|value| value.parse().ok()).unwrap_or(300))
    }

    async fn set_delay(&self, arn: &str, seconds: u32) -> Result<(), Fault> {
        let attribute = TargetGroupAttribute::builder().key(DELAY).value(seconds.to_string()).build();
        let call = self.0.elb.modify_target_group_attributes().target_group_arn(arn).attributes(attribute);
        call.send().await.or_fault("elasticloadbalancing:ModifyTargetGroupAttributes").map(|_| ())
    }
}

fn check(it: &Live) -> HealthCheck {
    HealthCheck {
        path: it.health_check_path().unwrap_or_default().to_owned(),
        matcher: it.matcher().and_then(|matcher| matcher.http_code()).unwrap_or_default().to_owned(),
        interval: it.health_check_interval_seconds().unwrap_or_default(),
        timeout: it.health_check_timeout_seconds().unwrap_or_default(),
        healthy: it.healthy_threshold_count().unwrap_or_default(),
        unhealthy: it.unhealthy_threshold_count().unwrap_or_default(),
    }
}

impl Calls<TargetGroup> for TargetGroups {
    async fn look(&self, asks: &[Ask<TargetGroup>]) -> Result<Found<TargetGroup>, Fault> {
        let names = asks.iter().map(|ask| ask.who.name().to_owned()).collect();
        let found = if asks.len() < MANY { several(names, AT_ONCE, |names| self.named(names)).await? } else { self.all().await? };
        each(asks, |ask| async {
            let Some(it) = found.iter().find(|it| it.target_group_name() == Some(ask.who.name())) else { return Ok(None) };
            let arn = it.target_group_arn().unwrap_or_default().to_owned();
            let (tags, delay) = try_join!(tags::one(&self.0, &ask.who, &arn), self.delay(&arn))?;
            let live = TargetGroup {
                name: ask.want.name.clone(),
                vpc: VpcId(it.vpc_id().unwrap_or_default().to_owned()),
                port: it.port().unwrap_or_default(),
                health_check: check(it),
                deregistration_delay: delay,
            };
            Ok(tags.map(|tags| owned(&ask.who, live, TargetGroupArn(arn), tags)))
        })
        .await
    }

    /// AWS returns an existing group of that name and shape, whoever made it: the look after compares the tags.
    async fn create(&self, who: &Identity, want: &TargetGroup) -> Result<Option<TargetGroupArn>, Fault> {
        let check = &want.health_check;
        let call = self.0.elb.create_target_group().name(who.name()).protocol(ProtocolEnum::Http).port(want.port);
        let call = call.vpc_id(want.vpc.as_str()).target_type(TargetTypeEnum::Ip).health_check_path(&check.path);
        let call = call.matcher(Matcher::builder().http_code(&check.matcher).build()).health_check_interval_seconds(check.interval);
        let call = call.health_check_timeout_seconds(check.timeout).healthy_threshold_count(check.healthy);
        let call = call.unhealthy_threshold_count(check.unhealthy).set_tags(Some(tags::sdk(&who.tags)));
        call.send().await.or_fault("elasticloadbalancing:CreateTargetGroup").map(|_| None)
    }

    /// The delay cannot be given to the create call.
    async fn settle(&self, want: &TargetGroup, arn: &TargetGroupArn, _: &engine::Ticks) -> Result<(), Fault> {
        if self.delay(arn.as_str()).await? == want.deregistration_delay {
            return Ok(());
        }
        self.set_delay(arn.as_str(), want.deregistration_delay).await
    }

    async fn change(&self, who: &Identity, want: &TargetGroup, seen: &Seen<TargetGroup>) -> Result<(), Fault> {
        let (arn, check) = (seen.output.as_str(), &want.health_check);
        if &seen.live.health_check != check {
            let call = self.0.elb.modify_target_group().target_group_arn(arn).health_check_path(&check.path);
            let call = call.matcher(Matcher::builder().http_code(&check.matcher).build()).health_check_interval_seconds(check.interval);
            let call = call.health_check_timeout_seconds(check.timeout).healthy_threshold_count(check.healthy);
            let call = call.unhealthy_threshold_count(check.unhealthy);
            call.send().await.or_fault("elasticloadbalancing:ModifyTargetGroup")?;
        }
        tags::sync(&self.0, arn, who, seen.tags.as_ref()).await
    }

    async fn remove(&self, spec: &TargetGroup, arn: &TargetGroupArn) -> Result<(), Fault> {
        let ticks = Sink::none().ticks(&Address::new(LayerName::Edge, spec.name.clone()));
        let delete = || async {
            let call = self.0.elb.delete_target_group().target_group_arn(arn.as_str());
            call.send().await.or_gone("elasticloadbalancing:DeleteTargetGroup").map(|_| ())
        };
        aws::ec2::when_free(&self.0, FREED_WITHIN, &ticks, delete).await
    }

    async fn names(&self, scope: &Scope) -> Result<Option<Vec<TargetGroup>>, Fault> {
        let names = self.all().await?.into_iter().filter_map(|it| it.target_group_name).filter(|name| scope.may_name(name));
        Ok(Some(names.map(|name| TargetGroup { name, ..TargetGroup::default() }).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_successor_has_another_name_that_aws_allows() {
        let called = |name: &str, generation| {
            let (vpc, health_check) = (VpcId("vpc-1".into()), HealthCheck::default());
            TargetGroup { name: name.into(), vpc, port: 8000, health_check, deregistration_delay: 30 }.called(generation)
        };
        assert_eq!((called("shop-prod-app", 1).as_str(), called("shop-prod-app", 2).as_str()), ("shop-prod-app", "shop-prod-app-2"));
        let longest = "a-stack-of-twenty-cha-staging-ap";
        assert_eq!((longest.len(), called(longest, 10).len()), (32, 32));
        assert!(called(longest, 10).ends_with("-10"));
    }
}
