//! What is saved about log groups: metric filters and queries.

use super::{filters_of, group, invalid, most, no_query, now};
use crate::call::{AwsError, Input};
use crate::services::Answer;
use crate::table::{Item, Tags, copy, merge, page};
use crate::world::Here;
use serde_json::{Value, json};

/// How many metric filters a log group may have.
const MOST_FILTERS: usize = 100;

/// The only transformation that AWS allows in a metric filter.
fn transformation(input: &Input) -> Result<Value, AwsError> {
    let all = input.parts("metricTransformations");
    let [one] = all.as_slice() else { return Err(invalid("metricTransformations must have exactly one element")) };
    for name in ["metricName", "metricNamespace", "metricValue"] {
        one.opt(name).filter(|text| !text.is_empty()).ok_or_else(|| invalid(format!("metricTransformations.{name} is required")))?;
    }
    let has_dimensions = one.0.get("dimensions").and_then(Value::as_object).is_some_and(|dimensions| !dimensions.is_empty());
    if has_dimensions && one.0.get("defaultValue").is_some_and(|value| !value.is_null()) {
        return Err(invalid("Invalid metric transformation: dimensions and default value are mutually exclusive properties."));
    }
    Ok(copy(one, &["metricName", "metricNamespace", "metricValue", "defaultValue", "dimensions", "unit"]))
}

pub(super) fn put_filter(here: &mut Here<'_>, input: &Input) -> Answer {
    group(here, input)?;
    let (group, name, pattern) = (input.str("logGroupName")?, input.str("filterName")?, input.str("filterPattern")?);
    if !(1..=512).contains(&name.len()) || name.contains([':', '*']) || pattern.len() > 1024 {
        return Err(invalid(format!("The name or the pattern of the metric filter {name} is not valid")));
    }
    let transformation = transformation(input)?;
    let id = format!("{group}/{name}");
    let there = here.region.metric_filters.get(&id);
    if there.is_none() && filters_of(here, group) >= MOST_FILTERS {
        return Err(AwsError::bad("LimitExceededException", format!("A log group can have no more than {MOST_FILTERS} metric filters.")));
    }
    let since = there.and_then(|filter| filter.body["creationTime"].as_i64()).unwrap_or_else(|| now(here));
    let body = json!({
        "filterName": name, "filterPattern": pattern, "logGroupName": group, "metricTransformations": [transformation],
        "creationTime": since,
    });
    here.region.metric_filters.insert(id, Item::new(body, Tags::default()));
    Ok(json!({}))
}

pub(super) fn describe_filters(here: &mut Here<'_>, input: &Input) -> Answer {
    let (of, prefix) = (input.opt("logGroupName"), input.opt("filterNamePrefix").unwrap_or_default());
    if of.is_some() {
        group(here, input)?;
    }
    let (metric, namespace) = (input.opt("metricName"), input.opt("metricNamespace"));
    if metric.is_some() != namespace.is_some() {
        return Err(invalid("metricName and metricNamespace must be given together"));
    }
    let wanted = |filter: &Item| {
        let target = &filter.body["metricTransformations"][0];
        of.is_none_or(|of| filter.str("logGroupName") == of)
            && filter.str("filterName").starts_with(prefix)
            && metric.is_none_or(|metric| target["metricName"] == metric)
            && namespace.is_none_or(|namespace| target["metricNamespace"] == namespace)
    };
    let all = here.region.metric_filters.values().filter(|filter| wanted(filter)).map(|filter| filter.body.clone()).collect();
    Ok(page("metricFilters", all, input.opt("nextToken"), most(input, "limit", 50, 50)?, "nextToken"))
}

pub(super) fn put_query(here: &mut Here<'_>, input: &Input) -> Answer {
    let (name, query) = (input.str("name")?, input.str("queryString")?);
    if !(1..=255).contains(&name.len()) || !(1..=10_000).contains(&query.len()) {
        return Err(invalid("name must have 1 to 255 characters and queryString 1 to 10000"));
    }
    let token = input.opt("clientToken");
    if token.is_some_and(|token| !(36..=128).contains(&token.len())) {
        return Err(invalid(
            "1 validation error detected: Value at 'clientToken' failed to satisfy constraint: Member must satisfy regular expression pattern: \\S{36,128}",
        ));
    }
    let made = here.region.saved_queries.iter().find(|(_, item)| token.is_some() && item.inside["token"].as_str() == token);
    let made = made.map(|(id, _)| id.clone());
    let id = match (input.opt("queryDefinitionId"), made) {
        (None, Some(made)) => return Ok(json!({"queryDefinitionId": made})),
        (None, None) => here.ids.uuid(),
        (Some(id), _) if here.region.saved_queries.contains_key(id) => id.to_owned(),
        (Some(_), _) => return Err(no_query()),
    };
    // An update replaces everything: what the request does not name is gone.
    let mut body = json!({
        "queryDefinitionId": id, "queryLanguage": input.opt("queryLanguage").unwrap_or("CWLI"), "name": name, "queryString": query,
        "lastModified": now(here), "logGroupNames": [],
    });
    merge(&mut body, copy(input, &["logGroupNames"]));
    let item = here.region.saved_queries.entry(id.clone()).or_default();
    item.body = body;
    // The token that made it keeps its meaning after an update.
    if item.inside.is_null() {
        item.inside = json!({"token": token});
    }
    Ok(json!({"queryDefinitionId": id}))
}

pub(super) fn describe_queries(here: &Here<'_>, input: &Input) -> Answer {
    let prefix = input.opt("queryDefinitionNamePrefix").unwrap_or_default();
    let all = here.region.saved_queries.values().filter(|query| query.str("name").starts_with(prefix));
    let all = all.map(|query| query.body.clone()).collect();
    Ok(page("queryDefinitions", all, input.opt("nextToken"), most(input, "maxResults", 1000, 1000)?, "nextToken"))
}
