//! The versions of a parameter: AWS keeps the last hundred, the present one included.
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameterHistory.html>

use super::not_found;
use crate::call::{AwsError, Input};
use crate::services::Answer;
use crate::table::{Item, page};
use crate::world::Here;
use serde_json::{Value, json};

/// How many versions are kept.
const KEPT: usize = 100;
/// How many a page has at most.
const PAGE: i64 = 50;

/// The earlier versions of a parameter that gets a new one: what was said of each, and its value.
pub(super) fn with(before: &Item) -> Value {
    let mut past = before.inside["past"].as_array().cloned().unwrap_or_default();
    past.push(json!({"body": before.body, "value": before.inside["value"]}));
    let surplus = (past.len() + 1).saturating_sub(KEPT);
    past.drain(..surplus);
    Value::Array(past)
}

/// Every version that is kept, the oldest first.
pub(super) fn of(here: &Here<'_>, input: &Input) -> Answer {
    let name = input.str("Name")?;
    let found = here.region.parameters.get(name).ok_or_else(|| not_found(name))?;
    let most = input.int("MaxResults").unwrap_or(PAGE);
    if !(1..=PAGE).contains(&most) {
        let problem = format!("1 validation error detected: Value '{most}' at 'maxResults' failed to satisfy constraint");
        return Err(AwsError::bad("ValidationException", problem));
    }
    let present = json!({"body": found.body, "value": found.inside["value"]});
    let versions = found.inside["past"].as_array().into_iter().flatten().chain([&present]);
    let mut all = Vec::new();
    for version in versions {
        let mut shown = version["body"].clone();
        let secure = shown["Type"] == "SecureString";
        if secure && !super::super::kms::can_encrypt(here, shown["KeyId"].as_str().unwrap_or_default()) {
            return Err(AwsError::bad("InvalidKeyId", format!("The key {} cannot be used", shown["KeyId"])));
        }
        let plain = !secure || input.bool("WithDecryption") == Some(true);
        shown["Value"] = if plain { version["value"].clone() } else { json!("AQICAHcipher=") };
        shown["Labels"] = json!([]);
        all.push(shown);
    }
    all.iter_mut().filter_map(Value::as_object_mut).for_each(|shown| drop(shown.remove("ARN")));
    Ok(page("Parameters", all, input.opt("NextToken"), most as usize, "NextToken"))
}
