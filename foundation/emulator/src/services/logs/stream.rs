//! Log streams: those that containers write through the `awslogs` driver, and those that a call makes.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html>

use super::{invalid, most, not_found, now, resource_name};
use crate::call::{AwsError, Input};
use crate::services::Answer;
use crate::table::{Item, Tags, page};
use crate::world::{Here, Region};
use serde_json::{Value, json};

/// A container that writes a stream from its start on.
pub(crate) struct Writer {
    group: String,
    stream: String,
    inside: Value,
    from: f64,
}

impl Writer {
    /// The containers of a task that write, from `from` on.
    pub(crate) fn of(definition: &Value, task: &str, fate: &str, from: f64, pace: f64) -> Vec<Writer> {
        let id = task.rsplit('/').next().unwrap_or_default();
        let all = definition["containerDefinitions"].as_array().into_iter().flatten();
        let writer = |container: &Value| {
            let log = &container["logConfiguration"];
            let option = |name: &str| log["options"][name].as_str();
            let (group, name) = (option("awslogs-group").filter(|_| log["logDriver"] == "awslogs")?, container["name"].as_str()?);
            // Without a prefix the stream has the container's own id, which is the task's to whoever reads.
            let stream = option("awslogs-stream-prefix").map_or_else(|| id.to_owned(), |prefix| format!("{prefix}/{name}/{id}"));
            let port = container["portMappings"][0]["containerPort"].as_i64().unwrap_or(80);
            let inside = json!({"task": task, "fate": fate, "from": from, "pace": pace, "port": port});
            Some(Writer { group: group.to_owned(), stream, inside, from })
        };
        all.filter_map(writer).collect()
    }

    /// Begins to write. A group that is not there is no place to write to.
    pub(crate) fn open(&self, region: &mut Region) {
        let Some(group) = region.log_groups.get(&self.group) else { return };
        let mut item = fresh(group.str("logGroupArn"), &self.stream, (self.from * 1000.0) as i64);
        item.inside = self.inside.clone();
        region.logs.streams.insert(key(&self.group, &self.stream), item);
    }
}

/// The containers of a task write no more.
pub(crate) fn close(region: &mut Region, task: &str, at: f64) {
    for stream in region.logs.streams.values_mut().filter(|stream| stream.inside["task"] == task) {
        stream.inside["until"] = json!(at);
    }
}

/// Names have no colon: a group and its stream in one.
pub(super) fn key(group: &str, stream: &str) -> String {
    format!("{group}:{stream}")
}

fn fresh(group: &str, name: &str, at: i64) -> Item {
    let body = json!({"logStreamName": name, "creationTime": at, "arn": format!("{group}:log-stream:{name}"), "storedBytes": 0});
    Item { inside: json!({}), ..Item::new(body, Tags::default()) }
}

/// The streams of a group that have begun, by name.
pub(super) fn of_group<'a>(here: &'a Here<'_>, group: &str) -> impl Iterator<Item = &'a Item> {
    let (prefix, now) = (format!("{group}:"), now(here));
    let all = here.region.logs.streams.range(prefix.clone()..).take_while(move |(key, _)| key.starts_with(&prefix));
    all.map(|(_, stream)| stream).filter(move |stream| stream.body["creationTime"].as_i64() <= Some(now))
}

pub(super) fn create(here: &mut Here<'_>, input: &Input) -> Answer {
    let (group, name) = (resource_name(here, input)?, input.str("logStreamName")?);
    if !(1..=512).contains(&name.len()) || name.contains([':', '*']) {
        return Err(invalid("1 validation error detected: Value at 'logStreamName' failed to satisfy constraint: [^:*]*"));
    }
    let key = key(&group, name);
    if here.region.logs.streams.contains_key(&key) {
        return Err(AwsError::bad("ResourceAlreadyExistsException", "The specified log stream already exists"));
    }
    let (arn, at) = (here.region.log_groups[&group].str("logGroupArn").to_owned(), now(here));
    here.region.logs.streams.insert(key, fresh(&arn, name, at));
    Ok(json!({}))
}

pub(super) fn delete(here: &mut Here<'_>, input: &Input) -> Answer {
    let key = key(&resource_name(here, input)?, input.str("logStreamName")?);
    here.region.logs.streams.remove(&key).map(|_| json!({})).ok_or_else(no_stream)
}

pub(super) fn no_stream() -> AwsError {
    not_found("The specified log stream does not exist.")
}

/// Newer than two hours from now or older than two weeks: AWS takes the others and says which it did not.
const NEWEST: i64 = 2 * 3600 * 1000;
const OLDEST: i64 = 14 * 24 * 3600 * 1000;

pub(super) fn put(here: &mut Here<'_>, input: &Input) -> Answer {
    let key = key(&resource_name(here, input)?, input.str("logStreamName")?);
    let now = now(here);
    let stream = here.region.logs.streams.get_mut(&key).ok_or_else(no_stream)?;
    let events = input.parts("logEvents");
    let times: Vec<i64> = events.iter().map(|event| event.int("timestamp").unwrap_or_default()).collect();
    if events.is_empty() || events.len() > 10_000 || !times.is_sorted() {
        return Err(invalid("Log events in a single PutLogEvents request must be in chronological order."));
    }
    let (old, new) = (times.iter().filter(|at| **at < now - OLDEST).count(), times.iter().filter(|at| **at > now + NEWEST).count());
    let taken = events.len() - new;
    let mut all = stream.inside["events"].as_array().cloned().unwrap_or_default();
    for event in &events[old.min(taken)..taken] {
        all.push(json!({"timestamp": event.int("timestamp"), "message": event.str("message")?, "ingestionTime": now}));
    }
    stream.inside["events"] = json!(all);
    let mut answer = json!({"nextSequenceToken": "49"});
    if old + new > 0 {
        let mut rejected = json!({});
        if old > 0 {
            rejected["tooOldLogEventEndIndex"] = json!(old);
        }
        if new > 0 {
            rejected["tooNewLogEventStartIndex"] = json!(taken);
        }
        answer["rejectedLogEventsInfo"] = rejected;
    }
    Ok(answer)
}

pub(super) fn describe(here: &Here<'_>, input: &Input) -> Answer {
    let group = resource_name(here, input)?;
    let (prefix, by_time) = (input.opt("logStreamNamePrefix"), input.opt("orderBy") == Some("LastEventTime"));
    if prefix.is_some() && by_time {
        return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
    }
    let found = of_group(here, &group).filter(|stream| prefix.is_none_or(|prefix| stream.str("logStreamName").starts_with(prefix)));
    let mut found: Vec<Value> = found.map(|stream| shown(here, stream)).collect();
    if by_time {
        found.sort_by_key(|stream| stream["lastEventTimestamp"].as_i64());
    }
    if input.bool("descending") == Some(true) {
        found.reverse();
    }
    Ok(page("logStreams", found, input.opt("nextToken"), most(input, "limit", 50, 50)?, "nextToken"))
}

fn shown(here: &Here<'_>, stream: &Item) -> Value {
    let mut body = stream.body.clone();
    let mut events = super::lines::all(here, stream).into_iter();
    if let Some(first) = events.next() {
        let last = events.next_back().unwrap_or_else(|| first.clone());
        body["firstEventTimestamp"] = json!(first.at);
        body["lastEventTimestamp"] = json!(last.at);
        body["lastIngestionTime"] = json!(last.ingested);
        body["uploadSequenceToken"] = json!("49");
    }
    body
}
