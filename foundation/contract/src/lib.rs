//! The doors between layers: ids, the typed outputs of each layer, and names within AWS's limits.

pub mod doors;
pub mod ids;
pub mod names;
pub mod upstream;

pub use doors::{BastionDoors, ComputeDoors, DatabaseDoors, EdgeDoors, NetworkDoors, ObservabilityDoors, SecretsDoors};
pub use ids::*;
pub use names::Names;
pub use upstream::Upstream;
