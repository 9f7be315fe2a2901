//! Who gets what: every layer with its inputs from the others' doors.

use aws::Aws;
use cli::Problem;
use cli::app::{Declared, Wanted};
use cli::problem::declare as told;
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

/// Declares the wanted layers on one graph.
///
/// # Errors
/// [`Problem::Config`] for a setting that cannot work; [`Problem::Fault`] when a look-up in AWS fails.
pub async fn declare(aws: &Aws, wanted: &Wanted<'_>) -> Result<Declared, Problem> {
    let settings = wanted.settings;
    let names = Names::new(&settings.top.stack, &settings.env).map_err(|error| told(error, settings))?;
    let mut graph = Graph::new();
    let mut doors = BTreeMap::new();
    if wanted.layers.contains(&LayerName::Network) {
        let config: network::Config = settings.table("network")?;
        config.check().map_err(|error| told(error, settings))?;
        let inputs = network::Inputs::look_up(aws, &config, &names).await?;
        let network = Network::declare(&config, inputs, &mut graph).map_err(|error| told(error, settings))?;
        doors.insert(LayerName::Network, network.export());
    }
    Ok(Declared { graph, kinds: kinds(aws), doors })
}
