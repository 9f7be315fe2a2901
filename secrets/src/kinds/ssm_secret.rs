//! A generated value in SSM, encrypted with our key. The value is made here, sent to SSM and forgotten: no field holds it.
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>

use crate::config::Alphabet;
use crate::generate::generate;
use aws::named::{Calls, Tags, each, owned, tag_changes};
use aws::{Aws, FaultExt, withheld};
use aws_sdk_ssm::operation::put_parameter::builders::PutParameterFluentBuilder;
use aws_sdk_ssm::types::{ParameterStringFilter, ParameterTier, ParameterType, ResourceTypeForTagging, Tag};
use contract::{KeyArn, Secret};
use engine::{Address, Ask, Fault, Found, Identity, IdentityBy, Kind, Poll, Replace, Resource, Scope, Seen, Sink};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// How the secret should be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SsmSecret {
    /// The parameter's name: `/stack/env/…`.
    pub name: String,
    /// The key that it is encrypted with.
    pub key: KeyArn,
    /// How many characters the next value has; a change does not touch the present one.
    pub length: usize,
    /// Which characters the next value has.
    pub alphabet: Alphabet,
}

impl Resource for SsmSecret {
    const KIND: Kind = "ssm_secret";
    const REPLACE_ON: &'static [&'static str] = &["name"];
    const REPLACE: Replace = Replace::DeleteFirst;
    const PROTECTED: bool = true;
    const NOT_ADOPTED: Option<&'static str> = Some("its value is generated here and nobody else knows it");
    type Output = Secret;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Name(self.name.clone())
    }

    fn placeholder(&self, at: &Address) -> Secret {
        Secret { name: self.name.clone(), ..Secret::unknown(at) }
    }
}

/// Writers that meet are done within seconds.
const ALONE_WITHIN: Duration = Duration::from_secs(60);

/// Works on secrets.
#[derive(Clone, Debug)]
pub(super) struct SsmSecrets(pub Aws);

fn tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok()).collect()
}

impl SsmSecrets {
    async fn tags_of(&self, name: &str) -> Result<Option<Tags>, Fault> {
        let call = self.0.ssm.list_tags_for_resource().resource_type(ResourceTypeForTagging::Parameter).resource_id(name);
        let answer = call.send().await.or_gone("ssm:ListTagsForResource")?;
        Ok(answer.map(|answer| answer.tag_list().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()))
    }

    /// The same value under another key. It is in memory for the length of two calls.
    async fn encrypt_again(&self, who: &Identity, want: &SsmSecret) -> Result<(), Fault> {
        let read = self.0.ssm.get_parameter().name(&want.name).with_decryption(true).send().await.or_fault("ssm:GetParameter")?;
        let value = SecretString::from(read.parameter.and_then(|parameter| parameter.value).unwrap_or_default());
        let call = self.0.ssm.put_parameter().name(&want.name).value(value.expose_secret()).overwrite(true);
        let call = call.r#type(ParameterType::SecureString).key_id(want.key.as_str());
        self.put(who, &value, call).await
    }

    /// Writes when nobody else writes: SSM refuses what comes at the same time, also to a parameter beside it.
    async fn put(&self, who: &Identity, value: &SecretString, call: PutParameterFluentBuilder) -> Result<(), Fault> {
        let started = Instant::now();
        let attempt = || async {
            match call.clone().send().await.or_fault("ssm:PutParameter") {
                Ok(_) => Ok(Poll::Ready(())),
                Err(fault) if fault.code == "TooManyUpdates" && started.elapsed() < ALONE_WITHIN => Ok(Poll::Waiting(String::new())),
                Err(fault) => Err(withheld(value.expose_secret(), fault)),
            }
        };
        self.0.until(ALONE_WITHIN * 2).poll(&Sink::none().ticks(&who.address), attempt).await
    }
}

/// The ARN of a parameter in the partition, region and account of its key: `DescribeParameters` may leave it out.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html#awssystemsmanager-resources-for-iam-policies>
fn arn_beside(key: &KeyArn, name: &str) -> String {
    let parts: Vec<&str> = key.as_str().split(':').collect();
    let part = |at: usize| parts.get(at).copied().unwrap_or_default();
    format!("arn:{}:ssm:{}:{}:parameter/{}", part(1), part(3), part(4), name.trim_start_matches('/'))
}

