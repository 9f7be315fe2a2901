//! An instance profile: what carries a role into a host. It holds one role, which is put in after it is made.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AddRoleToInstanceProfile.html>

use aws::named::{Calls, Tags, each, owned, tag_changes};
use aws::{Aws, FaultExt};
use aws_sdk_iam::types::Tag;
use contract::{InstanceProfileName, RoleArn};
use engine::{Address, Ask, Class, Fault, Found, Identity, IdentityBy, Kind, Poll, Replace, Resource, Scope, Seen, Ticks};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What the instance profile should be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct InstanceProfile {
    /// Its name, unique in the account, at most 128 characters.
    pub name: String,
    /// The role in it.
    pub role: RoleArn,
}

impl Resource for InstanceProfile {
    const KIND: Kind = "instance_profile";
    const REPLACE_ON: &'static [&'static str] = &["name"];
    const REPLACE: Replace = Replace::DeleteFirst;
    type Output = InstanceProfileName;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Name(self.name.clone())
    }

    fn placeholder(&self, _: &Address) -> InstanceProfileName {
        InstanceProfileName(self.name.clone())
    }
}

/// IAM tells its own servers of a new role or profile within seconds, and shows a role in a profile when the settle window has passed.
const ROLE_WITHIN: Duration = Duration::from_secs(310);

/// Works on instance profiles.
#[derive(Clone, Debug)]
pub(super) struct InstanceProfiles(pub Aws);

type Live = aws_sdk_iam::types::InstanceProfile;

/// IAM takes a role's name where it gives back its ARN.
fn role_name(role: &RoleArn) -> &str {
    role.as_str().rsplit('/').next().unwrap_or_default()
}

fn role_in(profile: &Live) -> Option<RoleArn> {
    profile.roles().first().map(|role| RoleArn(role.arn().to_owned()))
}

fn tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok()).collect()
}

impl InstanceProfiles {
    async fn described(&self, name: &str) -> Result<Option<Live>, Fault> {
        let found = self.0.iam.get_instance_profile().instance_profile_name(name).send().await.or_gone("iam:GetInstanceProfile")?;
        Ok(found.and_then(|found| found.instance_profile))
    }

    /// Looks for the role and puts it in: safe to repeat, also after a lost answer.
    async fn put_role(&self, want: &InstanceProfile) -> Result<Poll<()>, Fault> {
        if self.described(&want.name).await?.as_ref().and_then(role_in).as_ref() == Some(&want.role) {
            return Ok(Poll::Ready(()));
        }
        let call = self.0.iam.add_role_to_instance_profile().instance_profile_name(&want.name).role_name(role_name(&want.role));
        match call.send().await.or_fault("iam:AddRoleToInstanceProfile") {
            Ok(_) => Ok(Poll::Ready(())),
            // A role that was just made is not known to all of IAM's servers.
            Err(fault) if fault.is_not_found() => {
                Ok(Poll::Refused(format!("IAM does not know it everywhere yet: {}", fault.message), fault))
            }
            // It may be in, by a call whose answer was lost: the profile takes no second role. The next look tells.
            Err(fault) if fault.class == Class::InDoubt || fault.code == "LimitExceeded" => {
                Ok(Poll::Refused(format!("its role is perhaps in: {}", fault.message), fault))
            }
            Err(fault) => Err(fault),
        }
    }

    async fn take_role(&self, profile: &str, role: &RoleArn) -> Result<(), Fault> {
        let call = self.0.iam.remove_role_from_instance_profile().instance_profile_name(profile).role_name(role_name(role));
        call.send().await.or_gone("iam:RemoveRoleFromInstanceProfile").map(|_| ())
    }
}

impl Calls<InstanceProfile> for InstanceProfiles {
    async fn look(&self, asks: &[Ask<InstanceProfile>]) -> Result<Found<InstanceProfile>, Fault> {
        each(asks, |ask| async move {
            let Some(profile) = self.described(&ask.want.name).await? else { return Ok(None) };
            let live = InstanceProfile { name: ask.want.name.clone(), role: role_in(&profile).unwrap_or_else(|| RoleArn(String::new())) };
            let tags = profile.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
            let output = InstanceProfileName(ask.want.name.clone());
            Ok(Some(owned(&ask.who, live, output, tags)))
        })
        .await
    }

    /// Without its role, which [`Calls::settle`] puts in: that runs also when the answer to this call was lost.
    async fn create(&self, who: &Identity, want: &InstanceProfile) -> Result<Option<InstanceProfileName>, Fault> {
        let call = self.0.iam.create_instance_profile().instance_profile_name(&want.name).set_tags(Some(tags(&who.tags)));
        match call.send().await.or_fault("iam:CreateInstanceProfile") {
            // The SDK's retry of a create whose answer was lost; whose profile it is the next look tells.
            Err(fault) if fault.code == "EntityAlreadyExists" => Ok(None),
            other => other.map(|_| Some(InstanceProfileName(want.name.clone()))),
        }
    }

    async fn change(&self, who: &Identity, want: &InstanceProfile, seen: &Seen<InstanceProfile>) -> Result<(), Fault> {
        let held = &seen.live.role;
        if *held != want.role && !held.as_str().is_empty() {
            self.take_role(&want.name, held).await?;
        }
        let (set, stale) = tag_changes(who, seen.tags.as_ref());
        if !set.is_empty() {
            let call = self.0.iam.tag_instance_profile().instance_profile_name(&want.name).set_tags(Some(tags(&set)));
            call.send().await.or_fault("iam:TagInstanceProfile")?;
        }
        if !stale.is_empty() {
            let call = self.0.iam.untag_instance_profile().instance_profile_name(&want.name).set_tag_keys(Some(stale));
            call.send().await.or_fault("iam:UntagInstanceProfile")?;
        }
        Ok(())
    }

    /// AWS does not delete a profile with a role in it.
    async fn remove(&self, spec: &InstanceProfile, _: &InstanceProfileName) -> Result<(), Fault> {
        if let Some(role) = self.described(&spec.name).await?.as_ref().and_then(role_in) {
            self.take_role(&spec.name, &role).await?;
        }
        self.0.iam.delete_instance_profile().instance_profile_name(&spec.name).send().await.or_gone("iam:DeleteInstanceProfile").map(|_| ())
    }

    async fn settle(&self, want: &InstanceProfile, _: &InstanceProfileName, ticks: &Ticks) -> Result<(), Fault> {
        self.0.until(ROLE_WITHIN).poll(ticks, || self.put_role(want)).await
    }

    async fn names(&self, scope: &Scope) -> Result<Option<Vec<InstanceProfile>>, Fault> {
        let mut pages = self.0.iam.list_instance_profiles().into_paginator().items().send();
        let mut names = Vec::new();
        while let Some(it) = pages.next().await {
            let name = it.or_fault("iam:ListInstanceProfiles")?.instance_profile_name;
            names.extend(Some(name).filter(|name| scope.may_name(name)).map(|name| InstanceProfile { name, ..InstanceProfile::default() }));
        }
        Ok(Some(names))
    }
}
