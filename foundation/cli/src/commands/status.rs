//! status: layers with what became of them since, and how what they made is now; drift: what others changed.

use super::context::Context;
use super::history::to_the_second;
use crate::app::{App, Looking, SecretState};
use crate::document::{self, Drift, LayerStatus, Status};
use crate::out::{note, tell};
use crate::problem::Problem;
use crate::{out, render, store};
use engine::drift::{Drifted, How, drift};
use engine::ledger::{Folded, Guard, Holder, RowState};
use engine::plan::{Plan, Verb};
use engine::{LayerName, Level, Sign};
use std::collections::{BTreeMap, BTreeSet};

fn state(folded: &Folded) -> &'static str {
    let open = folded.rows.values().any(|row| row.state == RowState::Intended);
    match () {
        () if folded.rows.is_empty() => "absent",
        () if open => "unfinished",
        () if folded.doors.is_none() || folded.doors_stale => "incomplete",
        () => "deployed",
    }
}

fn stale_inputs(layer: LayerName, memory: &BTreeMap<LayerName, Folded>) -> Vec<LayerName> {
    let rows = memory.get(&layer).into_iter().flat_map(|folded| folded.rows.values());
    let reads: BTreeSet<LayerName> = rows.flat_map(|row| row.reads.iter().map(|at| at.layer)).filter(|read| *read != layer).collect();
    let stale = |read: &LayerName| memory.get(read).is_none_or(|folded| folded.doors.is_none() || folded.doors_stale);
    reads.into_iter().filter(stale).collect()
}

/// A line for each secret: its age, and whether the policy wants another value.
async fn secrets(at: &Context<'_, impl App>, there: &[LayerName], looking: Looking<'_>) -> Result<Vec<Sign>, Problem> {
    if !there.contains(&LayerName::Secrets) {
        return Ok(Vec::new());
    }
    let told = |it: SecretState| {
        let age = it.age_days.map_or_else(|| "not written".to_owned(), |days| format!("{days} days old"));
        let (level, text, hint) = match (&it.unfinished, it.overdue) {
            (Some(change), _) => {
                (Level::Fail, format!("{}: {change} has not ended", it.name), Some("run the same command again, or `deploy`"))
            }
            (None, true) => (Level::Warn, format!("{} is {age}: the policy wants another value", it.name), Some("run `secrets rotate`")),
            (None, false) => (Level::Ok, format!("{} is {age}", it.name), None),
        };
        let sign = Sign::new(LayerName::Secrets, "secret", level, text).fact("name", it.name).fact("version", it.version);
        let sign = sign.fact("age_days", it.age_days);
        hint.map_or(sign.clone(), |hint| sign.hint(hint))
    };
    match at.app.secrets(looking).await {
        Ok(secrets) => Ok(secrets.into_iter().map(told).collect()),
        // A layer's own binary does not know them; a wrong setting is told by the plan.
        Err(Problem::Config(_)) => Ok(Vec::new()),
        Err(problem) => Err(problem),
    }
}

/// The layers that are there.
fn there(at: &Context<'_, impl App>, memory: &BTreeMap<LayerName, Folded>) -> Vec<LayerName> {
    at.app.layers().into_iter().filter(|layer| memory.get(layer).is_some_and(|folded| !folded.rows.is_empty())).collect()
}

/// Shows it once. The error says that something is not well; what is only remembered is not judged.
pub(super) async fn status(at: &Context<'_, impl App>, remembered: bool) -> Result<(), Problem> {
    let status = look(at, remembered).await?;
    let failed = if remembered { 0 } else { failed(&status) };
    if at.json() {
        document::write(status);
    } else {
        out::data(&text(&status));
    }
    well(failed)
}

/// Whether it is well, as an exit code.
pub(super) fn well(failed: usize) -> Result<(), Problem> {
    if failed == 0 { Ok(()) } else { Err(Problem::Unwell { failed }) }
}

/// How much is not well.
pub(super) fn failed(status: &Status) -> usize {
    let unwell = |line: &&LayerStatus| ["unfinished", "incomplete"].contains(&line.state.as_str()) && line.locked_by.is_none();
    status.signs.iter().filter(|sign| sign.level == Level::Fail).count() + status.layers.iter().filter(unwell).count()
}

