//! What a release is asked and answers.

use crate::config::Settings;
use engine::Sink;
use engine::ledger::{Guard, Ledger};

/// What the service is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Release {
    /// This image.
    Image(String),
    /// This earlier revision; the newest one with another image when none is named.
    Revision(Option<u32>),
}

/// What is asked of [`App::release`].
pub struct Releasing<'a> {
    /// The env's settings.
    pub settings: &'a Settings,
    /// Another end than AWS.
    pub endpoint_url: Option<&'a str>,
    /// What the service is to run.
    pub what: &'a Release,
    /// Whether to end before all tasks run.
    pub detach: bool,
    /// The ledger of the compute layer, open and locked.
    pub ledger: &'a dyn Ledger,
    /// Asked before every changing call whether this run still holds its lock.
    pub guard: &'a Guard,
    /// Where facts and ticks go.
    pub sink: &'a Sink,
}

/// What came of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Released {
    /// The revision that the service was given, `family:number`.
    pub revision: String,
    /// Its image.
    pub image: String,
    /// The image that ran before.
    pub before: String,
    /// Whether it ran already.
    pub unchanged: bool,
}
