//! Which AWS a run talks to: the real one, an emulator over HTTP, or the embedded one.

use aws::{Aws, Connection};
use cli::{Problem, Settings};
use emulator::Emulator;

/// The embedded AWS of an environment, kept beside its ledger.
///
/// # Errors
/// [`Problem::Io`] when its directory cannot be used.
pub fn embedded(settings: &Settings) -> Result<Emulator, Problem> {
    crate::world(&settings.state.join("aws"), settings.top.speed)
}

/// Connects as the settings and `--endpoint-url` say.
///
/// # Errors
/// [`Problem::Io`] when the embedded AWS cannot be opened.
pub async fn connect(settings: &Settings, endpoint_url: Option<&str>) -> Result<Aws, Problem> {
    let here = settings.top.embedded && endpoint_url.is_none();
    let connection = Connection {
        region: settings.top.region.clone(),
        endpoint_url: endpoint_url.map(str::to_owned),
        embedded: if here { Some(embedded(settings)?.connector()) } else { None },
        speed: if settings.top.embedded { settings.top.speed } else { 1.0 },
    };
    Ok(Aws::connect(&connection).await)
}
