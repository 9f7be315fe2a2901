//! Tables of objects: what Describe answers, tags, and what happens to an object by itself.

use crate::call::Input;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Tags of an object.
pub type Tags = BTreeMap<String, String>;

/// Objects by name, id or ARN.
pub type Table = BTreeMap<String, Item>;

/// One object of a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Item {
    /// What AWS answers when it is described, in the names of the service's model.
    pub body: Value,
    /// What AWS keeps and does not answer: tokens, values, attributes with a call of their own.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub inside: Value,
    /// Its tags.
    pub tags: Tags,
    /// What happens to it by itself, in order of time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub next: Vec<Next>,
}

/// Something that happens by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Next {
    /// When, in seconds since 1970.
    pub at: f64,
    /// The fields that change then; `null` when the object vanishes.
    pub set: Value,
}

impl Item {
    /// An object with this description.
    pub fn new(body: Value, tags: Tags) -> Item {
        Item { body, inside: Value::Null, tags, next: Vec::new() }
    }

    /// A text of its description; empty when there is none.
    pub fn str(&self, field: &str) -> &str {
        self.body.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// Changes fields now.
    pub fn set(&mut self, fields: Value) {
        merge(&mut self.body, fields);
    }

    /// Lets `set` happen at `at`.
    pub fn later(&mut self, at: f64, set: Value) {
        self.next.push(Next { at, set });
        self.next.sort_by(|a, b| a.at.total_cmp(&b.at));
    }

    /// Whether it carries the tag.
    pub fn has(&self, key: &str, value: &str) -> bool {
        self.tags.get(key).is_some_and(|found| found == value)
    }
}

/// Sets the fields of `more`; `null` takes a field away.
pub fn merge(body: &mut Value, more: Value) {
    let (Value::Object(body), Value::Object(more)) = (body, more) else { return };
    for (key, value) in more {
        if value.is_null() {
            body.remove(&key);
        } else {
            body.insert(key, value);
        }
    }
}

/// Lets everything happen that is due by `now`.
pub fn advance(table: &mut Table, now: f64) {
    let mut gone = Vec::new();
    for (id, item) in table.iter_mut() {
        while item.next.first().is_some_and(|next| next.at <= now) {
            let next = item.next.remove(0);
            if next.set.is_null() {
                gone.push(id.clone());
            } else {
                item.set(next.set);
            }
        }
    }
    gone.iter().for_each(|id| drop(table.remove(id)));
}

/// The ids of the objects that carry the tag.
pub fn tagged<'a>(table: &'a Table, key: &'a str, value: &'a str) -> impl Iterator<Item = String> + 'a {
    table.iter().filter(move |(_, item)| item.has(key, value)).map(|(id, _)| id.clone())
}

/// The named parameters that the request has, as they are.
pub fn copy(input: &Input, names: &[&str]) -> Value {
    let found = names.iter().filter_map(|name| Some(((*name).to_owned(), input.0.get(*name)?.clone())));
    Value::Object(found.collect::<Map<_, _>>())
}

/// Tags from a list of maps with these two keys.
pub fn tags_in(input: &Input, list: &str, key: &str, value: &str) -> Tags {
    let parts = input.parts(list);
    parts.iter().filter_map(|tag| Some((tag.opt(key)?.to_owned(), tag.opt(value).unwrap_or_default().to_owned()))).collect()
}

/// Tags as a list of maps with these two keys.
pub fn tags_out(tags: &Tags, key: &str, value: &str) -> Value {
    tags.iter().map(|(name, text)| json!({key: name, value: text})).collect()
}

/// One page of `all`: `start` is the token that came, the next one is given under `token` unless this is the last page.
pub fn page(set: &str, all: Vec<Value>, start: Option<&str>, most: usize, token: &str) -> Value {
    let start: usize = start.and_then(|start| start.parse().ok()).unwrap_or_default();
    let next = (start + most < all.len()).then(|| json!((start + most).to_string()));
    let mut body = Map::new();
    body.insert(set.to_owned(), all.into_iter().skip(start).take(most).collect());
    if let Some(next) = next {
        body.insert(token.to_owned(), next);
    }
    Value::Object(body)
}
