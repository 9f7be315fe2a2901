//! Filters, ids and pages of Describe calls.

use super::Tags;
use crate::call::{AwsError, Input};
use serde_json::{Map, Value, json};

/// What a filter may ask about one object.
pub(super) struct Facts<'a> {
    pub tags: &'a Tags,
    /// Filter name and value, more than one value for a name allowed.
    pub more: Vec<(&'static str, String)>,
}

/// Whether the object passes every filter (`*` and `?` are wildcards).
pub(super) fn passes(input: &Input, facts: &Facts<'_>) -> bool {
    input.parts("Filter").iter().all(|filter| {
        let name = filter.opt("Name").unwrap_or_default();
        let wanted = filter.strings("Value");
        let holds = |value: &str| wanted.iter().any(|pattern| like(pattern, value));
        if let Some(key) = name.strip_prefix("tag:") {
            return facts.tags.get(key).is_some_and(|value| holds(value));
        }
        if name == "tag-key" {
            return facts.tags.keys().any(|key| holds(key));
        }
        facts.more.iter().any(|(known, value)| *known == name && holds(value))
    })
}

fn like(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => {
            text.strip_prefix(head).is_some_and(|rest| (0..=rest.len()).any(|at| rest.is_char_boundary(at) && like(tail, &rest[at..])))
        }
    }
}

/// Describes objects: named ids must exist, filters narrow, `MaxResults` pages.
pub(super) fn describe<'a, T>(
    input: &Input,
    ids: &str,
    code: &str,
    set: &str,
    table: impl IntoIterator<Item = (&'a String, &'a T)>,
    facts: impl Fn(&'a String, &'a T) -> Facts<'a>,
    render: impl Fn(&'a String, &'a T) -> Value,
) -> Result<Value, AwsError>
where
    T: 'a,
{
    let asked = input.strings(ids);
    let all: Vec<(&String, &T)> = table.into_iter().collect();
    if let Some(missing) = asked.iter().find(|id| !all.iter().any(|(known, _)| known == id)) {
        return Err(super::not_found(code, missing));
    }
    let found: Vec<Value> = all
        .into_iter()
        .filter(|(id, _)| asked.is_empty() || asked.contains(id))
        .filter(|(id, it)| passes(input, &facts(id, it)))
        .map(|(id, it)| render(id, it))
        .collect();
    page(input, set, found)
}

/// One page of `found`.
pub(super) fn page(input: &Input, set: &str, found: Vec<Value>) -> Result<Value, AwsError> {
    let start: usize = match input.opt("NextToken") {
        None => 0,
        Some(token) => token.parse().map_err(|_| AwsError::bad("InvalidNextToken", "The token is not valid"))?,
    };
    let most = input.int("MaxResults").map_or(1000, |most| most.clamp(5, 1000)) as usize;
    let next = (start + most < found.len()).then(|| json!((start + most).to_string()));
    let mut body = Map::new();
    body.insert(set.to_owned(), found.into_iter().skip(start).take(most).collect());
    body.insert("nextToken".to_owned(), next.unwrap_or_default());
    Ok(Value::Object(body))
}

/// Tags as EC2 renders them.
pub(super) fn tag_set(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({"key": key, "value": value})).collect()
}
