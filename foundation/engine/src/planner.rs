//! From declaration, memory and observation to a [`Plan`].

mod hidden;
mod observe;
mod steps;

use crate::driver::Kinds;
use crate::fault::Fault;
use crate::graph::{DeclareError, Graph};
use crate::ledger::Folded;
use crate::plan::Plan;
use crate::resource::Scope;
use crate::{Address, LayerName};
use std::collections::{BTreeMap, BTreeSet};

/// Which protected objects may be replaced or deleted.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Allow {
    /// None.
    #[default]
    Nothing,
    /// These.
    Only(BTreeSet<Address>),
    /// All.
    All,
}

impl Allow {
    /// Whether `at` may go.
    pub fn has(&self, at: &Address) -> bool {
        match self {
            Allow::Nothing => false,
            Allow::Only(some) => some.contains(at),
            Allow::All => true,
        }
    }
}

/// What a plan is made from.
pub struct Request<'a> {
    /// Stack, environment, tags.
    pub scope: &'a Scope,
    /// The declaration of the layers below; empty for a destroy.
    pub graph: &'a Graph,
    /// The drivers.
    pub kinds: &'a Kinds,
    /// The memory of every layer, also of those that the plan does not cover.
    pub memory: &'a BTreeMap<LayerName, Folded>,
    /// The layers that the plan covers.
    pub layers: &'a [LayerName],
    /// Which protected objects may go.
    pub allow: &'a Allow,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The declaration cannot stand.
    #[error(transparent)]
    Declare(#[from] DeclareError),
    /// AWS could not be read.
    #[error("{kind} cannot be read: {fault}")]
    Observe {
        /// The kind that was asked for.
        kind: String,
        /// The failure.
        fault: Fault,
    },
    /// A defect: a spec that is not of its kind.
    #[error(transparent)]
    Defect(#[from] Fault),
}

impl From<crate::outputs::Unresolved> for PlanError {
    fn from(error: crate::outputs::Unresolved) -> PlanError {
        PlanError::Declare(DeclareError::Unresolved(error))
    }
}

/// Reads the world once and plans. Makes no changing call.
///
/// # Errors
/// [`PlanError`]; what merely must not be applied is in [`Plan::stops`].
pub async fn plan(request: &Request<'_>) -> Result<Plan, PlanError> {
    let order = request.graph.sorted()?;
    // Where nothing was ever made there is nothing to tell of.
    let made = request.memory.values().any(|folded| !folded.rows.is_empty());
    let pass = made.then(|| request.kinds.pass(request.scope));
    let mut seen = observe::observe(request, &order).await?;
    drop(pass);
    hidden::settle(request, &order, &mut seen).await?;
    steps::plan(request, &order, &seen)
}

impl Request<'_> {
    pub(crate) fn memory_of(&self, at: &Address) -> Option<&Folded> {
        self.memory.get(&at.layer)
    }

    /// The generation that a successor at this address would have.
    pub(crate) fn fresh(&self, at: &Address) -> u32 {
        let folded = self.memory_of(at);
        let current = folded.and_then(|folded| folded.current(at)).map_or(0, |row| row.who.generation);
        folded.and_then(|folded| folded.highest.get(at)).copied().unwrap_or_default().max(current) + 1
    }

    /// Remembered objects of the covered layers that are not declared, or that a successor has replaced.
    fn leaving(&self) -> impl Iterator<Item = (&crate::ledger::Row, bool)> {
        let memory = self.layers.iter().filter_map(|layer| self.memory.get(layer));
        memory.flat_map(move |folded| {
            let older: BTreeSet<_> = folded.superseded().map(|row| (row.who.address.clone(), row.who.generation)).collect();
            folded.rows.values().filter_map(move |row| {
                let superseded = older.contains(&(row.who.address.clone(), row.who.generation));
                (superseded || !self.graph.nodes().contains_key(&row.who.address)).then_some((row, superseded))
            })
        })
    }
}
