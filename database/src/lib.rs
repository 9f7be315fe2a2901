//! The database layer: RDS PostgreSQL in the data subnets, with its groups and its alarms.

mod calls;
pub mod config;
mod declare;
mod health;
pub mod kinds;
pub mod password;
mod preflight;
pub mod version;

pub use config::Config;
pub use declare::Inputs;

use aws::{Aws, Deploys, FaultExt, Place};
use contract::{DatabaseDoors, Names};
use engine::ledger::Folded;
use engine::{DeclareError, Fault, Graph, Kinds, Layer, LayerError, LayerName, Sign};

/// The database layer.
#[derive(Clone, Copy, Debug)]
pub struct DatabaseLayer;

impl Layer for DatabaseLayer {
    const NAME: LayerName = LayerName::Database;
    type Config = Config;
    type Inputs = Inputs;
    type Outputs = DatabaseDoors;

    fn declare(config: &Config, inputs: Inputs, g: &mut Graph) -> Result<DatabaseDoors, DeclareError> {
        declare::declare(config, &inputs, g)
    }
}

impl Deploys for DatabaseLayer {
    fn check(config: &Config, _: &Names) -> Result<(), DeclareError> {
        config.check()
    }

    /// The engine's version.
    type LookedUp = String;

    /// The engine's version is resolved here: what a plan shows is what will be made.
    async fn look_up(aws: &Aws, config: &Config, names: &Names) -> Result<String, LayerError> {
        let live = kinds::DbInstances(aws.clone()).get(&names.database()).await?.and_then(|it| it.engine_version);
        let offered = if version::is_exact(&config.engine_version) { Vec::new() } else { offered(aws, &config.engine_version).await? };
        let engine_version = version::resolve(&config.engine_version, live.as_deref(), &offered)?;
        // RDS takes old minors from its offer: a create would fail after everything else was made.
        if live.as_ref() != Some(&engine_version) && !self::offered(aws, &engine_version).await?.contains(&engine_version) {
            let problem =
                format!("RDS does not offer PostgreSQL {engine_version} in this region (any more): use another minor, or the major");
            return Err(DeclareError::setting("database.engine_version", problem).into());
        }
        Ok(engine_version)
    }

    fn inputs(at: &Place<'_>, _: &Config, engine_version: String) -> Result<Inputs, LayerError> {
        Ok(Inputs {
            names: at.names.clone(),
            engine_version,
            network: at.upstream.doors(LayerName::Database)?,
            secrets: at.upstream.doors(LayerName::Database)?,
            observability: at.upstream.doors(LayerName::Database)?,
        })
    }

    async fn health(aws: &Aws, _: &Names, memory: &Folded) -> Result<Vec<Sign>, Fault> {
        health::health(aws, memory).await
    }

    async fn preflight(aws: &Aws, config: &Config, _: &Folded) -> Result<Vec<Sign>, Fault> {
        preflight::preflight(aws, config).await
    }

    fn calls(config: &Config) -> Vec<&'static str> {
        calls::calls(config)
    }

    fn kinds(aws: &Aws) -> Kinds {
        kinds::kinds(aws)
    }
}

/// The versions of that major, or that minor, which RDS offers.
async fn offered(aws: &Aws, version: &str) -> Result<Vec<String>, LayerError> {
    let call = aws.rds.describe_db_engine_versions().engine("postgres").engine_version(version);
    let answer = call.send().await.or_fault("rds:DescribeDBEngineVersions")?;
    Ok(answer.db_engine_versions().iter().filter_map(|it| it.engine_version().map(str::to_owned)).collect())
}
