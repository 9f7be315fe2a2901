//! Declare → plan → apply → ledger → events: a graph of resources and the pure rules that move it.
//!
//! This crate knows no cloud and no terminal. A layer declares resources on a [`Graph`] with typed [`Handle`]s; the
//! [`planner`] compares them with what the [`driver`]s observe and with the [`ledger`]; [`apply`] walks the plan.

pub mod address;
pub mod adopt;
pub mod apply;
pub mod decide;
pub mod drift;
pub mod driver;
pub mod event;
pub mod fault;
pub mod gather;
pub mod graph;
pub mod handle;
pub mod layer;
pub mod ledger;
pub mod log;
pub mod order;
pub mod outputs;
pub mod pass;
pub mod plan;
pub mod planner;
pub mod rebuild;
pub mod resource;
pub mod scan;
pub mod settle;
pub mod sign;
pub mod until;

pub use address::{Address, LayerName};
pub use driver::{Ask, Driver, Found, Kinds, Lead, Seen};
pub use event::{Event, Fact, Sink, Ticks};
pub use fault::{Class, Fault};
pub use gather::{Gather, Seat};
pub use graph::{DeclareError, Graph};
pub use handle::Handle;
pub use layer::{Doors, Layer, LayerError};
pub use outputs::Outputs;
pub use resource::{Identity, IdentityBy, Kind, Replace, Resource, Scope};
pub use settle::Settle;
pub use sign::{Level, Sign};
pub use until::{Poll, Until};