impl Calls<SsmSecret> for SsmSecrets {
    async fn look(&self, asks: &[Ask<SsmSecret>]) -> Result<Found<SsmSecret>, Fault> {
        let mut all = BTreeMap::new();
        // AWS takes at most 50 names in a filter.
        for asks in asks.chunks(50) {
            let names = asks.iter().map(|ask| ask.want.name.clone()).collect();
            let filter = ParameterStringFilter::builder().key("Name").option("Equals").set_values(Some(names)).build();
            let filter = filter.map_err(|error| Fault::new(engine::Class::Bug, error.to_string()))?;
            let mut pages = self.0.ssm.describe_parameters().parameter_filters(filter).max_results(50).into_paginator().send();
            while let Some(page) = pages.next().await {
                let parameters = page.or_fault("ssm:DescribeParameters")?.parameters.unwrap_or_default().into_iter();
                all.extend(parameters.filter_map(|it| Some((it.name.clone()?, it))));
            }
        }
        each(asks, |ask| {
            let parameter = all.get(&ask.want.name).cloned();
            async move {
                let Some(parameter) = parameter else { return Ok(None) };
                let arn = parameter.arn.unwrap_or_else(|| arn_beside(&ask.want.key, &ask.want.name));
                let tags = self.0.tagging.or_own(&ask.who, &arn, self.tags_of(&ask.want.name)).await?;
                let Some(tags) = tags else { return Ok(None) };
                let live = SsmSecret { key: KeyArn(parameter.key_id.unwrap_or_default()), ..ask.want.clone() };
                Ok(Some(owned(&ask.who, live, Secret { name: ask.want.name.clone(), arn }, tags)))
            }
        })
        .await
    }

    /// Never overwrites: of two runs that make the value, the second finds it taken.
    async fn create(&self, who: &Identity, want: &SsmSecret) -> Result<Option<Secret>, Fault> {
        let value = generate(want.length, want.alphabet)?;
        let call = self.0.ssm.put_parameter().name(&want.name).value(value.expose_secret()).overwrite(false);
        let call = call.r#type(ParameterType::SecureString).tier(ParameterTier::Standard).key_id(want.key.as_str());
        self.put(who, &value, call.set_tags(Some(tags(&who.tags)))).await?;
        Ok(Some(Secret { name: want.name.clone(), arn: arn_beside(&want.key, &want.name) }))
    }

    async fn change(&self, who: &Identity, want: &SsmSecret, seen: &Seen<SsmSecret>) -> Result<(), Fault> {
        if seen.live.key != want.key {
            self.encrypt_again(who, want).await?;
        }
        let (set, stale) = tag_changes(who, seen.tags.as_ref());
        if !set.is_empty() {
            let call = self.0.ssm.add_tags_to_resource().resource_type(ResourceTypeForTagging::Parameter).resource_id(&want.name);
            call.set_tags(Some(tags(&set))).send().await.or_fault("ssm:AddTagsToResource")?;
        }
        if !stale.is_empty() {
            let call = self.0.ssm.remove_tags_from_resource().resource_type(ResourceTypeForTagging::Parameter).resource_id(&want.name);
            call.set_tag_keys(Some(stale)).send().await.or_fault("ssm:RemoveTagsFromResource")?;
        }
        Ok(())
    }

    async fn remove(&self, spec: &SsmSecret, _: &Secret) -> Result<(), Fault> {
        self.0.ssm.delete_parameter().name(&spec.name).send().await.or_gone("ssm:DeleteParameter").map(|_| ())
    }

    async fn names(&self, scope: &Scope) -> Result<Option<Vec<SsmSecret>>, Fault> {
        let prefix = format!("/{}/{}/", scope.stack, scope.env);
        let filter = ParameterStringFilter::builder().key("Name").option("BeginsWith").values(prefix).build();
        let filter = filter.map_err(|error| Fault::new(engine::Class::Bug, error.to_string()))?;
        let mut pages = self.0.ssm.describe_parameters().parameter_filters(filter).max_results(50).into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let found = page.or_fault("ssm:DescribeParameters")?.parameters.unwrap_or_default().into_iter();
            names.extend(found.filter_map(|it| it.name).map(|name| SsmSecret { name, ..SsmSecret::default() }));
        }
        Ok(Some(names))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_where_its_key_is() {
        let key = KeyArn("arn:aws-cn:kms:cn-north-1:123456789012:key/0a1b".into());
        assert_eq!(arn_beside(&key, "/shop/test/salt"), "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/shop/test/salt");
    }
}
