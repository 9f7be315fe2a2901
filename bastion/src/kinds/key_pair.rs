//! A key pair: a public key that new hosts let in. AWS never sees the private one.
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ImportKeyPair.html>

use crate::key::without_comment;
use aws::ec2::{filter, in_scope, sync_tags, tag_specification, tags_of};
use aws::named::{Calls, owned, tag_changes};
use aws::{Aws, FaultExt};
use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types::{KeyPairInfo, ResourceType};
use contract::KeyPairName;
use engine::{Address, Ask, Fault, Found, Identity, IdentityBy, Kind, Resource, Scope, Seen};
use serde::{Deserialize, Serialize};

/// What the key pair should be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct KeyPair {
    /// Its name, unique in the region.
    pub name: String,
    /// The public key in OpenSSH's form, without a comment.
    pub public_key: String,
}

impl Resource for KeyPair {
    const KIND: Kind = "key_pair";
    const REPLACE_ON: &'static [&'static str] = &["name"];
    type Output = KeyPairName;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Name(self.name.clone())
    }

    fn placeholder(&self, _: &Address) -> KeyPairName {
        KeyPairName(self.name.clone())
    }
}

/// Works on key pairs.
#[derive(Clone, Debug)]
pub(super) struct KeyPairs(pub Aws);

impl KeyPairs {
    /// By a filter: asking for a name that does not exist is an error.
    async fn named(&self, names: Vec<String>) -> Result<Vec<KeyPairInfo>, Fault> {
        let call = self.0.ec2.describe_key_pairs().filters(filter("key-name", names)).include_public_key(true);
        Ok(call.send().await.or_fault("ec2:DescribeKeyPairs")?.key_pairs.unwrap_or_default())
    }
}

impl Calls<KeyPair> for KeyPairs {
    async fn look(&self, asks: &[Ask<KeyPair>]) -> Result<Found<KeyPair>, Fault> {
        let pairs = self.named(asks.iter().map(|ask| ask.want.name.clone()).collect()).await?;
        let mut found = Found::new();
        for ask in asks {
            let Some(pair) = pairs.iter().find(|pair| pair.key_name() == Some(ask.want.name.as_str())) else { continue };
            // AWS has no copy of keys that were imported long ago.
            let public_key = pair.public_key().map_or_else(|| ask.want.public_key.clone(), without_comment);
            let live = KeyPair { name: ask.want.name.clone(), public_key };
            let output = KeyPairName(ask.want.name.clone());
            found.insert(ask.who.address.clone(), owned(&ask.who, live, output, tags_of(pair.tags())));
        }
        Ok(found)
    }

    async fn create(&self, who: &Identity, want: &KeyPair) -> Result<Option<KeyPairName>, Fault> {
        let call = self.0.ec2.import_key_pair().key_name(&want.name).public_key_material(Blob::new(want.public_key.as_bytes()));
        match call.tag_specifications(tag_specification(ResourceType::KeyPair, who)).send().await.or_fault("ec2:ImportKeyPair") {
            // The SDK's retry of an import whose answer was lost; whose key pair it is the next look tells.
            Err(fault) if fault.code == "InvalidKeyPair.Duplicate" => Ok(None),
            other => other.map(|_| Some(KeyPairName(want.name.clone()))),
        }
    }

    /// The name says which key it is: another one in its place was put there by hand. Hosts keep the key that they began with.
    async fn change(&self, who: &Identity, want: &KeyPair, seen: &Seen<KeyPair>) -> Result<(), Fault> {
        if seen.live.public_key != want.public_key {
            self.remove(want, &seen.output).await?;
            return self.create(who, want).await.map(|_| ());
        }
        let (set, stale) = tag_changes(who, seen.tags.as_ref());
        if set.is_empty() && stale.is_empty() {
            return Ok(());
        }
        let pairs = self.named(vec![want.name.clone()]).await?;
        let Some(id) = pairs.first().and_then(KeyPairInfo::key_pair_id) else { return Ok(()) };
        sync_tags(&self.0, id, who, seen.tags.as_ref()).await
    }

    async fn remove(&self, spec: &KeyPair, _: &KeyPairName) -> Result<(), Fault> {
        self.0.ec2.delete_key_pair().key_name(&spec.name).send().await.or_gone("ec2:DeleteKeyPair").map(|_| ())
    }

    async fn names(&self, scope: &Scope) -> Result<Option<Vec<KeyPair>>, Fault> {
        let call = self.0.ec2.describe_key_pairs().set_filters(Some(in_scope(scope)));
        let pairs = call.send().await.or_fault("ec2:DescribeKeyPairs")?.key_pairs.unwrap_or_default();
        Ok(Some(pairs.into_iter().map(|it| KeyPair { name: it.key_name.unwrap_or_default(), ..KeyPair::default() }).collect()))
    }
}
