//! logs: shown, followed, queried, exported.

use super::context::Context;
use super::stop::Stop;
use crate::app::{App, Exporting, LogsOf, Reading};
use crate::args::{LogsCommand, LogsWhat, ReadLogs, Service};
use crate::document::{self, LogExports, LogLine, LogQuery};
use crate::out::{note, tell};
use crate::problem::Problem;
use crate::render::{logs as show, table, visible};
use crate::{out, store};
use engine::LayerName;
use engine::ledger::Folded;
use engine::log::{Line, Queried};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::mpsc;

/// Lines between AWS and the terminal.
pub(super) const UNDERWAY: usize = 256;

/// Runs one of these commands.
pub(super) async fn run(at: &Context<'_, impl App>, command: &LogsCommand) -> Result<(), Problem> {
    let LogsCommand::Logs { read, what } = command;
    let (memory, stop) = (store::memory(at.store).await?, Stop::listen()?);
    let logs = Logs { at, memory: &memory, stop: &stop };
    match what {
        None => logs.read(read).await,
        Some(LogsWhat::Query { name, since }) => logs.query(name, *since).await,
        Some(LogsWhat::Export { to, since, service }) => logs.export(to, *since, *service).await,
    }
}

struct Logs<'a, A> {
    at: &'a Context<'a, A>,
    memory: &'a BTreeMap<LayerName, Folded>,
    stop: &'a Stop,
}

impl<A: App> Logs<'_, A> {
    fn of(&self, service: Service, since: Duration) -> LogsOf<'_> {
        LogsOf { looking: self.at.looking(self.memory), service, since, cancel: &self.stop.cancel }
    }

    /// Whoever follows ends it by Ctrl-C, whoever reads only the beginning closes the pipe: both are good ends.
    async fn read(&self, read: &ReadLogs) -> Result<(), Problem> {
        let (lines, taken) = mpsc::channel(UNDERWAY);
        let of = self.of(read.service, read.since);
        let reading = self.at.app.logs(Reading { of, follow: read.follow, filter: read.filter.as_deref(), lines });
        let json = read.json || self.at.json();
        let both = async { tokio::join!(reading, write(taken, json, read.since)).0 };
        tokio::select! {
            ended = both => ended,
            () = self.stop.cancel.cancelled() => {
                if read.follow { Ok(()) } else { Err(Problem::Interrupted("not all lines are shown".into())) }
            }
        }
    }

    async fn query(&self, name: &str, since: Duration) -> Result<(), Problem> {
        let found = self.at.app.query_logs(self.of(Service::App, since), name).await?;
        if !self.at.json() {
            shown(&found);
            return Ok(());
        }
        let (env, name) = (self.at.settings.env.clone(), name.to_owned());
        let Queried { query, rows, matched, scanned } = found;
        let rows = rows.into_iter().map(BTreeMap::from_iter).collect();
        document::write(LogQuery { env, name, query, rows, matched, scanned });
        Ok(())
    }

    async fn export(&self, to: &str, since: Duration, service: Service) -> Result<(), Problem> {
        let place = to.strip_prefix("s3://").filter(|place| !place.starts_with('/') && !place.is_empty());
        let place = place.ok_or_else(|| Problem::Config(format!("--to {to}: not a place in S3 (s3://bucket/prefix)")))?;
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let asked = Exporting { of: self.of(service, since), bucket, prefix: prefix.trim_end_matches('/') };
        let exports = self.at.app.export_logs(asked).await?;
        if self.at.json() {
            document::write(LogExports { env: self.at.settings.env.clone(), exports });
        } else {
            exports.iter().for_each(|it| tell!("{} is in {}", it.group, it.place));
        }
        Ok(())
    }
}

/// A line as programs read it.
pub(super) fn document(it: Line) -> LogLine {
    let time = show::time(it.at, "%Y-%m-%dT%H:%M:%S%.3fZ");
    LogLine { time, group: it.group, stream: it.stream, message: it.message, id: it.id }
}

/// Writes what arrives, until it ends or nobody reads it.
async fn write(mut lines: mpsc::Receiver<Line>, json: bool, since: Duration) {
    while let Some(it) = lines.recv().await {
        if json {
            document::write(self::document(it));
        } else {
            tell!("{}", show::line(&it, since));
        }
        if out::gone() {
            return;
        }
    }
}

fn shown(found: &Queried) {
    let mut columns: Vec<&str> = Vec::new();
    for (name, _) in found.rows.iter().flatten() {
        if !columns.contains(&name.as_str()) {
            columns.push(name);
        }
    }
    let mut table = table(columns.iter().copied());
    for row in &found.rows {
        let value = |name: &&str| row.iter().find(|(field, _)| field == name).map(|(_, value)| visible(value)).unwrap_or_default();
        table.add_row(columns.iter().map(value));
    }
    if !columns.is_empty() {
        tell!("{table}");
    }
    let (rows, matched, scanned) = (found.rows.len(), found.matched, found.scanned);
    note!("{rows} rows from {matched} of {scanned} lines");
}
