//! One batched read per kind, all in parallel.

use super::{PlanError, Request};
use crate::Address;
use crate::decide::replaces;
use crate::driver::{AnyDriver, AskValue, SeenValue};
use crate::ledger::RowState;
use crate::outputs::{Outputs, has_unknown};
use crate::resource::IdentityBy;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What was seen, by address and generation.
pub(super) type World = BTreeMap<(Address, u32), SeenValue>;

pub(super) type Asks = BTreeMap<String, Vec<AskValue>>;

/// Asks for everything that may exist. Without a ledger, what is only found through its parent (a route, a rule) is asked for
/// in a further round, once the parent was found.
pub(super) async fn observe(request: &Request<'_>, order: &[Address]) -> Result<World, PlanError> {
    let mut world = World::new();
    let mut asked = BTreeSet::new();
    let mut older = Asks::new();
    let mut first = Asks::new();
    for (row, superseded) in request.leaving() {
        let ask = AskValue { who: row.who.clone(), want: row.spec.clone(), last: row.output.clone() };
        let asks = if superseded { &mut older } else { &mut first };
        asks.entry(row.kind.clone()).or_default().push(ask);
    }
    look(request, older, &mut world).await?;
    let mut patient = true;
    loop {
        let mut asks = std::mem::take(&mut first);
        declared(request, order, &world, &mut asked, &mut asks, patient)?;
        if asks.is_empty() && patient {
            // What still waits for the outputs of others is asked for as it was found.
            patient = false;
        } else if asks.is_empty() {
            look(request, renamed(request, order, &world)?, &mut world).await?;
            return Ok(world);
        }
        look(request, asks, &mut world).await?;
    }
}

/// Adds the questions for declared resources that were not asked yet and whose identity is known by now.
fn declared(
    request: &Request<'_>,
    order: &[Address],
    world: &World,
    asked: &mut BTreeSet<Address>,
    asks: &mut Asks,
    patient: bool,
) -> Result<(), PlanError> {
    let mut outputs = Outputs::new();
    for at in order {
        let Some(node) = request.graph.nodes().get(at) else { continue };
        let row = request.memory_of(at).and_then(|folded| folded.current(at)).filter(|row| row.kind == node.rules.kind);
        let spec = (node.spec)(&outputs)?;
        let generation = row.map_or(1, |row| row.who.generation);
        let defect = |error: serde_json::Error| crate::Fault::new(crate::Class::Bug, format!("{at}: {error}"));
        let seen = world.get(&(at.clone(), generation)).map(|seen| seen.output.clone());
        let output = match seen.or_else(|| row.and_then(|row| row.output.clone())) {
            Some(output) => output,
            None => (node.placeholder)(&spec).map_err(defect)?,
        };
        outputs.set(at.clone(), output);
        let ask = match row {
            Some(row) if row.state == RowState::Found => {
                let by = (node.identity)(&spec, generation).map_err(defect)?;
                let unknown = has_unknown(&spec);
                if unknown && patient {
                    continue;
                }
                // What was last applied is not known: what is declared stands in for what AWS does not give back.
                let want = if unknown || by != row.who.by { row.spec.clone() } else { spec };
                AskValue { who: row.who.clone(), want, last: row.output.clone() }
            }
            Some(row) => AskValue { who: row.who.clone(), want: row.spec.clone(), last: row.output.clone() },
            None => {
                let by = (node.identity)(&spec, generation).map_err(defect)?;
                AskValue { who: request.scope.identity(at, generation, by), want: spec, last: None }
            }
        };
        if findable(&ask) && asked.insert(at.clone()) {
            asks.entry(node.rules.kind.to_owned()).or_default().push(ask);
        }
    }
    Ok(())
}

/// Questions for names that declared resources will take in place of those they have: somebody else may hold them. Who stays has none.
fn renamed(request: &Request<'_>, order: &[Address], world: &World) -> Result<Asks, PlanError> {
    let (mut asks, mut outputs) = (Asks::new(), Outputs::new());
    for at in order {
        let Some(node) = request.graph.nodes().get(at) else { continue };
        let row = request.memory_of(at).and_then(|folded| folded.current(at)).filter(|row| row.kind == node.rules.kind);
        let defect = |error: serde_json::Error| crate::Fault::new(crate::Class::Bug, format!("{at}: {error}"));
        let spec = (node.spec)(&outputs)?;
        let seen = row.and_then(|row| world.get(&(at.clone(), row.who.generation)));
        let stays = seen.filter(|seen| seen.ours && !replaces(&node.rules, &spec, seen));
        let output = match stays {
            Some(seen) => seen.output.clone(),
            None => (node.placeholder)(&spec).map_err(defect)?,
        };
        outputs.set(at.clone(), output);
        let Some(row) = row.filter(|_| stays.is_none()) else { continue };
        let by = (node.identity)(&spec, request.fresh(at)).map_err(defect)?;
        if by == row.who.by || !matches!(by, IdentityBy::Name(_)) {
            continue;
        }
        let ask = AskValue { who: request.scope.identity(at, request.fresh(at), by), want: spec, last: None };
        if findable(&ask) {
            asks.entry(node.rules.kind.to_owned()).or_default().push(ask);
        }
    }
    Ok(asks)
}

fn findable(ask: &AskValue) -> bool {
    match &ask.who.by {
        IdentityBy::Name(name) => !name.contains(crate::outputs::OPEN),
        IdentityBy::Natural(_) => ask.last.is_some() || !has_unknown(&ask.want),
        IdentityBy::Tag | IdentityBy::Token => true,
    }
}

pub(super) async fn look(request: &Request<'_>, asks: Asks, world: &mut World) -> Result<(), PlanError> {
    let batches: Vec<(String, Vec<AskValue>)> =
        asks.into_iter().flat_map(|(kind, asks)| apart(asks).into_iter().map(move |batch| (kind.clone(), batch))).collect();
    let reads = batches.iter().map(|(kind, asks)| async move {
        let driver = request.kinds.get(kind)?;
        let found = patiently(request, driver, asks).await.map_err(|fault| PlanError::Observe { kind: kind.clone(), fault })?;
        Ok::<_, PlanError>((asks, found))
    });
    for answer in futures::future::join_all(reads).await {
        let (asks, mut found) = answer?;
        for ask in asks {
            if let Some(seen) = found.remove(&ask.who.address) {
                world.insert((ask.who.address.clone(), ask.who.generation), seen);
            }
        }
    }
    Ok(())
}

/// Asks again when AWS throttles for longer than the SDK's retries last: a plan of many reads must not fail for one of them.
async fn patiently(
    request: &Request<'_>,
    driver: &Arc<dyn AnyDriver>,
    asks: &[AskValue],
) -> Result<BTreeMap<Address, SeenValue>, crate::Fault> {
    let mut pauses = request.kinds.settle.throttled();
    loop {
        match driver.observe(asks).await {
            Err(fault) if fault.class == crate::Class::Throttled && pauses.wait().await => {}
            other => return other,
        }
    }
}

/// The questions in batches in which no address comes twice: answers are found by address, and several generations may live.
fn apart(asks: Vec<AskValue>) -> Vec<Vec<AskValue>> {
    let mut batches: Vec<(BTreeSet<Address>, Vec<AskValue>)> = Vec::new();
    for ask in asks {
        let at = ask.who.address.clone();
        match batches.iter_mut().find(|(held, _)| !held.contains(&at)) {
            Some((held, batch)) => {
                held.insert(at);
                batch.push(ask);
            }
            None => batches.push((BTreeSet::from([at]), vec![ask])),
        }
    }
    batches.into_iter().map(|(_, batch)| batch).collect()
}
