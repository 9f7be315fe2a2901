//! The bastion layer: optional. A host from which operators reach the database, its way in and its ways out.

mod calls;
pub mod config;
mod declare;
mod health;
mod image;
mod key;
pub mod kinds;

pub use config::{Config, warnings};
pub use declare::{Inputs, Place};
pub use key::Key;

use aws::{Aws, Deploys};
use contract::{BastionDoors, DatabaseDoors, Names, NetworkDoors};
use engine::ledger::Folded;
use engine::{DeclareError, Fault, Graph, Kinds, Layer, LayerError, LayerName, Sign};

/// The bastion layer.
#[derive(Clone, Copy, Debug)]
pub struct Bastion;

impl Layer for Bastion {
    const NAME: LayerName = LayerName::Bastion;
    type Config = Config;
    type Inputs = Inputs;
    type Outputs = BastionDoors;

    fn declare(config: &Config, inputs: Inputs, g: &mut Graph) -> Result<BastionDoors, DeclareError> {
        declare::declare(config, &inputs, g)
    }
}

impl Deploys for Bastion {
    fn check(config: &Config, _: &Names) -> Result<(), DeclareError> {
        config.check()?;
        match (&config.public_key_file, config.mode, config.enabled) {
            (Some(path), config::Mode::Ssh, true) => key::read(path).map(drop),
            _ => Ok(()),
        }
    }

    fn warnings(config: &Config) -> Vec<String> {
        warnings(config)
    }

    /// The key of the operators.
    type LookedUp = Option<Key>;

    async fn look_up(aws: &Aws, config: &Config, _: &Names) -> Result<Option<Key>, LayerError> {
        if config.enabled { key::look_up(aws, config).await } else { Ok(None) }
    }

    /// A bastion that is off asks nothing of other layers, so that it can be declared before they are deployed.
    fn inputs(at: &aws::Place<'_>, config: &Config, key: Option<Key>) -> Result<Inputs, LayerError> {
        let names = at.names.clone();
        if !config.enabled {
            return Ok(Inputs { names, place: None });
        }
        let network: NetworkDoors = at.upstream.doors(LayerName::Bastion)?;
        let database: DatabaseDoors = at.upstream.doors(LayerName::Bastion)?;
        let place = Place {
            vpc: network.vpc_id,
            public_subnets: network.public_subnets,
            private_subnets: network.private_subnets,
            data_security_group: network.data_security_group,
            database: database.database,
            key,
        };
        Ok(Inputs { names, place: Some(place) })
    }

    async fn health(aws: &Aws, _: &Names, memory: &Folded) -> Result<Vec<Sign>, Fault> {
        health::health(aws, memory).await
    }

    fn calls(config: &Config) -> Vec<&'static str> {
        calls::calls(config)
    }

    fn kinds(aws: &Aws) -> Kinds {
        kinds::kinds(aws)
    }
}
