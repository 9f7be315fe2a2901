//! A plan for people: grouped by layer, unchanged hidden, per-field differences, a verdict at the end.

use anstyle::{AnsiColor, Style};
use engine::LayerName;
use engine::plan::{Change, Plan, Step, Verb};
use serde_json::Value;
use std::fmt::Write;

fn style(verb: Verb) -> (&'static str, Style) {
    let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
    match verb {
        Verb::Create => ("+", colour(AnsiColor::Green)),
        Verb::Update => ("~", colour(AnsiColor::Yellow)),
        Verb::Replace => ("±", colour(AnsiColor::Red).bold()),
        Verb::Delete => ("-", colour(AnsiColor::Red).bold()),
        Verb::Remember | Verb::Forget | Verb::Keep => ("·", Style::new().dimmed()),
    }
}

/// The whole text.
pub(crate) fn plan(plan: &Plan) -> String {
    let mut out = String::new();
    for layer in LayerName::ALL.into_iter().filter(|layer| plan.layers.contains(layer)) {
        let steps: Vec<&Step> = plan.steps.values().filter(|step| step.address().layer == layer && step.verb != Verb::Keep).collect();
        if steps.is_empty() {
            continue;
        }
        writeln!(out, "\n{layer}").ok();
        for step in steps {
            line(&mut out, step);
        }
    }
    for stop in &plan.stops {
        writeln!(out, "\nstop: {}: {}\nhint: {}", stop.address, stop.problem, stop.hint).ok();
    }
    out + &verdict(plan)
}

fn line(out: &mut String, step: &Step) {
    let (sign, style) = style(step.verb);
    let why = step.why.as_ref().map(|why| format!("  ({why})")).unwrap_or_default();
    writeln!(out, "  {style}{sign} {:<8} {:<34} {}{style:#}{why}", step.verb.as_str(), step.address().name, step.kind).ok();
    for change in &step.changes {
        writeln!(out, "      {}", field(change)).ok();
    }
}

/// One difference.
pub(crate) fn field(change: &Change) -> String {
    let text = |value: &Option<Value>| match value {
        None => "(none)".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let drift = if change.drift { "  (changed outside)" } else { "" };
    let replaces = if change.replaces { "  (forces a new one)" } else { "" };
    format!("{}: {} → {}{replaces}{drift}", change.field, text(&change.from), text(&change.to))
}

fn verdict(plan: &Plan) -> String {
    let count = |verb: Verb| plan.count(verb);
    if !plan.changes() {
        return format!("\nNo changes: {} objects are as declared.\n", count(Verb::Keep));
    }
    format!(
        "\nPlan: {} to create, {} to update, {} to replace, {} to delete; {} stay.\n",
        count(Verb::Create),
        count(Verb::Update),
        count(Verb::Replace),
        count(Verb::Delete),
        count(Verb::Keep)
    )
}
