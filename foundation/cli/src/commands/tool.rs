//! completions, man: what the tool tells shells and readers of manuals. They need no configuration.

use crate::args::{Shell, called, command};
use crate::out;
use crate::problem::Problem;
use clap_complete::env::{CompleteEnv, Shells};
use std::path::Path;

/// The variable by which a shell asks this binary what may come next.
const ASKS: &str = "COMPLETE";

/// Answers a shell that completes; whether one did.
pub(super) fn completed() -> bool {
    let words = std::env::args_os();
    let here = std::env::current_dir().ok();
    match CompleteEnv::with_factory(command).var(ASKS).try_complete(words, here.as_deref()) {
        Ok(completed) => completed,
        // Nothing is offered: whoever types sees no error in the middle of a line.
        Err(_) => std::env::var_os(ASKS).is_some(),
    }
}

/// Prints what makes `shell` ask this binary.
pub(super) fn completions(shell: Shell) -> Result<(), Problem> {
    let (name, shells) = (called(), Shells::builtins());
    let Some(completer) = shells.completer(shell.as_str()) else {
        return Err(Problem::Io(format!("{} cannot be told how to complete", shell.as_str())));
    };
    let mut text = Vec::new();
    let written = completer.write_registration(ASKS, &name, &name, &name, &mut text);
    written.map_err(|error| Problem::Io(error.to_string()))?;
    out::data(&String::from_utf8_lossy(&text));
    Ok(())
}

/// Writes a page for each command into `dir`.
pub(super) fn man(dir: &Path) -> Result<(), Problem> {
    let refused = |error: std::io::Error| Problem::Io(format!("{} cannot be written: {error}", dir.display()));
    std::fs::create_dir_all(dir).map_err(refused)?;
    clap_mangen::generate_to(command(), dir).map_err(refused)?;
    out::aside(&format!("the manual is in {}: `man {}`\n", dir.display(), dir.join(format!("{}.1", called())).display()));
    Ok(())
}
