//! One step: intent → act → record.

use super::Apply;
use super::ensure::{Making, again, ensure};
use crate::Address;
use crate::decide::{decide, keeps_promise};
use crate::fault::{Class, Fault};
use crate::graph::Node;
use crate::ledger::{Entry, Ledger, Row, RowState};
use crate::outputs::{Outputs, has_unknown};
use crate::plan::{Step, Verb};
use serde_json::Value;
use std::collections::BTreeSet;

/// Carries out one step; the result is its output, if it has one.
pub(super) async fn run(apply: &Apply, step: &mut Step, outputs: &Outputs) -> Result<Option<Value>, Fault> {
    match step.verb {
        Verb::Keep => keep(apply, step).await,
        Verb::Remember => remember(apply, step, outputs).await,
        Verb::Create | Verb::Update | Verb::Replace => make(apply, step, outputs).await.map(Some),
        Verb::Delete => delete(apply, step).await.map(|()| None),
        Verb::Forget => forget(apply, step).await.map(|()| None),
    }
}

fn ledger<'a>(apply: &'a Apply, step: &Step) -> Result<&'a dyn Ledger, Fault> {
    let found = apply.ledgers.get(&step.address().layer).map(AsRef::as_ref);
    found.ok_or_else(|| Fault::new(Class::Bug, format!("the ledger of {} is not open", step.address().layer)))
}

async fn append(apply: &Apply, step: &Step, entry: Entry) -> Result<(), Fault> {
    ledger(apply, step)?.append(entry).await.map_err(|error| error.fault())
}

async fn keep(apply: &Apply, step: &Step) -> Result<Option<Value>, Fault> {
    let Some(seen) = &step.seen else { return Ok(step.last.clone()) };
    if step.last.as_ref() != Some(&seen.output) {
        // AWS gave the same object another output (an endpoint that appeared): readers and the ledger get the new one.
        let (reads, at) = (declared(apply, step).map_or_else(BTreeSet::new, |node| node.reads.clone()), since(apply, step));
        let row = row(step, reads, at, step.spec.clone());
        append(apply, step, done(row, seen.output.clone())).await?;
    }
    Ok(Some(seen.output.clone()))
}

/// What a create left behind whose end is not known may not be usable yet: a database that is being made has no address. So it is brought
/// to what is wanted, which calls nothing where nothing differs, and waits.
async fn remember(apply: &Apply, step: &Step, outputs: &Outputs) -> Result<Option<Value>, Fault> {
    let (node, since) = (still_declared(apply, step)?, since(apply, step));
    let spec = resolved(node, outputs)?;
    let driver = apply.kinds.get(&step.kind)?;
    let at = since.unwrap_or_else(crate::settle::now);
    let output = ensure(&Making { apply, driver: driver.as_ref(), step, spec: &spec, at }).await?;
    append(apply, step, done(row(step, node.reads.clone(), since, spec), output.clone())).await?;
    Ok(Some(output))
}

/// What is about to be sent.
fn row(step: &Step, reads: BTreeSet<Address>, at: Option<f64>, spec: Value) -> Row {
    Row { who: step.who.clone(), kind: step.kind.clone(), state: RowState::Intended, spec, output: step.last.clone(), reads, at }
}

/// It was carried out, and gave this back.
fn done(row: Row, output: Value) -> Entry {
    Entry::Done { row: Row { state: RowState::Done, output: Some(output), ..row } }
}

fn declared<'a>(apply: &'a Apply, step: &Step) -> Option<&'a Node> {
    apply.graph.nodes().get(step.address())
}

fn still_declared<'a>(apply: &'a Apply, step: &Step) -> Result<&'a Node, Fault> {
    declared(apply, step).ok_or_else(|| Fault::new(Class::Stale, format!("{} is not declared any more", step.address())))
}

/// When the object's create was about to be sent, as far as the ledger knows.
fn since(apply: &Apply, step: &Step) -> Option<f64> {
    apply.ledgers.get(&step.address().layer)?.read(step.address(), step.who.generation, |row| row.at)?
}

fn resolved(node: &Node, outputs: &Outputs) -> Result<Value, Fault> {
    let spec = (node.spec)(outputs).map_err(|error| Fault::new(Class::Bug, error.to_string()))?;
    if has_unknown(&spec) {
        return Err(Fault::new(Class::Bug, format!("{} still has an unknown value: {spec}", node.address)));
    }
    Ok(spec)
}

async fn make(apply: &Apply, step: &mut Step, outputs: &Outputs) -> Result<Value, Fault> {
    let node = still_declared(apply, step)?;
    let spec = resolved(node, outputs)?;
    let driver = apply.kinds.get(&step.kind)?;
    let known = ledger(apply, step)?.row(&node.address, step.who.generation);
    if step.verb == Verb::Update {
        // As the plan did: what was applied tells which tags have to go.
        let now = decide(&driver.rules(), &spec, &step.who.tags, known.as_ref(), step.seen.as_ref()).verb;
        // Without a finished row an object that needs nothing is `Remember`; here it means `Keep`.
        let now = if now == Verb::Remember { Verb::Keep } else { now };
        if !keeps_promise(step.verb, now, &step.spec) {
            let problem = format!("the plan promised to {} {}, but it now needs to {}", step.verb.as_str(), node.address, now.as_str());
            return Err(Fault::new(Class::Stale, problem));
        }
    }
    // The plan made its identity; only a name may hang on what was not known then.
    step.who.by = driver.identity(&spec, step.who.generation)?;
    let at = if step.verb == Verb::Update { known.as_ref().and_then(|row| row.at) } else { Some(crate::settle::now()) };
    let mut intent = row(step, node.reads.clone(), at, spec.clone());
    // Until the change is carried out the object still hangs on what it read before.
    intent.reads.extend(known.into_iter().flat_map(|row| row.reads));
    append(apply, step, Entry::Intent { row: intent }).await?;
    let output = ensure(&Making { apply, driver: driver.as_ref(), step, spec: &spec, at: at.unwrap_or_default() }).await?;
    append(apply, step, done(row(step, node.reads.clone(), at, spec), output.clone())).await?;
    Ok(output)
}

async fn delete(apply: &Apply, step: &Step) -> Result<(), Fault> {
    let (address, generation) = (step.address().clone(), step.who.generation);
    append(apply, step, Entry::Deleting { address: address.clone(), generation }).await?;
    let last = step.last.clone().or_else(|| step.seen.as_ref().map(|seen| seen.output.clone()));
    let driver = apply.kinds.get(&step.kind)?;
    let ticks = apply.sink.ticks(&address).settled(apply.kinds.settle);
    again(apply, || driver.delete(&step.who, &step.spec, last.as_ref(), &ticks)).await?;
    append(apply, step, Entry::Gone { address, generation }).await
}

async fn forget(apply: &Apply, step: &Step) -> Result<(), Fault> {
    // Where it is declared, a successor may hold its name by now and must not be touched.
    if step.seen.is_none() && !apply.graph.nodes().contains_key(step.address()) {
        // What cannot be seen may still be on its way out and hold on to others: the driver waits until it is gone.
        let driver = apply.kinds.get(&step.kind)?;
        let ticks = apply.sink.ticks(step.address()).settled(apply.kinds.settle);
        again(apply, || driver.delete(&step.who, &step.spec, step.last.as_ref(), &ticks)).await?;
    }
    append(apply, step, Entry::Gone { address: step.address().clone(), generation: step.who.generation }).await
}
