//! The last word on a plan: it begins with the loudest fact.

use engine::Address;
use engine::plan::{Plan, Step, Verb};
use serde_json::Value;

/// What a step takes with it that cannot be made again: a line in capitals.
pub(super) fn loss(plan: &Plan, step: &Step) -> Option<String> {
    let what = match step.verb {
        Verb::Replace => "REPLACED",
        // The predecessor of a replacement is told where it is replaced.
        Verb::Delete if !replaced(plan, step.address()) => "DELETED",
        _ => return None,
    };
    step.protected.then(|| format!("{} WILL BE {what}: {}", step.address(), lost(plan, step)))
}

fn replaced(plan: &Plan, at: &Address) -> bool {
    plan.steps.values().any(|step| step.verb == Verb::Replace && step.address() == at)
}

/// What is lost, by kind.
fn lost(plan: &Plan, step: &Step) -> String {
    // What was last applied to the object that goes: of a replacement, the delete of its predecessor.
    let leaves = plan.steps.values().find(|it| it.verb == Verb::Delete && it.address() == step.address()).unwrap_or(step);
    let kept = leaves.spec.get("final_snapshot").and_then(Value::as_bool);
    let snapshot = match kept {
        Some(true) => "; a last snapshot is kept",
        Some(false) => ", and no last snapshot is kept",
        None => "",
    };
    match step.kind.as_str() {
        "db_instance" => format!("its data goes with it{snapshot}"),
        "kms_key" => "what it encrypted, backups included, cannot be read any more when its waiting time is over".to_owned(),
        "ssm_secret" => "its value goes with it; what uses the value must be given the new one".to_owned(),
        _ => "what it holds goes with it".to_owned(),
    }
}

/// The addresses that lose what they hold.
pub(super) fn losing(plan: &Plan) -> Vec<&Address> {
    plan.steps.values().filter(|step| loss(plan, step).is_some()).map(Step::address).collect()
}

/// The counts that are not zero, the loudest first.
pub(super) fn counts(plan: &Plan) -> Vec<(usize, &'static str)> {
    let of = [
        (Verb::Replace, "to replace"),
        (Verb::Delete, "to delete"),
        (Verb::Update, "to update"),
        (Verb::Create, "to create"),
        (Verb::Remember, "to remember"),
        (Verb::Forget, "to forget"),
    ];
    of.into_iter().map(|(verb, words)| (plan.count(verb), words)).filter(|(count, _)| *count > 0).collect()
}

/// One line.
pub(super) fn verdict(plan: &Plan) -> String {
    let mut text = String::new();
    let losing = losing(plan);
    if !plan.stops.is_empty() {
        text += &format!("STOPPED by {}: this plan may not be applied. ", plural(plan.stops.len(), "reason"));
    }
    if !losing.is_empty() {
        text += &format!("DATA WILL BE LOST in {}. ", some(&losing));
    }
    let counts = counts(plan);
    let stay = plan.count(Verb::Keep);
    if counts.is_empty() {
        return format!("{text}No changes: {} as declared.", if stay == 1 { "1 object is".into() } else { format!("{stay} objects are") });
    }
    let counts: Vec<String> = counts.into_iter().map(|(count, words)| format!("{count} {words}")).collect();
    let stay = if stay > 0 { format!("; {stay} stay") } else { String::new() };
    format!("{text}Plan: {}{stay}.", counts.join(", "))
}

fn plural(count: usize, word: &str) -> String {
    if count == 1 { format!("1 {word}") } else { format!("{count} {word}s") }
}

/// The first few, and how many more.
fn some(addresses: &[&Address]) -> String {
    const FEW: usize = 3;
    let named: Vec<String> = addresses.iter().take(FEW).map(ToString::to_string).collect();
    let more = addresses.len().saturating_sub(FEW);
    if more > 0 { format!("{} and {more} more", named.join(", ")) } else { named.join(", ") }
}
