//! What is asked of secrets, and answered.

use crate::config::Settings;
use crate::store::Ledgers;
use engine::ledger::{Folded, Guard};
use engine::{LayerName, Sink};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Serialize;
use std::collections::BTreeMap;

/// What is asked by those who look.
#[derive(Clone, Copy)]
pub struct Looking<'a> {
    /// The env's settings.
    pub settings: &'a Settings,
    /// Another end than AWS.
    pub endpoint_url: Option<&'a str>,
    /// What the ledgers remember.
    pub memory: &'a BTreeMap<LayerName, Folded>,
}

/// One secret, without its value.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
pub struct SecretState {
    /// Its name on the command line: `flask-secret-key`.
    pub name: String,
    /// The environment variable that the container gets it as.
    pub variable: String,
    /// Its parameter in SSM.
    pub parameter: String,
    /// Its present version; none when it was not deployed.
    pub version: Option<i64>,
    /// When that was written, RFC 3339.
    pub changed: Option<String>,
    /// How many whole days ago that was.
    pub age_days: Option<u64>,
    /// Who reads it: addresses.
    pub readers: Vec<String>,
    /// When the rotation policy wants another value, RFC 3339; none without a policy.
    pub due: Option<String>,
    /// Whether that time has come.
    pub overdue: bool,
    /// The change of it that was begun and whose end is not known: `rotate` by whom, since when.
    pub unfinished: Option<String>,
}

/// One version of a secret, without its value.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
pub struct SecretVersion {
    /// Its number, from 1.
    pub version: i64,
    /// When it was written, RFC 3339.
    pub at: Option<String>,
    /// Who wrote it, as AWS calls them.
    pub by: Option<String>,
    /// The run that the ledger knows it from: its id, the command, the person.
    pub run: Option<String>,
}

/// Where a secret's next value comes from.
#[derive(Clone, Debug)]
pub enum NewValue {
    /// It is generated as the settings say.
    Generated,
    /// Somebody gave it.
    Given(SecretString),
}

/// What is asked of [`App::change_secret`](super::App::change_secret).
pub struct Changing<'a> {
    /// The env's settings.
    pub settings: &'a Settings,
    /// Another end than AWS.
    pub endpoint_url: Option<&'a str>,
    /// Which secret.
    pub name: &'a str,
    /// Its next value.
    pub value: NewValue,
    /// The run's id.
    pub run: &'a str,
    /// The ledgers of the layers that it touches, open and locked.
    pub ledgers: &'a Ledgers,
    /// Asked before every changing call whether this run still holds its locks.
    pub guard: &'a Guard,
    /// Where facts and ticks go.
    pub sink: &'a Sink,
}

/// What came of a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretChanged {
    /// The secret.
    pub name: String,
    /// Its version now.
    pub version: i64,
    /// Its version before.
    pub before: i64,
    /// Whether the database was given it.
    pub database: bool,
    /// Whether tasks were started with it.
    pub restarted: bool,
    /// Whether an earlier run had begun it.
    pub resumed: bool,
}

/// The part of a deploy in which changes are finished that an earlier run began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Before the plan is applied: the database has what new tasks will be given.
    Before,
    /// When it was applied: the rest.
    After,
}

/// What is asked of [`App::finish_secrets`](super::App::finish_secrets).
pub struct Finishing<'a> {
    /// The env's settings.
    pub settings: &'a Settings,
    /// Another end than AWS.
    pub endpoint_url: Option<&'a str>,
    /// Which part.
    pub part: Part,
    /// The ledgers of the run, open and locked.
    pub ledgers: &'a Ledgers,
    /// Asked before every changing call whether this run still holds its locks.
    pub guard: &'a Guard,
    /// Where facts and ticks go.
    pub sink: &'a Sink,
}
