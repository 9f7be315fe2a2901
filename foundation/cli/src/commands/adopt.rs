//! adopt: an object that others made becomes ours.

use super::stop::confirmed;
use crate::app::{App, Wanted};
use crate::args::{Common, Format};
use crate::config::Settings;
use crate::problem::Problem;
use crate::render;
use crate::store::{self, Ledgers};
use engine::Address;
use engine::adopt::{AdoptError, look};
use engine::ledger::{Guard, Store};
use engine::planner::{Allow, Request};
use serde_json::json;

pub(super) struct Adopt<'a, A> {
    pub app: &'a A,
    pub common: &'a Common,
    pub settings: &'a Settings,
    pub store: &'a dyn Store,
    pub allow: Allow,
    pub yes: bool,
}

impl<A: App> Adopt<'_, A> {
    /// Shows how the object differs from the declaration, asks, tags it and remembers it.
    pub(super) async fn run(&self, at: &Address, id: &str) -> Result<(), Problem> {
        let run = ulid::Ulid::generate().to_string();
        let (ledgers, warnings) = store::open_now(self.store, &[at.layer], &store::holder(&run, "adopt")).await?;
        for warning in warnings {
            anstream::eprintln!("warning: {warning}");
        }
        let adopted = self.locked(at, id, &ledgers).await;
        adopted.and(store::close(&ledgers).await)
    }

    async fn locked(&self, at: &Address, id: &str, ledgers: &Ledgers) -> Result<(), Problem> {
        let Some(ledger) = ledgers.get(&at.layer) else {
            return Err(Problem::Config(format!("this binary does not know the layer {}", at.layer)));
        };
        let mut memory = store::memory(self.store).await?;
        memory.insert(at.layer, ledger.folded());
        let layers = self.app.layers();
        let endpoint_url = self.common.endpoint_url.as_deref();
        let guard = Guard::new(vec![ledger.clone()]);
        let wanted = Wanted { settings: self.settings, endpoint_url, layers: &layers, memory: &memory, guard: &guard };
        let declared = self.app.declare(wanted).await?;
        let (scope, graph, kinds) = (&self.settings.scope(), &declared.graph, &declared.kinds);
        let request = Request { scope, graph, kinds, memory: &memory, layers: &layers, allow: &self.allow };
        let adoption = look(&request, at, id).await.map_err(told)?;
        if self.common.format == Format::Json {
            println!("{}", json!({"version": 1, "address": at, "kind": adoption.kind, "id": id, "changes": adoption.changes}));
        } else {
            anstream::println!("{id} becomes {at} ({}). Only its tags change now; the next deploy changes:", adoption.kind);
            adoption.changes.iter().for_each(|change| anstream::println!("      {}", render::field(change)));
        }
        if !self.yes && !confirmed("Take it over?").await? {
            return Err(Problem::Declined);
        }
        adoption.take(&request, ledger.as_ref()).await.map_err(told)?;
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
