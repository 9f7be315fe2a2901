//! An alias: the name of a key. It has no tags; it is ours when the key behind it is.
//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html>

use aws::named::{Calls, each, untagged};
use aws::{Aws, FaultExt};
use contract::KeyArn;
use engine::resource::tag;
use engine::{Address, Ask, Fault, Found, Identity, IdentityBy, Kind, Replace, Resource, Seen};
use serde::{Deserialize, Serialize};

/// What the alias should be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KmsAlias {
    /// `alias/…`.
    pub name: String,
    /// The key behind it.
    pub key: KeyArn,
}

impl Resource for KmsAlias {
    const KIND: Kind = "kms_alias";
    const REPLACE_ON: &'static [&'static str] = &["name"];
    const REPLACE: Replace = Replace::DeleteFirst;
    type Output = ();

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Name(self.name.clone())
    }

    fn placeholder(&self, _: &Address) {}
}

/// Works on aliases.
#[derive(Clone, Debug)]
pub(super) struct KmsAliases(pub Aws);

impl KmsAliases {
    /// Whether the key behind an alias belongs to this stack and environment.
    async fn is_ours(&self, ask: &Ask<KmsAlias>, key: &str) -> Result<bool, Fault> {
        let Some(answer) = self.0.kms.list_resource_tags().key_id(key).send().await.or_gone("kms:ListResourceTags")? else {
            return Ok(false);
        };
        let value = |name: &str| answer.tags().iter().find(|it| it.tag_key() == name).map(|it| it.tag_value());
        let same = |name: &str| value(name) == ask.who.tags.get(name).map(String::as_str);
        Ok(match value(tag::STACK) {
            Some(_) => same(tag::STACK) && same(tag::ENV),
            // The key has lost its tags, or somebody pointed our alias at another one.
            None => ask.last.is_some(),
        })
    }
}

impl Calls<KmsAlias> for KmsAliases {
    async fn look(&self, asks: &[Ask<KmsAlias>]) -> Result<Found<KmsAlias>, Fault> {
        each(asks, |ask| async move {
            let answer = self.0.kms.describe_key().key_id(&ask.want.name).send().await.or_gone("kms:DescribeKey")?;
            let Some(arn) = answer.and_then(|answer| answer.key_metadata).and_then(|key| key.arn) else { return Ok(None) };
            let ours = self.is_ours(ask, &arn).await?;
            let live = KmsAlias { name: ask.want.name.clone(), key: KeyArn(arn) };
            Ok(Some(untagged(live, (), ours)))
        })
        .await
    }

    async fn create(&self, _: &Identity, want: &KmsAlias) -> Result<Option<()>, Fault> {
        let call = self.0.kms.create_alias().alias_name(&want.name).target_key_id(want.key.as_str());
        call.send().await.or_fault("kms:CreateAlias").map(|_| Some(()))
    }

    async fn change(&self, _: &Identity, want: &KmsAlias, seen: &Seen<KmsAlias>) -> Result<(), Fault> {
        if seen.live.key == want.key {
            return Ok(());
        }
        let call = self.0.kms.update_alias().alias_name(&want.name).target_key_id(want.key.as_str());
        call.send().await.or_fault("kms:UpdateAlias").map(|_| ())
    }

    async fn remove(&self, spec: &KmsAlias, (): &()) -> Result<(), Fault> {
        self.0.kms.delete_alias().alias_name(&spec.name).send().await.or_gone("kms:DeleteAlias").map(|_| ())
    }
}
