//! CloudWatch Logs: log groups with retention and key, their metric filters, saved queries; streams, their events and what reads them.

mod events;
mod export;
mod insights;
mod lines;
mod pattern;
mod query;
mod saved;
mod stream;

pub(crate) use stream::{Writer, close};

use super::{Answer, unknown};
use crate::call::{AwsError, Call, Input};
use crate::table::{Item, Table, Tags, merge, page};
use crate::world::Here;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What is in log groups and what reads it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Store {
    /// Log streams by `group:stream`.
    pub streams: Table,
    /// Queries by id.
    pub queries: Table,
    /// Exports by id.
    pub exports: Table,
}

/// The days that AWS offers for retention.
const RETENTION: &[i64] = &[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// How many tags a log group may have.
const MOST_TAGS: usize = 50;

/// Hands a call to its operation.
///
/// # Errors
/// AWS's error.
pub(crate) fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    let input = &call.input;
    match call.action.as_str() {
        "CreateLogGroup" => create(here, input),
        "DescribeLogGroups" => describe(here, input),
        "DeleteLogGroup" => delete(here, input),
        "PutRetentionPolicy" => retain(here, input),
        "DeleteRetentionPolicy" => {
            group(here, input)?.set(json!({"retentionInDays": null}));
            Ok(json!({}))
        }
        "AssociateKmsKey" => {
            let key = key(here, input.str("kmsKeyId")?)?;
            group(here, input)?.set(json!({"kmsKeyId": key}));
            Ok(json!({}))
        }
        "DisassociateKmsKey" => {
            group(here, input)?.set(json!({"kmsKeyId": null}));
            Ok(json!({}))
        }
        "ListTagsForResource" => Ok(json!({"tags": resource(here, input)?.tags})),
        "ListTagsLogGroup" => Ok(json!({"tags": group(here, input)?.tags})),
        "TagResource" => tag(here, input),
        "UntagResource" => {
            let keys = input.strings("tagKeys");
            resource(here, input)?.tags.retain(|key, _| !keys.contains(key));
            Ok(json!({}))
        }
        "PutMetricFilter" => saved::put_filter(here, input),
        "DescribeMetricFilters" => saved::describe_filters(here, input),
        "DeleteMetricFilter" => {
            group(here, input)?;
            let name = format!("{}/{}", input.str("logGroupName")?, input.str("filterName")?);
            let missing = || not_found("The specified metric filter does not exist.");
            here.region.metric_filters.remove(&name).map(|_| json!({})).ok_or_else(missing)
        }
        "PutQueryDefinition" => saved::put_query(here, input),
        "DescribeQueryDefinitions" => saved::describe_queries(here, input),
        "DeleteQueryDefinition" => {
            let id = input.str("queryDefinitionId")?;
            here.region.saved_queries.remove(id).map(|_| json!({"success": true})).ok_or_else(no_query)
        }
        _ => events_of(here, call),
    }
}

/// Streams, their events, and what reads them.
fn events_of(here: &mut Here<'_>, call: &Call) -> Answer {
    let input = &call.input;
    match call.action.as_str() {
        "CreateLogStream" => stream::create(here, input),
        "DescribeLogStreams" => stream::describe(here, input),
        "DeleteLogStream" => stream::delete(here, input),
        "PutLogEvents" => stream::put(here, input),
        "GetLogEvents" => events::get(here, input),
        "FilterLogEvents" => events::filter(here, input),
        "StartQuery" => query::start(here, input),
        "StopQuery" => query::stop(here, input),
        "GetQueryResults" => query::results(here, input),
        "CreateExportTask" => export::create(here, input),
        "DescribeExportTasks" => export::describe(here, input),
        "CancelExportTask" => export::cancel(here, input),
        _ => Err(unknown(call)),
    }
}

fn not_found(message: &str) -> AwsError {
    AwsError::bad("ResourceNotFoundException", message)
}

fn no_query() -> AwsError {
    not_found("The specified query definition does not exist.")
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::bad("InvalidParameterException", message)
}

/// Now as this service writes it: in milliseconds.
fn now(here: &Here<'_>) -> i64 {
    (here.clock.now() * 1000.0) as i64
}

