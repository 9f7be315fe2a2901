//! What is asked of a change of a secret, and what the ledger says of it.

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What caused a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// A generated value.
    Rotate,
    /// A value that somebody gave.
    Set,
}

/// How far a change has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The next version is about to be written.
    Wanted,
    /// SSM has it.
    Written,
    /// The database has it, if it is its password.
    Applied,
}

/// What the ledger says of a change.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct State {
    /// The run that began it.
    pub run: String,
    /// When, RFC 3339.
    pub at: String,
    /// What caused it.
    pub how: How,
    /// The version before.
    pub from: i64,
    /// The version that is wanted; once it is written, the one that AWS made of it.
    pub version: i64,
    /// How far it has come.
    pub phase: Phase,
    /// The deployments whose tasks may have an earlier value, or did not stay up.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub before: BTreeSet<String>,
    /// Whether the last rollout failed: whatever AWS went back to is not what is wanted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
}

/// Where the next value comes from.
#[derive(Debug)]
pub enum Next {
    /// It is generated; what an earlier run began is finished instead.
    Generated,
    /// Somebody gave it.
    Given(SecretString),
    /// Nowhere: only what an earlier run began is finished.
    Begun,
}
