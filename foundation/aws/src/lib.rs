//! The seam to AWS: connect, who may be retried, faults, tags, waits, and the kinds that several layers need.

pub mod caller;
pub mod connect;
mod connector;
pub mod ec2;
pub mod fault;
mod fence;
pub mod kinds;
pub mod ledger;
pub mod named;
pub mod pace;
pub mod permissions;
mod request;
pub mod retry;
pub mod session;
pub mod stage;
pub mod tagging;
pub mod together;
pub mod withhold;

pub use caller::caller;
pub use connect::{Aws, Connection};
pub use fault::{FaultExt, fault};
pub use retry::never_twice;
pub use stage::{Deploys, Place, Stage};
pub use together::Together;
pub use withhold::{repeats, withheld};
