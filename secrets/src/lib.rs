//! The secrets layer: one KMS key for everything of the environment, generated secrets in SSM, and the policy that reads them.

mod calls;
pub mod config;
mod declare;
mod generate;
pub mod kinds;
pub mod known;
pub mod values;

pub use config::Config;
pub use declare::Inputs;
pub use generate::generate;
pub use known::{Known, known};
pub use values::Values;

use aws::{Aws, Deploys, Place};
use contract::{Names, SecretsDoors};
use engine::{DeclareError, Graph, Kinds, Layer, LayerError, LayerName};

/// The secrets layer.
#[derive(Clone, Copy, Debug)]
pub struct Secrets;

impl Layer for Secrets {
    const NAME: LayerName = LayerName::Secrets;
    type Config = Config;
    type Inputs = Inputs;
    type Outputs = SecretsDoors;

    fn declare(config: &Config, inputs: Inputs, g: &mut Graph) -> Result<SecretsDoors, DeclareError> {
        declare::declare(config, &inputs, g)
    }
}

impl Deploys for Secrets {
    fn check(config: &Config, _: &Names) -> Result<(), DeclareError> {
        config.check()
    }

    /// The account's number is part of the key's policy.
    /// The account.
    type LookedUp = String;

    async fn look_up(aws: &Aws, _: &Config, _: &Names) -> Result<String, LayerError> {
        Ok(aws.account().await?)
    }

    fn inputs(at: &Place<'_>, _: &Config, account: String) -> Result<Inputs, LayerError> {
        Ok(Inputs { names: at.names.clone(), region: at.region.to_owned(), account })
    }

    fn calls(config: &Config) -> Vec<&'static str> {
        calls::calls(config)
    }

    fn kinds(aws: &Aws) -> Kinds {
        kinds::kinds(aws)
    }
}
