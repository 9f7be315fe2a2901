//! Who gets what: every layer with its inputs from the others' doors.

use aws::Aws;
use cli::app::{Declared, Wanted};
use cli::problem::declare as told;
use cli::{Problem, Settings};
use contract::Names;
use engine::{Doors, Graph, Kinds, Layer, LayerName};
use network::Network;
use std::collections::BTreeMap;

/// The layers that exist, in lock order.
pub const LAYERS: &[LayerName] = &[LayerName::Network];

/// Every kind of every layer.
pub fn kinds(aws: &Aws) -> Kinds {
    network::kinds(aws)
}

/// The layers' settings, checked: made before anything is opened or called.
#[derive(Clone, Debug)]
pub struct Configs {
    names: Names,
    network: network::Config,
}

impl Configs {
    /// Reads and checks the tables of every layer.
    ///
    /// # Errors
    /// [`Problem::Config`] with file and key.
    pub fn read(settings: &Settings) -> Result<Configs, Problem> {
        let names = Names::new(&settings.top.stack, &settings.env).map_err(|error| told(error, settings))?;
        let network: network::Config = settings.table("network")?;
        network.check().map_err(|error| told(error, settings))?;
        Ok(Configs { names, network })
    }
}

/// Declares the wanted layers on one graph.
///
/// # Errors
/// [`Problem::Config`] for a setting that cannot work; [`Problem::Fault`] when a look-up in AWS fails.
pub async fn declare(aws: &Aws, configs: &Configs, wanted: &Wanted<'_>) -> Result<Declared, Problem> {
    let mut graph = Graph::new();
    let mut doors = BTreeMap::new();
    if wanted.layers.contains(&LayerName::Network) {
        let inputs = network::Inputs::look_up(aws, &configs.network, &configs.names).await?;
        let network = Network::declare(&configs.network, inputs, &mut graph).map_err(|error| told(error, wanted.settings))?;
        doors.insert(LayerName::Network, network.export());
    }
    Ok(Declared { graph, kinds: kinds(aws), doors })
}
