//! An IAM role with its policies: they come with it and go with it, after everything that uses it.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>

mod listed;

use crate::named::{Calls, MANY, Tags, each, owned, tag_changes};
use crate::{Aws, FaultExt};
use aws_sdk_iam::types::Tag;
use contract::RoleArn;
use engine::{Address, Ask, Fault, Found, Identity, IdentityBy, Kind, Replace, Resource, Scope, Seen};
use futures::future::try_join_all;
use futures::try_join;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What the role should be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct IamRole {
    /// Its name, unique in the account, at most 64 characters.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Who may take it.
    pub trust: Value,
    /// Its own policies by name.
    pub policies: BTreeMap<String, Value>,
    /// Policies of AWS by ARN.
    pub managed: BTreeSet<String>,
}

impl IamRole {
    /// A role without policies that an AWS service may take, for example `ecs-tasks.amazonaws.com`.
    pub fn for_service(name: String, description: &str, service: &str) -> IamRole {
        let trust = json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
        });
        IamRole { name, description: description.into(), trust, policies: BTreeMap::new(), managed: BTreeSet::new() }
    }
}

impl Resource for IamRole {
    const KIND: Kind = "iam_role";
    const REPLACE_ON: &'static [&'static str] = &["name"];
    const REPLACE: Replace = Replace::DeleteFirst;
    type Output = RoleArn;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Name(self.name.clone())
    }

    fn placeholder(&self, at: &Address) -> RoleArn {
        RoleArn::unknown(at)
    }
}

/// Works on roles.
#[derive(Clone, Debug)]
pub struct IamRoles(pub Aws);

/// IAM gives documents back percent-encoded.
fn document(text: &str) -> Value {
    let plain = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
    serde_json::from_str(&plain).unwrap_or_default()
}

fn tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok()).collect()
}

impl IamRoles {
    async fn policies(&self, role: &str) -> Result<BTreeMap<String, Value>, Fault> {
        let iam = &self.0.iam;
        let names = iam.list_role_policies().role_name(role).send().await.or_gone("iam:ListRolePolicies")?;
        let names = names.map(|names| names.policy_names).unwrap_or_default();
        let policies = names.into_iter().map(|name| async move {
            let policy = iam.get_role_policy().role_name(role).policy_name(&name).send().await.or_fault("iam:GetRolePolicy")?;
            Ok((name, document(policy.policy_document())))
        });
        Ok(try_join_all(policies).await?.into_iter().collect())
    }

    async fn managed(&self, role: &str) -> Result<BTreeSet<String>, Fault> {
        let answer = self.0.iam.list_attached_role_policies().role_name(role).send().await.or_gone("iam:ListAttachedRolePolicies")?;
        let attached = answer.and_then(|answer| answer.attached_policies).unwrap_or_default();
        Ok(attached.into_iter().filter_map(|policy| policy.policy_arn).collect())
    }

    async fn seen(&self, ask: &Ask<IamRole>) -> Result<Option<Seen<IamRole>>, Fault> {
        let name = &ask.want.name;
        let role = async { self.0.iam.get_role().role_name(name).send().await.or_gone("iam:GetRole") };
        let more = async { try_join!(self.policies(name), self.managed(name)) };
        // What is remembered is likely there; of what is not, nothing more is asked.
        let (found, (policies, managed)) = match &ask.last {
            Some(_) => try_join!(role, more)?,
            None => match role.await? {
                Some(found) => (Some(found), more.await?),
                None => return Ok(None),
            },
        };
        let Some(role) = found.and_then(|found| found.role) else { return Ok(None) };
        let live = IamRole {
            name: name.clone(),
            description: role.description().unwrap_or_default().to_owned(),
            trust: document(role.assume_role_policy_document().unwrap_or_default()),
            policies,
            managed,
        };
        let tags = role.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
        Ok(Some(owned(&ask.who, live, RoleArn(role.arn().to_owned()), tags)))
    }

