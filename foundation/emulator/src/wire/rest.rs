//! REST with XML bodies (Route 53): method and path are the operation, the body's elements its parameters.

use roxmltree::{Document, Node};
use serde_json::{Map, Value};

/// The operation of a request to Route 53, with the parameters of its path and query.
pub fn route53(method: &str, path: &str, query: Option<&str>, body: &[u8]) -> Option<(&'static str, Value)> {
    let mut input = Map::new();
    let parts: Vec<&str> = path.trim_matches('/').split('/').skip(1).collect();
    let action = match (method, parts.as_slice()) {
        ("GET", ["hostedzone"]) => "ListHostedZones",
        ("GET", ["hostedzonesbyname"]) => "ListHostedZonesByName",
        ("POST", ["hostedzone"]) => "CreateHostedZone",
        ("GET", ["hostedzone", _]) => "GetHostedZone",
        ("DELETE", ["hostedzone", _]) => "DeleteHostedZone",
        ("GET", ["hostedzone", _, "rrset"]) => "ListResourceRecordSets",
        ("POST", ["hostedzone", _, "rrset"]) => "ChangeResourceRecordSets",
        ("GET", ["change", _]) => "GetChange",
        _ => return None,
    };
    if let Some(id) = parts.get(1) {
        input.insert("Id".into(), Value::String((*id).to_owned()));
    }
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        input.insert(super::query::decode(name), Value::String(super::query::decode(value)));
    }
    if let Ok(text) = std::str::from_utf8(body)
        && let Ok(document) = Document::parse(text)
        && let Value::Object(fields) = tree(document.root_element())
    {
        input.extend(fields);
    }
    Some((action, Value::Object(input)))
}

/// Elements that hold lists.
const LISTS: &[&str] = &["Changes", "ResourceRecords"];

fn tree(node: Node<'_, '_>) -> Value {
    let children: Vec<Node<'_, '_>> = node.children().filter(Node::is_element).collect();
    if LISTS.contains(&node.tag_name().name()) {
        return children.into_iter().map(tree).collect();
    }
    if children.is_empty() {
        return Value::String(node.text().unwrap_or_default().to_owned());
    }
    Value::Object(children.into_iter().map(|child| (child.tag_name().name().to_owned(), tree(child))).collect())
}
