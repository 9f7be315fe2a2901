//! The application load balancer.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html>

use super::{AT_ONCE, tags};
use aws::named::{Calls, MANY, each, owned, several};
use aws::{Aws, FaultExt};
use aws_sdk_elasticloadbalancingv2::types::{LoadBalancer as Live, LoadBalancerAttribute, LoadBalancerSchemeEnum, LoadBalancerTypeEnum};
use contract::{LoadBalancer, SecurityGroupId, SubnetId};
use engine::{Address, Ask, Class, Fault, Found, Identity, IdentityBy, Kind, Poll, Replace, Resource, Scope, Seen, Ticks};
use futures::try_join;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// What the load balancer should be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LoadBalancerSpec {
    /// Its name, unique in account and region, at most 32 characters.
    pub name: String,
    /// Its subnets, one per zone.
    pub subnets: Vec<SubnetId>,
    /// Its security groups.
    pub security_groups: Vec<SecurityGroupId>,
    /// Whether headers that are not valid HTTP are dropped.
    pub drop_invalid_headers: bool,
    /// Seconds after which a silent connection is closed.
    pub idle_timeout: u32,
    /// Whether AWS refuses to delete it.
    pub deletion_protection: bool,
    /// Bucket and prefix of its access log.
    pub access_logs: Option<(String, String)>,
}

impl LoadBalancerSpec {
    /// The attributes that we set; the others are AWS's.
    fn attributes(&self) -> BTreeMap<&'static str, String> {
        let (bucket, prefix) = self.access_logs.clone().unwrap_or_default();
        let mut all = BTreeMap::from([
            ("routing.http.drop_invalid_header_fields.enabled", self.drop_invalid_headers.to_string()),
            ("idle_timeout.timeout_seconds", self.idle_timeout.to_string()),
            ("deletion_protection.enabled", self.deletion_protection.to_string()),
            ("access_logs.s3.enabled", self.access_logs.is_some().to_string()),
        ]);
        if self.access_logs.is_some() {
            all.extend([("access_logs.s3.bucket", bucket), ("access_logs.s3.prefix", prefix)]);
        }
        all
    }
}

impl Resource for LoadBalancerSpec {
    const KIND: Kind = "load_balancer";
    const REPLACE_ON: &'static [&'static str] = &["name"];
    const REPLACE: Replace = Replace::DeleteFirst;
    const TYPICAL: Duration = Duration::from_secs(150);
    const SETS: &'static [&'static str] = &["subnets", "security_groups"];
    type Output = LoadBalancer;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Name(self.name.clone())
    }

    fn placeholder(&self, at: &Address) -> LoadBalancer {
        LoadBalancer::unknown(at)
    }
}

const ACTIVE_WITHIN: Duration = Duration::from_secs(600);
const GONE_WITHIN: Duration = Duration::from_secs(600);

/// Works on load balancers.
#[derive(Clone, Debug)]
pub(super) struct LoadBalancers(pub Aws);

fn output(it: &Live) -> LoadBalancer {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    LoadBalancer { arn: text(it.load_balancer_arn()), dns_name: text(it.dns_name()), zone_id: text(it.canonical_hosted_zone_id()) }
}

impl LoadBalancers {
    async fn get(&self, name: &str) -> Result<Option<Live>, Fault> {
        Ok(self.named(vec![name.to_owned()]).await?.and_then(|found| found.into_iter().next()))
    }

    /// The load balancers of these names.
    async fn named(&self, names: Vec<String>) -> Result<Option<Vec<Live>>, Fault> {
        let call = self.0.elb.describe_load_balancers().set_names(Some(names)).send().await;
        Ok(call.or_gone("elasticloadbalancing:DescribeLoadBalancers")?.map(|answer| answer.load_balancers.unwrap_or_default()))
    }

    /// All of the account.
    pub(super) async fn all(&self) -> Result<Vec<Live>, Fault> {
        let pages = self.0.elb.describe_load_balancers().into_paginator().items().send();
        pages.collect::<Result<Vec<_>, _>>().await.or_fault("elasticloadbalancing:DescribeLoadBalancers")
    }

