//! A ledger from nothing: tags say what is ours and where it belongs, the declaration says the rest.

use crate::driver::Kinds;
use crate::handle::Handle;
use crate::layer::record;
use crate::ledger::{Entry, Ledger, LedgerError, Row, RowState};
use crate::outputs::{Outputs, has_unknown};
use crate::plan::{Plan, Step, Verb};
use crate::planner::{Allow, PlanError, Request};
use crate::scan::{Difference, compare, leaves, scan};
use crate::{Address, LayerName};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a rebuild did.
#[derive(Debug, Default)]
pub struct Rebuilt {
    /// Objects that now have a row, by place.
    pub rows: Vec<(Address, u32)>,
    /// Layers whose outputs were recorded.
    pub doors: Vec<LayerName>,
    /// What tags and ledger said before.
    pub before: Difference,
}

/// Why a rebuild failed.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// AWS could not be read, or the declaration cannot stand.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The ledger cannot be written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

type Places = BTreeMap<(Address, u32), Row>;

/// Finds every object of the covered layers and writes the rows that their ledgers lack, then the outputs of the layers that are
/// complete. Calls nothing that changes AWS; run again, it writes nothing.
///
/// # Errors
/// [`RebuildError`]. What was written until then is right, and the next run goes on.
pub async fn rebuild(
    request: &Request<'_>,
    ledgers: &BTreeMap<LayerName, Arc<dyn Ledger>>,
    doors: &BTreeMap<LayerName, BTreeMap<&'static str, Handle<Value>>>,
) -> Result<Rebuilt, RebuildError> {
    let scan = scan(request.kinds, request.scope, request.layers).await.map_err(PlanError::from)?;
    let before = compare(&scan, request.memory, request.layers);
    let mut memory = request.memory.clone();
    let mut rows = Places::new();
    for row in before.unknown.iter().filter_map(|it| it.row(request.scope)) {
        memory.entry(row.who.address.layer).or_default().take(Entry::Done { row: row.clone() });
        rows.insert((row.who.address.clone(), row.who.generation), row);
    }
    let request = Request { memory: &memory, allow: &Allow::All, ..*request };
    let plan = crate::planner::plan(&request).await?;
    let outputs = declared(&request, &plan, &mut rows)?;
    infer(&request, &mut rows);
    let mut rebuilt = Rebuilt { before, ..Rebuilt::default() };
    for (place, row) in rows {
        let Some(ledger) = ledgers.get(&place.0.layer) else { continue };
        if ledger.folded().rows.get(&place) != Some(&row) {
            ledger.append(Entry::Done { row }).await?;
            rebuilt.rows.push(place);
        }
    }
    for (layer, ledger) in ledgers {
        let missing = |at: &&Address| at.layer == *layer && outputs.get(at).is_none();
        if request.graph.nodes().keys().any(|at| missing(&at)) {
            continue;
        }
        let Some(Ok(doors)) = doors.get(layer).map(|exported| record(exported, &outputs)) else { continue };
        let folded = ledger.folded();
        if !folded.rows.is_empty() && (folded.doors.as_ref() != Some(&doors) || folded.doors_stale) {
            ledger.append(Entry::Outputs { doors }).await?;
            rebuilt.doors.push(*layer);
        }
    }
    Ok(rebuilt)
}

