//! dev stop, dev reset: what `dev` left running, and what is remembered of it.

use super::container::{Place, forget};
use super::{docker, memo};
use crate::args::Common;
use crate::config::Settings;
use crate::out::tell;
use crate::problem::Problem;
use crate::store;
use engine::LayerName;
use engine::ledger::LocalStore;

/// Ends the container; the embedded AWS has none.
pub(super) async fn stop(settings: &Settings, common: &Common) -> Result<(), Problem> {
    ours(common, &settings.env)?;
    let env = &settings.env;
    match containers(settings).await? {
        0 => tell!("no container of `dev` is there for {env}"),
        _ => tell!("the emulator's container is removed, with what it started and the ledger of what was deployed to it"),
    }
    if settings.state.join("aws").exists() {
        tell!("the world of the embedded AWS is kept in {}; `dev reset --env {env}` empties it", settings.state.display());
    }
    Ok(())
}

/// Ends the container, and empties the embedded AWS with its ledger.
pub(super) async fn reset(settings: &Settings, common: &Common) -> Result<(), Problem> {
    ours(common, &settings.env)?;
    containers(settings).await?;
    // Nobody else works on it while it goes.
    let (ledgers, _) = store::open_now(
        &LocalStore::new(settings.state.join("ledger")),
        &LayerName::ALL,
        &store::holder(&ulid::Ulid::generate().to_string(), "dev reset"),
    )
    .await?;
    let gone = ["aws", "ledger", "rescue", memo::FILE].iter().try_for_each(|part| forget(&settings.state.join(part)));
    // What it closes is not there any more.
    store::close(&ledgers).await.ok();
    gone?;
    tell!("the emulator's container, the embedded AWS's world and everything that was remembered of {} are removed", settings.env);
    Ok(())
}

/// An emulator that others run is theirs.
fn ours(common: &Common, env: &str) -> Result<(), Problem> {
    match &common.endpoint_url {
        None => Ok(()),
        Some(url) => Err(Problem::Stopped(format!(
            "`dev` did not start what answers at {url}\nhint: `destroy --env {env}` takes away what was deployed to it"
        ))),
    }
}

/// Without Docker there is none.
async fn containers(settings: &Settings) -> Result<usize, Problem> {
    if docker::is_here().await { Place::of(settings).remove().await } else { Ok(0) }
}
