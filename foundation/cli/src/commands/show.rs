//! What looks and changes nothing; outputs and graph: what is remembered and declared.

use super::context::Context;
use super::{history, status, watch};
use crate::app::App;
use crate::args::{Format, ShowCommand};
use crate::document::{self, GraphNode, Outputs};
use crate::out::tell;
use crate::problem::{EXIT_CHANGES, Problem};
use crate::store as ledgers;
use engine::graph::Node;
use engine::ledger::Guard;
use engine::{Address, Graph};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Runs one of these commands.
pub(super) async fn run(at: &Context<'_, impl App>, command: &ShowCommand) -> Result<ExitCode, Problem> {
    match command {
        ShowCommand::Status { watch: Some(pause), .. } => watch::watch(at, *pause).await?,
        ShowCommand::Status { watch: None, ledger, .. } => status::status(at, *ledger).await?,
        ShowCommand::Drift { which, exit_code } => {
            let differs = status::drifted(at, &at.chosen(&which.layers)).await?;
            return Ok(if differs && *exit_code { ExitCode::from(EXIT_CHANGES) } else { ExitCode::SUCCESS });
        }
        ShowCommand::Outputs { name } => outputs(at, name.as_deref()).await?,
        ShowCommand::Graph => graph(at).await?,
        ShowCommand::History { which, limit } => history::history(at, &at.chosen(&which.layers), *limit).await?,
    }
    Ok(ExitCode::SUCCESS)
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
