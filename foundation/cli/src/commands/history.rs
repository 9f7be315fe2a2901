//! history: the last runs, from the ledgers.

use super::context::Context;
use crate::app::App;
use crate::document::{self, History, PastRun};
use crate::out::tell;
use crate::problem::Problem;
use crate::{render, store};
use engine::LayerName;
use engine::ledger::{Folded, RunRecord};
use jiff::Timestamp;
use std::collections::BTreeMap;

impl PastRun {
    fn new(record: &RunRecord) -> PastRun {
        let RunRecord { run, command, who, at, ok, summary, .. } = record.clone();
        let time = |text: &str| text.parse::<Timestamp>().ok();
        let took = || Some(time(record.ended.as_deref()?)?.duration_since(time(&at)?).as_secs_f64());
        let seconds = took();
        PastRun { run, command, who, at, seconds, ok, summary, ..PastRun::default() }
    }

    /// Each layer remembers its own part.
    fn add(&mut self, layer: LayerName, record: &RunRecord) {
        self.layers.push(layer);
        self.created += record.created;
        self.changed += record.changed;
        self.deleted += record.deleted;
        self.touched.extend(record.touched.iter().cloned());
        self.ok = self.ok.zip(record.ok).map(|(one, other)| one && other);
    }

    fn outcome(&self) -> &'static str {
        match self.ok {
            Some(true) => "done",
            Some(false) => "failed",
            None => "did not end",
        }
    }

    fn changes(&self) -> String {
        let parts = [("+", self.created), ("~", self.changed), ("-", self.deleted)];
        let said: Vec<String> = parts.iter().filter(|(_, count)| *count > 0).map(|(sign, count)| format!("{sign}{count}")).collect();
        if said.is_empty() { "nothing".to_owned() } else { said.join(" ") }
    }
}

/// The runs of all layers, the newest first. Their ids are sorted by time.
fn lines(memory: &BTreeMap<LayerName, Folded>, limit: usize) -> Vec<PastRun> {
    let mut runs: BTreeMap<&str, PastRun> = BTreeMap::new();
    for (layer, folded) in memory {
        for record in &folded.runs {
            runs.entry(&record.run).or_insert_with(|| PastRun::new(record)).add(*layer, record);
        }
    }
    runs.into_values().rev().take(limit).collect()
}

/// `2026-11-24T10:00:00.123Z` to the second.
pub(super) fn to_the_second(at: &str) -> String {
    at.parse::<Timestamp>().map_or_else(|_| at.to_owned(), |at| at.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// Shows the last runs over `layers`.
pub(super) async fn history(at: &Context<'_, impl App>, layers: &[LayerName], limit: usize) -> Result<(), Problem> {
    let mut memory = store::memory(at.store).await?;
    memory.retain(|layer, _| layers.contains(layer));
    let runs = lines(&memory, limit);
    if at.json() {
        document::write(History { env: at.settings.env.clone(), runs });
        return Ok(());
    }
    if runs.is_empty() {
        tell!("no run is recorded in {}", at.store.place());
        return Ok(());
    }
    let mut table = render::table(["when (UTC)", "who", "command", "layers", "changed", "took", "outcome", "run"]);
    for line in &runs {
        let took = line.seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.0} s"));
        let over = if line.layers.len() == LayerName::ALL.len() { "all".to_owned() } else { words(&line.layers) };
        let outcome = if line.summary.is_empty() { line.outcome().to_owned() } else { format!("{}: {}", line.outcome(), line.summary) };
        table.add_row([
            to_the_second(&line.at),
            line.who.clone(),
            line.command.clone(),
            over,
            line.changes(),
            took,
            outcome,
            line.run.clone(),
        ]);
    }
    tell!("{table}");
    Ok(())
}

fn words(layers: &[LayerName]) -> String {
    layers.iter().map(|layer| layer.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(run: &str, ok: Option<bool>, created: usize) -> RunRecord {
        let (at, ended) = ("2026-11-24T10:00:00Z".into(), ok.map(|_| "2026-11-24T10:01:30Z".into()));
        RunRecord { run: run.into(), at, ended, ok, created, ..RunRecord::default() }
    }

    #[test]
    fn a_run_over_several_layers_is_one_line_and_the_newest_comes_first() {
        let layer = |runs: Vec<RunRecord>| Folded { runs, ..Folded::default() };
        let network = layer(vec![record("01", Some(true), 2), record("02", Some(true), 0)]);
        let compute = layer(vec![record("01", Some(false), 1), record("03", None, 0)]);
        let memory = BTreeMap::from([(LayerName::Network, network), (LayerName::Compute, compute)]);
        let found = lines(&memory, 20);
        assert_eq!(found.iter().map(|line| line.run.as_str()).collect::<Vec<_>>(), ["03", "02", "01"]);
        assert_eq!(found.iter().map(PastRun::outcome).collect::<Vec<_>>(), ["did not end", "done", "failed"]);
        assert_eq!((found[2].changes().as_str(), found[2].seconds, found[2].layers.len()), ("+3", Some(90.0), 2));
        assert_eq!(lines(&memory, 1).len(), 1);
    }
}
