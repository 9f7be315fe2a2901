//! Where a resource lives in the declaration: `layer/name`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// The name of a layer: one of the crates at the top of the workspace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LayerName {
    /// VPC, subnets, gateways, routes, tier security groups.
    Network,
    /// KMS key, generated parameters, the policy that reads them.
    Secrets,
    /// Log groups, alarm topic, dashboard, saved queries, flow logs.
    Observability,
    /// RDS PostgreSQL and what it stands on.
    Database,
    /// Load balancer, target group, listeners.
    Edge,
    /// Cluster, roles, task definition, service, autoscaling.
    Compute,
    /// The optional host for operators.
    Bastion,
}

impl LayerName {
    /// Every layer in the order in which they are usually read, planned and locked.
    pub const ALL: [LayerName; 7] = [
        LayerName::Network,
        LayerName::Secrets,
        LayerName::Observability,
        LayerName::Database,
        LayerName::Edge,
        LayerName::Compute,
        LayerName::Bastion,
    ];

    /// The lower-case name used in addresses, tags and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            LayerName::Network => "network",
            LayerName::Secrets => "secrets",
            LayerName::Observability => "observability",
            LayerName::Database => "database",
            LayerName::Edge => "edge",
            LayerName::Compute => "compute",
            LayerName::Bastion => "bastion",
        }
    }

    /// The layer of that name, if there is one.
    pub fn parse(name: &str) -> Option<LayerName> {
        LayerName::ALL.into_iter().find(|layer| layer.as_str() == name)
    }
}

impl fmt::Display for LayerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One place in the declaration, for example `network/subnet-private-a`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Address {
    /// The layer that owns the resource.
    pub layer: LayerName,
    /// The name within the layer.
    pub name: String,
}

impl Address {
    /// The address `layer/name`.
    pub fn new(layer: LayerName, name: impl Into<String>) -> Address {
        Address { layer, name: name.into() }
    }

    /// Reads `layer/name`; `None` when the layer is unknown or the name is empty.
    pub fn parse(text: &str) -> Option<Address> {
        let (layer, name) = text.split_once('/')?;
        let layer = LayerName::parse(layer)?;
        (!name.is_empty()).then(|| Address::new(layer, name))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.layer, self.name)
    }
}

impl Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Address {
    fn schema_name() -> Cow<'static, str> {
        "Address".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "description": "`layer/name`", "pattern": "^[a-z]+/.+$"})
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Address, D::Error> {
        let text = String::deserialize(deserializer)?;
        Address::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not an address (layer/name)")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_a_round_trip() {
        let at = Address::new(LayerName::Network, "subnet-private-a");
        assert_eq!(Address::parse(&at.to_string()), Some(at));
        assert_eq!(Address::parse("nowhere/vpc"), None);
        assert_eq!(Address::parse("network/"), None);
    }
}
