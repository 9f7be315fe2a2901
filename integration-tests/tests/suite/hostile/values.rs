//! Every setting there is, from the schema, and values that nobody expects.

use serde_json::Value;
use std::sync::OnceLock;

/// TOML expressions.
pub const ODD: &[&str] = &[
    "0",
    "-1",
    "1",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "99999999999999999999999999",
    "0x7fffffffffffffff",
    "nan",
    "-inf",
    "inf",
    "1e308",
    "1e309",
    "5e-324",
    "-0.0",
    "0.5",
    "true",
    "false",
    "\"\"",
    "\" \"",
    "\"\\u0000\"",
    "\"a\\nb\"",
    "\"\\u202Etxt.toml\"",
    "\"\\u001b[2J\"",
    "\"🦀\"",
    "\"e\\u0301\"",
    "\"ﬁ\\u200D\\u00AD\"",
    "\"-\"",
    "\"--help\"",
    "\"a--b\"",
    "\"9a\"",
    "\"../../../etc/passwd\"",
    "\"/etc/shadow\"",
    "\"/dev/zero\"",
    "\"/\"",
    "\"$HOME\"",
    "\"%s%n{}{0}\"",
    "\"'; DROP TABLE users; --\"",
    "\"0.0.0.0/0\"",
    "\"10.0.0.0/8\"",
    "\"10.1.2.3/16\"",
    "\"999.1.1.1/99\"",
    "\"::/0\"",
    "\"24:00-25:00\"",
    "\"sun:03:30-sun:04:30\"",
    "\"arn:aws:iam::aws:policy/A B\"",
    "\"aws:reserved\"",
    "[]",
    "{}",
    "[0]",
    "[\"\"]",
    "[\"a\", \"a\"]",
    "[\"0.0.0.0/0\", \"0.0.0.0/0\"]",
    "[\"\\u0000@x\"]",
    "[[[[[[[[]]]]]]]]",
    "{a = {b = {c = {}}}}",
    "{A = \"x\"}",
    "{\"\" = \"\"}",
    "{\"aws:x\" = \"y\"}",
    "1979-05-27T07:32:00Z",
    "07:32:00",
];

/// The path of every setting, those of tables included; a map has one entry.
pub fn settings() -> &'static [String] {
    static PATHS: OnceLock<Vec<String>> = OnceLock::new();
    PATHS.get_or_init(|| {
        let schema: Value = serde_json::from_str(&orchestrator::schema::document()).unwrap();
        let mut paths = Vec::new();
        walk(&schema, &schema, "", &mut paths);
        paths
    })
}

fn walk(schema: &Value, it: &Value, path: &str, paths: &mut Vec<String>) {
    let it = match it["$ref"].as_str().or_else(|| it["anyOf"][0]["$ref"].as_str()) {
        Some(name) => &schema["$defs"][name.rsplit('/').next().unwrap()],
        None => it,
    };
    if !path.is_empty() {
        paths.push(path.to_owned());
    }
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for (name, part) in it["properties"].as_object().into_iter().flatten() {
        walk(schema, part, &below(name), paths);
    }
    if it["additionalProperties"].is_object() {
        walk(schema, &it["additionalProperties"], &below("ENTRY"), paths);
    }
}
