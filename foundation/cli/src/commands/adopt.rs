//! adopt: an object that others made becomes ours.

use super::context::Context;
use super::run::Run;
use super::stop::confirmed;
use crate::app::App;
use crate::out::tell;
use crate::problem::Problem;
use crate::{document, out, render, store};
use engine::Address;
use engine::adopt::{AdoptError, look};
use engine::planner::{Allow, Request};
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
            let changes = adoption.changes.clone();
            document::write(document::Adopt { address: at.clone(), kind: adoption.kind.clone(), id: id.to_owned(), changes });
        } else {
            tell!("{id} becomes {at} ({}). Only its tags change now; the next deploy changes:", adoption.kind);
            let lines = adoption.changes.iter().flat_map(|change| render::fields(change, out::width()));
            lines.for_each(|line| tell!("      {line}"));
        }
        if !self.yes && !confirmed("Take it over?").await? {
            return Err(Problem::Declined);
        }
        let work = async { adoption.take(&request, ledger.as_ref()).await.map_err(told) };
        run.noted(work, |()| format!("{id} is {at}")).await?;
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
