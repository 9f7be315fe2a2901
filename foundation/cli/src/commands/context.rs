//! What every command is given.

use crate::app::{App, Wanted};
use crate::args::{Common, Format};
use crate::config::Settings;
use crate::problem::Problem;
use engine::LayerName;
use engine::ledger::{Folded, Guard, Store};
use engine::planner::Allow;
use std::collections::BTreeMap;

/// The binary, its arguments, the environment's settings and its ledgers.
pub(super) struct Context<'a, A> {
    pub app: &'a A,
    pub common: &'a Common,
    pub settings: &'a Settings,
    pub store: &'a dyn Store,
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

    /// The protected objects that may go: those that are named, or all where nothing is protected.
    pub(super) fn allow(&self, names: &[String]) -> Result<Allow, Problem> {
        if self.settings.top.protect { named(names) } else { Ok(Allow::All) }
    }
}

/// What `--allow-destroy` names.
pub(super) fn named(names: &[String]) -> Result<Allow, Problem> {
    crate::args::allow(names).map_err(Problem::Config)
}
