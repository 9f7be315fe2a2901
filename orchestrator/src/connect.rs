//! Which AWS a run talks to: the real one, an emulator over HTTP, or the embedded one.

use crate::embedded;
use aws::ledger::{Place, Shared};
use aws::{Aws, Connection};
use cli::{Problem, Settings};
use engine::ledger::Guard;

/// The shared ledger of the settings, if they have one.
///
/// # Errors
/// [`Problem::Config`] when its place cannot be one.
pub fn shared(settings: &Settings) -> Result<Option<Shared>, Problem> {
    let top = &settings.top;
    let Some(ledger) = &top.ledger else { return Ok(None) };
    let place = Place::parse(ledger).map_err(|problem| cli::problem::setting("ledger", &problem, settings))?;
    let (stack, env) = (top.stack.clone(), settings.env.clone());
    Ok(Some(Shared { place, stack, env, kms_key: top.ledger_kms_key.clone(), rescue: settings.rescue(), gone: cli::gone }))
}

/// The connection that the settings and `--endpoint-url` describe. `guard` is asked before every changing call.
///
/// # Errors
/// [`Problem::Io`] when the embedded AWS cannot be opened.
pub fn connection(settings: &Settings, endpoint_url: Option<&str>, guard: &Guard) -> Result<Connection, Problem> {
    let here = settings.top.embedded && endpoint_url.is_none();
    let connection = Connection {
        region: settings.top.region.clone(),
        endpoint_url: endpoint_url.map(str::to_owned),
        embedded: None,
        speed: if settings.top.embedded { settings.top.speed } else { 1.0 },
        guard: guard.clone(),
        looks: false,
    };
    if here { embedded::connected(connection, settings) } else { Ok(connection) }
}

/// Connects as the settings and `--endpoint-url` say. `guard` is asked before every changing call.
///
/// # Errors
/// [`Problem::Io`] when the embedded AWS cannot be opened.
pub async fn connect(settings: &Settings, endpoint_url: Option<&str>, guard: &Guard) -> Result<Aws, Problem> {
    Ok(Aws::connect(&connection(settings, endpoint_url, guard)?).await)
}
