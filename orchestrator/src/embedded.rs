//! The AWS inside this process, kept beside the ledger of its environment.

use aws::Connection;
use cli::{Problem, Settings};
use emulator::{Emulator, Options};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// That of each directory: stack and ledger of a process share one.
static OPEN: Mutex<BTreeMap<PathBuf, Emulator>> = Mutex::new(BTreeMap::new());

/// That of an environment.
fn of(settings: &Settings) -> Result<Emulator, Problem> {
    let dir = settings.state.join("aws");
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(emulator) = open.get(&dir) {
        return Ok(emulator.clone());
    }
    let options = Options { speed: settings.top.speed, ..Options::default() };
    let emulator = Emulator::open(&dir, options).map_err(|error| Problem::Io(error.to_string()))?;
    open.insert(dir, emulator.clone());
    Ok(emulator)
}

/// The same connection, led to the embedded AWS of the settings.
///
/// # Errors
/// [`Problem::Io`] when its directory cannot be used.
pub(crate) fn connected(connection: Connection, settings: &Settings) -> Result<Connection, Problem> {
    Ok(Connection { embedded: Some(of(settings)?.connector()), ..connection })
}

/// Serves it over HTTP until it is stopped.
///
/// # Errors
/// [`Problem::Io`] when its directory or the address cannot be used.
pub(crate) async fn serve(settings: &Settings, listen: SocketAddr) -> Result<(), Problem> {
    let emulator = of(settings)?;
    let refused = |error: std::io::Error| Problem::Io(format!("{listen} cannot be listened on: {error}"));
    let listener = tokio::net::TcpListener::bind(listen).await.map_err(refused)?;
    let at = listener.local_addr().map_err(refused)?;
    cli::commands::say(&format!("the embedded AWS listens on http://{at}"));
    emulator.serve(listener).await.map_err(refused)
}
