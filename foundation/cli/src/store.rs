//! Where an environment's ledgers are.

use crate::config::Settings;
use crate::problem::Problem;
use engine::LayerName;
use engine::ledger::{Folded, Ledger, LocalLedger};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// Open, locked ledgers.
pub(crate) type Ledgers = BTreeMap<LayerName, Arc<dyn Ledger>>;

fn dir(settings: &Settings) -> PathBuf {
    settings.state.join("ledger")
}

/// What every layer's ledger remembers.
pub(crate) fn memory(settings: &Settings) -> Result<BTreeMap<LayerName, Folded>, Problem> {
    LayerName::ALL.into_iter().map(|layer| Ok((layer, LocalLedger::read(&dir(settings), layer)?.folded()))).collect()
}

/// Opens and locks the ledgers of `layers`, in lock order. The texts are warnings about torn tails.
pub(crate) fn open(settings: &Settings, layers: &[LayerName], run: &str) -> Result<(Ledgers, Vec<String>), Problem> {
    let who = std::env::var("USER").unwrap_or_else(|_| "somebody".into());
    let holder = format!("{who}, process {}, run {run}, since {}", std::process::id(), jiff::Timestamp::now());
    let mut opened = Ledgers::new();
    let mut warnings = Vec::new();
    for layer in LayerName::ALL.into_iter().filter(|layer| layers.contains(layer)) {
        let (ledger, torn) = LocalLedger::open(&dir(settings), layer, &holder)?;
        if torn.is_some() {
            warnings.push(format!("the last entry of the {layer} ledger was cut short by a crash and has been removed"));
        }
        opened.insert(layer, Arc::new(ledger));
    }
    Ok((opened, warnings))
}

/// The person and machine that a run is recorded under.
pub(crate) fn who() -> String {
    std::env::var("USER").unwrap_or_else(|_| "somebody".into())
}