    /// What its attributes say, and nothing else.
    async fn attributes(&self, arn: &str) -> Result<LoadBalancerSpec, Fault> {
        let call = self.0.elb.describe_load_balancer_attributes().load_balancer_arn(arn);
        let answer = call.send().await.or_fault("elasticloadbalancing:DescribeLoadBalancerAttributes")?;
        let get = |key: &str| {
            answer.attributes().iter().find(|it| it.key() == Some(key)).and_then(|it| it.value()).unwrap_or_default().to_owned()
        };
        let logs = get("access_logs.s3.enabled") == "true";
        Ok(LoadBalancerSpec {
            drop_invalid_headers: get("routing.http.drop_invalid_header_fields.enabled") == "true",
            idle_timeout: get("idle_timeout.timeout_seconds").parse().unwrap_or_default(),
            deletion_protection: get("deletion_protection.enabled") == "true",
            access_logs: logs.then(|| (get("access_logs.s3.bucket"), get("access_logs.s3.prefix"))),
            ..LoadBalancerSpec::default()
        })
    }

    async fn live(&self, it: &Live) -> Result<LoadBalancerSpec, Fault> {
        Ok(LoadBalancerSpec {
            name: it.load_balancer_name().unwrap_or_default().to_owned(),
            subnets: it.availability_zones().iter().map(|zone| SubnetId(zone.subnet_id().unwrap_or_default().to_owned())).collect(),
            security_groups: it.security_groups().iter().map(|id| SecurityGroupId(id.clone())).collect(),
            ..self.attributes(it.load_balancer_arn().unwrap_or_default()).await?
        })
    }

    async fn set_attributes(&self, arn: &str, attributes: BTreeMap<&'static str, String>) -> Result<(), Fault> {
        if attributes.is_empty() {
            return Ok(());
        }
        let attributes =
            attributes.into_iter().map(|(key, value)| LoadBalancerAttribute::builder().key(key).value(value).build()).collect();
        let call = self.0.elb.modify_load_balancer_attributes().load_balancer_arn(arn).set_attributes(Some(attributes));
        call.send().await.or_fault("elasticloadbalancing:ModifyLoadBalancerAttributes").map(|_| ())
    }
}

fn sorted<T: Ord + Clone>(list: &[T]) -> Vec<T> {
    let mut list = list.to_vec();
    list.sort();
    list
}

impl Calls<LoadBalancerSpec> for LoadBalancers {
    async fn look(&self, asks: &[Ask<LoadBalancerSpec>]) -> Result<Found<LoadBalancerSpec>, Fault> {
        let names = asks.iter().map(|ask| ask.want.name.clone()).collect();
        let found = if asks.len() < MANY { several(names, AT_ONCE, |names| self.named(names)).await? } else { self.all().await? };
        each(asks, |ask| async {
            let Some(it) = found.iter().find(|it| it.load_balancer_name() == Some(ask.want.name.as_str())) else { return Ok(None) };
            let arn = it.load_balancer_arn().unwrap_or_default().to_owned();
            let (tags, live) = try_join!(tags::one(&self.0, &ask.who, &arn), self.live(it))?;
            Ok(tags.map(|tags| owned(&ask.who, live, output(it), tags)))
        })
        .await
    }

    /// AWS returns an existing balancer of that name and shape, whoever made it: its tags tell.
    async fn create(&self, who: &Identity, want: &LoadBalancerSpec) -> Result<Option<LoadBalancer>, Fault> {
        let call = self.0.elb.create_load_balancer().name(&want.name).r#type(LoadBalancerTypeEnum::Application);
        let call = call.scheme(LoadBalancerSchemeEnum::InternetFacing).set_tags(Some(tags::sdk(&who.tags)));
        let call = call.set_subnets(Some(want.subnets.iter().map(|id| id.0.clone()).collect()));
        let call = call.set_security_groups(Some(want.security_groups.iter().map(|id| id.0.clone()).collect()));
        let made = call.send().await.or_fault("elasticloadbalancing:CreateLoadBalancer")?;
        let Some(it) = made.load_balancers().first() else { return Ok(None) };
        let arn = it.load_balancer_arn().unwrap_or_default().to_owned();
        let tags = tags::one(&self.0, who, &arn).await?;
        Ok(tags.filter(|tags| who.owns(tags)).map(|_| output(it)))
    }

