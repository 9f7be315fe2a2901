//! A plan for people: grouped by layer, unchanged hidden, losses loud, per-field differences, a verdict at the end.

use super::diff::{Difference, differences};
use super::verdict::{loss, verdict};
use super::words::{fit, visible};
use anstyle::{AnsiColor, Style};
use engine::LayerName;
use engine::plan::{Change, Plan, Step, Verb};
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

const LOUD: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red))).bold();

/// The steps of a layer that are worth a line.
pub(super) fn shown(plan: &Plan, layer: LayerName) -> Vec<&Step> {
    plan.steps.values().filter(|step| step.address().layer == layer && step.verb != Verb::Keep).collect()
}

/// The whole text, for a terminal of so many columns; lines are as long as they are without.
pub fn plan(plan: &Plan, width: Option<usize>) -> String {
    let mut out = String::new();
    for layer in LayerName::ALL.into_iter().filter(|layer| plan.layers.contains(layer)) {
        let steps = shown(plan, layer);
        if steps.is_empty() {
            continue;
        }
        writeln!(out, "\n{layer}").ok();
        for step in steps {
            line(&mut out, plan, step, width);
        }
    }
    for stop in &plan.stops {
        writeln!(out, "\n{LOUD}stop:{LOUD:#} {}: {}\nhint: {}", stop.address, visible(&stop.problem), visible(&stop.hint)).ok();
    }
    writeln!(out, "\n{}", verdict(plan)).ok();
    out
}

fn line(out: &mut String, plan: &Plan, step: &Step, width: Option<usize>) {
    let (sign, style) = style(step.verb);
    let why = step.why.as_ref().map(|why| format!("  ({})", visible(why))).unwrap_or_default();
    writeln!(out, "  {style}{sign} {:<8} {:<34} {}{style:#}{why}", step.verb.as_str(), step.address().name, step.kind).ok();
    if let Some(loss) = loss(plan, step) {
        writeln!(out, "      {LOUD}{loss}{LOUD:#}").ok();
    }
    for text in step.changes.iter().flat_map(|change| fields(change, width)) {
        writeln!(out, "      {text}").ok();
    }
}

/// What stands before a line of a field.
const INDENT: usize = 6;

/// The lines of one changed field.
pub(crate) fn fields(change: &Change, width: Option<usize>) -> Vec<String> {
    let notes = notes(change).map(|note| format!("  ({note})")).collect::<String>();
    let room = width.map(|width| width.saturating_sub(INDENT + notes.chars().count()));
    let found = differences(change);
    if found.is_empty() {
        return vec![format!("{}: means the same, written in another way{notes}", visible(&change.field))];
    }
    found.into_iter().map(|it| field(&it, room) + &notes).collect()
}

/// What is to be said of a change beside its values.
pub(super) fn notes(change: &Change) -> impl Iterator<Item = &'static str> {
    let replaces = change.replaces.then_some("forces a new one");
    replaces.into_iter().chain(change.drift.then_some("changed outside"))
}

fn field(it: &Difference, room: Option<usize>) -> String {
    // The values get at least a half.
    let path = fit(&it.path, room.map(|room| room / 2));
    let room = room.map(|room| room.saturating_sub(path.chars().count() + 2));
    match (&it.from, &it.to) {
        (None, Some(to)) if it.member => format!("{path}: + {}", fit(to, room.map(|room| room.saturating_sub(2)))),
        (Some(from), None) if it.member => format!("{path}: - {}", fit(from, room.map(|room| room.saturating_sub(2)))),
        (from, to) => {
            let none = || "(none)".to_owned();
            let (from, to) = (from.clone().unwrap_or_else(none), to.clone().unwrap_or_else(none));
            let (left, right) = shares(from.chars().count(), to.chars().count(), room.map(|room| room.saturating_sub(3)));
            format!("{path}: {} → {}", fit(&from, left), fit(&to, right))
        }
    }
}

/// How much of `room` two texts get: what one does not need, the other may have.
fn shares(left: usize, right: usize, room: Option<usize>) -> (Option<usize>, Option<usize>) {
    let Some(room) = room else { return (None, None) };
    let half = room / 2;
    match (left <= half, right <= half) {
        (true, _) => (Some(left), Some(room - left)),
        (_, true) => (Some(room - right), Some(right)),
        _ => (Some(half), Some(room - half)),
    }
}
