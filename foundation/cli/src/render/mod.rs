//! What people and programs read.

mod events;
mod plan;

pub(crate) use events::consume;
pub(crate) use plan::{field, plan};

use anstyle::{AnsiColor, Style};
use engine::{Fault, Level, Sign};

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

/// A line of a report, with its next step below.
pub(crate) fn sign(sign: &Sign) -> String {
    let colour = match sign.level {
        Level::Ok => AnsiColor::Green,
        Level::Warn => AnsiColor::Yellow,
        Level::Fail => AnsiColor::Red,
    };
    let style = Style::new().fg_color(Some(colour.into()));
    let subject = if sign.subject.is_empty() { String::new() } else { format!("{}: ", sign.subject) };
    let hint = sign.hint.as_ref().map(|hint| format!("\n      hint: {hint}")).unwrap_or_default();
    format!("{style}{:<5}{style:#} {subject}{}{hint}", sign.level.as_str(), sign.text)
}
