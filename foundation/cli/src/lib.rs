//! Words: arguments, configuration, plan rendering, progress, JSON events, errors with a next step, exit codes.
//!
//! The only crate that writes to the terminal, reads environment variables and ends the process.
#![allow(clippy::disallowed_methods)]

pub mod alone;
pub mod app;
pub mod args;
pub mod commands;
pub mod config;
pub mod document;
pub mod out;
pub mod problem;
pub mod render;
mod store;

pub use app::{App, Declared, Wanted};
pub use args::{Cli, Common};
pub use config::Settings;
pub use problem::Problem;
pub use store::{Ledgers, gone};
