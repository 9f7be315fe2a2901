//! The plan: data that says what apply will do, and nothing else.

use crate::driver::SeenValue;
use crate::resource::Identity;
use crate::{Address, LayerName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The version of the plan document.
pub const PLAN_VERSION: u32 = 1;

/// What happens to one object.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Stays as it is.
    Keep,
    /// Exists and is ours, but the ledger does not know it: remembered.
    Remember,
    /// Made.
    Create,
    /// Changed in place.
    Update,
    /// Made anew because AWS cannot change it in place; the old one is deleted by a step of its own.
    Replace,
    /// Deleted.
    Delete,
    /// Already gone: forgotten.
    Forget,
}

impl Verb {
    /// Whether it changes something in AWS.
    pub fn changes(self) -> bool {
        !matches!(self, Verb::Keep | Verb::Remember | Verb::Forget)
    }

    /// The word, lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Keep => "keep",
            Verb::Remember => "remember",
            Verb::Create => "create",
            Verb::Update => "update",
            Verb::Replace => "replace",
            Verb::Delete => "delete",
            Verb::Forget => "forget",
        }
    }
}

/// One field that differs.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// The path of the field, for example `tags.team` or `zones.1`.
    pub field: String,
    /// What AWS holds; `None` when it holds nothing.
    pub from: Option<Value>,
    /// What is wanted; `None` when it is to go away.
    pub to: Option<Value>,
    /// AWS cannot change it in place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub replaces: bool,
    /// Someone changed it since we last applied it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drift: bool,
}

/// One node of the plan. Deletes are nodes of their own.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// The identity of the object that the step makes, changes or deletes.
    pub who: Identity,
    /// Its kind.
    pub kind: String,
    /// What happens.
    pub verb: Verb,
    /// The wanted settings with placeholders, or the last applied ones of a delete.
    pub spec: Value,
    /// The fields that differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// What the plan saw in AWS, if anything.
    #[serde(skip)]
    pub seen: Option<SeenValue>,
    /// Whether the plan looked for it and AWS had none, or what it would hang on is not there either.
    #[serde(skip)]
    pub absent: bool,
    /// The remembered output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Value>,
    /// Steps that come first, by their ids.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub after: BTreeSet<String>,
    /// Why, when it is not plain from the changes: `gone from AWS`, `no longer declared`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Holds state that cannot be made again (a database, a key): what a replacement or a delete takes with it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub protected: bool,
    /// Seconds that it usually takes on AWS.
    pub typical: f64,
}

impl Step {
    /// The id of the step: `network/vpc#1` or `network/vpc#1-`, where `-` marks a delete.
    pub fn id(&self) -> String {
        step_id(&self.who.address, self.who.generation, matches!(self.verb, Verb::Delete | Verb::Forget))
    }

    /// Where.
    pub fn address(&self) -> &Address {
        &self.who.address
    }
}

/// The id of a step.
pub fn step_id(at: &Address, generation: u32, delete: bool) -> String {
    format!("{at}#{generation}{}", if delete { "-" } else { "" })
}

/// Something that stops the plan before any change.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Stop {
    /// Where.
    pub address: Address,
    /// A sentence.
    pub problem: String,
    /// The next step.
    pub hint: String,
    /// An object that is not ours is in the place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub foreign: bool,
}

/// What apply will do.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// [`PLAN_VERSION`] of the writer.
    pub version: u32,
    /// The layers it covers.
    pub layers: Vec<LayerName>,
    /// Every step, by id.
    pub steps: BTreeMap<String, Step>,
    /// Why it may not be applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stops: Vec<Stop>,
    /// The last sequence number of each layer's ledger when the plan was made: a plan that is older than the ledger is stale.
    pub basis: BTreeMap<LayerName, u64>,
}

impl Plan {
    /// How many steps have this verb.
    pub fn count(&self, verb: Verb) -> usize {
        self.steps.values().filter(|step| step.verb == verb).count()
    }

    /// Whether anything in AWS would change.
    pub fn changes(&self) -> bool {
        self.steps.values().any(|step| step.verb.changes())
    }

    /// How long applying it usually takes on AWS: the longest path through its steps.
    pub fn expected(&self) -> Duration {
        let needs = self.steps.iter().map(|(id, step)| (id.clone(), step.after.clone())).collect();
        let typical = |id: &String| Duration::from_secs_f64(self.steps.get(id).map_or(0.0, |step| step.typical));
        crate::order::remaining(&needs, typical).into_values().max().unwrap_or_default()
    }

    /// The digest of what the plan promises: equal plans promise the same.
    pub fn promise(&self) -> String {
        let promised: Vec<String> = self
            .steps
            .values()
            .filter(|step| step.verb != Verb::Keep)
            .map(|step| format!("{} {:?} {}", step.id(), step.verb, step.spec))
            .collect();
        digest(&promised.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

/// SHA-256 over the parts with their lengths, in hexadecimal.
pub fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    // Every identity asks for one: formatted byte by byte it would be most of what a step costs.
    let digit = |half: u8| char::from_digit(u32::from(half), 16);
    hash.finalize().iter().flat_map(|byte| [byte >> 4, byte & 15]).filter_map(digit).collect()
}
