//! The doors between layers: ids, the typed outputs of each layer, and names within AWS's limits.

pub mod doors;
pub mod ids;
pub mod names;

pub use doors::NetworkDoors;
pub use ids::*;
pub use names::Names;
