//! One service's model, and a request against it: required members, lengths, patterns, enumerations, ranges.
//! <https://smithy.io/2.0/spec/constraint-traits.html>, in botocore's older notation.

use regex::Regex;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, OnceLock};

/// A `service-2.json`.
pub(super) struct Model(pub Value);

/// What was found in one request.
#[derive(Default)]
pub(super) struct Found {
    /// What AWS would refuse, each with its path.
    pub problems: Vec<String>,
    /// Patterns that could not be read.
    pub unread: BTreeSet<String>,
}

/// How a protocol writes members, lists and numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As they are.
    Json,
    /// EC2's: names begin with a capital, lists have no names of their own, scalars are text.
    Ec2,
    /// Scalars are text, a map is a list of entries.
    Query,
    /// Elements of XML, headers and parts of the path.
    Xml,
}

impl Model {
    /// Checks the input of an operation. An operation that the model does not know is not checked.
    pub(super) fn check(&self, operation: &str, input: &Value) -> Found {
        let mut found = Found::default();
        let Some(shape) = self.0["operations"][operation]["input"]["shape"].as_str() else { return found };
        let form = match self.0["metadata"]["protocol"].as_str() {
            // What speaks CBOR to us is a query service in older models.
            _ if self.0["metadata"]["serviceId"] == "CloudWatch" => Form::Json,
            Some("ec2") => Form::Ec2,
            Some("query") => Form::Query,
            Some("rest-xml") => Form::Xml,
            _ => Form::Json,
        };
        self.value(shape, input, operation, form, &mut found);
        found
    }

    fn value(&self, name: &str, value: &Value, path: &str, form: Form, found: &mut Found) {
        let shape = &self.0["shapes"][name];
        match shape["type"].as_str().unwrap_or_default() {
            "structure" => self.structure(shape, value, path, form, found),
            "list" => {
                let items = items(shape, value, form);
                within(shape, items.len() as f64, path, "elements", found);
                let inner = shape["member"]["shape"].as_str().unwrap_or_default();
                items.iter().enumerate().for_each(|(at, item)| self.value(inner, item, &format!("{path}[{at}]"), form, found));
            }
            "map" => self.map(shape, value, path, form, found),
            "string" => text(shape, value, path, found),
            "integer" | "long" | "float" | "double" => match number(value) {
                Some(number) => within(shape, number, path, "", found),
                None => found.problems.push(format!("{path}: {value} is no number")),
            },
            "boolean" if value.as_bool().is_none() && !["true", "false"].contains(&value.as_str().unwrap_or_default()) => {
                found.problems.push(format!("{path}: {value} is no boolean"));
            }
            _ => {}
        }
    }

    fn structure(&self, shape: &Value, value: &Value, path: &str, form: Form, found: &mut Found) {
        let empty = Map::new();
        // An element without content is an empty text.
        let Some(fields) = value.as_object().or_else(|| value.as_str().filter(|it| it.is_empty()).map(|_| &empty)) else {
            found.problems.push(format!("{path}: {value} is no structure"));
            return;
        };
        // What is in a body, and not beside it, is told by its parts.
        let payload = shape["payload"].as_str();
        for (name, member) in shape["members"].as_object().into_iter().flatten() {
            let inner = member["shape"].as_str().unwrap_or_default();
            let given = keys(name, member, &self.0["shapes"][inner], form).into_iter().find_map(|key| fields.get(&key));
            match given {
                Some(Value::Null) | None => {
                    let required = shape["required"].as_array().is_some_and(|all| all.iter().any(|it| it == name.as_str()));
                    if required && payload != Some(name) {
                        found.problems.push(format!("{path}.{name} is required"));
                    }
                }
                Some(given) => self.value(inner, given, &format!("{path}.{name}"), form, found),
            }
        }
    }

    fn map(&self, shape: &Value, value: &Value, path: &str, form: Form, found: &mut Found) {
        let of = |part: &str| {
            (shape[part]["shape"].as_str().unwrap_or_default(), shape[part]["locationName"].as_str().unwrap_or(part).to_owned())
        };
        let ((key_shape, key_name), (value_shape, value_name)) = (of("key"), of("value"));
        let entries: BTreeMap<String, Value> = match value {
            Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            Value::Array(entries) => {
                let entry = |it: &Value| Some((it[&key_name].as_str()?.to_owned(), it[&value_name].clone()));
                entries.iter().filter_map(entry).collect()
            }
            _ => BTreeMap::new(),
        };
        within(shape, entries.len() as f64, path, "entries", found);
        for (key, value) in &entries {
            self.value(key_shape, &Value::String(key.clone()), &format!("{path}.key"), form, found);
            self.value(value_shape, value, &format!("{path}[{key}]"), form, found);
        }
    }
}

