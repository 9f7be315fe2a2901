//! Queries of Logs Insights: started, run for a while, complete or stopped.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartQuery.html>

use super::insights::{Query, Row};
use super::{events, invalid, not_found, stream};
use crate::call::{AwsError, Input};
use crate::services::Answer;
use crate::table::{Item, Tags};
use crate::world::Here;
use serde_json::{Value, json};
use std::time::Duration;

/// From the start to the answer.
const RUNS: Duration = Duration::from_secs(3);
/// How long the answer can be had.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// How many may run at once.
const AT_ONCE: usize = 100;

fn malformed(problem: impl Into<String>) -> AwsError {
    AwsError::bad("MalformedQueryException", problem.into())
}

pub(super) fn start(here: &mut Here<'_>, input: &Input) -> Answer {
    let mut groups = input.strings("logGroupNames");
    groups.extend(input.opt("logGroupName").map(str::to_owned));
    let by_arn = |id: String| id.trim_end_matches(":*").rsplit(':').next().unwrap_or_default().to_owned();
    groups.extend(input.strings("logGroupIdentifiers").into_iter().map(by_arn));
    if groups.is_empty() || groups.len() > 50 {
        return Err(invalid("A query takes 1 to 50 log groups."));
    }
    if let Some(lost) = groups.iter().find(|group| !here.region.log_groups.contains_key(*group)) {
        return Err(not_found(&format!("Log group '{lost}' does not exist for account ID '{}'", crate::world::ACCOUNT)));
    }
    let (text, from, to) = (input.str("queryString")?, input.int("startTime"), input.int("endTime"));
    let (Some(from), Some(to)) = (from, to) else { return Err(invalid("startTime and endTime are required")) };
    if from > to {
        return Err(malformed("Query's end date and time is before its start date and time"));
    }
    Query::parse(text).map_err(malformed)?;
    if here.region.logs.queries.values().filter(|query| query.str("status") == "Running").count() >= AT_ONCE {
        return Err(AwsError::bad("LimitExceededException", "Account maximum query concurrency limit of [100] reached."));
    }
    let id = here.ids.uuid();
    let body = json!({
        "queryId": id, "queryString": text, "status": "Running", "createTime": super::now(here), "logGroupName": groups[0],
        "queryLanguage": "CWLI",
    });
    let mut item = Item::new(body, Tags::default());
    item.inside = json!({"groups": groups, "from": from, "to": to, "limit": input.int("limit")});
    item.later(here.clock.after(RUNS), json!({"status": "Complete"}));
    item.later(here.clock.after(KEPT), Value::Null);
    here.region.logs.queries.insert(id.clone(), item);
    Ok(json!({"queryId": id}))
}

fn find<'a>(here: &'a mut Here<'_>, input: &Input) -> Result<&'a mut Item, AwsError> {
    let id = input.str("queryId")?;
    here.region.logs.queries.get_mut(id).ok_or_else(|| not_found(&format!("The specified query {id} does not exist.")))
}

pub(super) fn stop(here: &mut Here<'_>, input: &Input) -> Answer {
    let query = find(here, input)?;
    if query.str("status") != "Running" {
        return Err(invalid("Query is already ended with Complete status or has been cancelled."));
    }
    query.next.retain(|next| next.set.is_null());
    query.set(json!({"status": "Cancelled"}));
    Ok(json!({"success": true}))
}

pub(super) fn results(here: &mut Here<'_>, input: &Input) -> Answer {
    let query = find(here, input)?.clone();
    let status = query.str("status").to_owned();
    if status != "Complete" {
        let none = json!({"recordsMatched": 0.0, "recordsScanned": 0.0, "bytesScanned": 0.0});
        return Ok(json!({"queryLanguage": "CWLI", "results": [], "statistics": none, "status": status}));
    }
    let parsed = Query::parse(query.str("queryString")).map_err(malformed)?;
    let seconds = |name: &str| query.inside[name].as_i64().unwrap_or_default() * 1000;
    // AWS takes seconds, and both ends are in it. What came after the query began is not.
    let to = (seconds("to") + 999).min(query.body["createTime"].as_i64().unwrap_or(i64::MAX));
    let (mut rows, mut bytes) = (Vec::new(), 0);
    for group in query.inside["groups"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        for stream in stream::of_group(here, group) {
            for event in events::kept(here, group, stream).iter().filter(|event| (seconds("from")..=to).contains(&event.at)) {
                bytes += event.message.len();
                rows.push(Row::of(event, group, rows.len()));
            }
        }
    }
    let scanned = rows.len();
    let (mut results, matched) = parsed.run(rows);
    if let Some(limit) = query.inside["limit"].as_u64() {
        results.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    let statistics = json!({"recordsMatched": matched as f64, "recordsScanned": scanned as f64, "bytesScanned": bytes as f64});
    Ok(json!({"queryLanguage": "CWLI", "results": results, "statistics": statistics, "status": status}))
}