/// The size of a page, which AWS limits.
fn most(input: &Input, name: &str, usual: i64, limit: i64) -> Result<usize, AwsError> {
    let most = input.int(name).unwrap_or(usual);
    if (1..=limit).contains(&most) {
        return Ok(most as usize);
    }
    Err(invalid(format!("Value '{most}' at '{name}' failed to satisfy constraint: Member must have value between 1 and {limit}")))
}

fn group_name(input: &Input) -> Result<&str, AwsError> {
    let name = input.str("logGroupName")?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_/.#-".contains(c);
    if !(1..=512).contains(&name.len()) || !name.chars().all(allowed) || name.starts_with("aws/") {
        return Err(invalid(format!(
            "Value '{name}' at 'logGroupName' failed to satisfy constraint: [\\.\\-_/#A-Za-z0-9]+, 1 to 512 of them"
        )));
    }
    Ok(name)
}

/// The log group of a call: by name or, where AWS allows that, by ARN.
fn group<'a>(here: &'a mut Here<'_>, input: &Input) -> Result<&'a mut Item, AwsError> {
    let name = match input.opt("resourceIdentifier") {
        Some(arn) if input.opt("logGroupName").is_none() => arn.trim_end_matches(":*").rsplit(':').next().unwrap_or(arn),
        _ => input.str("logGroupName")?,
    };
    here.region.log_groups.get_mut(name).ok_or_else(|| not_found("The specified log group does not exist."))
}

/// The name of the log group of a call, which must be there: by name or by ARN.
fn resource_name(here: &Here<'_>, input: &Input) -> Result<String, AwsError> {
    let by_arn = |id: &str| id.trim_end_matches(":*").rsplit(':').next().unwrap_or_default().to_owned();
    let name = input.opt("logGroupName").map(str::to_owned).or_else(|| input.opt("logGroupIdentifier").map(by_arn));
    let name = name.ok_or_else(|| invalid("logGroupName is required"))?;
    if here.region.log_groups.contains_key(&name) { Ok(name) } else { Err(not_found("The specified log group does not exist.")) }
}

/// The log group of a tag operation, which takes the ARN without `:*`.
fn resource<'a>(here: &'a mut Here<'_>, input: &Input) -> Result<&'a mut Item, AwsError> {
    let arn = input.str("resourceArn")?;
    let found = here.region.log_groups.values_mut().find(|group| group.str("logGroupArn") == arn);
    found.ok_or_else(|| not_found("The specified resource does not exist."))
}

fn key(here: &Here<'_>, name: &str) -> Result<String, AwsError> {
    if super::kms::can_encrypt(here, name) {
        return Ok(name.to_owned());
    }
    Err(invalid(format!("The specified KMS key {name} does not exist or is not allowed to be used with the log group.")))
}

