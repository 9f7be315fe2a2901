//! The declaration: resources by address, with edges that come from what their handles read.

use crate::driver::Rules;
use crate::outputs::{Outputs, Unresolved};
use crate::resource::{IdentityBy, Resource};
use crate::{Address, Handle, LayerName};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A declaration that cannot stand.
#[derive(Debug, thiserror::Error)]
pub enum DeclareError {
    /// Two declarations claim one address.
    #[error("the address {0} is declared twice")]
    Twice(Address),
    /// A resource reads itself, through others.
    #[error("the declaration goes in a circle: {}", path.iter().map(ToString::to_string).collect::<Vec<_>>().join(" → "))]
    Cycle {
        /// The addresses of the circle, the first repeated at the end.
        path: Vec<Address>,
    },
    /// A recipe failed.
    #[error(transparent)]
    Unresolved(#[from] Unresolved),
    /// A setting that cannot work, found while declaring: `key` is its path in the env file.
    #[error("{key}: {problem}")]
    Setting {
        /// The path of the setting, for example `network.cidr`.
        key: String,
        /// What is wrong and what would be right.
        problem: String,
    },
}

impl DeclareError {
    /// A setting that cannot work.
    pub fn setting(key: impl Into<String>, problem: impl Into<String>) -> DeclareError {
        DeclareError::Setting { key: key.into(), problem: problem.into() }
    }
}

type SpecOf = Arc<dyn Fn(&Outputs) -> Result<Value, Unresolved> + Send + Sync>;
type PlaceholderOf = Arc<dyn Fn(&Value) -> Result<Value, serde_json::Error> + Send + Sync>;
type IdentityOf = Arc<dyn Fn(&Value, u32) -> Result<IdentityBy, serde_json::Error> + Send + Sync>;

/// One declared resource without its type.
#[derive(Clone)]
pub struct Node {
    /// Where it is declared.
    pub address: Address,
    /// The rules of its kind.
    pub rules: Rules,
    /// What it reads.
    pub reads: BTreeSet<Address>,
    /// Its settings, given outputs.
    pub spec: SpecOf,
    /// Its output until it is known.
    pub placeholder: PlaceholderOf,
    /// Its identity.
    pub identity: IdentityOf,
}

/// The declaration of one or more layers.
#[derive(Clone, Default)]
pub struct Graph {
    layer: Option<LayerName>,
    nodes: BTreeMap<Address, Node>,
    twice: Option<Address>,
}

impl Graph {
    /// An empty declaration.
    pub fn new() -> Graph {
        Graph::default()
    }

    /// The layer that declares from now on.
    pub fn enter(&mut self, layer: LayerName) {
        self.layer = Some(layer);
    }

    /// Declares a resource and returns the handle of its output.
    pub fn add<R: Resource>(&mut self, name: impl Into<String>, spec: Handle<R>) -> Handle<R::Output> {
        let at = Address::new(self.layer.unwrap_or(LayerName::Network), name);
        let reads = spec.reads().clone();
        let here = at.clone();
        let node = Node {
            address: at.clone(),
            rules: Rules::of::<R>(),
            reads,
            spec: Arc::new(move |outputs| {
                let spec = spec.get(outputs)?;
                serde_json::to_value(&spec).map_err(|error| Unresolved { at: here.clone(), why: error.to_string() })
            }),
            placeholder: {
                let at = at.clone();
                Arc::new(move |spec| serde_json::to_value(R::deserialize(spec)?.placeholder(&at)))
            },
            identity: Arc::new(|spec, generation| Ok(R::deserialize(spec)?.identity(generation))),
        };
        if self.nodes.insert(at.clone(), node).is_some() {
            self.twice.get_or_insert(at.clone());
        }
        Handle::output(at)
    }

    /// The declared resources by address.
    pub fn nodes(&self) -> &BTreeMap<Address, Node> {
        &self.nodes
    }

    /// Checks that no address is claimed twice and nothing reads itself.
    ///
    /// # Errors
    /// [`DeclareError::Twice`], [`DeclareError::Cycle`].
    pub fn check(&self) -> Result<(), DeclareError> {
        if let Some(at) = &self.twice {
            return Err(DeclareError::Twice(at.clone()));
        }
        let reads = self.nodes.iter().map(|(at, node)| (at.clone(), node.reads.clone())).collect();
        match crate::order::cycle(&reads) {
            Some(path) => Err(DeclareError::Cycle { path }),
            None => Ok(()),
        }
    }

    /// Addresses in an order in which every one comes after what it reads.
    ///
    /// # Errors
    /// As [`Graph::check`].
    pub fn sorted(&self) -> Result<Vec<Address>, DeclareError> {
        self.check()?;
        let reads = self.nodes.iter().map(|(at, node)| (at.clone(), node.reads.clone())).collect();
        crate::order::sorted(&reads).map_err(|path| DeclareError::Cycle { path })
    }
}
