//! unlock: for a run that cannot end any more.

use super::stop::confirmed;
use crate::document;
use crate::out::{note, tell};
use crate::problem::Problem;
use crate::store;
use engine::LayerName;
use engine::ledger::{Holder, Store};
use std::collections::BTreeMap;

/// Breaks the locks that `run` holds on `layers`.
pub(super) async fn unlock(store: &dyn Store, layers: &[LayerName], run: &str, yes: bool, json: bool) -> Result<(), Problem> {
    let held = store::holders(store, layers).await?;
    let (its, others): (BTreeMap<_, _>, _) = held.into_iter().partition(|(_, holder)| holder.run == run);
    if its.is_empty() {
        let problem = format!("run {run} holds no lock in {}; nothing was broken", store.place());
        return Err(Problem::Stopped(
            others.iter().fold(problem, |text, (layer, holder)| format!("{text}\n  {layer} is locked by {holder}")),
        ));
    }
    for (layer, holder) in &its {
        note!("{layer} is locked by {holder}{}", alive(holder));
    }
    if !yes && !confirmed("Break these locks? That run changes nothing afterwards.").await? {
        return Err(Problem::Declined);
    }
    // All at once: each may have to wait until that run has stopped to believe in its lock.
    let answers = futures::future::try_join_all(its.keys().map(|layer| store.unlock(*layer, run))).await?;
    let broken = answers.iter().filter(|broken| **broken).count();
    let mut done = Vec::new();
    for ((layer, holder), broken) in its.iter().zip(answers) {
        if broken && json {
            done.push(*layer);
        } else if broken {
            tell!("{layer}: the lock of {holder} is broken");
        } else {
            note!("{layer}: that run has given its lock back meanwhile");
        }
    }
    if broken == 0 {
        return Err(Problem::Stopped(format!("run {run} has ended meanwhile; nothing was broken")));
    }
    if json {
        document::write(document::Unlock { run: run.to_owned(), broken: done });
    }
    Ok(())
}

/// What to say of a holder on this machine whose process can still be seen.
fn alive(holder: &Holder) -> &'static str {
    let here = holder.host == store::host() && std::path::Path::new(&format!("/proc/{}", holder.process)).exists();
    if here { "; that process is alive on this machine" } else { "" }
}