fn tags(input: &Input) -> Tags {
    let found = input.0.get("tags").and_then(Value::as_object).into_iter().flatten();
    found.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

fn tag(here: &mut Here<'_>, input: &Input) -> Answer {
    let found = resource(here, input)?;
    let mut all = found.tags.clone();
    all.extend(tags(input));
    if all.len() > MOST_TAGS {
        return Err(AwsError::bad("TooManyTagsException", format!("A resource can have no more than {MOST_TAGS} tags.")));
    }
    found.tags = all;
    Ok(json!({}))
}

fn create(here: &mut Here<'_>, input: &Input) -> Answer {
    let name = group_name(input)?.to_owned();
    let key = input.opt("kmsKeyId").map(|name| key(here, name)).transpose()?;
    let tags = tags(input);
    if tags.len() > MOST_TAGS {
        return Err(invalid(format!("A resource can have no more than {MOST_TAGS} tags.")));
    }
    if here.region.log_groups.contains_key(&name) {
        return Err(AwsError::bad("ResourceAlreadyExistsException", "The specified log group already exists"));
    }
    let arn = here.arn("logs", &format!("log-group:{name}"));
    let mut body = json!({
        "logGroupName": name, "arn": format!("{arn}:*"), "logGroupArn": arn, "creationTime": now(here), "storedBytes": 0,
        "logGroupClass": input.opt("logGroupClass").unwrap_or("STANDARD"),
    });
    merge(&mut body, json!({"kmsKeyId": key}));
    here.region.log_groups.insert(name, Item::new(body, tags));
    Ok(json!({}))
}

fn filters_of(here: &Here<'_>, group: &str) -> usize {
    here.region.metric_filters.values().filter(|filter| filter.str("logGroupName") == group).count()
}

fn describe(here: &Here<'_>, input: &Input) -> Answer {
    let (prefix, pattern) = (input.opt("logGroupNamePrefix"), input.opt("logGroupNamePattern"));
    if prefix.is_some() && pattern.is_some() {
        return Err(invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."));
    }
    let named = input.strings("logGroupIdentifiers");
    if !named.is_empty() && (prefix.is_some() || pattern.is_some() || named.len() > 50) {
        return Err(invalid("logGroupIdentifiers are at most 50, and no prefix or pattern is given with them."));
    }
    let named: Vec<&str> = named.iter().map(|it| it.rsplit(":log-group:").next().unwrap_or(it)).collect();
    let pattern = pattern.map(str::to_lowercase).unwrap_or_default();
    let wanted = |name: &str| {
        let listed = named.is_empty() || named.contains(&name);
        listed && name.starts_with(prefix.unwrap_or_default()) && name.to_lowercase().contains(&pattern)
    };
    let all = here.region.log_groups.iter().filter(|(name, _)| wanted(name));
    let all = all.map(|(name, group)| {
        let mut body = group.body.clone();
        body["metricFilterCount"] = json!(filters_of(here, name));
        body
    });
    Ok(page("logGroups", all.collect(), input.opt("nextToken"), most(input, "limit", 50, 50)?, "nextToken"))
}

fn delete(here: &mut Here<'_>, input: &Input) -> Answer {
    group(here, input)?;
    let name = input.str("logGroupName")?;
    let (now, again) = (here.clock.now(), here.clock.after(crate::durations::LOG_FLUSH));
    let late = here.region.late_writers.get(name).or(here.region.ec2.ended_flow_logs.get(name)).copied().filter(|until| *until > now);
    if let Some(at) = late.or(writes(here, name).then_some(again)) {
        here.region.log_groups_to_come.insert(name.to_owned(), at);
    }
    here.region.log_groups.remove(name);
    here.region.metric_filters.retain(|_, filter| filter.str("logGroupName") != name);
    here.region.logs.streams.retain(|key, _| key.split(':').next() != Some(name));
    Ok(json!({}))
}

/// Whether a database or a flow log writes to the group now.
fn writes(here: &Here<'_>, group: &str) -> bool {
    let exports = here.region.db_instances.values().any(|it| exports(it).any(|name| name == group));
    exports || here.region.ec2.flow_logs.values().any(|it| it.str("logGroupName") == group)
}

/// The log groups that a database writes to.
pub(crate) fn exports(database: &Item) -> impl Iterator<Item = String> {
    let id = database.str("DBInstanceIdentifier").to_owned();
    let logs = Input(database.body.clone()).strings("EnabledCloudwatchLogsExports");
    logs.into_iter().map(move |log| format!("/aws/rds/instance/{id}/{log}"))
}

/// Writers make the groups again that they miss: without retention, key or tags.
pub(crate) fn advance(here: &mut Here<'_>) {
    let time = here.clock.now();
    for table in [&mut here.region.logs.queries, &mut here.region.logs.exports] {
        crate::table::advance(table, time);
    }
    export::advance(here);
    let due: Vec<String> = here.region.log_groups_to_come.iter().filter(|(_, at)| **at <= time).map(|(name, _)| name.clone()).collect();
    for name in due {
        here.region.log_groups_to_come.remove(&name);
        let arn = here.arn("logs", &format!("log-group:{name}"));
        let body = json!({
            "logGroupName": name, "arn": format!("{arn}:*"), "logGroupArn": arn, "creationTime": now(here), "storedBytes": 0,
            "logGroupClass": "STANDARD",
        });
        here.region.log_groups.entry(name).or_insert_with(|| Item::new(body, Tags::default()));
    }
    here.region.late_writers.retain(|_, until| *until > time);
    here.region.ec2.ended_flow_logs.retain(|_, until| *until > time);
}

fn retain(here: &mut Here<'_>, input: &Input) -> Answer {
    let days = input.int("retentionInDays").ok_or_else(|| invalid("retentionInDays is required"))?;
    if !RETENTION.contains(&days) {
        return Err(invalid(format!("{days} is not a valid retention in days; valid values are {RETENTION:?}")));
    }
    group(here, input)?.set(json!({"retentionInDays": days}));
    Ok(json!({}))
}
