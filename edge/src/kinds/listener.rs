//! A listener: one per port of the load balancer.
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html>

use super::load_balancer::LoadBalancers;
use super::{AT_ONCE, tags};
use aws::named::{Calls, owned};
use aws::{Aws, FaultExt};
use aws_sdk_elasticloadbalancingv2::types::{
    Action as SdkAction, ActionTypeEnum, Certificate, Listener as Live, ProtocolEnum, RedirectActionConfig, RedirectActionStatusCodeEnum,
};
use contract::{CertificateArn, ListenerArn, TargetGroupArn};
use engine::{Address, Ask, Fault, Found, Identity, IdentityBy, Kind, Replace, Resource, Scope, Seen};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What is spoken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// In clear.
    #[default]
    Http,
    /// TLS 1.2 and 1.3.
    Https {
        /// With this certificate.
        certificate: CertificateArn,
    },
    /// Something that this tool never sets.
    Other(String),
}

/// What happens with a request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A target answers it.
    Forward(TargetGroupArn),
    /// The same address with HTTPS, for good.
    #[default]
    RedirectToHttps,
    /// Something that this tool never sets: someone changed it.
    Other(String),
}

/// What the listener should be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Listener {
    /// Its load balancer's ARN.
    pub load_balancer: String,
    /// Its port.
    pub port: i32,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// What happens with a request.
    pub action: Action,
}

/// TLS 1.3, and 1.2 with forward secrecy.
const POLICY: &str = "ELBSecurityPolicy-TLS13-1-2-2021-06";

impl Listener {
    fn sdk_action(&self) -> SdkAction {
        match &self.action {
            Action::Forward(group) => SdkAction::builder().r#type(ActionTypeEnum::Forward).target_group_arn(group.as_str()).build(),
            Action::RedirectToHttps | Action::Other(_) => {
                let to = RedirectActionConfig::builder().protocol("HTTPS").port("443").status_code(RedirectActionStatusCodeEnum::Http301);
                SdkAction::builder().r#type(ActionTypeEnum::Redirect).redirect_config(to.build()).build()
            }
        }
    }

    fn sdk_protocol(&self) -> (ProtocolEnum, Option<String>, Option<Vec<Certificate>>) {
        match &self.protocol {
            Protocol::Https { certificate } => {
                let certificate = Certificate::builder().certificate_arn(certificate.as_str()).build();
                (ProtocolEnum::Https, Some(POLICY.to_owned()), Some(vec![certificate]))
            }
            Protocol::Http | Protocol::Other(_) => (ProtocolEnum::Http, None, None),
        }
    }
}

impl Resource for Listener {
    const KIND: Kind = "listener";
    const REPLACE_ON: &'static [&'static str] = &["load_balancer", "port"];
    const REPLACE: Replace = Replace::DeleteFirst;
    type Output = ListenerArn;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Natural(format!("{}:{}", self.load_balancer, self.port))
    }

    fn placeholder(&self, at: &Address) -> ListenerArn {
        ListenerArn::unknown(at)
    }
}

/// Works on listeners.
#[derive(Clone, Debug)]
pub(super) struct Listeners(pub Aws);

fn protocol(it: &Live) -> Protocol {
    match it.protocol() {
        Some(ProtocolEnum::Http) => Protocol::Http,
        Some(ProtocolEnum::Https) if it.ssl_policy() == Some(POLICY) => {
            let arn = it.certificates().first().and_then(|certificate| certificate.certificate_arn()).unwrap_or_default();
            Protocol::Https { certificate: CertificateArn(arn.to_owned()) }
        }
        other => Protocol::Other(format!("{} {}", other.map_or("?", |it| it.as_str()), it.ssl_policy().unwrap_or_default())),
    }
}

/// To the same host, path and query by HTTPS, for good: AWS writes what is kept as `#{host}`.
fn is_ours(to: &RedirectActionConfig) -> bool {
    let kept = |part: Option<&str>, as_is: &str| part.is_none_or(|part| part == as_is);
    to.protocol() == Some("HTTPS")
        && to.port() == Some("443")
        && to.status_code() == Some(&RedirectActionStatusCodeEnum::Http301)
        && kept(to.host(), "#{host}")
        && kept(to.path(), "/#{path}")
        && kept(to.query(), "#{query}")
}

fn action(it: &Live) -> Action {
    let [action] = it.default_actions() else { return Action::Other(format!("{} actions", it.default_actions().len())) };
    let groups = action.forward_config().map_or(&[][..], |config| config.target_groups());
    let only = action.target_group_arn().or_else(|| groups.first().and_then(|group| group.target_group_arn()));
    match (action.r#type(), only, action.redirect_config()) {
        (Some(ActionTypeEnum::Forward), Some(group), _) if groups.len() < 2 => Action::Forward(TargetGroupArn(group.to_owned())),
        (Some(ActionTypeEnum::Forward), _, _) => Action::Other(format!("forward to {} groups", groups.len())),
        (Some(ActionTypeEnum::Redirect), _, Some(to)) if is_ours(to) => Action::RedirectToHttps,
        (other, _, _) => Action::Other(format!("another {}", other.map_or("action", |it| it.as_str()))),
    }
}

