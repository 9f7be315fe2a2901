//! The compute layer: the cluster, the roles of its tasks, the task definition, the service behind the load balancer, its
//! autoscaling and its alarms.

mod calls;
pub mod config;
mod declare;
pub mod exec;
mod fargate;
mod health;
pub mod kinds;
mod permissions;
mod preflight;
pub mod release;
pub mod restart;

pub use config::Config;
pub use declare::Inputs;

use aws::{Aws, Deploys, Place};
use contract::{ComputeDoors, Names};
use engine::ledger::Folded;
use engine::{DeclareError, Fault, Graph, Kinds, Layer, LayerError, LayerName, Sign};

/// The compute layer.
#[derive(Clone, Copy, Debug)]
pub struct Compute;

impl Layer for Compute {
    const NAME: LayerName = LayerName::Compute;
    type Config = Config;
    type Inputs = Inputs;
    type Outputs = ComputeDoors;

    fn declare(config: &Config, inputs: Inputs, g: &mut Graph) -> Result<ComputeDoors, DeclareError> {
        Ok(declare::declare(config, &inputs, g))
    }
}

impl Deploys for Compute {
    fn check(config: &Config, _: &Names) -> Result<(), DeclareError> {
        config.check()
    }

    /// The account.
    type LookedUp = String;

    async fn look_up(aws: &Aws, _: &Config, _: &Names) -> Result<String, LayerError> {
        Ok(aws.account().await?)
    }

    fn inputs(at: &Place<'_>, _: &Config, account: String) -> Result<Inputs, LayerError> {
        Ok(Inputs {
            names: at.names.clone(),
            region: at.region.to_owned(),
            account,
            network: at.upstream.doors(LayerName::Compute)?,
            secrets: at.upstream.doors(LayerName::Compute)?,
            observability: at.upstream.doors(LayerName::Compute)?,
            database: at.upstream.doors(LayerName::Compute)?,
            edge: at.upstream.doors(LayerName::Compute)?,
        })
    }

    async fn health(aws: &Aws, _: &Names, memory: &Folded) -> Result<Vec<Sign>, Fault> {
        health::health(aws, memory).await
    }

    async fn preflight(aws: &Aws, config: &Config, memory: &Folded) -> Result<Vec<Sign>, Fault> {
        preflight::preflight(aws, config, memory).await
    }

    fn calls(config: &Config) -> Vec<&'static str> {
        calls::calls(config)
    }

    fn kinds(aws: &Aws) -> Kinds {
        kinds::kinds(aws)
    }
}
