//! Form-encoded parameters as a tree: `Filter.1.Value.2` becomes lists and maps.

use serde_json::{Map, Value};

/// Parses a form body. EC2 has no elements that only wrap a list.
pub fn parse(body: &str, wrapped: bool) -> Value {
    let mut root = Map::new();
    for pair in body.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name);
        put(&mut root, &name.split('.').collect::<Vec<_>>(), decode(value));
    }
    Value::Object(root.into_iter().map(|(key, value)| (key, lists(value, wrapped))).collect())
}

fn put(map: &mut Map<String, Value>, path: &[&str], value: String) {
    match path {
        [] => {}
        [last] => {
            map.insert((*last).to_owned(), Value::String(value));
        }
        [first, rest @ ..] => {
            let below = map.entry((*first).to_owned()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(below) = below {
                put(below, rest, value);
            }
        }
    }
}

/// Maps whose keys are numbers become lists; so do maps that only wrap one (`member`, `Tag`, `SubnetIdentifier`).
fn lists(value: Value, wrapped: bool) -> Value {
    let Value::Object(map) = value else { return value };
    let map: Map<String, Value> = map.into_iter().map(|(key, value)| (key, lists(value, wrapped))).collect();
    if !map.is_empty() && map.keys().all(|key| key.parse::<usize>().is_ok()) {
        let mut items: Vec<(usize, Value)> = map.into_iter().filter_map(|(key, value)| Some((key.parse().ok()?, value))).collect();
        items.sort_by_key(|(index, _)| *index);
        return Value::Array(items.into_iter().map(|(_, value)| value).collect());
    }
    match map.iter().next() {
        Some((key, Value::Array(items))) if wrapped && map.len() == 1 && WRAPPERS.contains(&key.as_str()) => Value::Array(items.clone()),
        _ => Value::Object(map),
    }
}

/// Names that only wrap a list in the query protocol (EC2 has none of them).
const WRAPPERS: &[&str] = &["member", "SubnetIdentifier", "VpcSecurityGroupId", "Parameter", "Tag", "Filter", "Value", "entry"];

/// Decodes `%41` and `+`.
pub fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok()).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_lists_and_wrappers_vanish() {
        let parsed = parse("Action=X&Filter.1.Name=a%3Ab&Filter.1.Value.1=v+1&Filter.1.Value.2=w&Names.member.1=n&Flag.Value=true", true);
        let wanted = json!({"Action": "X", "Filter": [{"Name": "a:b", "Value": ["v 1", "w"]}], "Names": ["n"], "Flag": {"Value": "true"}});
        assert_eq!(parsed, wanted);
    }
}
