//! Everything that carries our tags, asked of AWS kind by kind and not of the ledger.

use crate::driver::Kinds;
use crate::ledger::{Folded, Row, RowState};
use crate::resource::{IdentityBy, Kind, Scope, tag};
use crate::{Address, Fault, LayerName};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// An object that carries the tags of a stack and environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Tagged {
    /// Its kind.
    pub kind: Kind,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// How AWS finds it.
    pub by: IdentityBy,
    /// Its settings as they are; what AWS does not give back is made up so that a delete is safe.
    pub spec: Value,
    /// What it gives back.
    pub output: Value,
}

impl Tagged {
    /// The address and generation that its tags say; `None` when they say none.
    pub fn place(&self) -> Option<(Address, u32)> {
        let generation = self.tags.get(tag::GENERATION)?.parse().ok()?;
        Some((Address::parse(self.tags.get(tag::ADDRESS)?)?, generation))
    }

    /// Its id or name, for people.
    pub fn id(&self) -> String {
        match leaves(&self.output).into_iter().chain(leaves(&self.spec)).find(|text| !text.is_empty()) {
            Some(id) => id.to_owned(),
            None => "?".to_owned(),
        }
    }

    /// The row of an object that a ledger does not know.
    pub fn row(&self, scope: &Scope) -> Option<Row> {
        let (address, generation) = self.place()?;
        let who = scope.identity(&address, generation, self.by.clone());
        let (spec, output) = (self.spec.clone(), Some(self.output.clone()));
        Some(Row { who, kind: self.kind.to_owned(), state: RowState::Found, spec, output, reads: BTreeSet::new(), at: None })
    }
}

impl std::fmt::Display for Tagged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.place() {
            Some((address, generation)) => write!(f, "{address}#{generation} ({} {})", self.kind, self.id()),
            None => write!(f, "{} {}, whose tags name no address", self.kind, self.id()),
        }
    }
}

/// What a scan found.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// The objects.
    pub found: Vec<Tagged>,
    /// The kinds that AWS gives tags: what is not among `found` of these is not there, or not tagged any more.
    pub kinds: BTreeSet<Kind>,
    /// Kinds that may be missing and could not be read.
    pub unread: Vec<(Kind, Fault)>,
}

/// Lists everything that carries the tags of `scope` in these layers, all kinds at once. An object whose tags name no address is
/// listed whatever the layers.
///
/// # Errors
/// The fault of a read: a scan that did not see everything says nothing.
pub async fn scan(kinds: &Kinds, scope: &Scope, layers: &[LayerName]) -> Result<Scan, Fault> {
    look(kinds, scope, layers, |_| true).await
}

/// As [`scan`]; a kind that is not among `must` may be one that the other end does not know: it is said to be unread.
///
/// # Errors
/// The fault of a read of a kind that must be seen.
pub async fn look(kinds: &Kinds, scope: &Scope, layers: &[LayerName], must: impl Fn(Kind) -> bool) -> Result<Scan, Fault> {
    let names: Vec<Kind> = kinds.names().collect();
    let lists = names.iter().map(|kind| async move { Ok::<_, Fault>((*kind, kinds.get(kind)?.list(scope).await)) });
    let mut scan = Scan::default();
    for (kind, found) in futures::future::try_join_all(lists).await? {
        let found = match found {
            Err(fault) if !must(kind) => {
                scan.unread.push((kind, fault));
                continue;
            }
            found => found?,
        };
        let Some(found) = found else { continue };
        scan.kinds.insert(kind);
        scan.found.extend(found.into_iter().filter(|it| it.place().is_none_or(|(at, _)| layers.contains(&at.layer))));
    }
    Ok(scan)
}

/// Where ledger and tags disagree.
#[derive(Clone, Debug, Default)]
pub struct Difference {
    /// Tagged objects that no row names.
    pub unknown: Vec<Tagged>,
    /// Rows whose object is gone or carries other tags.
    pub missing: Vec<Row>,
    /// Objects that carry the identity of another one of `found`, or none.
    pub astray: Vec<Tagged>,
    /// How many are in both.
    pub agree: usize,
}

/// Compares what was found with the ledgers of these layers.
pub fn compare(scan: &Scan, memory: &BTreeMap<LayerName, Folded>, layers: &[LayerName]) -> Difference {
    let mut difference = Difference::default();
    let mut seen = BTreeSet::new();
    for it in &scan.found {
        let Some(place) = it.place().filter(|place| seen.insert(place.clone())) else {
            difference.astray.push(it.clone());
            continue;
        };
        let known = memory.get(&place.0.layer).is_some_and(|folded| folded.rows.get(&place).is_some_and(|row| row.kind == it.kind));
        if known { difference.agree += 1 } else { difference.unknown.push(it.clone()) }
    }
    let rows = layers.iter().filter_map(|layer| memory.get(layer)).flat_map(|folded| folded.rows.iter());
    let missing = rows.filter(|(place, row)| scan.kinds.contains(row.kind.as_str()) && row.output.is_some() && !seen.contains(*place));
    difference.missing = missing.map(|(_, row)| row.clone()).collect();
    difference
}

/// Every text in a value.
pub(crate) fn leaves(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(leaves).collect(),
        Value::Object(fields) => fields.values().flat_map(leaves).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}
