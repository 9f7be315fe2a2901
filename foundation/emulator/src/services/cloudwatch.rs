//! CloudWatch: alarms and dashboards. Nobody measures here: a new alarm becomes OK after a while and metrics have no data.
//!
//! No answer has a timestamp: in CBOR it would need a tag that a JSON tree cannot carry.

use super::{Answer, unknown};
use crate::call::{AwsError, Call, Input};
use crate::table::{Item, copy, merge, page, tags_in, tags_out};
use crate::world::{ACCOUNT, Here};
use serde_json::{Value, json};
use std::time::Duration;

/// How long a new alarm has insufficient data: one evaluation of a metric with a point each minute.
const FIRST_EVALUATION: Duration = Duration::from_secs(60);

const DAY: i64 = 86_400;

/// What an alarm is made of, as requested and as described.
const ALARM: &[&str] = &[
    "AlarmName",
    "AlarmDescription",
    "ActionsEnabled",
    "OKActions",
    "AlarmActions",
    "InsufficientDataActions",
    "MetricName",
    "Namespace",
    "Statistic",
    "ExtendedStatistic",
    "Dimensions",
    "Period",
    "Unit",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
    "EvaluateLowSampleCountPercentile",
    "Metrics",
    "ThresholdMetricId",
];

const LISTS: &[&str] = &["OKActions", "AlarmActions", "InsufficientDataActions", "Dimensions", "Metrics"];
const NUMBERS: &[&str] = &["Period", "EvaluationPeriods", "DatapointsToAlarm"];
const SWITCHES: &[&str] = &["ActionsEnabled", "ReturnData"];
const STATES: &[&str] = &["OK", "ALARM", "INSUFFICIENT_DATA"];
const STATISTICS: &[&str] = &["SampleCount", "Average", "Sum", "Minimum", "Maximum"];
const MISSING: &[&str] = &["breaching", "notBreaching", "ignore", "missing"];
const OPERATORS: &[&str] = &[
    "GreaterThanOrEqualToThreshold",
    "GreaterThanThreshold",
    "LessThanThreshold",
    "LessThanOrEqualToThreshold",
    "LessThanLowerOrGreaterThanUpperThreshold",
    "LessThanLowerThreshold",
    "GreaterThanUpperThreshold",
];

/// Hands a call to its operation.
///
/// # Errors
/// AWS's error.
pub(crate) fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    let input = &call.input;
    match call.action.as_str() {
        "PutMetricAlarm" => put_alarm(here, input),
        "DescribeAlarms" => describe_alarms(here, input),
        "DeleteAlarms" => {
            // Names that nobody knows are no error.
            let names = input.strings("AlarmNames");
            here.region.alarms.retain(|name, _| !names.contains(name));
            Ok(json!({}))
        }
        "SetAlarmState" => set_state(here, input),
        "ListTagsForResource" => Ok(json!({"Tags": tags_out(&resource(here, input)?.tags, "Key", "Value")})),
        "TagResource" => {
            let tags = tags_in(input, "Tags", "Key", "Value");
            resource(here, input)?.tags.extend(tags);
            Ok(json!({}))
        }
        "UntagResource" => {
            let keys = input.strings("TagKeys");
            resource(here, input)?.tags.retain(|key, _| !keys.contains(key));
            Ok(json!({}))
        }
        "PutDashboard" => put_dashboard(here, input),
        "GetDashboard" => {
            let name = input.str("DashboardName")?;
            here.region.dashboards.get(name).map(|found| found.body.clone()).ok_or_else(|| no_dashboard(name))
        }
        "ListDashboards" => Ok(list_dashboards(here, input)),
        "DeleteDashboards" => delete_dashboards(here, input),
        "GetMetricData" => Ok(no_data(input)),
        "GetMetricStatistics" => Ok(json!({"Label": input.str("MetricName")?, "Datapoints": []})),
        _ => Err(unknown(call)),
    }
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::bad("ValidationError", message)
}

fn no_dashboard(name: &str) -> AwsError {
    AwsError::new(404, "ResourceNotFound", format!("Dashboard {name} does not exist"))
}

/// The alarm or dashboard of a tag operation.
fn resource<'a>(here: &'a mut Here<'_>, input: &Input) -> Result<&'a mut Item, AwsError> {
    let arn = input.str("ResourceARN")?;
    let mut all = here.region.alarms.values_mut().chain(here.region.dashboards.values_mut());
    let found = all.find(|item| item.str("AlarmArn") == arn || item.str("DashboardArn") == arn);
    found.ok_or_else(|| AwsError::new(404, "ResourceNotFoundException", format!("Unknown: {arn}")))
}

/// A number with a fraction: CBOR brings it as a number, whole or not, the query protocol as text.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).filter(|number| number.is_finite())
}