/// The keys that a member may have in a request.
fn keys(name: &str, member: &Value, shape: &Value, form: Form) -> Vec<String> {
    let capital = |text: &str| text[..1].to_ascii_uppercase() + &text[1..];
    let own = member["locationName"].as_str();
    match form {
        Form::Json => vec![name.to_owned()],
        Form::Ec2 => vec![member["queryName"].as_str().map_or_else(|| capital(own.unwrap_or(name)), str::to_owned)],
        Form::Query if shape["flattened"] == true => {
            vec![shape["member"]["locationName"].as_str().or(own).unwrap_or(name).to_owned()]
        }
        Form::Query => vec![own.unwrap_or(name).to_owned()],
        Form::Xml => vec![name.to_owned(), own.unwrap_or(name).to_owned()],
    }
}

/// The elements of a list.
fn items(shape: &Value, value: &Value, form: Form) -> Vec<Value> {
    let each = shape["member"]["locationName"].as_str().unwrap_or("member");
    match value {
        Value::Array(all) => all.clone(),
        Value::Object(fields) if form != Form::Json => match fields.get(each) {
            Some(Value::Array(all)) => all.clone(),
            Some(one) => vec![one.clone()],
            None if form == Form::Xml && shape["flattened"] == true => vec![value.clone()],
            None => Vec::new(),
        },
        Value::String(text) if text.is_empty() && form != Form::Json => Vec::new(),
        one => vec![one.clone()],
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

/// Whether a number or a length is in its range.
fn within(shape: &Value, size: f64, path: &str, of: &str, found: &mut Found) {
    let bound = |name: &str| shape[name].as_f64();
    if bound("min").is_some_and(|min| size < min) || bound("max").is_some_and(|max| size > max) {
        let range = [bound("min"), bound("max")].map(|bound| bound.map_or_else(|| "…".to_owned(), |bound| bound.to_string()));
        found.problems.push(format!("{path}: {size} {of} is not within {} to {}", range[0], range[1]));
    }
}

/// Lengths are AWS's: characters, not bytes.
fn text(shape: &Value, value: &Value, path: &str, found: &mut Found) {
    let Some(text) = value.as_str() else {
        // A number that came as one: the model knows it as text.
        return;
    };
    within(shape, text.chars().count() as f64, path, "characters", found);
    let known = shape["enum"].as_array();
    if known.is_some_and(|all| !all.iter().any(|it| it == text)) {
        found.problems.push(format!("{path}: `{text}` is none of its enumeration"));
    }
    let Some(pattern) = shape["pattern"].as_str() else { return };
    match compiled(pattern) {
        Some(regex) if !regex.is_match(text) => found.problems.push(format!("{path}: `{text}` does not match {pattern}")),
        Some(_) => {}
        None => drop(found.unread.insert(pattern.to_owned())),
    }
}

/// A pattern of Java's as one of Rust's that fits the whole text; `None` for one that looks around.
fn compiled(pattern: &str) -> Option<Regex> {
    static KNOWN: OnceLock<Mutex<BTreeMap<String, Option<Regex>>>> = OnceLock::new();
    let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap();
    if let Some(regex) = known.get(pattern) {
        return regex.clone();
    }
    let regex = Regex::new(&format!("^(?:{})$", rust(pattern))).ok();
    known.insert(pattern.to_owned(), regex.clone());
    regex
}

/// `\u0020` as `\x{0020}`, halves of UTF-16 as the whole, and a bracket within brackets as itself.
fn rust(pattern: &str) -> String {
    let pattern = pattern.replace("\\uD800\\uDC00-\\uDBFF\\uDFFF", "\\x{10000}-\\x{10FFFF}").replace("\\p{Print}", "[\\x20-\\x7e]");
    let (mut out, mut inside, mut rest) = (String::new(), false, pattern.chars().peekable());
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some('u') => {
                    let code: String = (0..4).filter_map(|_| rest.next()).collect();
                    out += &format!("\\x{{{code}}}");
                }
                Some(other) => out.extend(['\\', other]),
                None => out.push('\\'),
            },
            '[' if inside => out += "\\[",
            '[' => {
                inside = true;
                out.push(c);
                // A bracket that comes first is one of the characters.
                out.extend(rest.next_if_eq(&'^'));
                out.extend(rest.next_if_eq(&']').map(|_| "\\]"));
            }
            ']' => {
                inside = false;
                out.push(c);
            }
            '&' | '~' if inside => out.extend(['\\', c]),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn model(protocol: &str) -> Model {
        let shapes = json!({
            "In": {"type": "structure", "required": ["Name"], "members": {
                "Name": {"shape": "Name"}, "Ids": {"shape": "Ids", "locationName": "id"}, "Level": {"shape": "Level"},
                "Count": {"shape": "Count"}, "Tags": {"shape": "Tags"}}},
            "Name": {"type": "string", "min": 2, "max": 4, "pattern": "[\\u0061-\\u007A]*"},
            "Ids": {"type": "list", "member": {"shape": "Name", "locationName": "item"}, "max": 2},
            "Level": {"type": "string", "enum": ["high", "low"]},
            "Count": {"type": "integer", "min": 1, "max": 10},
            "Tags": {"type": "map", "key": {"shape": "Name"}, "value": {"shape": "Name"}},
        });
        Model(json!({"metadata": {"protocol": protocol}, "operations": {"Do": {"input": {"shape": "In"}}}, "shapes": shapes}))
    }

    fn problems(protocol: &str, input: Value) -> String {
        model(protocol).check("Do", &input).problems.join("; ")
    }

    #[test]
    fn each_constraint_is_checked() {
        assert_eq!(problems("json", json!({"Name": "abc", "Ids": ["ab"], "Level": "low", "Count": 3, "Tags": {"ab": "cd"}})), "");
        for (input, wanted) in [
            (json!({}), "Name is required"),
            (json!({"Name": "a"}), "1 characters"),
            (json!({"Name": "abcde"}), "5 characters"),
            (json!({"Name": "AB"}), "does not match"),
            (json!({"Name": "ab", "Ids": ["ab", "cd", "ef"]}), "3 elements"),
            (json!({"Name": "ab", "Ids": ["a!"]}), "Ids[0]"),
            (json!({"Name": "ab", "Level": "middle"}), "none of its enumeration"),
            (json!({"Name": "ab", "Count": 11}), "11"),
            (json!({"Name": "ab", "Count": "many"}), "no number"),
            (json!({"Name": "ab", "Tags": {"a": "cd"}}), "Tags.key"),
        ] {
            let found = problems("json", input.clone());
            assert!(found.contains(wanted), "{input}: {found}");
        }
    }

    #[test]
    fn each_protocol_has_its_own_names() {
        assert_eq!(problems("ec2", json!({"Name": "abc", "Id": ["ab"], "Count": "3"})), "");
        assert!(problems("ec2", json!({"Name": "abc", "Id": ["a"]})).contains("Ids[0]"));
        assert!(problems("query", json!({"Name": "abc", "id": {"item": ["a"]}})).contains("Ids[0]"));
        assert!(problems("query", json!({"Name": "abc", "Tags": [{"key": "ab", "value": "X"}]})).contains("Tags[ab]"));
        assert!(problems("rest-xml", json!({"Name": "abc", "id": {"item": "a"}})).contains("Ids[0]"));
    }

    #[test]
    fn javas_patterns_are_read() {
        for (pattern, fits, not) in [
            (r"[\p{L}\p{Z}&_.:/=+\-@]*", "a b&c", "a|b"),
            ("[^]]+", "ab", "]"),
            (r"[\u0009\u000A\u000D\u0020-\u00FF]+", "{}\n", "Ā"),
            ("[[a-z]+", "[a", "A"),
        ] {
            let regex = compiled(pattern).unwrap_or_else(|| panic!("{pattern}"));
            assert!(regex.is_match(fits) && !regex.is_match(not), "{pattern}");
        }
        assert!(compiled("(?!aws).*").is_none());
    }
}
