//! status --watch: the report again and again, in place, until it is interrupted. In a terminal it is on a screen of its own, so that
//! what was there before comes back at the end, with the last report below.

use super::context::Context;
use super::status::{failed, look, text, well};
use super::stop::Stop;
use crate::app::App;
use crate::document;
use crate::out;
use crate::problem::Problem;
use std::time::Duration;

/// To the other screen, without a cursor; and back.
const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l";
const LEAVE: &str = "\u{1b}[?25h\u{1b}[?1049l";
/// What is written between these is shown at once; the first clears the screen. Terminals that do not know them ignore them.
const BEGIN: &str = "\u{1b}[?2026h\u{1b}[H\u{1b}[J";
const END: &str = "\u{1b}[?2026l";

/// The other screen; its end brings the first one back, whatever ends it.
pub(super) struct Screen;

impl Screen {
    pub(super) fn enter() -> Screen {
        out::control(ENTER);
        Screen
    }

    pub(super) fn show(&self, text: &str) {
        out::control(BEGIN);
        out::data(text);
        out::control(END);
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        out::control(LEAVE);
    }
}

/// How many rows a line takes.
pub(super) fn taken(line: &str, columns: usize) -> usize {
    anstream::adapter::strip_str(line).to_string().chars().count().div_ceil(columns.max(1)).max(1)
}

/// As much of a text as fits into so many columns and rows, with a line that tells how much does not.
pub(super) fn fitting(text: &str, (columns, rows): (usize, usize)) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let all: usize = lines.iter().map(|line| taken(line, columns)).sum();
    if all < rows {
        return text.to_owned();
    }
    // One row is for what is left out, and one for the cursor.
    let (mut room, mut shown) = (rows.saturating_sub(2), Vec::new());
    for line in &lines {
        let needs = taken(line, columns);
        if needs > room {
            break;
        }
        room -= needs;
        shown.push(*line);
    }
    let left = lines.len() - shown.len();
    shown.iter().map(|line| format!("{line}\n")).collect::<String>() + &format!("… {left} more lines: a taller terminal shows them\n")
}

/// Shows it until SIGINT or SIGTERM, or until nobody reads. The error says that something was not well at last.
pub(super) async fn watch(at: &Context<'_, impl App>, pause: Duration) -> Result<(), Problem> {
    let stop = Stop::listen()?;
    let screen = (!at.json() && out::size().is_some()).then(Screen::enter);
    let mut last = None;
    while !out::gone() {
        let status = tokio::select! {
            status = look(at, false) => status?,
            () = stop.cancel.cancelled() => break,
        };
        match (&screen, out::size()) {
            (Some(screen), Some(size)) => screen.show(&fitting(&text(&status), size)),
            _ if at.json() => document::write(status.clone()),
            _ => out::data(&text(&status)),
        }
        last = Some(status);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancel.cancelled() => break,
        }
    }
    let on_screen = screen.is_some();
    drop(screen);
    let Some(last) = last else { return Err(Problem::Interrupted("nothing was seen yet".into())) };
    if on_screen {
        out::data(&text(&last));
    }
    well(failed(&last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_that_is_taller_than_the_terminal_keeps_its_beginning() {
        let text = "one\n\u{1b}[32mtwo\u{1b}[0m\nthree is longer\nfour\n";
        assert_eq!(fitting(text, (80, 5)), text);
        assert_eq!(fitting(text, (80, 4)), "one\n\u{1b}[32mtwo\u{1b}[0m\n… 2 more lines: a taller terminal shows them\n");
        // The third takes two rows.
        assert_eq!(fitting(text, (10, 5)), "one\n\u{1b}[32mtwo\u{1b}[0m\n… 2 more lines: a taller terminal shows them\n");
    }
}
