//! The one place where text leaves: data on stdout, everything else on stderr. A reader that went away is no failure: what it does not
//! hear is dropped, and the command ends as it would have.

use crate::args::Color;
use std::io::{ErrorKind, IsTerminal, Write};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whoever read stdout has gone.
static GONE: AtomicBool = AtomicBool::new(false);
/// The first other reason why data could not be written: a full disk.
static FAILED: Mutex<Option<String>> = Mutex::new(None);

/// Says when colours are used, for the whole process.
pub(crate) fn colour(when: Color) {
    match when {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
}

/// Writes data to stdout. Use `tell!`.
pub(crate) fn data(text: &str) {
    if GONE.load(Ordering::Relaxed) {
        return;
    }
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => GONE.store(true, Ordering::Relaxed),
        Err(error) => drop(FAILED.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error.to_string())),
    }
}

/// Writes what is no data to stderr. Use `note!`.
pub(crate) fn aside(text: &str) {
    let mut out = anstream::stderr().lock();
    // Nobody can be told that nobody can be told.
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
}

/// Whether whoever read stdout has gone: what follows something for ever may end.
pub fn gone() -> bool {
    GONE.load(Ordering::Relaxed)
}

/// Why data could not be written, when it was not for a reader that had enough.
pub(crate) fn failed() -> Option<String> {
    FAILED.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Moves the cursor of the terminal that stdout is, or clears it: that is no colour, and is not taken out where nobody wants colours.
pub(crate) fn control(sequence: &str) {
    let mut out = std::io::stdout().lock();
    // A terminal that went away shows nothing.
    out.write_all(sequence.as_bytes()).and_then(|()| out.flush()).ok();
}

/// How many columns and rows stdout has; `None` when it is no terminal.
pub(crate) fn size() -> Option<(usize, usize)> {
    let out = std::io::stdout();
    if !out.is_terminal() {
        return None;
    }
    let told = terminal_size::terminal_size_of(out).map(|(columns, rows)| (usize::from(columns.0), usize::from(rows.0)));
    told.filter(|(columns, rows)| *columns > 0 && *rows > 0).or(Some((80, 24)))
}

/// How many columns stdout has; `None` when it is no terminal and lines may be as long as they are.
pub(crate) fn width() -> Option<usize> {
    size().map(|(columns, _)| columns)
}

/// A line of data on stdout.
macro_rules! tell {
    ($($word:tt)*) => {
        $crate::out::data(&format!("{}\n", format_args!($($word)*)))
    };
}

/// A line on stderr: progress, warnings, hints, questions.
macro_rules! note {
    ($($word:tt)*) => {
        $crate::out::aside(&format!("{}\n", format_args!($($word)*)))
    };
}

pub(crate) use {note, tell};
