//! What an operator does all day: from the words of the command line to the layer that knows how.

pub(crate) mod logs;
pub(crate) mod permissions;
pub(crate) mod preflight;
pub(crate) mod release;
pub mod rotate;
pub(crate) mod secrets;
pub(crate) mod session;
