//! JSON trees as AWS's XML.

use crate::call::AwsError;
use serde_json::{Value, json};
use std::fmt::Write;

/// An answer of EC2.
pub fn ec2(action: &str, body: &Value, request_id: &str) -> String {
    let mut out = format!("<{action}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>{request_id}</requestId>");
    children(&mut out, body, "item");
    out + &format!("</{action}Response>")
}

/// An answer of the query protocol.
pub fn query(action: &str, body: &Value, request_id: &str) -> String {
    let mut out = format!("<{action}Response xmlns=\"https://amazonaws.com/doc/\"><{action}Result>");
    children(&mut out, body, "member");
    out + &format!("</{action}Result><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>")
}

/// An answer of REST with XML: the body alone.
pub fn rest(action: &str, body: &Value) -> String {
    let mut out =
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><{action}Response xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">");
    children(&mut out, body, "member");
    out + &format!("</{action}Response>")
}

/// An error of EC2.
pub fn ec2_error(error: &AwsError, request_id: &str) -> String {
    let (code, message) = (escape(&error.code), escape(&error.message));
    format!(
        "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors><RequestID>{request_id}</RequestID></Response>"
    )
}

/// An error of the query protocol.
pub fn query_error(error: &AwsError, request_id: &str) -> String {
    let (code, message) = (escape(&error.code), escape(&error.message));
    let kind = if error.status < 500 { "Sender" } else { "Receiver" };
    format!(
        "<ErrorResponse><Error><Type>{kind}</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    )
}

fn children(out: &mut String, value: &Value, item: &str) {
    match value {
        Value::Object(fields) => {
            fields.iter().filter(|(_, value)| !value.is_null()).for_each(|(name, value)| element(out, name, value, item))
        }
        Value::Array(items) => items.iter().for_each(|value| element(out, item, value, item)),
        Value::String(text) => out.push_str(&escape(text)),
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
    }
}

/// RDS and Route 53 name the elements of their lists.
const NAMED: &[(&str, &str)] = &[
    ("DBInstances", "DBInstance"),
    ("DBSubnetGroups", "DBSubnetGroup"),
    ("Subnets", "Subnet"),
    ("DBParameterGroups", "DBParameterGroup"),
    ("Parameters", "Parameter"),
    ("DBEngineVersions", "DBEngineVersion"),
    ("DBMajorEngineVersions", "DBMajorEngineVersion"),
    ("SupportedEngineLifecycles", "SupportedEngineLifecycle"),
    ("ValidUpgradeTarget", "UpgradeTarget"),
    ("VpcSecurityGroups", "VpcSecurityGroupMembership"),
    ("TagList", "Tag"),
    ("OrderableDBInstanceOptions", "OrderableDBInstanceOption"),
    ("DBSnapshots", "DBSnapshot"),
    ("HostedZones", "HostedZone"),
    ("ResourceRecordSets", "ResourceRecordSet"),
    ("ResourceRecords", "ResourceRecord"),
    ("NameServers", "NameServer"),
];

fn element(out: &mut String, name: &str, value: &Value, item: &str) {
    let named = NAMED.iter().find(|(list, _)| item == "member" && *list == name && value.is_array());
    // The list's own elements have this name; lists inside them have theirs.
    if let (Some((_, each)), Value::Array(items)) = (named, value) {
        write!(out, "<{name}>").ok();
        items.iter().for_each(|value| element(out, each, value, item));
        write!(out, "</{name}>").ok();
        return;
    }
    // A list whose elements have another name here than in the other services.
    if let Some((Value::String(each), Value::Array(items))) = value.get("#each").zip(value.get("#all")) {
        write!(out, "<{name}>").ok();
        items.iter().for_each(|value| element(out, each, value, item));
        write!(out, "</{name}>").ok();
        return;
    }
    // A map of the query protocol: one entry per key.
    if let Some(Value::Object(map)) = value.get("#map") {
        let entry = |(key, value): (&String, &Value)| json!({"key": key, "value": value});
        write!(out, "<{name}>").ok();
        map.iter().map(entry).for_each(|each| element(out, "entry", &each, item));
        write!(out, "</{name}>").ok();
        return;
    }
    // Writing into a String cannot fail.
    write!(out, "<{name}>").ok();
    children(out, value, item);
    write!(out, "</{name}>").ok();
}

/// Text that may stand in a document.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