    async fn change(&self, who: &Identity, want: &LoadBalancerSpec, seen: &Seen<LoadBalancerSpec>) -> Result<(), Fault> {
        let (arn, live) = (seen.output.arn.as_str(), &seen.live);
        if sorted(&live.subnets) != sorted(&want.subnets) {
            let subnets = want.subnets.iter().map(|id| id.0.clone()).collect();
            let call = self.0.elb.set_subnets().load_balancer_arn(arn).set_subnets(Some(subnets));
            call.send().await.or_fault("elasticloadbalancing:SetSubnets")?;
        }
        if sorted(&live.security_groups) != sorted(&want.security_groups) {
            let groups = want.security_groups.iter().map(|id| id.0.clone()).collect();
            let call = self.0.elb.set_security_groups().load_balancer_arn(arn).set_security_groups(Some(groups));
            call.send().await.or_fault("elasticloadbalancing:SetSecurityGroups")?;
        }
        let have = live.attributes();
        let differ = want.attributes().into_iter().filter(|(key, value)| have.get(key) != Some(value)).collect();
        self.set_attributes(arn, differ).await?;
        tags::sync(&self.0, arn, who, seen.tags.as_ref()).await
    }

    /// Attributes cannot be given to the create call: a new balancer gets its own here.
    async fn settle(&self, want: &LoadBalancerSpec, output: &LoadBalancer, ticks: &Ticks) -> Result<(), Fault> {
        let look = || async {
            let it = self.get(&want.name).await?;
            match it.as_ref().and_then(|it| it.state()).and_then(|state| state.code()).map(|code| code.as_str()) {
                Some("active" | "active_impaired") => Ok(Poll::Ready(())),
                None => Ok(Poll::Waiting(format!("{} is not shown", want.name))),
                Some("failed") => Err(Fault::new(Class::Invalid, format!("the load balancer {} could not be set up", want.name))),
                Some(state) => Ok(Poll::Waiting(format!("{} is {state}", want.name))),
            }
        };
        let (_, have) = try_join!(self.0.until(ACTIVE_WITHIN).poll(ticks, look), self.attributes(&output.arn))?;
        let have = have.attributes();
        let differ = want.attributes().into_iter().filter(|(key, value)| have.get(key) != Some(value)).collect();
        self.set_attributes(&output.arn, differ).await
    }

    async fn remove(&self, _: &LoadBalancerSpec, output: &LoadBalancer) -> Result<(), Fault> {
        let off = BTreeMap::from([("deletion_protection.enabled", "false".to_owned())]);
        match self.set_attributes(&output.arn, off).await {
            Err(fault) if fault.is_not_found() => return Ok(()),
            other => other?,
        }
        let call = self.0.elb.delete_load_balancer().load_balancer_arn(&output.arn);
        call.send().await.or_gone("elasticloadbalancing:DeleteLoadBalancer").map(|_| ())
    }

    async fn settle_gone(&self, _: &Identity, spec: &LoadBalancerSpec, ticks: &Ticks) -> Result<(), Fault> {
        let look = || async {
            let there = self.get(&spec.name).await?.is_some();
            Ok(if there { Poll::Waiting(format!("{} is going", spec.name)) } else { Poll::Ready(()) })
        };
        self.0.until(GONE_WITHIN).poll(ticks, look).await
    }

    async fn names(&self, scope: &Scope) -> Result<Option<Vec<LoadBalancerSpec>>, Fault> {
        let names = self.all().await?.into_iter().filter_map(|it| it.load_balancer_name).filter(|name| scope.may_name(name));
        Ok(Some(names.map(|name| LoadBalancerSpec { name, ..LoadBalancerSpec::default() }).collect()))
    }
}
