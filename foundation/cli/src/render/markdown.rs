//! A plan for a pull request: the verdict first, a table of counts, the details of each layer folded.

use super::diff::differences;
use super::plan::{notes, shown};
use super::verdict::{loss, verdict};
use super::words::escaped;
use engine::LayerName;
use engine::plan::{Plan, Step, Verb};
use std::fmt::Write;

/// The whole text.
pub fn markdown(plan: &Plan) -> String {
    let mut out = format!("**{}**\n", escaped(&verdict(plan)));
    for text in plan.steps.values().filter_map(|step| loss(plan, step)) {
        writeln!(out, "\n> ⚠️ **{}**", escaped(&text)).ok();
    }
    for stop in &plan.stops {
        writeln!(out, "\n> 🛑 {}: {}  \n> hint: {}", escaped(&stop.address.to_string()), escaped(&stop.problem), escaped(&stop.hint)).ok();
    }
    let layers: Vec<LayerName> = plan.layers.iter().copied().filter(|layer| !shown(plan, *layer).is_empty()).collect();
    if layers.is_empty() {
        return out;
    }
    out += "\n| layer | replace | delete | update | create |\n| --- | ---: | ---: | ---: | ---: |\n";
    for layer in &layers {
        let count = |verb: Verb| match shown(plan, *layer).iter().filter(|step| step.verb == verb).count() {
            0 => String::new(),
            count => count.to_string(),
        };
        let cells = [Verb::Replace, Verb::Delete, Verb::Update, Verb::Create].map(count);
        writeln!(out, "| {layer} | {} |", cells.join(" | ")).ok();
    }
    layers.into_iter().for_each(|layer| details(&mut out, plan, layer));
    out
}

fn details(out: &mut String, plan: &Plan, layer: LayerName) {
    let steps = shown(plan, layer);
    let open = if steps.iter().any(|step| matches!(step.verb, Verb::Replace | Verb::Delete)) { " open" } else { "" };
    writeln!(out, "\n<details{open}><summary>{layer}: {} objects</summary>\n", steps.len()).ok();
    *out += "| | object | kind | field | is | becomes |\n| --- | --- | --- | --- | --- | --- |\n";
    steps.into_iter().for_each(|step| rows(out, step));
    *out += "\n</details>\n";
}

fn rows(out: &mut String, step: &Step) {
    let why = step.why.as_ref().map(|why| format!(" ({})", escaped(why))).unwrap_or_default();
    let mut object = format!("{} | {} | {}{why}", bold(step.verb), escaped(&step.address().name), escaped(&step.kind));
    let mut told = false;
    for change in &step.changes {
        let notes: String = notes(change).map(|note| format!(" *({note})*")).collect();
        for it in differences(change) {
            let cell = |text: &Option<String>| text.as_ref().map(|text| code(text)).unwrap_or_default();
            writeln!(out, "| {object} | {}{notes} | {} | {} |", escaped(&it.path), cell(&it.from), cell(&it.to)).ok();
            (object, told) = (" | |".to_owned(), true);
        }
    }
    if !told {
        writeln!(out, "| {object} | | | |").ok();
    }
}

fn bold(verb: Verb) -> String {
    let word = verb.as_str();
    if matches!(verb, Verb::Replace | Verb::Delete) { format!("**{word}**") } else { word.to_owned() }
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", escaped(text))
}
