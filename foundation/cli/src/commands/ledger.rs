//! init, ledger: what a shared ledger needs.

use super::context::Context;
use crate::app::App;
use crate::out::tell;
use crate::problem::Problem;
use crate::store;
use engine::LayerName;

/// Makes the bucket of the ledger, or completes it.
pub(super) async fn init(at: &Context<'_, impl App>) -> Result<(), Problem> {
    let settings = at.settings;
    let Some(ledger) = &settings.top.ledger else {
        let dir = settings.state.join("ledger");
        tell!("the ledger of {} is the directory {}: nothing to set up", settings.env, dir.display());
        tell!("(to share it, write ledger = \"s3://bucket/prefix\" into the environment's file)");
        return Ok(());
    };
    let done = at.app.init(settings, at.endpoint_url()).await?;
    done.iter().for_each(|line| tell!("  {line}"));
    let said = if done.is_empty() { "is set up: nothing to do" } else { "is set up" };
    tell!("{ledger} {said}");
    Ok(())
}

/// Opens the ledgers of which there are rescue copies: what is kept in them is taken in.
pub(super) async fn push(at: &Context<'_, impl App>) -> Result<(), Problem> {
    let settings = at.settings;
    let kept = std::fs::read_dir(settings.rescue()).into_iter().flatten().flatten();
    let names: Vec<String> = kept.filter_map(|file| file.file_name().into_string().ok()).filter(|name| name.ends_with(".jsonl")).collect();
    let has = |layer: &LayerName| names.iter().any(|name| name.starts_with(&format!("{layer}-")));
    let layers: Vec<LayerName> = LayerName::ALL.into_iter().filter(has).collect();
    if layers.is_empty() {
        tell!("there is nothing to write in {}", settings.rescue().display());
        return Ok(());
    }
    let holder = store::holder(&ulid::Ulid::generate().to_string(), "ledger push");
    let (opened, said) = store::open_now(at.store, &layers, &holder).await?;
    said.iter().for_each(|line| tell!("{line}"));
    store::close(&opened).await
}
