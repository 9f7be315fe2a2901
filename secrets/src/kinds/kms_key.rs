//! A KMS key. It has no name: it is found by its tags, and a key that waits for its deletion is taken back when it is ours.
//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateKey.html>

use aws::named::{Tags, each, tag_changes};
use aws::{Aws, FaultExt, never_twice};
use aws_sdk_kms::types::{KeyMetadata, KeyState, Tag};
use contract::KeyArn;
use engine::settle::not_yet;
use engine::{Address, Ask, Class, Driver, Fault, Found, Identity, IdentityBy, Kind, Lead, Resource, Scope, Seen, Ticks};
use futures::try_join;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// What the key should be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct KmsKey {
    /// What it is for.
    pub description: String,
    /// Whether AWS makes new key material every year.
    pub rotation: bool,
    /// Who may use it.
    pub policy: Value,
    /// Days between its deletion and its end: only a delete uses it.
    pub deletion_days: u8,
}

impl Resource for KmsKey {
    const KIND: Kind = "kms_key";
    const PROTECTED: bool = true;
    type Output = KeyArn;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Tag
    }

    fn placeholder(&self, at: &Address) -> KeyArn {
        KeyArn::unknown(at)
    }
}

/// Works on KMS keys.
#[derive(Clone, Debug)]
pub(super) struct KmsKeys {
    aws: Aws,
    /// Where a key of ours was seen that waits for its deletion: nothing of a plan, and there to be taken back.
    leaving: Arc<Mutex<BTreeSet<Address>>>,
}

fn is_leaving(key: &KeyMetadata) -> bool {
    matches!(key.key_state(), Some(KeyState::PendingDeletion | KeyState::PendingReplicaDeletion))
}

impl KmsKeys {
    pub(super) fn new(aws: &Aws) -> KmsKeys {
        KmsKeys { aws: aws.clone(), leaving: Arc::default() }
    }

    async fn tags(&self, id: &str) -> Result<Option<Tags>, Fault> {
        let Some(answer) = self.aws.kms.list_resource_tags().key_id(id).send().await.or_gone("kms:ListResourceTags")? else {
            return Ok(None);
        };
        Ok(Some(answer.tags().iter().map(|tag| (tag.tag_key().to_owned(), tag.tag_value().to_owned())).collect()))
    }

    async fn describe(&self, id: &str) -> Result<Option<KeyMetadata>, Fault> {
        Ok(self.aws.kms.describe_key().key_id(id).send().await.or_gone("kms:DescribeKey")?.and_then(|answer| answer.key_metadata))
    }

    /// Those among all keys of the account whose tags are `wanted`. Keys cannot be filtered by tags, so this reads the tags of each:
    /// only for a key whose create answer was lost, or whose ledger was.
    async fn search(&self, wanted: impl Fn(&Tags) -> bool) -> Result<Vec<(KeyMetadata, Tags)>, Fault> {
        let mut pages = self.aws.kms.list_keys().into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(key) = pages.next().await {
            let id = key.or_fault("kms:ListKeys")?.key_id.unwrap_or_default();
            // Keys of AWS's own services do not show their tags to everybody.
            let tags = match self.tags(&id).await {
                Err(fault) if fault.class == Class::Denied => continue,
                other => other?.unwrap_or_default(),
            };
            if wanted(&tags)
                && let Some(key) = self.describe(&id).await?
            {
                found.push((key, tags));
            }
        }
        Ok(found)
    }

    async fn one(&self, who: &Identity) -> Result<Option<(KeyMetadata, Tags)>, Fault> {
        Ok(self.search(|tags| who.owns(tags)).await?.into_iter().next())
    }

    async fn seen(&self, ask: &Ask<KmsKey>) -> Result<Option<Seen<KmsKey>>, Fault> {
        let found = match &ask.last {
            Some(arn) => {
                match try_join!(self.describe(arn.as_str()), self.aws.tagging.or_own(&ask.who, arn.as_str(), self.tags(arn.as_str())))? {
                    (Some(key), Some(tags)) => Some((key, tags)),
                    _ => None,
                }
            }
            None => self.one(&ask.who).await?,
        };
        let Some((key, tags)) = found else { return Ok(None) };
        if is_leaving(&key) {
            self.leaving.lock().unwrap_or_else(PoisonError::into_inner).insert(ask.who.address.clone());
            return Ok(None);
        }
        let (arn, kms) = (KeyArn(key.arn.clone().unwrap_or_default()), &self.aws.kms);
        let policy = async { kms.get_key_policy().key_id(arn.as_str()).policy_name("default").send().await.or_fault("kms:GetKeyPolicy") };
        let rotation = async { kms.get_key_rotation_status().key_id(arn.as_str()).send().await.or_fault("kms:GetKeyRotationStatus") };
        let (policy, rotation) = try_join!(policy, rotation)?;
        let live = KmsKey {
            description: key.description.clone().unwrap_or_default(),
            rotation: rotation.key_rotation_enabled(),
            policy: serde_json::from_str(policy.policy().unwrap_or("null")).unwrap_or_default(),
            deletion_days: ask.want.deletion_days,
        };
        Ok(Some(Seen { live, output: arn, ours: true, tags: Some(tags) }))
    }

