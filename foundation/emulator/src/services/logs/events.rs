//! Reading events: one stream page by page in both directions, or many streams through a filter.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>

use super::lines::{self, Event};
use super::pattern::Pattern;
use super::{invalid, most, resource_name, stream};
use crate::call::Input;
use crate::services::Answer;
use crate::table::Item;
use crate::world::Here;
use serde_json::{Value, json};

/// How many events one call of FilterLogEvents goes through: a page may be empty although there is another one.
const SCANNED: usize = 2000;

fn shown(event: &Event) -> Value {
    json!({"timestamp": event.at, "message": event.message, "ingestionTime": event.ingested})
}

/// The events that a log group still has: AWS takes older ones away.
pub(super) fn kept(here: &Here<'_>, group: &str, stream: &Item) -> Vec<Event> {
    let days = here.region.log_groups.get(group).and_then(|group| group.body["retentionInDays"].as_i64());
    let oldest = days.map_or(i64::MIN, |days| super::now(here) - days * 24 * 3600 * 1000);
    let mut events = lines::all(here, stream);
    events.retain(|event| event.at >= oldest);
    events
}

pub(super) fn get(here: &Here<'_>, input: &Input) -> Answer {
    let (group, most) = (resource_name(here, input)?, most(input, "limit", 10_000, 10_000)?);
    let stream = here.region.logs.streams.get(&stream::key(&group, input.str("logStreamName")?)).ok_or_else(stream::no_stream)?;
    let (from, to) = (input.int("startTime").unwrap_or(i64::MIN), input.int("endTime").unwrap_or(i64::MAX));
    let mut events = kept(here, &group, stream);
    events.retain(|event| (from..to).contains(&event.at));
    // A token says in which direction, and from which event on.
    let (forward, place) = match input.opt("nextToken").map(|token| token.split_once('/').ok_or(token)) {
        None => (input.bool("startFromHead") == Some(true), None),
        Some(Ok(("f", id))) => (true, Some(id)),
        Some(Ok(("b", id))) => (false, Some(id)),
        Some(_) => return Err(invalid("The specified nextToken is invalid.")),
    };
    let page: Vec<&Event> = if forward {
        events.iter().filter(|event| place.is_none_or(|id| event.id.as_str() > id)).take(most).collect()
    } else {
        let before: Vec<&Event> = events.iter().filter(|event| place.is_none_or(|id| event.id.as_str() < id)).collect();
        before[before.len().saturating_sub(most)..].to_vec()
    };
    // At the end the same token comes back.
    let (first, last) = match (page.first(), page.last(), place) {
        (Some(first), Some(last), _) => (first.id.as_str(), last.id.as_str()),
        (_, _, Some(place)) => (place, place),
        _ => ("0", "0"),
    };
    Ok(json!({
        "events": page.iter().map(|event| shown(event)).collect::<Vec<_>>(), "nextForwardToken": format!("f/{last}"),
        "nextBackwardToken": format!("b/{first}"),
    }))
}

pub(super) fn filter(here: &Here<'_>, input: &Input) -> Answer {
    let (group, most) = (resource_name(here, input)?, most(input, "limit", 10_000, 10_000)?);
    let (names, prefix) = (input.strings("logStreamNames"), input.opt("logStreamNamePrefix"));
    if prefix.is_some() && !names.is_empty() {
        return Err(invalid("logStreamNamePrefix and logStreamNames are mutually exclusive."));
    }
    let pattern = Pattern::parse(input.opt("filterPattern").unwrap_or_default()).map_err(invalid)?;
    if let Some(lost) = names.iter().find(|name| !here.region.logs.streams.contains_key(&stream::key(&group, name))) {
        return Err(super::not_found(&format!("The specified log stream does not exist: {lost}")));
    }
    let (from, to) = (input.int("startTime").unwrap_or(i64::MIN), input.int("endTime").unwrap_or(i64::MAX));
    if from > to {
        return Err(invalid("startTime must not be later than endTime."));
    }
    let wanted = |stream: &&Item| {
        let name = stream.str("logStreamName");
        prefix.is_none_or(|prefix| name.starts_with(prefix)) && (names.is_empty() || names.iter().any(|it| it == name))
    };
    let mut events: Vec<Event> = stream::of_group(here, &group).filter(wanted).flat_map(|stream| kept(here, &group, stream)).collect();
    events.retain(|event| (from..=to).contains(&event.at) && input.opt("nextToken").is_none_or(|after| event.id.as_str() > after));
    events.sort_by(|a, b| a.id.cmp(&b.id));
    let (mut found, mut place) = (Vec::new(), None);
    for event in events.iter().take(SCANNED) {
        if pattern.matches(&event.message) {
            let mut body = shown(event);
            body["logStreamName"] = json!(event.stream);
            body["eventId"] = json!(event.id);
            found.push(body);
        }
        place = Some(&event.id);
        if found.len() == most {
            break;
        }
    }
    let more = place.filter(|place| events.last().is_some_and(|last| last.id > **place));
    let mut answer = json!({"events": found, "searchedLogStreams": []});
    if let Some(place) = more {
        answer["nextToken"] = json!(place);
    }
    Ok(answer)
}