/// A field with everything below it in the type of the service's model, which the query protocol does not carry.
fn typed(name: &str, value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), typed(name, value))).collect(),
        Value::Array(items) => items.iter().map(|item| typed("", item)).collect(),
        Value::String(text) if LISTS.contains(&name) && text.is_empty() => json!([]),
        Value::String(text) if NUMBERS.contains(&name) => text.parse::<i64>().map_or(Value::Null, |whole| json!(whole)),
        Value::String(text) if SWITCHES.contains(&name) => json!(text == "true"),
        _ if name == "Threshold" => number(value).map_or(Value::Null, |threshold| json!(threshold)),
        _ => value.clone(),
    }
}

fn one_of(alarm: &Input, name: &str, allowed: &[&str]) -> Result<(), AwsError> {
    match alarm.opt(name) {
        Some(text) if !allowed.contains(&text) => Err(invalid(format!(
            "Value '{text}' at '{name}' failed to satisfy constraint: Member must satisfy enum value set: {allowed:?}"
        ))),
        _ => Ok(()),
    }
}

fn check_alarm(alarm: &Input) -> Result<(), AwsError> {
    let name = alarm.str("AlarmName")?;
    if !(1..=255).contains(&name.chars().count()) {
        return Err(invalid("AlarmName must have 1 to 255 characters"));
    }
    alarm.str("ComparisonOperator")?;
    one_of(alarm, "ComparisonOperator", OPERATORS)?;
    one_of(alarm, "Statistic", STATISTICS)?;
    one_of(alarm, "TreatMissingData", MISSING)?;
    let missing = |name: &str| AwsError::bad("MissingParameter", format!("The request must contain the parameter {name}"));
    let periods = alarm.int("EvaluationPeriods").ok_or_else(|| missing("EvaluationPeriods"))?;
    if periods < 1 || !(1..=periods).contains(&alarm.int("DatapointsToAlarm").unwrap_or(periods)) {
        return Err(invalid("EvaluationPeriods must be at least 1 and DatapointsToAlarm between 1 and EvaluationPeriods"));
    }
    if alarm.0.get("Threshold").is_none() && alarm.opt("ThresholdMetricId").is_none() {
        return Err(missing("Threshold"));
    }
    for list in ["AlarmActions", "OKActions", "InsufficientDataActions"] {
        let actions = alarm.strings(list);
        if actions.len() > 5 {
            return Err(invalid(format!("{list} can have no more than 5 actions")));
        }
        if let Some(action) = actions.iter().find(|action| !action.starts_with("arn:")) {
            return Err(invalid(format!("Invalid arn syntax: {action}")));
        }
    }
    check_metric(alarm, periods)
}

/// An alarm watches either one metric or an expression over some.
fn check_metric(alarm: &Input, periods: i64) -> Result<(), AwsError> {
    let one = ["MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period"];
    if !alarm.list("Metrics").is_empty() {
        let both = one.iter().any(|name| alarm.0.get(name).is_some()) || !alarm.list("Dimensions").is_empty();
        return if both { Err(invalid("Metrics list cannot be combined with parameters of a single metric")) } else { Ok(()) };
    }
    for name in ["MetricName", "Namespace"] {
        alarm.opt(name).ok_or_else(|| invalid(format!("{name} must not be null")))?;
    }
    if alarm.opt("Statistic").is_some() == alarm.opt("ExtendedStatistic").is_some() {
        return Err(invalid("Exactly one of Statistic and ExtendedStatistic must be given"));
    }
    let period = alarm.int("Period").ok_or_else(|| invalid("Period must not be null"))?;
    if ![10, 20, 30].contains(&period) && (period < 60 || period % 60 != 0) {
        return Err(invalid("Period must be 10, 20, 30 or a multiple of 60"));
    }
    let longest = if period >= 3600 { 7 * DAY } else { DAY };
    if period.saturating_mul(periods) > longest {
        return Err(invalid(format!("Metrics cannot be checked across more than {longest} seconds (EvaluationPeriods * Period)")));
    }
    Ok(())
}

fn put_alarm(here: &mut Here<'_>, input: &Input) -> Answer {
    let mut body = json!({"ActionsEnabled": true, "OKActions": [], "AlarmActions": [], "InsufficientDataActions": [], "Dimensions": []});
    merge(&mut body, typed("", &copy(input, ALARM)));
    let alarm = Input(body);
    check_alarm(&alarm)?;
    let name = alarm.str("AlarmName")?.to_owned();
    let mut body = alarm.0;
    body["AlarmArn"] = json!(here.arn("cloudwatch", &format!("alarm:{name}")));
    // A change replaces all settings and leaves state and tags alone.
    if let Some(there) = here.region.alarms.get_mut(&name) {
        merge(&mut body, copy(&Input(there.body.clone()), &["StateValue", "StateReason", "StateReasonData"]));
        there.body = body;
        return Ok(json!({}));
    }
    merge(&mut body, json!({"StateValue": "INSUFFICIENT_DATA", "StateReason": "Unchecked: Initial alarm creation"}));
    let mut item = Item::new(body, tags_in(input, "Tags", "Key", "Value"));
    let reason = "Threshold Crossed: no datapoints were breaching the threshold";
    item.later(here.clock.after(FIRST_EVALUATION), json!({"StateValue": "OK", "StateReason": reason}));
    here.region.alarms.insert(name, item);
    Ok(json!({}))
}

