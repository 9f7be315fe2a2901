//! What people and programs read.

mod events;
mod plan;

pub(crate) use events::consume;
pub(crate) use plan::{field, plan};

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
