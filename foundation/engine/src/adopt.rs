//! An object that others made becomes ours: looked at, compared with the declaration, tagged, remembered.

use crate::decide::{compare, tag_differences};
use crate::driver::{AskValue, SeenValue};
use crate::ledger::{Entry, Ledger, LedgerError, Row, RowState};
use crate::outputs::has_unknown;
use crate::plan::{Change, Step, Verb};
use crate::planner::{PlanError, Request};
use crate::resource::{Identity, tag};
use crate::scan::leaves;
use crate::{Address, Class, Fault, IdentityBy, Sink};
use serde_json::Value;
use std::collections::BTreeSet;

/// Why an object is not taken over.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// It must not be.
    #[error("{problem}")]
    Refused {
        /// A sentence.
        problem: String,
        /// The next step.
        hint: String,
    },
    /// AWS could not be read, or the declaration cannot stand.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A call failed.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The ledger cannot be written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

fn refused(problem: impl Into<String>, hint: impl Into<String>) -> AdoptError {
    AdoptError::Refused { problem: problem.into(), hint: hint.into() }
}

/// What taking an object over would mean.
#[derive(Clone, Debug)]
pub struct Adoption {
    /// Who it becomes.
    pub who: Identity,
    /// Its kind.
    pub kind: String,
    /// What the next plan would change, tags included.
    pub changes: Vec<Change>,
    seen: SeenValue,
    reads: BTreeSet<Address>,
}

/// Looks at the object `id` as if it were the declared `at`. Makes no changing call.
///
/// # Errors
/// [`AdoptError::Refused`] with the reason and a next step, or the fault of a read.
pub async fn look(request: &Request<'_>, at: &Address, id: &str) -> Result<Adoption, AdoptError> {
    let Some(node) = request.graph.nodes().get(at) else {
        return Err(refused(format!("{at} is not declared"), "run `graph` to see every address, or declare it first"));
    };
    let kind = node.rules.kind.replace('_', " ");
    let plan = crate::planner::plan(request).await?;
    let step = plan.steps.values().find(|step| step.address() == at && !matches!(step.verb, Verb::Delete | Verb::Forget));
    let Some(step) = step.filter(|step| step.verb == Verb::Create) else {
        return Err(refused(format!("{at} is there already and is ours"), "destroy it first, or choose another address"));
    };
    if has_unknown(&step.spec) {
        let makes = |at: &Address| plan.steps.values().any(|it| it.address() == at && matches!(it.verb, Verb::Create | Verb::Replace));
        let open: Vec<String> = node.reads.iter().filter(|read| makes(read)).map(ToString::to_string).collect();
        return Err(refused(format!("{at} reads {}, which is not there yet", open.join(", ")), "adopt or deploy that first"));
    }
    // What is remembered under this address and is not ours any more keeps its name.
    let current = request.memory_of(at).and_then(|folded| folded.current(at));
    let generation = current.map_or_else(|| request.fresh(at), |row| row.who.generation);
    let by = (node.identity)(&step.spec, generation).map_err(|error| Fault::new(Class::Bug, format!("{at}: {error}")))?;
    let who = request.scope.identity(at, generation, by);
    let seen = observe(request, step, &who, id).await?;
    // One that we made and that has lost its tags is not somebody else's.
    let known = current.is_some_and(|row| row.output.as_ref() == Some(&seen.output));
    if let Some(why) = node.rules.not_adopted.filter(|_| !known) {
        return Err(refused(format!("a {kind} cannot be adopted: {why}"), "remove it, and let `deploy` make its own"));
    }
    ownerless(request, at, &kind, id, &seen)?;
    let mut changes = Vec::new();
    compare(node.rules.sets, "", Some(&seen.live), Some(&step.spec), &mut changes);
    for change in &mut changes {
        change.replaces = node.rules.replace_on.contains(&change.field.split('.').next().unwrap_or_default());
    }
    let replaced: Vec<&str> = changes.iter().filter(|change| change.replaces).map(|change| change.field.as_str()).collect();
    if !replaced.is_empty() && !request.allow.has(at) {
        let problem = format!("{id} would be replaced by the next deploy, because AWS cannot change its {}", replaced.join(", "));
        return Err(refused(problem, format!("declare it as it is, or add --allow-destroy {at} if it may be replaced")));
    }
    changes.extend(tag_differences(&who.tags, &seen, None));
    let reads = node.reads.clone();
    Ok(Adoption { who, kind: step.kind.clone(), changes, seen, reads })
}