/// Looks once.
pub(super) async fn look(at: &Context<'_, impl App>, remembered: bool) -> Result<Status, Problem> {
    let (memory, holders) = (store::memory(at.store).await?, store::holders(at.store, &LayerName::ALL).await?);
    let (there, guard) = (there(at, &memory), Guard::default());
    let (plan, signs) = if there.is_empty() || remembered {
        (None, Ok(Vec::new()))
    } else {
        let looking = at.looking(&memory);
        let health = at.app.health(at.wanted(&there, &memory, &guard));
        let (plan, signs, secrets) = tokio::join!(at.outlook(&there, &memory), health, secrets(at, &there, looking));
        (Some(plan), signs.and_then(|signs| Ok([signs, secrets?].concat())))
    };
    // What cannot be seen is said, and what can be is shown.
    let mut report = Vec::new();
    let plan = plan.transpose().unwrap_or_else(|problem| {
        report.push(Sign::new(None, "plan", Level::Fail, problem.to_string()));
        None
    });
    report.extend(signs.unwrap_or_else(|problem| vec![Sign::new(None, "health", Level::Fail, problem.to_string())]));
    let layers: Vec<LayerStatus> = memory.keys().map(|layer| line(*layer, &memory, plan.as_ref(), holders.get(layer))).collect();
    let status = Status { env: at.settings.env.clone(), healthy: true, layers, signs: report };
    Ok(Status { healthy: failed(&status) == 0, ..status })
}

fn line(layer: LayerName, memory: &BTreeMap<LayerName, Folded>, plan: Option<&Plan>, locked_by: Option<&Holder>) -> LayerStatus {
    let none = Folded::default();
    let folded = memory.get(&layer).unwrap_or(&none);
    let covered = plan.filter(|plan| plan.layers.contains(&layer));
    let drift = covered.map(|plan| drift(plan, memory).iter().filter(|it| it.address.layer == layer && it.how != How::Ignorable).count());
    let settings = |plan: &Plan| {
        let here = plan.steps.values().filter(|step| step.address().layer == layer && step.verb.changes() && step.verb != Verb::Delete);
        here.filter(|step| step.why.is_none() && step.changes.iter().any(|change| !change.drift)).count()
    };
    let pending = covered.map(settings);
    let stale_inputs = if folded.rows.is_empty() { Vec::new() } else { stale_inputs(layer, memory) };
    let (state, objects, last_run) = (state(folded).to_owned(), folded.rows.len(), folded.last_run().cloned());
    LayerStatus { layer, state, objects, drift, pending, stale_inputs, last_run, locked_by: locked_by.cloned() }
}

/// It as people read it.
pub(super) fn text(status: &Status) -> String {
    let mut table = render::table(["layer", "state", "objects", "drift", "pending", "last run"]);
    let number = |count: Option<usize>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
    for it in &status.layers {
        let last = it.last_run.as_ref().map(|last| format!("{} by {} at {}", last.command, last.who, to_the_second(&last.at)));
        let (layer, objects) = (it.layer.to_string(), it.objects.to_string());
        table.add_row([layer, it.state.clone(), objects, number(it.drift), number(it.pending), last.unwrap_or_default()]);
    }
    let signs = status.signs.iter().map(render::sign).collect();
    [vec![table.to_string()], asides(status), signs].concat().join("\n") + "\n"
}

/// A line for each input that is stale and each lock.
pub(super) fn asides(status: &Status) -> Vec<String> {
    let mut lines = Vec::new();
    for it in &status.layers {
        for stale in &it.stale_inputs {
            lines.push(format!("{} reads what {stale} gave before its last run, which did not end well", it.layer));
        }
        if let Some(holder) = &it.locked_by {
            lines.push(format!("{} is locked by {holder}", it.layer));
        }
    }
    lines
}

/// Shows what others changed; whether there is something.
pub(super) async fn drifted(at: &Context<'_, impl App>, layers: &[LayerName]) -> Result<bool, Problem> {
    let memory = store::memory(at.store).await?;
    let layers: Vec<LayerName> = there(at, &memory).into_iter().filter(|layer| layers.contains(layer)).collect();
    if layers.is_empty() {
        return Err(Problem::Stopped(format!("nothing is deployed to `{}`", at.settings.env)));
    }
    let found = drift(&at.outlook(&layers, &memory).await?, &memory);
    let differs = found.iter().any(|it| it.how != How::Ignorable);
    if at.json() {
        document::write(Drift { env: at.settings.env.clone(), drift: found });
        return Ok(differs);
    }
    for it in &found {
        tell(it);
    }
    if differs {
        note!(
            "hint: `deploy` puts back what was changed or deleted; `adopt ADDRESS ID` accepts an object of others; to accept a changed field, write it into the settings"
        );
    } else {
        tell!("Nobody changed anything: {} layers are as they were left.", layers.len());
    }
    Ok(differs)
}

fn tell(it: &Drifted) {
    let how = match it.how {
        How::Changed => "changed by somebody",
        How::Gone => "gone",
        How::Foreign => "an object of others is in its place",
        How::Ignorable => "as declared, and noted by the next run",
    };
    let why = it.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    tell!("{} ({}) {how}{why}", it.address, it.kind);
    let lines = it.changes.iter().flat_map(|change| render::fields(change, out::width()));
    lines.for_each(|line| tell!("      {line}"));
}
