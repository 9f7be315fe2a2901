//! What a resource kind is: plain data that should exist.

use crate::Address;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

/// The name of a resource kind, unique in the tool: `vpc`, `ecs_service`.
pub type Kind = &'static str;

/// How a resource whose replacement was decided gives way to its successor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Replace {
    /// Create the successor, re-point the readers, then delete.
    CreateFirst,
    /// The old one holds something exclusive (a name, a port, a route): delete it, then create.
    DeleteFirst,
}

/// How AWS lets us recognise our object again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IdentityBy {
    /// A name that is unique in the account and region (or within a parent that is part of the text).
    Name(String),
    /// Only the identity tags that the create call sets.
    Tag,
    /// A client token; afterwards the identity tags.
    Token,
    /// What it connects: `rtb-1/0.0.0.0/0`. AWS holds at most one.
    Natural(String),
}

/// Plain data: what should exist. Everything in it is ours to keep as declared.
pub trait Resource: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The kind's name.
    const KIND: Kind;
    /// Top-level fields that AWS cannot change in place.
    const REPLACE_ON: &'static [&'static str] = &[];
    /// Which goes first when it is replaced.
    const REPLACE: Replace = Replace::CreateFirst;
    /// Holds state that cannot be made again (a database, a key): never replaced or deleted unless named.
    const PROTECTED: bool = false;
    /// How long a create usually takes on AWS; only used to order the ready queue.
    const TYPICAL: Duration = Duration::from_secs(1);
    /// Fields whose lists are sets: their order is not a change.
    const SETS: &'static [&'static str] = &[];
    /// Why an object that others made cannot be taken over, where it cannot.
    const NOT_ADOPTED: Option<&'static str> = None;
    /// What readers may use.
    type Output: Serialize + DeserializeOwned + Clone + Send + Sync + 'static;

    /// How this object is recognised. `generation` counts replacements from 1, so that a successor can have another name.
    fn identity(&self, generation: u32) -> IdentityBy;
    /// What readers see in a plan before the object exists: `‹network/vpc.id›`.
    fn placeholder(&self, at: &Address) -> Self::Output;
}

/// The tags of an identity: made once, and shared by the plan's step, the entries of the ledger and its row.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OwnTags(Arc<BTreeMap<String, String>>);

impl OwnTags {
    /// A copy, for those who keep tags otherwise.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        self.0.as_ref().clone()
    }
}

impl From<BTreeMap<String, String>> for OwnTags {
    fn from(tags: BTreeMap<String, String>) -> OwnTags {
        OwnTags(Arc::new(tags))
    }
}

impl Deref for OwnTags {
    type Target = BTreeMap<String, String>;

    fn deref(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

impl Serialize for OwnTags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.as_ref().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for OwnTags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<OwnTags, D::Error> {
        BTreeMap::deserialize(deserializer).map(OwnTags::from)
    }
}

/// Who an object is, minted and journalled before the create call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Identity {
    /// Its place in the declaration.
    pub address: Address,
    /// Counts replacements, from 1.
    pub generation: u32,
    /// How AWS finds it.
    pub by: IdentityBy,
    /// The client token for create calls that take one: at most 32 characters, stable across runs.
    pub token: String,
    /// Identity tags and the tags of the configuration, for the create call.
    #[schemars(with = "BTreeMap<String, String>")]
    pub tags: OwnTags,
}

/// The tag keys that carry the identity. AWS allows 128 characters in a key and 256 in a value.
pub mod tag {
    /// The stack's name.
    pub const STACK: &str = "orchestrator:stack";
    /// The environment's name.
    pub const ENV: &str = "orchestrator:env";
    /// The layer's name.
    pub const LAYER: &str = "orchestrator:layer";
    /// The address within the stack, `layer/name`.
    pub const ADDRESS: &str = "orchestrator:address";
    /// The generation, from 1.
    pub const GENERATION: &str = "orchestrator:generation";
    /// What all of the above start with.
    pub const PREFIX: &str = "orchestrator:";
}

/// The stack and environment that a run works on, and the tags that the configuration adds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Scope {
    /// The stack's name, for example `shop`.
    pub stack: String,
    /// The environment, for example `prod`.
    pub env: String,
    /// More tags for every object.
    pub tags: BTreeMap<String, String>,
}

impl Scope {
    /// Whether `tags` say that the object belongs to this stack and environment, whatever its address.
    pub fn owns(&self, tags: &BTreeMap<String, String>) -> bool {
        tags.get(tag::STACK) == Some(&self.stack) && tags.get(tag::ENV) == Some(&self.env)
    }

    /// Whether an object of this name may belong to this stack and environment: names are made from both. Lists are narrowed by
    /// it before tags are read one by one.
    pub fn may_name(&self, name: &str) -> bool {
        ['-', '/'].iter().any(|between| name.contains(&format!("{}{between}{}", self.stack, self.env)))
    }

    /// Mints the identity of `address#generation`: the same whenever it is asked.
    pub fn identity(&self, address: &Address, generation: u32, by: IdentityBy) -> Identity {
        let mut tags = self.tags.clone();
        for (key, value) in [
            (tag::STACK, self.stack.clone()),
            (tag::ENV, self.env.clone()),
            (tag::LAYER, address.layer.to_string()),
            (tag::ADDRESS, address.to_string()),
            (tag::GENERATION, generation.to_string()),
        ] {
            tags.insert(key.to_owned(), value);
        }
        let token = crate::plan::digest(&[&self.stack, &self.env, &address.to_string(), &generation.to_string()]);
        Identity { address: address.clone(), generation, by, token: token[..32].to_owned(), tags: tags.into() }
    }
}

impl Identity {
    /// Whether `tags` (as AWS holds them) say that the object is this address of this stack and environment.
    pub fn owns(&self, tags: &BTreeMap<String, String>) -> bool {
        [tag::STACK, tag::ENV, tag::ADDRESS].iter().all(|key| tags.get(*key) == self.tags.get(*key))
    }

    /// Like [`Identity::owns`], and of this generation: what a search by tag must match.
    pub fn is_exactly(&self, tags: &BTreeMap<String, String>) -> bool {
        self.owns(tags) && tags.get(tag::GENERATION) == self.tags.get(tag::GENERATION)
    }

    /// The name, if it is known by one.
    pub fn name(&self) -> &str {
        match &self.by {
            IdentityBy::Name(name) | IdentityBy::Natural(name) => name,
            IdentityBy::Tag | IdentityBy::Token => "",
        }
    }
}