    async fn create(&self, who: &Identity, want: &KmsKey, absent: bool) -> Result<KeyArn, Fault> {
        if let Some(arn) = self.aws.remembered(&who.token) {
            return Ok(KeyArn(arn));
        }
        if !absent && let Some((key, _)) = self.one(who).await? {
            let arn = KeyArn(key.arn.clone().unwrap_or_default());
            if is_leaving(&key) {
                self.aws.kms.cancel_key_deletion().key_id(arn.as_str()).send().await.or_fault("kms:CancelKeyDeletion")?;
                self.aws.kms.enable_key().key_id(arn.as_str()).send().await.or_fault("kms:EnableKey")?;
            }
            return Ok(arn);
        }
        let tags = who.tags.iter().filter_map(|(key, value)| Tag::builder().tag_key(key).tag_value(value).build().ok()).collect();
        let call = self.aws.kms.create_key().description(&want.description).policy(want.policy.to_string()).set_tags(Some(tags));
        let once = aws_sdk_kms::config::Builder::new().retry_classifier(never_twice());
        match call.customize().config_override(once).send().await.or_fault("kms:CreateKey") {
            Ok(made) => {
                let arn = made.key_metadata.and_then(|key| key.arn).unwrap_or_default();
                self.aws.remember(&who.token, &arn);
                Ok(KeyArn(arn))
            }
            Err(fault) => Err(fault),
        }
    }

    async fn change(&self, who: &Identity, want: &KmsKey, seen: &Seen<KmsKey>) -> Result<(), Fault> {
        let (kms, id) = (&self.aws.kms, seen.output.as_str());
        if seen.live.description != want.description {
            kms.update_key_description().key_id(id).description(&want.description).send().await.or_fault("kms:UpdateKeyDescription")?;
        }
        if seen.live.policy != want.policy {
            let call = kms.put_key_policy().key_id(id).policy_name("default").policy(want.policy.to_string());
            call.send().await.or_fault("kms:PutKeyPolicy")?;
        }
        match (seen.live.rotation, want.rotation) {
            (false, true) => drop(kms.enable_key_rotation().key_id(id).send().await.or_fault("kms:EnableKeyRotation")?),
            (true, false) => drop(kms.disable_key_rotation().key_id(id).send().await.or_fault("kms:DisableKeyRotation")?),
            _ => {}
        }
        let (set, stale) = tag_changes(who, seen.tags.as_ref());
        if !set.is_empty() {
            let tags = set.iter().filter_map(|(key, value)| Tag::builder().tag_key(key).tag_value(value).build().ok()).collect();
            kms.tag_resource().key_id(id).set_tags(Some(tags)).send().await.or_fault("kms:TagResource")?;
        }
        if !stale.is_empty() {
            kms.untag_resource().key_id(id).set_tag_keys(Some(stale)).send().await.or_fault("kms:UntagResource")?;
        }
        Ok(())
    }
}

impl Driver<KmsKey> for KmsKeys {
    async fn observe(&self, asks: &[Ask<KmsKey>]) -> Result<Found<KmsKey>, Fault> {
        each(asks, |ask| self.seen(ask)).await
    }

    async fn ensure(&self, who: &Identity, want: &KmsKey, seen: Option<Seen<KmsKey>>, ticks: &Ticks) -> Result<KeyArn, Fault> {
        let seen = match seen {
            Some(seen) => seen,
            None if ticks.absent && !self.leaving.lock().unwrap_or_else(PoisonError::into_inner).contains(&who.address) => {
                let output = self.create(who, want, true).await?;
                // A new key is as it was asked for; AWS makes no new material for it yet.
                Seen { live: KmsKey { rotation: false, ..want.clone() }, output, ours: true, tags: Some(who.tags.to_map()) }
            }
            None => {
                let arn = self.create(who, want, false).await?;
                let ask = Ask { who: who.clone(), want: want.clone(), last: Some(arn.clone()) };
                self.seen(&ask).await?.ok_or_else(|| not_yet(arn.as_str()))?
            }
        };
        self.change(who, want, &seen).await?;
        Ok(seen.output)
    }

    async fn delete(&self, who: &Identity, spec: &KmsKey, last: Option<&KeyArn>, _: &Ticks) -> Result<(), Fault> {
        let ask = Ask { who: who.clone(), want: spec.clone(), last: last.cloned() };
        let Some(seen) = self.seen(&ask).await? else { return Ok(()) };
        let id = seen.output.0.rsplit('/').next().unwrap_or_default();
        let call = self.aws.kms.schedule_key_deletion().key_id(id);
        match call.pending_window_in_days(spec.deletion_days.into()).send().await.or_gone("kms:ScheduleKeyDeletion") {
            // An answer that was lost: the retry finds it pending.
            Err(fault) if fault.code == "KMSInvalidStateException" => Ok(()),
            other => other.map(|_| ()),
        }
    }

    async fn list(&self, scope: &Scope) -> Result<Option<Vec<Lead<KmsKey>>>, Fault> {
        // AWS does not say how long a key that goes should wait: as long as it lets it.
        let lead = |arn: Option<String>| Lead { want: KmsKey { deletion_days: 30, ..KmsKey::default() }, last: arn.map(KeyArn) };
        let found = self.search(|tags| scope.owns(tags)).await?.into_iter();
        Ok(Some(found.map(|(key, _)| lead(key.arn)).collect()))
    }
}
