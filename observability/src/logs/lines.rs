//! Lines of log groups in the order of time.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>

use aws::{Aws, FaultExt};
use engine::log::Line;
use engine::{Class, Fault};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// Which lines.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// The clients.
    pub aws: &'a Aws,
    /// The names of the groups.
    pub groups: &'a [String],
    /// From when on, in milliseconds since 1970.
    pub from: i64,
    /// CloudWatch's filter.
    pub filter: Option<&'a str>,
}

/// How long a line may be on its way to AWS: the log driver sends every few seconds, and what it could not send a little later.
const LATE_MS: i64 = 60_000;
/// Between two looks. AWS allows five of them a second in an account.
const PAUSE: Duration = Duration::from_secs(2);
/// How many looks may fail one after the other before following ends: a laptop that slept has no network at first.
const FAILURES: u32 = 5;

/// What one group still has to give.
struct Source<'a> {
    group: &'a str,
    lines: VecDeque<Line>,
    token: Option<String>,
    ended: bool,
}

impl Reading<'_> {
    /// Sends every line until now, the oldest first; ends early when nobody takes them any more.
    ///
    /// # Errors
    /// [`Class::Invalid`] for a filter that CloudWatch does not understand; the fault of `logs:FilterLogEvents`.
    pub async fn once(&self, lines: &Sender<Line>) -> Result<(), Fault> {
        self.pass(self.from, &mut BTreeMap::new(), lines).await.map(drop)
    }

    /// Sends them, and what is written from now on, until nobody takes them any more.
    ///
    /// # Errors
    /// As [`once`](Self::once); a look that fails is tried again for a while.
    pub async fn follow(&self, lines: &Sender<Line>) -> Result<(), Fault> {
        let (mut from, mut seen, mut failures) = (self.from, BTreeMap::new(), 0);
        while !lines.is_closed() {
            match self.pass(from, &mut seen, lines).await {
                Ok(newest) => {
                    (from, failures) = (from.max(newest.unwrap_or(from) - LATE_MS), 0);
                    seen.retain(|_, at| *at >= from);
                }
                Err(fault) if failures < FAILURES && matches!(fault.class, Class::Throttled | Class::Unavailable) => failures += 1,
                Err(fault) => return Err(fault),
            }
            tokio::select! {
                () = tokio::time::sleep(PAUSE.div_f64(self.aws.speed)) => {}
                () = lines.closed() => {}
            }
        }
        Ok(())
    }

    /// Sends what is there from `from` on and was not seen yet; the time of the newest line.
    async fn pass(&self, from: i64, seen: &mut BTreeMap<String, i64>, lines: &Sender<Line>) -> Result<Option<i64>, Fault> {
        let source = |group| Source { group, lines: VecDeque::new(), token: None, ended: false };
        let mut sources: Vec<Source<'_>> = self.groups.iter().map(|group| source(group.as_str())).collect();
        let mut newest = None;
        loop {
            for source in &mut sources {
                self.fill(source, from).await?;
            }
            // Each group gives its lines in their order: the next one of all is the first of one of them.
            let next = sources.iter_mut().filter(|source| !source.lines.is_empty()).min_by_key(|source| source.lines[0].at);
            let Some(line) = next.and_then(|source| source.lines.pop_front()) else { return Ok(newest) };
            newest = newest.max(Some(line.at));
            if seen.insert(line.id.clone(), line.at).is_none() && lines.send(line).await.is_err() {
                return Ok(newest);
            }
        }
    }

    /// The next page that has a line: a page may be empty although it is not the last.
    async fn fill(&self, source: &mut Source<'_>, from: i64) -> Result<(), Fault> {
        while source.lines.is_empty() && !source.ended {
            let call = self.aws.logs.filter_log_events().log_group_name(source.group).start_time(from);
            let call = call.set_filter_pattern(self.filter.map(str::to_owned)).set_next_token(source.token.take());
            let page = call.send().await.or_fault("logs:FilterLogEvents").map_err(|fault| self.refused(fault))?;
            let group = source.group;
            source.lines.extend(page.events.unwrap_or_default().into_iter().map(|event| Line {
                at: event.timestamp.unwrap_or_default(),
                group: group.to_owned(),
                stream: event.log_stream_name.unwrap_or_default(),
                message: event.message.unwrap_or_default(),
                id: event.event_id.unwrap_or_default(),
            }));
            source.token = page.next_token;
            source.ended = source.token.is_none();
        }
        Ok(())
    }

    fn refused(&self, fault: Fault) -> Fault {
        match self.filter {
            Some(_) if fault.code == "InvalidParameterException" => fault.hint(
                "all terms of a filter must be there, `?a ?b` one of them, `-x` must not; a term with other characters than letters, \
                 digits and _ stands in double quotes; a field of JSON: `{ $.status >= 500 }`",
            ),
            _ if fault.is_not_found() => fault.hint("run `deploy` to make the log group again"),
            _ => fault,
        }
    }
}
