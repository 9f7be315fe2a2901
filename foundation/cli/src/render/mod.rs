//! What people and programs read.

mod diff;
mod events;
pub(crate) mod logs;
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

/// An error that stays in sight.
pub(crate) fn failure(text: &str) -> String {
    let style = Style::new().fg_color(Some(AnsiColor::Red.into()));
    format!("{style}{text}{style:#}")
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
    let text = wrapped(&format!("{subject}{}", sign.text));
    let hint = sign.hint.as_ref().map(|hint| format!("\n{}{}", " ".repeat(MARGIN), wrapped(&format!("hint: {hint}")))).unwrap_or_default();
    format!("{style}{:<5}{style:#} {text}{hint}", sign.level.as_str())
}

/// The column that the text of a report begins in.
const MARGIN: usize = 6;

/// Text from [`MARGIN`] on, in lines that a terminal can show; in a pipe it is one line.
fn wrapped(text: &str) -> String {
    let Some(room) = crate::out::width().map(|width| width.saturating_sub(MARGIN).max(20)) else { return text.to_owned() };
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last().map_or(0, |line| line.chars().count());
        if last > 0 && last + 1 + word.chars().count() > room {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join(&format!("\n{}", " ".repeat(MARGIN)))
}

/// What was seen of a failure, a line each. It comes from others: no character of it may move a terminal's cursor.
pub(crate) fn detail(fault: &Fault) -> String {
    fault.detail.iter().map(|line| format!("\n    {}", words::visible(line).replace('\n', " "))).collect()
}
