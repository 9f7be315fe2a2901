//! status, outputs, graph: what is remembered and declared.

use super::context::Context;
use crate::app::App;
use crate::args::{Format, ShowCommand};
use crate::document::{self, GraphNode, LastRun, LayerStatus, Outputs, Status};
use crate::out::tell;
use crate::problem::Problem;
use crate::render;
use crate::store as ledgers;
use engine::graph::Node;
use engine::ledger::{Folded, Guard, Holder, RowState};
use engine::{Address, Graph, LayerName};
use serde_json::Value;
use std::collections::BTreeMap;

/// Runs one of these commands.
pub(super) async fn run(at: &Context<'_, impl App>, command: &ShowCommand) -> Result<(), Problem> {
    match command {
        ShowCommand::Status => status(at).await,
        ShowCommand::Outputs { name } => outputs(at, name.as_deref()).await,
        ShowCommand::Graph => graph(at).await,
    }
}

fn state(folded: &Folded) -> &'static str {
    let open = folded.rows.values().any(|row| row.state == RowState::Intended);
    match () {
        () if folded.rows.is_empty() => "absent",
        () if open => "unfinished",
        () if folded.doors.is_none() || folded.doors_stale => "incomplete",
        () => "deployed",
    }
}

/// Layers with their state, their last run and whoever works on them now, from the ledgers.
async fn status(at: &Context<'_, impl App>) -> Result<(), Problem> {
    let (settings, store) = (at.settings, at.store);
    let (memory, holders) = (ledgers::memory(store).await?, ledgers::holders(store, &LayerName::ALL).await?);
    if at.json() {
        let layer = |(layer, folded): (&LayerName, &Folded)| {
            let last = folded.last_run.clone();
            let last_run = last.map(|last| LastRun { run: last.run, command: last.command, who: last.who, at: last.at, ok: last.ok });
            let (layer, locked_by) = (*layer, holders.get(layer).cloned());
            LayerStatus { layer, state: state(folded).to_owned(), objects: folded.rows.len(), last_run, locked_by }
        };
        document::write(Status { env: settings.env.clone(), layers: memory.iter().map(layer).collect() });
        return Ok(());
    }
    let mut table = render::table(["layer", "state", "objects", "last run", "by", "at"]);
    for (layer, folded) in &memory {
        let last = folded.last_run.clone().unwrap_or_default();
        table.add_row([layer.to_string(), state(folded).into(), folded.rows.len().to_string(), last.command, last.who, last.at]);
    }
    tell!("{table}");
    held(&holders);
    Ok(())
}

/// A line for each lock: a column would be as wide as a holder's words.
fn held(holders: &BTreeMap<LayerName, Holder>) {
    for (layer, holder) in holders {
        tell!("{layer} is locked by {holder}");
    }
}

/// The recorded outputs.
async fn outputs(at: &Context<'_, impl App>, name: Option<&str>) -> Result<(), Problem> {
    let memory = ledgers::memory(at.store).await?;
    let all = memory.iter().flat_map(|(layer, folded)| {
        let doors = folded.doors.iter().flatten();
        doors.map(move |(name, door)| (format!("{layer}.{name}"), door.value.clone()))
    });
    let found: BTreeMap<String, Value> = all.filter(|(key, _)| name.is_none_or(|name| name == key)).collect();
    if let (Some(name), true) = (name, found.is_empty()) {
        return Err(Problem::Stopped(format!("there is no output `{name}`; `outputs` lists them all")));
    }
    if at.json() {
        document::write(Outputs { outputs: found });
        return Ok(());
    }
    for (key, value) in found {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if name.is_some() { tell!("{text}") } else { tell!("{key} = {text}") }
    }
    Ok(())
}

/// The declaration as a drawing.
async fn graph(at: &Context<'_, impl App>) -> Result<(), Problem> {
    let (memory, layers) = (ledgers::memory(at.store).await?, at.app.layers());
    let declared = at.app.declare(at.wanted(&layers, &memory, &Guard::default())).await?;
    if at.json() {
        let nodes = declared.graph.nodes().iter();
        let node =
            |(at, node): (&Address, &Node)| GraphNode { address: at.clone(), kind: node.rules.kind.to_owned(), reads: node.reads.clone() };
        document::write(document::Graph { resources: nodes.map(node).collect() });
    } else {
        tell!("{}", draw(&declared.graph, at.common.format));
    }
    Ok(())
}

fn draw(graph: &Graph, format: Format) -> String {
    let edges = graph.nodes().iter().flat_map(|(at, node)| node.reads.iter().map(move |read| (read, at)));
    match format {
        Format::Mermaid => {
            let lines: Vec<String> = edges.map(|(from, to)| format!("  {from}[\"{from}\"] --> {to}[\"{to}\"]")).collect();
            format!("graph LR\n{}", lines.join("\n"))
        }
        _ => {
            let lines: Vec<String> = edges.map(|(from, to)| format!("  \"{from}\" -> \"{to}\";")).collect();
            format!("digraph stack {{\n  rankdir=LR;\n{}\n}}", lines.join("\n"))
        }
    }
}