    /// Puts the policies that differ and takes away the others.
    async fn sync_policies(&self, want: &IamRole, live: &IamRole) -> Result<(), Fault> {
        let iam = &self.0.iam;
        let differs = |(name, policy): &(&String, &Value)| live.policies.get(*name) != Some(*policy);
        let put = want.policies.iter().filter(differs).map(|(name, policy)| {
            let call = iam.put_role_policy().role_name(&want.name).policy_name(name).policy_document(policy.to_string());
            async move { call.send().await.or_fault("iam:PutRolePolicy").map(|_| ()) }
        });
        let attach = want.managed.difference(&live.managed).map(|arn| {
            let call = iam.attach_role_policy().role_name(&want.name).policy_arn(arn);
            async move { call.send().await.or_fault("iam:AttachRolePolicy").map(|_| ()) }
        });
        try_join!(try_join_all(put), try_join_all(attach))?;
        for name in live.policies.keys().filter(|name| !want.policies.contains_key(*name)) {
            iam.delete_role_policy().role_name(&want.name).policy_name(name).send().await.or_gone("iam:DeleteRolePolicy")?;
        }
        for arn in live.managed.difference(&want.managed) {
            iam.detach_role_policy().role_name(&want.name).policy_arn(arn).send().await.or_gone("iam:DetachRolePolicy")?;
        }
        Ok(())
    }
}

impl Calls<IamRole> for IamRoles {
    async fn look(&self, asks: &[Ask<IamRole>]) -> Result<Found<IamRole>, Fault> {
        if asks.len() >= MANY
            && let Some(found) = listed::look(self, asks).await?
        {
            return Ok(found);
        }
        each(asks, |ask| self.seen(ask)).await
    }

    async fn create(&self, who: &Identity, want: &IamRole) -> Result<Option<RoleArn>, Fault> {
        let call = self.0.iam.create_role().role_name(&want.name).description(&want.description);
        let call = call.assume_role_policy_document(want.trust.to_string()).set_tags(Some(tags(&who.tags)));
        let made = call.send().await.or_fault("iam:CreateRole")?;
        self.sync_policies(want, &IamRole::default()).await?;
        Ok(made.role.map(|role| RoleArn(role.arn)))
    }

    async fn change(&self, who: &Identity, want: &IamRole, seen: &Seen<IamRole>) -> Result<(), Fault> {
        let iam = &self.0.iam;
        if seen.live.description != want.description {
            iam.update_role().role_name(&want.name).description(&want.description).send().await.or_fault("iam:UpdateRole")?;
        }
        if seen.live.trust != want.trust {
            let call = iam.update_assume_role_policy().role_name(&want.name).policy_document(want.trust.to_string());
            call.send().await.or_fault("iam:UpdateAssumeRolePolicy")?;
        }
        self.sync_policies(want, &seen.live).await?;
        let (set, stale) = tag_changes(who, seen.tags.as_ref());
        if !set.is_empty() {
            iam.tag_role().role_name(&want.name).set_tags(Some(tags(&set))).send().await.or_fault("iam:TagRole")?;
        }
        if !stale.is_empty() {
            iam.untag_role().role_name(&want.name).set_tag_keys(Some(stale)).send().await.or_fault("iam:UntagRole")?;
        }
        Ok(())
    }

    async fn remove(&self, spec: &IamRole, _: &RoleArn) -> Result<(), Fault> {
        let empty = IamRole { policies: BTreeMap::new(), managed: BTreeSet::new(), ..spec.clone() };
        let live = IamRole { policies: self.policies(&spec.name).await?, managed: self.managed(&spec.name).await?, ..spec.clone() };
        self.sync_policies(&empty, &live).await?;
        self.0.iam.delete_role().role_name(&spec.name).send().await.or_gone("iam:DeleteRole").map(|_| ())
    }

    async fn names(&self, scope: &Scope) -> Result<Option<Vec<IamRole>>, Fault> {
        let mut pages = self.0.iam.list_roles().into_paginator().items().send();
        let mut names = Vec::new();
        while let Some(role) = pages.next().await {
            let name = role.or_fault("iam:ListRoles")?.role_name;
            names.extend(Some(name).filter(|name| scope.may_name(name)).map(|name| IamRole { name, ..IamRole::default() }));
        }
        Ok(Some(names))
    }
}
