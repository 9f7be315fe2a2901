//! The benchmark: this tool and Terraform on the same work, the simulated AWS time of a deploy, and what the engine costs by itself.
//! `cargo run --release --bin bench` writes `benches/RESULTS.md` and its chart.

mod canon;
mod chart;
mod contender;
pub mod many;
mod memory;
mod report;
mod rounds;
pub mod scale;
mod server;
pub mod simulated;
pub mod work;

pub use canon::canon;
pub use contender::{Contender, STEPS, Step, contenders};
pub use report::write;
pub use rounds::{Figure, Figures, Size, rounds};
pub use server::serve;
