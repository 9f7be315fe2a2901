//! As much of JSON Schema as the schemas of this repository use; a keyword that is not known here is a failure, not a pass.
//! <https://json-schema.org/draft/2020-12/json-schema-validation>

use crate::process::ROOT;
use serde_json::Value;
use std::path::Path;

/// What only tells people something.
const TOLD: [&str; 8] = ["$schema", "$defs", "title", "description", "default", "format", "minimum", "maximum"];

/// A schema of `docs/schema/`.
///
/// # Panics
/// When it is not there.
pub fn of(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(Path::new(ROOT).join("docs/schema").join(name)).unwrap()).unwrap()
}

/// The document of a text, with the version of every document and nothing that its schema does not take.
///
/// # Panics
/// When it is none, or does not fit.
pub fn valid(name: &str, text: &str) -> Value {
    let document: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("{name}: no document: {text}"));
    let wrong = misfits(&of(name), &document);
    assert!(wrong.is_empty() && document["version"] == 1, "{name}: {wrong:?} in {document}");
    document
}

/// Why `value` does not fit, each with its place; none when it does.
///
/// # Panics
/// When the schema uses what is not known here.
pub fn misfits(root: &Value, value: &Value) -> Vec<String> {
    fits(root, root, value, "")
}

fn fits(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let Some(rules) = schema.as_object() else {
        return if schema == &Value::Bool(false) { vec![format!("{at}: nothing fits here")] } else { Vec::new() };
    };
    rules
        .iter()
        .filter(|(key, _)| !TOLD.contains(&key.as_str()))
        .flat_map(|(key, rule)| keyword(root, rules, key, rule, value, at))
        .collect()
}

fn keyword(root: &Value, rules: &serde_json::Map<String, Value>, key: &str, rule: &Value, value: &Value, at: &str) -> Vec<String> {
    let bad = |wrong: bool| if wrong { vec![format!("{at}: {value} is not as {key} {rule}")] } else { Vec::new() };
    let list = || rule.as_array().unwrap().iter();
    let good = || list().filter(|rule| fits(root, rule, value, at).is_empty()).count();
    match key {
        "$ref" => fits(root, root.pointer(rule.as_str().unwrap().trim_start_matches('#')).unwrap(), value, at),
        "type" => bad(!rule.as_str().map_or_else(|| list().any(|kind| is(kind.as_str().unwrap(), value)), |kind| is(kind, value))),
        "const" => bad(rule != value),
        "enum" => bad(!list().any(|one| one == value)),
        "oneOf" => bad(good() != 1),
        "anyOf" => bad(good() == 0),
        "allOf" => list().flat_map(|rule| fits(root, rule, value, at)).collect(),
        "pattern" => {
            bad(value.as_str().is_some_and(|text| !text.split_once('/').is_some_and(|(layer, name)| !layer.is_empty() && !name.is_empty())))
        }
        "uniqueItems" => bad(value.as_array().is_some_and(|items| items.iter().enumerate().any(|(at, item)| items[..at].contains(item)))),
        "required" => {
            list().filter(|name| value.get(name.as_str().unwrap()).is_none()).map(|name| format!("{at}: {name} is missing")).collect()
        }
        "items" => {
            let items = value.as_array().into_iter().flatten().enumerate();
            items.flat_map(|(place, item)| fits(root, rule, item, &format!("{at}[{place}]"))).collect()
        }
        "properties" => {
            let known = rule.as_object().unwrap().iter();
            known.filter_map(|(name, rule)| Some(fits(root, rule, value.get(name)?, &format!("{at}.{name}")))).flatten().collect()
        }
        "additionalProperties" => {
            let known = |name: &String| rules.get("properties").is_some_and(|known| known.get(name).is_some());
            let more = value.as_object().into_iter().flatten().filter(|(name, _)| !known(name));
            more.flat_map(|(name, value)| fits(root, rule, value, &format!("{at}.{name}"))).collect()
        }
        other => panic!("the keyword {other} is not known here"),
    }
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the type {other} is not known here"),
    }
}
