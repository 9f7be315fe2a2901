//! What the ledger knows and AWS does not show: looked for again until it must be visible, and never guessed about.

use super::observe::{Asks, World, look};
use super::{PlanError, Request};
use crate::driver::AskValue;
use crate::ledger::{Row, RowState};
use crate::settle::{self, hidden};
use crate::{Address, IdentityBy};
use std::collections::BTreeSet;
use std::time::Duration;

/// A remembered object that was not seen.
struct Unseen<'a> {
    row: &'a Row,
    /// Whether its delete was sent: then it is expected to be gone.
    deleting: bool,
    /// Whether AWS would make another one beside it, or it would be forgotten.
    matters: bool,
    /// How long it is looked for again.
    patience: Duration,
}

/// Looks again for what is remembered, young and not seen, until the settle window has passed. Nothing is called when everything
/// was seen.
///
/// # Errors
/// A fault of a read; [`crate::Class::Unavailable`] when something is still hidden after the window.
pub(super) async fn settle(request: &Request<'_>, order: &[Address], world: &mut World) -> Result<(), PlanError> {
    let mut unseen = remembered(request, order, world)?;
    let newest = newest(request, world);
    for it in unseen.iter_mut().filter(|it| !it.matters && it.row.at.is_some_and(|at| at <= newest)) {
        // Something younger is shown, and AWS would refuse a second one: it is not worth a wait.
        it.patience = Duration::ZERO;
    }
    let longest = unseen.iter().map(|it| it.patience).max().unwrap_or_default();
    let (mut pauses, started) = (request.kinds.settle.pauses(longest), tokio::time::Instant::now());
    while pauses.wait().await {
        let waited = started.elapsed();
        // The last look at each comes when its own time is over, or later.
        let mut asks = Asks::new();
        for it in unseen.iter().filter(|it| !it.patience.is_zero()) {
            let ask = AskValue { who: it.row.who.clone(), want: it.row.spec.clone(), last: it.row.output.clone() };
            asks.entry(it.row.kind.clone()).or_default().push(ask);
        }
        look(request, asks, world).await?;
        unseen.retain(|it| !world.contains_key(&key(it.row)));
        if unseen.iter().all(|it| it.patience <= waited) {
            break;
        }
    }
    judge(request, &unseen, world)
}

fn key(row: &Row) -> (Address, u32) {
    (row.who.address.clone(), row.who.generation)
}

/// The remembered objects of the covered layers that were asked for and not seen.
fn remembered<'a>(request: &'a Request<'_>, order: &[Address], world: &World) -> Result<Vec<Unseen<'a>>, PlanError> {
    let mut unseen = Vec::new();
    let mut add = |row: &'a Row, leaving: bool, matters: bool| {
        if world.contains_key(&key(row)) {
            return;
        }
        let deleting = request.memory_of(&row.who.address).is_some_and(|folded| folded.deleting.contains(&key(row)));
        unseen.push(Unseen { row, deleting, matters, patience: request.kinds.settle.patience(row, leaving) });
    };
    for (row, _) in request.leaving() {
        add(row, true, true);
    }
    for at in order {
        let Some(node) = request.graph.nodes().get(at) else { continue };
        let row = request.memory_of(at).and_then(|folded| folded.current(at)).filter(|row| row.kind == node.rules.kind);
        let Some(row) = row else { continue };
        let next = request.kinds.get(&row.kind)?.identity(&row.spec, request.fresh(at))?;
        add(row, false, matches!(next, IdentityBy::Tag | IdentityBy::Token) || next != row.who.by);
    }
    Ok(unseen)
}

/// When the youngest remembered object that is seen was made: reads are at least that far.
fn newest(request: &Request<'_>, world: &World) -> f64 {
    let rows = request.memory.values().flat_map(|folded| folded.rows.values());
    rows.filter(|row| world.contains_key(&key(row))).filter_map(|row| row.at).fold(f64::MIN, f64::max)
}

/// What was made and is hidden after the window is gone if something that was made after it can be seen, if something that it hung on is
/// gone, or long after. Otherwise reads are behind: to make it again would be a guess.
fn judge(request: &Request<'_>, unseen: &[Unseen<'_>], world: &World) -> Result<(), PlanError> {
    let newest = newest(request, world);
    let known = |it: &&Unseen<'_>| it.row.state == RowState::Done || it.row.output.is_some();
    let (mut doubtful, mut gone): (Vec<&Unseen<'_>>, BTreeSet<&Address>) = (Vec::new(), BTreeSet::new());
    for it in unseen.iter().filter(known) {
        let doubted = !it.deleting && request.kinds.settle.doubts(it.row.at) && it.row.at.is_some_and(|at| at > newest);
        if doubted {
            doubtful.push(it);
        } else {
            gone.insert(&it.row.who.address);
        }
    }
    // Who deletes something deletes what hangs on it.
    while let Some(at) = doubtful.iter().position(|it| it.row.reads.iter().any(|read| gone.contains(read))) {
        gone.insert(&doubtful.swap_remove(at).row.who.address);
    }
    match doubtful.into_iter().find(|it| it.matters) {
        None => Ok(()),
        Some(it) => {
            let ago = (settle::now() - it.row.at.unwrap_or_default()).max(0.0);
            let fault = hidden(&format!("{} was made {ago:.0} s ago", it.row.who.address));
            Err(PlanError::Observe { kind: it.row.kind.clone(), fault })
        }
    }
}
