//! init, ledger: what a shared ledger needs.

use super::context::Context;
use crate::app::App;
use crate::document;
use crate::out::{note, tell};
use crate::problem::Problem;
use crate::store;
use engine::LayerName;
use std::path::PathBuf;

/// Says which files were written, and makes the bucket of the ledger or completes it.
pub(super) async fn init(at: &Context<'_, impl App>, written: &[PathBuf]) -> Result<(), Problem> {
    let settings = at.settings;
    let done = match &settings.top.ledger {
        Some(_) => at.app.init(settings, at.endpoint_url()).await?,
        None => Vec::new(),
    };
    if at.json() {
        let written = written.iter().map(|path| path.display().to_string()).collect();
        document::write(document::Init { env: settings.env.clone(), written, ledger: done });
        return Ok(());
    }
    written.iter().for_each(|path| tell!("wrote {}", path.display()));
    match &settings.top.ledger {
        None => {
            let dir = settings.state.join("ledger");
            tell!("the ledger of {} is the directory {}: nothing to set up", settings.env, dir.display());
            note!("hint: to share it, write ledger = \"s3://bucket/prefix\" into the environment's file");
        }
        Some(ledger) => {
            done.iter().for_each(|line| tell!("  {line}"));
            tell!("{ledger} {}", if done.is_empty() { "is set up: nothing to do" } else { "is set up" });
        }
    }
    if !written.is_empty() {
        note!("hint: read what was written, then `orchestrator plan --env {}`", settings.env);
    }
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
        let said = format!("there is nothing to write in {}", settings.rescue().display());
        if at.json() {
            document::write(document::Pushed { said: Vec::new() })
        } else {
            tell!("{said}")
        }
        return Ok(());
    }
    let holder = store::holder(&ulid::Ulid::generate().to_string(), "ledger push");
    let (opened, said) = store::open_now(at.store, &layers, &holder).await?;
    if at.json() {
        document::write(document::Pushed { said });
    } else {
        said.iter().for_each(|line| tell!("{line}"));
    }
    store::close(&opened).await
}
