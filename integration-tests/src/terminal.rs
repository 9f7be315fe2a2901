//! A terminal of its own for a line of shell (a pty, by `script`): what is drawn there, and what is typed meanwhile.
#![allow(clippy::disallowed_methods)]

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// To the other screen, without a cursor.
pub const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l";
/// Back from it.
pub const LEAVE: &str = "\u{1b}[?25h\u{1b}[?1049l";
/// How a frame begins.
pub const FRAME: &str = "\u{1b}[H\u{1b}[J";
/// How it ends.
pub const FRAME_END: &str = "\u{1b}[?2026l";
/// Ctrl-C, as a key.
pub const CTRL_C: &[u8] = b"\x03";
/// The echo is switched off before a question is written or right after it: people are slower.
const PEOPLE: Duration = Duration::from_millis(300);

/// Where a line is typed, and into how large a terminal.
#[derive(Clone, Copy, Debug)]
pub struct Terminal<'a> {
    /// The directory.
    pub dir: &'a Path,
    /// Columns and rows.
    pub size: (usize, usize),
    /// Environment variables, beside those of every terminal here.
    pub variables: &'a [(&'a str, &'a str)],
}

/// Whether a terminal can be made; says that something is skipped when not.
pub fn is_here() -> bool {
    let here = Command::new("script").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !here {
        crate::process::skipped("there is no `script` to make a terminal");
    }
    here
}

/// Without colours and other sequences.
pub fn plain(drawn: &str) -> String {
    anstream::adapter::strip_str(drawn).to_string().replace('\r', "")
}

impl Terminal<'_> {
    /// Runs the line to its end; after each piece that is drawn, `act` sees everything so far and may type. The exit code, and everything
    /// that was drawn.
    ///
    /// # Panics
    /// When there is no `script`.
    pub fn run(&self, line: &str, mut act: impl FnMut(&str, &mut dyn Write)) -> (Option<i32>, String) {
        let (columns, rows) = self.size;
        let mut script = Command::new("script");
        script.args(["-qec", &format!("stty cols {columns} rows {rows}; {line}"), "/dev/null"]).current_dir(self.dir);
        // dash, unlike bash, ends with a Ctrl-C that its child has understood.
        script.env("TERM", "xterm-256color").env("SHELL", "/bin/bash").env("ORCHESTRATOR_SPEED", "6000").envs(crate::models::environment());
        for variable in ["AWS_ENDPOINT_URL", "NO_COLOR", "CLICOLOR_FORCE", "CI"] {
            script.env_remove(variable);
        }
        let mut child = script.envs(self.variables.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut keys, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (mut drawn, mut bytes) = (Vec::new(), [0; 4096]);
        while let Ok(read @ 1..) = screen.read(&mut bytes) {
            drawn.extend_from_slice(&bytes[..read]);
            act(&String::from_utf8_lossy(&drawn), &mut keys);
        }
        (child.wait().unwrap().code(), String::from_utf8_lossy(&drawn).into_owned())
    }

    /// Runs the line and types each text when the terminal shows what stands before it.
    ///
    /// # Panics
    /// When a question was not asked.
    pub fn answer(&self, line: &str, answers: &[(&str, &str)]) -> (Option<i32>, String) {
        let (mut from, mut left) = (0, answers.iter());
        let mut next = left.next();
        let (code, drawn) = self.run(line, |shown, keys| {
            if let Some((_, text)) = next.filter(|(question, _)| shown[from..].contains(question)) {
                from = shown.len();
                std::thread::sleep(PEOPLE);
                keys.write_all(text.as_bytes()).unwrap();
                next = left.next();
            }
        });
        assert!(next.is_none(), "it ended before it asked `{}`: {drawn}", next.map_or("", |(question, _)| question));
        (code, drawn)
    }
}
