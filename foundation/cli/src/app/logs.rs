//! What is asked about logs, and answered.

use super::Looking;
use crate::args::Service;
use engine::log::Line;
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Whose logs, from when on.
#[derive(Clone, Copy)]
pub struct LogsOf<'a> {
    /// Of which environment.
    pub looking: Looking<'a>,
    /// Whose.
    pub service: Service,
    /// How far back.
    pub since: Duration,
    /// Cancelled when the person has seen enough.
    pub cancel: &'a CancellationToken,
}

/// What is asked of [`super::App::logs`].
pub struct Reading<'a> {
    /// Which.
    pub of: LogsOf<'a>,
    /// Whether to go on with what is written from now on.
    pub follow: bool,
    /// CloudWatch's filter.
    pub filter: Option<&'a str>,
    /// Where the lines go, the oldest first; the reading ends when nobody takes them any more.
    pub lines: mpsc::Sender<Line>,
}

/// What is to be exported, and where.
pub struct Exporting<'a> {
    /// Which.
    pub of: LogsOf<'a>,
    /// The bucket.
    pub bucket: &'a str,
    /// The beginning of its files' names; nothing for AWS's own.
    pub prefix: &'a str,
}

/// An export that ended well.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize)]
pub struct Exported {
    /// The log group.
    pub group: String,
    /// Where its files are: `s3://bucket/prefix/task`.
    pub place: String,
}
