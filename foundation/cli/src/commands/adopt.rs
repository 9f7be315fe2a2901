//! adopt: an object that others made becomes ours.

use super::context::Context;
use super::run::{Ending, Run};
use super::stop::confirmed;
use crate::app::App;
use crate::problem::Problem;
use crate::render;
use crate::store;
use engine::Address;
use engine::adopt::{AdoptError, look};
use engine::planner::{Allow, Request};
use serde_json::json;
use std::time::Duration;

pub(super) struct Adopt<'a, A> {
    pub at: &'a Context<'a, A>,
    pub allow: Allow,
    pub yes: bool,
}

impl<A: App> Adopt<'_, A> {
    /// Shows how the object differs from the declaration, asks, tags it and remembers it.
    pub(super) async fn run(&self, at: &Address, id: &str) -> Result<(), Problem> {
        let run = Run::begin(self.at, &[at.layer], "adopt", Duration::ZERO).await?;
        let adopted = self.locked(at, id, &run).await;
        run.end(adopted).await
    }

    async fn locked(&self, at: &Address, id: &str, run: &Run) -> Result<(), Problem> {
        let Some(ledger) = run.ledgers.get(&at.layer) else {
            return Err(Problem::Config(format!("this binary does not know the layer {}", at.layer)));
        };
        let mut memory = store::memory(self.at.store).await?;
        memory.insert(at.layer, ledger.folded());
        let layers = self.at.app.layers();
        let declared = self.at.app.declare(self.at.wanted(&layers, &memory, &run.guard)).await?;
        let (scope, graph, kinds) = (&self.at.settings.scope(), &declared.graph, &declared.kinds);
        let request = Request { scope, graph, kinds, memory: &memory, layers: &layers, allow: &self.allow };
        let adoption = look(&request, at, id).await.map_err(told)?;
        if self.at.json() {
            println!("{}", json!({"version": 1, "address": at, "kind": adoption.kind, "id": id, "changes": adoption.changes}));
        } else {
            anstream::println!("{id} becomes {at} ({}). Only its tags change now; the next deploy changes:", adoption.kind);
            adoption.changes.iter().for_each(|change| anstream::println!("      {}", render::field(change)));
        }
        if !self.yes && !confirmed("Take it over?").await? {
            return Err(Problem::Declined);
        }
        let work = |_| async { adoption.take(&request, ledger.as_ref()).await.map_err(told) };
        let ending = |taken: &Result<(), Problem>| {
            let (ok, summary) = (taken.is_ok(), taken.as_ref().err().map_or_else(|| format!("{id} is {at}"), ToString::to_string));
            Some(Ending { ok, done: usize::from(ok), failed: usize::from(!ok), skipped: 0, summary, noted: true })
        };
        run.carry_out(self.at, false, work, ending).await?;
        super::say(&format!("{at} is ours now; `plan` shows what `deploy` would change"));
        Ok(())
    }
}

fn told(error: AdoptError) -> Problem {
    match error {
        AdoptError::Refused { problem, hint } => Problem::Stopped(format!("{problem}\nhint: {hint}")),
        AdoptError::Plan(error) => error.into(),
        AdoptError::Fault(fault) => fault.into(),
        AdoptError::Ledger(error) => error.into(),
    }
}
