//! Declaring layers one after the other on one graph: what the whole tool and each layer's own binary share.

use crate::Aws;
use contract::{Names, Upstream};
use engine::layer::Layer;
use engine::ledger::Folded;
use engine::{DeclareError, Doors, Fault, Graph, Handle, Kinds, LayerError, LayerName, Sign};
use serde_json::Value;
use std::collections::BTreeMap;
use std::future::Future;

/// A layer that can be deployed: its settings are checked, its inputs looked up, its kinds known.
pub trait Deploys: Layer<Outputs: Send + Sync + 'static, Config: Send + Sync, Inputs: Send> {
    /// Checks what the types of the settings cannot.
    ///
    /// # Errors
    /// [`DeclareError::Setting`] with the key.
    fn check(config: &Self::Config, names: &Names) -> Result<(), DeclareError>;

    /// What must be looked up in account and region before the layer can be declared.
    type LookedUp: Send;

    /// Looks it up. It waits for no other layer: all of them look at once.
    ///
    /// # Errors
    /// [`LayerError::Fault`] of a call, [`LayerError::Declare`] for a setting that does not fit what was found.
    fn look_up(aws: &Aws, config: &Self::Config, names: &Names) -> impl Future<Output = Result<Self::LookedUp, LayerError>> + Send;

    /// What it needs beside its settings: what was looked up, and other layers' doors.
    ///
    /// # Errors
    /// [`LayerError::Upstream`] when a layer that it reads was never deployed.
    fn inputs(at: &Place<'_>, config: &Self::Config, found: Self::LookedUp) -> Result<Self::Inputs, LayerError>;

    /// What is worth a line before anything is done: a setting that does nothing, a version that ends.
    fn warnings(_config: &Self::Config) -> Vec<String> {
        Vec::new()
    }

    /// How what it made is now: a few calls that read. `memory` is its ledger.
    ///
    /// # Errors
    /// The fault of a call.
    fn health(_aws: &Aws, _names: &Names, _memory: &Folded) -> impl Future<Output = Result<Vec<Sign>, Fault>> + Send {
        std::future::ready(Ok(Vec::new()))
    }

    /// What a deploy of these settings would meet: quotas, offers, roles. A few calls that read. `memory` is its ledger.
    ///
    /// # Errors
    /// The fault of a call.
    fn preflight(_aws: &Aws, _config: &Self::Config, _memory: &Folded) -> impl Future<Output = Result<Vec<Sign>, Fault>> + Send {
        std::future::ready(Ok(Vec::new()))
    }

    /// The calls that a deploy and a destroy of these settings may make: `service:Operation`.
    fn calls(config: &Self::Config) -> Vec<&'static str>;

    /// Every kind that it ever shipped, with its driver.
    fn kinds(aws: &Aws) -> Kinds;
}

/// Where a layer is declared: what its inputs are made of beside what it looked up.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The region.
    pub region: &'a str,
    /// How everything is called.
    pub names: &'a Names,
    /// The doors of the other layers.
    pub upstream: &'a Upstream,
}

/// The outputs that were declared, by layer.
pub type Declared = BTreeMap<LayerName, BTreeMap<&'static str, Handle<Value>>>;

/// One graph and the doors that are open on it.
pub struct Stage<'a> {
    aws: &'a Aws,
    names: &'a Names,
    upstream: Upstream,
    /// What was declared so far.
    pub graph: Graph,
    /// The outputs of the layers that were declared.
    pub doors: Declared,
    /// What the layers warn of.
    pub warnings: Vec<String>,
}

impl<'a> Stage<'a> {
    /// An empty graph, with the doors that earlier runs recorded.
    pub fn new(aws: &'a Aws, names: &'a Names, upstream: Upstream) -> Stage<'a> {
        Stage { aws, names, upstream, graph: Graph::new(), doors: Declared::new(), warnings: Vec::new() }
    }

    /// Looks up what a layer needs, if it is one of the wanted.
    pub async fn look_up<L: Deploys>(&self, config: &L::Config, wanted: &[LayerName]) -> Option<Result<L::LookedUp, LayerError>> {
        if !wanted.contains(&L::NAME) {
            return None;
        }
        Some(L::look_up(self.aws, config, self.names).await)
    }

    /// Declares a layer with what it looked up; one that did not is not wanted. Those that come after it read its outputs from the graph.
    ///
    /// # Errors
    /// [`LayerError`].
    pub fn declare<L: Deploys>(&mut self, config: &L::Config, found: Option<Result<L::LookedUp, LayerError>>) -> Result<(), LayerError> {
        let Some(found) = found else { return Ok(()) };
        self.warnings.extend(L::warnings(config));
        let at = Place { region: &self.aws.region, names: self.names, upstream: &self.upstream };
        let inputs = L::inputs(&at, config, found?)?;
        self.graph.enter(L::NAME);
        let doors = L::declare(config, inputs, &mut self.graph)?;
        self.upstream.open(&doors);
        self.doors.insert(L::NAME, doors.export());
        Ok(())
    }
}
