//! A layer: what it is configured by, what it needs, what it declares and what it gives.

use crate::graph::{DeclareError, Graph};
use crate::outputs::{Outputs, Unresolved};
use crate::{Address, Fault, Handle, LayerName};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One recorded output: its value and the resources that it came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Door {
    /// The value.
    pub value: Value,
    /// The addresses that it was read from; readers in other layers inherit them.
    pub reads: BTreeSet<Address>,
}

/// The typed outputs of a layer: the only doors between layers. Made by `contract::doors!`.
pub trait Doors: Sized + Clone {
    /// Which layer gives them.
    const LAYER: LayerName;
    /// Every output by name, as JSON.
    fn export(&self) -> BTreeMap<&'static str, Handle<Value>>;
    /// The outputs that an earlier run recorded.
    ///
    /// # Errors
    /// The names of outputs that are missing or have another shape.
    fn import(recorded: &BTreeMap<String, Door>) -> Result<Self, Vec<String>>;
}

/// Reads one recorded output: a helper of `contract::doors!`.
pub fn door<T: DeserializeOwned + Clone + Send + Sync + 'static>(
    recorded: &BTreeMap<String, Door>,
    name: &str,
    missing: &mut Vec<String>,
) -> Option<Handle<T>> {
    let opened = recorded.get(name).and_then(|door| {
        let value = T::deserialize(&door.value).ok()?;
        Some(Handle::recorded(value, door.reads.clone()))
    });
    if opened.is_none() {
        missing.push(name.to_owned());
    }
    opened
}

/// Evaluates the exported outputs of a layer.
///
/// # Errors
/// [`Unresolved`] when a resource behind one of them has no output.
pub fn record(exported: &BTreeMap<&'static str, Handle<Value>>, outputs: &Outputs) -> Result<BTreeMap<String, Door>, Unresolved> {
    exported
        .iter()
        .map(|(name, handle)| Ok(((*name).to_owned(), Door { value: handle.get(outputs)?, reads: handle.reads().clone() })))
        .collect()
}

/// A layer of the stack: a crate that its own team can deploy alone.
pub trait Layer {
    /// Its name.
    const NAME: LayerName;
    /// Its table in `envs/*.toml`.
    type Config;
    /// The outputs of other layers that it needs.
    type Inputs;
    /// What it gives.
    type Outputs: Doors;
    /// Declares its resources from top to bottom; no AWS call in it.
    ///
    /// # Errors
    /// [`DeclareError::Setting`] for a setting that cannot work.
    fn declare(config: &Self::Config, inputs: Self::Inputs, g: &mut Graph) -> Result<Self::Outputs, DeclareError>;
}

/// Why a layer cannot be declared.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// A setting that cannot work.
    #[error(transparent)]
    Declare(#[from] DeclareError),
    /// A look-up in AWS failed.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// Another layer's outputs are missing or stale.
    #[error("{reader} needs the outputs of {layer}: {problem}")]
    Upstream {
        /// The layer that needs them.
        reader: LayerName,
        /// The layer that gives them.
        layer: LayerName,
        /// What is wrong with them.
        problem: String,
    },
}