/// Adds the rows of what is declared and there, and returns the outputs of it.
fn declared(request: &Request<'_>, plan: &Plan, rows: &mut Places) -> Result<Outputs, PlanError> {
    let makes: BTreeMap<&Address, &Step> =
        plan.steps.values().filter(|step| !matches!(step.verb, Verb::Delete | Verb::Forget)).map(|step| (step.address(), step)).collect();
    let mut outputs = Outputs::new();
    for at in request.graph.sorted()? {
        let (Some(node), Some(step)) = (request.graph.nodes().get(&at), makes.get(&at)) else { continue };
        let current = request.memory_of(&at).and_then(|folded| folded.current(&at));
        let output = match (&step.seen, current) {
            (Some(seen), _) => Some(seen.output.clone()),
            // What is about to be replaced is still there.
            (None, Some(row)) if step.verb != Verb::Create => row.output.clone(),
            _ => None,
        };
        let Some(output) = output else { continue };
        outputs.set(at.clone(), output.clone());
        let row = match (step.verb, current) {
            (Verb::Remember, _) => {
                let spec = (node.spec)(&outputs)?;
                let state = if has_unknown(&spec) { RowState::Found } else { RowState::Done };
                let by = kind(request.kinds, step, &spec)?;
                let who = request.scope.identity(&at, step.who.generation, by);
                Row { who, kind: step.kind.clone(), state, spec, output: Some(output), reads: node.reads.clone(), at: None }
            }
            (Verb::Keep, _) => continue,
            // It differs from what is declared: what was last applied is not known.
            (_, Some(row)) if row.state != RowState::Found => continue,
            (_, Some(row)) => Row { reads: node.reads.clone(), ..row.clone() },
            (_, None) => {
                let spec = step.seen.as_ref().map(|seen| seen.live.clone()).unwrap_or_default();
                let (who, kind) = (step.who.clone(), step.kind.clone());
                Row { who, kind, state: RowState::Found, spec, output: Some(output), reads: node.reads.clone(), at: None }
            }
        };
        rows.insert((at, row.who.generation), row);
    }
    Ok(outputs)
}

fn kind(kinds: &Kinds, step: &Step, spec: &Value) -> Result<crate::IdentityBy, PlanError> {
    Ok(kinds.get(&step.kind)?.identity(spec, step.who.generation)?)
}

/// What an object that is not declared any more read: whatever gave back a text that stands in its settings. Deletes are ordered
/// by it.
fn infer(request: &Request<'_>, rows: &mut Places) {
    let known: Places = request.memory.values().flat_map(|folded| folded.rows.clone()).chain(rows.clone()).collect();
    let mut gives: BTreeMap<&str, BTreeSet<&Address>> = BTreeMap::new();
    for row in known.values() {
        for text in row.output.iter().flat_map(leaves).filter(|text| text.len() > 2) {
            gives.entry(text).or_default().insert(&row.who.address);
        }
    }
    let declared = |at: &Address, generation| {
        let current = request.memory_of(at).and_then(|folded| folded.current(at));
        request.graph.nodes().contains_key(at) && current.is_none_or(|row| row.who.generation == generation)
    };
    let mut inferred = BTreeSet::new();
    for (place, row) in rows.iter_mut().filter(|(place, _)| !declared(&place.0, place.1)) {
        // What it is called itself says nothing about others that are called the same.
        let own: BTreeSet<&str> = row.output.iter().flat_map(leaves).chain(row.who.name().split('/')).chain([row.who.name()]).collect();
        let texts: BTreeSet<&str> = leaves(&row.spec).into_iter().filter(|text| !own.contains(text)).collect();
        let reads = texts.into_iter().filter_map(|text| gives.get(text)).flatten();
        row.reads = reads.filter(|at| **at != &row.who.address).map(|at| (*at).clone()).collect();
        inferred.insert(place.clone());
    }
    while let Some(path) = circle(&known, rows) {
        // Names that happen to be equal lead in a circle: there they say nothing.
        let tangled = rows.iter_mut().filter(|(place, _)| inferred.contains(*place) && path.contains(&place.0));
        let cut = tangled.map(|(_, row)| {
            let before = row.reads.len();
            row.reads.retain(|read| !path.contains(read));
            before - row.reads.len()
        });
        if cut.sum::<usize>() == 0 {
            return;
        }
    }
}

fn circle(known: &Places, rows: &Places) -> Option<Vec<Address>> {
    let mut needs: BTreeMap<Address, BTreeSet<Address>> = BTreeMap::new();
    for (place, row) in known.iter().filter(|(place, _)| !rows.contains_key(*place)).chain(rows) {
        needs.entry(place.0.clone()).or_default().extend(row.reads.iter().cloned());
    }
    crate::order::cycle(&needs)
}