fn describe_alarms(here: &Here<'_>, input: &Input) -> Answer {
    let (names, prefix) = (input.strings("AlarmNames"), input.opt("AlarmNamePrefix"));
    if !names.is_empty() && prefix.is_some() {
        return Err(invalid("AlarmNames and AlarmNamePrefix cannot be given together"));
    }
    one_of(input, "StateValue", STATES)?;
    let most = input.int("MaxRecords").unwrap_or(50);
    if !(1..=100).contains(&most) {
        return Err(invalid("MaxRecords must be between 1 and 100"));
    }
    let (state, action, types) = (input.opt("StateValue"), input.opt("ActionPrefix"), input.strings("AlarmTypes"));
    let acts = |alarm: &Item, action: &str| {
        let lists = ["AlarmActions", "OKActions", "InsufficientDataActions"].map(|list| Input(alarm.body.clone()).strings(list));
        lists.iter().flatten().any(|arn| arn.starts_with(action))
    };
    let wanted = |name: &String, alarm: &Item| {
        (names.is_empty() || names.contains(name))
            && (types.is_empty() || types.iter().any(|kind| kind == "MetricAlarm"))
            && name.starts_with(prefix.unwrap_or_default())
            && state.is_none_or(|state| alarm.str("StateValue") == state)
            && action.is_none_or(|action| acts(alarm, action))
    };
    let all = here.region.alarms.iter().filter(|(name, alarm)| wanted(name, alarm)).map(|(_, alarm)| alarm.body.clone()).collect();
    let mut body = page("MetricAlarms", all, input.opt("NextToken"), most as usize, "NextToken");
    body["CompositeAlarms"] = json!([]);
    Ok(body)
}

fn set_state(here: &mut Here<'_>, input: &Input) -> Answer {
    let (name, state, reason) = (input.str("AlarmName")?, input.str("StateValue")?, input.str("StateReason")?);
    one_of(input, "StateValue", STATES)?;
    let missing = || AwsError::new(404, "ResourceNotFound", format!("Unknown: {name}"));
    let alarm = here.region.alarms.get_mut(name).ok_or_else(missing)?;
    // AWS evaluates again soon; here nobody measures, so the state stays until it is set again.
    alarm.next.clear();
    alarm.set(json!({"StateValue": state, "StateReason": reason, "StateReasonData": input.opt("StateReasonData")}));
    Ok(json!({}))
}

fn put_dashboard(here: &mut Here<'_>, input: &Input) -> Answer {
    let (name, body) = (input.str("DashboardName")?, input.str("DashboardBody")?);
    let invalid = |message: &str| AwsError::bad("InvalidParameterInput", message);
    if !(1..=255).contains(&name.len()) {
        return Err(invalid("DashboardName must have 1 to 255 characters"));
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)) {
        return Err(invalid("DashboardName can only contain alphanumerics, dash (-) and underscore (_)"));
    }
    if !serde_json::from_str::<Value>(body).is_ok_and(|body| body.is_object()) {
        return Err(invalid("The field DashboardBody must be a valid JSON object"));
    }
    // Dashboards are global: their ARN has no region.
    let arn = format!("arn:aws:cloudwatch::{ACCOUNT}:dashboard/{name}");
    let tags = tags_in(input, "Tags", "Key", "Value");
    let item = here.region.dashboards.entry(name.to_owned()).or_insert_with(|| Item::new(json!({}), tags));
    item.set(json!({"DashboardName": name, "DashboardArn": arn, "DashboardBody": body}));
    Ok(json!({"DashboardValidationMessages": []}))
}

fn list_dashboards(here: &Here<'_>, input: &Input) -> Value {
    let prefix = input.opt("DashboardNamePrefix").unwrap_or_default();
    let all = here.region.dashboards.iter().filter(|(name, _)| name.starts_with(prefix));
    let all = all.map(
        |(name, item)| json!({"DashboardName": name, "DashboardArn": item.str("DashboardArn"), "Size": item.str("DashboardBody").len()}),
    );
    page("DashboardEntries", all.collect(), input.opt("NextToken"), 1000, "NextToken")
}

/// Deletes all of them or, when one is missing, none.
fn delete_dashboards(here: &mut Here<'_>, input: &Input) -> Answer {
    let names = input.strings("DashboardNames");
    if let Some(name) = names.iter().find(|name| !here.region.dashboards.contains_key(*name)) {
        return Err(no_dashboard(name));
    }
    here.region.dashboards.retain(|name, _| !names.contains(name));
    Ok(json!({}))
}

/// A series without points for each query that asks for its data.
fn no_data(input: &Input) -> Value {
    let asked = input.parts("MetricDataQueries").into_iter().filter(|query| query.bool("ReturnData") != Some(false));
    let results = asked.map(|query| {
        let id = query.opt("Id").unwrap_or_default();
        json!({"Id": id, "Label": query.opt("Label").unwrap_or(id), "Timestamps": [], "Values": [], "StatusCode": "Complete"})
    });
    json!({"MetricDataResults": results.collect::<Value>(), "Messages": []})
}
