//! The observability layer: log groups with a retention, the topic that alarms tell, a dashboard, saved queries, an alarm on
//! errors in the logs, and the VPC's flow logs.

mod calls;
pub mod config;
mod dashboard;
mod declare;
mod health;
pub mod kinds;
pub mod logs;

pub use config::Config;
pub use declare::Inputs;

use aws::{Aws, Deploys, Place};
use contract::{Names, NetworkDoors, ObservabilityDoors, SecretsDoors};
use engine::ledger::Folded;
use engine::{DeclareError, Fault, Graph, Kinds, Layer, LayerError, LayerName, Sign};

/// The observability layer.
#[derive(Clone, Copy, Debug)]
pub struct Observability;

impl Layer for Observability {
    const NAME: LayerName = LayerName::Observability;
    type Config = Config;
    type Inputs = Inputs;
    type Outputs = ObservabilityDoors;

    fn declare(config: &Config, inputs: Inputs, g: &mut Graph) -> Result<ObservabilityDoors, DeclareError> {
        declare::declare(config, &inputs, g)
    }
}

impl Deploys for Observability {
    fn check(config: &Config, _: &Names) -> Result<(), DeclareError> {
        config.check()
    }

    /// The account.
    type LookedUp = String;

    async fn look_up(aws: &Aws, _: &Config, _: &Names) -> Result<String, LayerError> {
        Ok(aws.account().await?)
    }

    fn inputs(at: &Place<'_>, _: &Config, account: String) -> Result<Inputs, LayerError> {
        let network: NetworkDoors = at.upstream.doors(LayerName::Observability)?;
        let secrets: SecretsDoors = at.upstream.doors(LayerName::Observability)?;
        Ok(Inputs { names: at.names.clone(), region: at.region.to_owned(), account, vpc: network.vpc_id, key: secrets.key })
    }

    async fn health(aws: &Aws, names: &Names, _: &Folded) -> Result<Vec<Sign>, Fault> {
        health::health(aws, names).await
    }

    fn calls(config: &Config) -> Vec<&'static str> {
        calls::calls(config)
    }

    fn kinds(aws: &Aws) -> Kinds {
        kinds::kinds(aws)
    }
}