impl Listeners {
    /// The listeners of these load balancers; one that is gone has none.
    async fn of(&self, balancers: BTreeSet<String>) -> Result<Vec<Live>, Fault> {
        let mut all = Vec::new();
        for balancer in balancers {
            let mut pages = self.0.elb.describe_listeners().load_balancer_arn(balancer).into_paginator().send();
            while let Some(page) = pages.next().await {
                let Some(page) = page.or_gone("elasticloadbalancing:DescribeListeners")? else { break };
                all.extend(page.listeners.unwrap_or_default());
            }
        }
        Ok(all)
    }

    /// The remembered listeners of several load balancers, some in a call; `None` when one is gone, or another one may be in its place.
    async fn remembered(&self, asks: &[Ask<Listener>]) -> Result<Option<Vec<Live>>, Fault> {
        let Some(arns) = asks.iter().map(|ask| ask.last.as_ref().map(|arn| arn.0.clone())).collect::<Option<Vec<String>>>() else {
            return Ok(None);
        };
        let calls = arns.chunks(AT_ONCE).map(|arns| async move {
            let call = self.0.elb.describe_listeners().set_listener_arns(Some(arns.to_vec()));
            call.send().await.or_gone("elasticloadbalancing:DescribeListeners")
        });
        let pages: Option<Vec<_>> = try_join_all(calls).await?.into_iter().collect();
        Ok(pages.map(|pages| pages.into_iter().flat_map(|page| page.listeners.unwrap_or_default()).collect()))
    }

    /// The listeners of those who ask, and others.
    async fn all(&self, asks: &[Ask<Listener>]) -> Result<Vec<Live>, Fault> {
        let balancers: BTreeSet<String> = asks.iter().map(|ask| ask.want.load_balancer.clone()).collect();
        if balancers.len() > 1
            && let Some(all) = self.remembered(asks).await?
        {
            return Ok(all);
        }
        self.of(balancers).await
    }
}

impl Calls<Listener> for Listeners {
    async fn look(&self, asks: &[Ask<Listener>]) -> Result<Found<Listener>, Fault> {
        let all = self.all(asks).await?;
        let mut pairs = Vec::new();
        for ask in asks {
            let (balancer, port) = (Some(ask.want.load_balancer.as_str()), Some(ask.want.port));
            pairs.extend(all.iter().find(|it| it.load_balancer_arn() == balancer && it.port() == port).map(|it| (ask, it)));
        }
        let seen = pairs.into_iter().map(|(ask, it)| async move {
            let arn = it.listener_arn().unwrap_or_default();
            let tags = tags::one(&self.0, &ask.who, arn).await?;
            let live = Listener { protocol: protocol(it), action: action(it), ..ask.want.clone() };
            Ok::<_, Fault>(tags.map(|tags| (ask.who.address.clone(), owned(&ask.who, live, ListenerArn(arn.to_owned()), tags))))
        });
        Ok(try_join_all(seen).await?.into_iter().flatten().collect())
    }

    async fn create(&self, who: &Identity, want: &Listener) -> Result<Option<ListenerArn>, Fault> {
        let (protocol, policy, certificates) = want.sdk_protocol();
        let call = self.0.elb.create_listener().load_balancer_arn(&want.load_balancer).port(want.port).protocol(protocol);
        let call = call.set_ssl_policy(policy).set_certificates(certificates).default_actions(want.sdk_action());
        let made = call.set_tags(Some(tags::sdk(&who.tags))).send().await.or_fault("elasticloadbalancing:CreateListener")?;
        // What listens at our load balancer is ours.
        Ok(made.listeners().first().and_then(|it| it.listener_arn()).map(|arn| ListenerArn(arn.to_owned())))
    }

    async fn change(&self, who: &Identity, want: &Listener, seen: &Seen<Listener>) -> Result<(), Fault> {
        let arn = seen.output.as_str();
        if &seen.live != want {
            let (protocol, policy, certificates) = want.sdk_protocol();
            let call = self.0.elb.modify_listener().listener_arn(arn).port(want.port).protocol(protocol);
            let call = call.set_ssl_policy(policy).set_certificates(certificates).default_actions(want.sdk_action());
            call.send().await.or_fault("elasticloadbalancing:ModifyListener")?;
        }
        tags::sync(&self.0, arn, who, seen.tags.as_ref()).await
    }

    async fn remove(&self, _: &Listener, arn: &ListenerArn) -> Result<(), Fault> {
        let call = self.0.elb.delete_listener().listener_arn(arn.as_str());
        call.send().await.or_gone("elasticloadbalancing:DeleteListener").map(|_| ())
    }

    async fn names(&self, scope: &Scope) -> Result<Option<Vec<Listener>>, Fault> {
        let balancers = LoadBalancers(self.0.clone()).all().await?.into_iter();
        let balancers = balancers.filter(|it| scope.may_name(it.load_balancer_name().unwrap_or_default()));
        let listeners = self.of(balancers.filter_map(|it| it.load_balancer_arn).collect()).await?.into_iter();
        let place = |it: Live| (it.load_balancer_arn.unwrap_or_default(), it.port.unwrap_or_default());
        Ok(Some(listeners.map(place).map(|(load_balancer, port)| Listener { load_balancer, port, ..Listener::default() }).collect()))
    }
}
