//! The schema of an env file, for editors: completion and mistakes while typing.

use cli::config::Top;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An env file as a whole.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct EnvFile {
    /// The settings above the layers' tables.
    #[serde(flatten)]
    pub top: Top,
    /// The network layer.
    #[serde(default)]
    pub network: network::Config,
    /// The secrets layer.
    #[serde(default)]
    pub secrets: secrets::Config,
    /// The observability layer.
    #[serde(default)]
    pub observability: observability::Config,
    /// The database layer.
    #[serde(default)]
    pub database: database::Config,
    /// The edge layer.
    #[serde(default)]
    pub edge: edge::Config,
    /// The compute layer.
    #[serde(default)]
    pub compute: compute::Config,
    /// The bastion layer.
    #[serde(default)]
    pub bastion: bastion::Config,
}

/// The JSON schema of an env file. Every key may be missing: base.toml, the env's file and variables are layered.
pub fn document() -> String {
    let mut schema = schemars::schema_for!(EnvFile);
    schema.remove("required");
    format!("{:#}\n", schema.as_value())
}
