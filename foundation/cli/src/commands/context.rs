//! What every command is given.

use crate::app::{App, Declared, Looking, Wanted};
use crate::args::{Common, Format};
use crate::config::Settings;
use crate::problem::{Problem, declare};
use engine::ledger::{Folded, Guard, Store};
use engine::plan::Plan;
use engine::planner::{Allow, PlanError, Request};
use engine::{LayerName, Seat};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The binary, its arguments, the environment's settings and its ledgers.
pub(super) struct Context<'a, A> {
    pub app: &'a A,
    pub common: &'a Common,
    pub settings: &'a Settings,
    pub store: &'a dyn Store,
    /// Its place among the environments that are looked at together.
    pub seat: Option<Arc<Seat>>,
}

impl<'a, A: App> Context<'a, A> {
    /// The layers that were named, or all that the binary knows.
    pub(super) fn chosen(&self, layers: &[LayerName]) -> Vec<LayerName> {
        if layers.is_empty() { self.app.layers() } else { layers.to_vec() }
    }

    /// Another end than AWS.
    pub(super) fn endpoint_url(&self) -> Option<&'a str> {
        self.common.endpoint_url.as_deref()
    }

    /// Whether programs read what is written.
    pub(super) fn json(&self) -> bool {
        self.common.format == Format::Json
    }

    /// What is asked of the binary.
    pub(super) fn wanted<'b>(&'b self, layers: &'b [LayerName], memory: &'b BTreeMap<LayerName, Folded>, guard: &'b Guard) -> Wanted<'b> {
        Wanted { settings: self.settings, endpoint_url: self.endpoint_url(), layers, memory, guard }
    }

    /// What is asked by those who look.
    pub(super) fn looking<'b>(&'b self, memory: &'b BTreeMap<LayerName, Folded>) -> Looking<'b> {
        Looking { settings: self.settings, endpoint_url: self.endpoint_url(), memory }
    }

    /// The plan of what is declared.
    pub(super) async fn plan(
        &self,
        declared: &Declared,
        layers: &[LayerName],
        memory: &BTreeMap<LayerName, Folded>,
        allow: &Allow,
    ) -> Result<Plan, Problem> {
        let (scope, graph) = (&self.settings.scope(), &declared.graph);
        let kinds = &match &self.seat {
            Some(seat) => declared.kinds.clone().gathered(seat),
            None => declared.kinds.clone(),
        };
        let request = Request { scope, graph, kinds, memory, layers, allow };
        engine::planner::plan(&request).await.map_err(|error| match error {
            PlanError::Declare(error) => declare(error, self.settings),
            error => error.into(),
        })
    }

    /// What a deploy of these layers would do now, whatever is protected: for those who only look.
    pub(super) async fn outlook(&self, layers: &[LayerName], memory: &BTreeMap<LayerName, Folded>) -> Result<Plan, Problem> {
        let plan = async {
            let declared = self.app.declare(self.wanted(layers, memory, &Guard::default())).await?;
            self.plan(&declared, layers, memory, &Allow::All).await
        };
        let plan = plan.await;
        // However it ended, nobody waits for further questions of this one.
        self.seat.iter().for_each(|seat| seat.leave());
        plan
    }

    /// The protected objects that may go: those that are named, or all where nothing is protected.
    pub(super) fn allow(&self, names: &[String]) -> Result<Allow, Problem> {
        if self.settings.top.protect { named(names) } else { Ok(Allow::All) }
    }
}

/// What `--allow-destroy` names.
pub(super) fn named(names: &[String]) -> Result<Allow, Problem> {
    crate::args::allow(names).map_err(Problem::Config)
}
