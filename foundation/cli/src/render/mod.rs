//! What people and programs read.

mod diff;
mod events;
mod markdown;
mod plan;
mod table;
mod verdict;
mod words;

pub(crate) use events::{consume, document};
pub use markdown::markdown;
pub(crate) use plan::fields;
pub use plan::plan;
pub(crate) use table::table;
pub(crate) use words::visible;

use engine::Fault;

/// Which call, which code, which request: the second line of an error.
pub(crate) fn cause(fault: &Fault) -> String {
    let mut parts = Vec::new();
    if !fault.call.is_empty() {
        parts.push(format!("call {}", fault.call));
    }
    if !fault.code.is_empty() {
        parts.push(format!("code {}", fault.code));
    }
    parts.extend(fault.request_id.iter().map(|id| format!("request {id}")));
    if parts.is_empty() { String::new() } else { format!("\n  cause: {}", parts.join(", ")) }
}
