//! What differs from what was last applied, and not because the declaration changed: the part of a plan that others caused.

use crate::ledger::Folded;
use crate::plan::{Change, Plan, Verb};
use crate::{Address, LayerName};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Why an object is in the report.
#[derive(Clone, Copy, PartialEq, Eq, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// Ours, and somebody changed some of its fields.
    Changed,
    /// Ours, and somebody deleted it.
    Gone,
    /// In its place is an object that is not ours.
    Foreign,
    /// Ours and as declared, only the ledger differs: the next run notes it.
    Ignorable,
}

/// One object that is not as it was left.
#[derive(Clone, PartialEq, Debug, JsonSchema, Serialize)]
pub struct Drifted {
    /// Which.
    pub address: Address,
    /// Its kind.
    pub kind: String,
    /// Why it is here.
    pub how: How,
    /// The fields: what is there now, and what a deploy makes of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// What the plan says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Everything in `plan` that others caused, by layer and name.
pub fn drift(plan: &Plan, memory: &BTreeMap<LayerName, Folded>) -> Vec<Drifted> {
    let known = |at: &Address| memory.get(&at.layer).and_then(|folded| folded.current(at)).is_some_and(|row| row.output.is_some());
    let mut found: BTreeMap<Address, Drifted> = BTreeMap::new();
    for step in plan.steps.values() {
        let changes: Vec<Change> = step.changes.iter().filter(|change| change.drift).cloned().collect();
        let how = match step.verb {
            Verb::Create if known(step.address()) => How::Gone,
            Verb::Forget => How::Gone,
            Verb::Remember => How::Ignorable,
            _ if !changes.is_empty() => How::Changed,
            _ => continue,
        };
        let (address, kind, why) = (step.address().clone(), step.kind.clone(), step.why.clone());
        found.insert(address.clone(), Drifted { address, kind, how, changes, why });
    }
    for stop in plan.stops.iter().filter(|stop| stop.foreign) {
        let (address, kind) = (stop.address.clone(), kind_at(plan, &stop.address));
        found.insert(address.clone(), Drifted { address, kind, how: How::Foreign, changes: Vec::new(), why: Some(stop.problem.clone()) });
    }
    found.into_values().collect()
}

fn kind_at(plan: &Plan, at: &Address) -> String {
    plan.steps.values().find(|step| step.address() == at).map(|step| step.kind.clone()).unwrap_or_default()
}
