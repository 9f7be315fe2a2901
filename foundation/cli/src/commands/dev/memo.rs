//! Which image runs and which one the settings named, for the next `dev`: an application that is as it was is not rolled out again.

use crate::config::Settings;
use crate::problem::Problem;

/// Beside the ledger.
pub(super) const FILE: &str = "dev-image";

/// The image that ran last, and the one that was deployed before it.
pub(super) fn read(settings: &Settings) -> Option<(String, String)> {
    let text = std::fs::read_to_string(settings.state.join(FILE)).ok()?;
    text.split_once(' ').map(|(ran, declared)| (ran.to_owned(), declared.trim().to_owned()))
}

pub(super) fn write(settings: &Settings, ran: Option<&str>, declared: Option<&str>) -> Result<(), Problem> {
    let (Some(ran), Some(declared)) = (ran, declared) else { return Ok(()) };
    let file = settings.state.join(FILE);
    std::fs::write(&file, format!("{ran} {declared}\n"))
        .map_err(|error| Problem::Io(format!("{} cannot be written: {error}", file.display())))
}