async fn observe(request: &Request<'_>, step: &Step, who: &Identity, id: &str) -> Result<SeenValue, AdoptError> {
    let at = step.address();
    let placeholder = request.graph.nodes().get(at).map(|node| (node.placeholder)(&step.spec));
    let last = match placeholder.and_then(Result::ok) {
        Some(Value::String(_)) => Some(Value::String(id.to_owned())),
        Some(Value::Object(mut fields)) if fields.contains_key("arn") => {
            fields.insert("arn".into(), id.into());
            Some(Value::Object(fields))
        }
        _ => None,
    };
    let named = matches!(who.by, IdentityBy::Name(_) | IdentityBy::Natural(_));
    let ask = AskValue { who: who.clone(), want: step.spec.clone(), last };
    let found = request.kinds.get(&step.kind)?.observe(&[ask]).await?.remove(at);
    let kind = step.kind.replace('_', " ");
    let Some(seen) = found else {
        let place = if named { format!(" at {}, where {at} is declared", who.name()) } else { String::new() };
        return Err(refused(format!("there is no {kind} {id}{place}"), "look for its id and region in the AWS console"));
    };
    if who.name() != id && !leaves(&seen.output).contains(&id) && !leaves(&seen.live).contains(&id) {
        let problem = format!("{at} is declared as {}, and {id} is another {kind}", who.name());
        return Err(refused(problem, "declare it with the name of the object, or give that object's own name here"));
    }
    Ok(seen)
}

/// Refuses an object that is somebody's, or can be nobody's.
fn ownerless(request: &Request<'_>, at: &Address, kind: &str, id: &str, seen: &SeenValue) -> Result<(), AdoptError> {
    let Some(tags) = &seen.tags else {
        let problem = format!("AWS gives no tags to a {kind}: there is nothing to adopt, its place alone says whose it is");
        return Err(refused(problem, "run `plan`: it takes what is in its place, or says why not"));
    };
    if request.scope.owns(tags) && tags.get(tag::ADDRESS) == Some(&at.to_string()) {
        return Err(refused(format!("{id} is ours already, the ledger only does not know it"), "run `doctor --rebuild`"));
    }
    if let Some(stack) = tags.get(tag::STACK) {
        let (env, address) = (tags.get(tag::ENV).map_or("?", String::as_str), tags.get(tag::ADDRESS).map_or("?", String::as_str));
        let problem = format!("{id} belongs to {address} of the stack {stack}, environment {env}");
        return Err(refused(problem, format!("take its `{}` tags away first, if that stack has given it up", tag::PREFIX)));
    }
    Ok(())
}

impl Adoption {
    /// Tags the object as ours and remembers it. Its settings stay as they are: the next plan shows what differs.
    ///
    /// # Errors
    /// The fault of a call, or of the ledger.
    pub async fn take(self, request: &Request<'_>, ledger: &dyn Ledger) -> Result<(), AdoptError> {
        let Adoption { who, kind, mut seen, reads, .. } = self;
        seen.ours = true;
        if let Some(tags) = &mut seen.tags {
            // Tags that others set stay.
            tags.retain(|key, _| who.tags.contains_key(key));
        }
        let ticks = Sink::none().ticks(&who.address);
        let output = request.kinds.get(&kind)?.ensure(&who, &seen.live, Some(&seen), &ticks).await?;
        let row = Row { who, kind, state: RowState::Found, spec: seen.live, output: Some(output), reads, at: None };
        ledger.append(Entry::Done { row }).await?;
        Ok(())
    }
}
