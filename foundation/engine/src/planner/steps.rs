//! From what was seen to steps and their order.

use super::observe::World;
use super::{PlanError, Request};
use crate::decide::{Decision, decide, retire};
use crate::driver::{Rules, SeenValue};
use crate::graph::Node;
use crate::ledger::Row;
use crate::outputs::{Outputs, has_unknown};
use crate::plan::{PLAN_VERSION, Plan, Step, Stop, Verb, step_id};
use crate::resource::{Identity, IdentityBy, Replace, tag};
use crate::{Address, Class, Fault};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

struct Making<'a> {
    request: &'a Request<'a>,
    world: &'a World,
    outputs: Outputs,
    steps: BTreeMap<String, Step>,
    stops: Vec<Stop>,
    /// The step that makes or keeps each declared address.
    makes: BTreeMap<Address, String>,
}

pub(super) fn plan(request: &Request<'_>, order: &[Address], world: &World) -> Result<Plan, PlanError> {
    let mut making = Making { request, world, outputs: Outputs::new(), steps: BTreeMap::new(), stops: Vec::new(), makes: BTreeMap::new() };
    for at in order {
        if let Some(node) = request.graph.nodes().get(at) {
            making.declared(node)?;
        }
    }
    making.leaving()?;
    making.order_deletes();
    making.order_taken_names();
    making.still_read();
    making.circle()?;
    let basis = request.layers.iter().map(|layer| (*layer, request.memory.get(layer).map_or(0, |folded| folded.sequence))).collect();
    Ok(Plan { version: PLAN_VERSION, layers: request.layers.to_vec(), steps: making.steps, stops: making.stops, basis })
}

fn defect(at: &Address, error: &serde_json::Error) -> Fault {
    Fault::new(Class::Bug, format!("{at}: {error}"))
}

impl Making<'_> {
    fn declared(&mut self, node: &Node) -> Result<(), PlanError> {
        let at = &node.address;
        let folded = self.request.memory_of(at);
        let row = folded.and_then(|folded| folded.current(at));
        if let Some(row) = row.filter(|row| row.kind != node.rules.kind) {
            let problem = format!("it was a {} and is now declared as a {}", row.kind, node.rules.kind);
            self.stop(at, problem, "give the new resource another name");
            return Ok(());
        }
        let spec = (node.spec)(&self.outputs)?;
        let generation = row.map_or(1, |row| row.who.generation);
        let mut seen = self.world.get(&(at.clone(), generation)).cloned();
        let own = self.request.scope.identity(at, generation, IdentityBy::Tag);
        if let Some(live) = seen.as_mut().and_then(|seen| seen.tags.as_mut()) {
            // Tags that others set are theirs: neither compared nor taken away.
            live.retain(|key, _| own.tags.contains_key(key) || row.is_some_and(|row| row.who.tags.contains_key(key)));
        }
        let renamed = renamed(node, &spec, row)?;
        if renamed && seen.as_ref().is_some_and(|there| !there.ours) {
            // Somebody took the name that we leave: it is in nobody's way.
            seen = None;
        }
        let others = seen.as_ref().and_then(|there| owner(there, &own.tags));
        if let (Some(there), Some(_)) = (&mut seen, &others) {
            there.ours = false;
        }
        let decision = decide(&node.rules, &spec, &own.tags, row, seen.as_ref());
        if let (Some(there), true) = (&seen, decision.foreign) {
            let known = row.is_some_and(|row| row.output.as_ref() == Some(&there.output));
            self.foreign(node, there, others, known);
        }
        let fresh = self.request.fresh(at);
        let successor = self.world.get(&(at.clone(), fresh));
        if matches!(decision.verb, Verb::Create | Verb::Replace) && successor.is_some_and(|there| !there.ours) {
            self.stop(at, "its new name belongs to an object that is not ours".into(), "choose another name, or remove that object");
        }
        let again = !renamed && row.is_some_and(|row| row.state == crate::ledger::RowState::Intended);
        let generation = match decision.verb {
            // A create whose end is not known keeps its generation: its token and tags find what it may have made.
            Verb::Create if !again => fresh,
            Verb::Replace => fresh,
            _ => generation,
        };
        let by = (node.identity)(&spec, generation).map_err(|error| defect(at, &error))?;
        let output = match (&decision.verb, &seen) {
            (Verb::Keep | Verb::Update | Verb::Remember, Some(seen)) => seen.output.clone(),
            // The plan stops here: its readers are shown as they would be once the object is ours.
            (Verb::Create, Some(seen)) if decision.foreign => seen.output.clone(),
            _ => (node.placeholder)(&spec).map_err(|error| defect(at, &error))?,
        };
        self.outputs.set(at.clone(), output);
        let who = self.who(own, generation, by);
        let replaced = row.filter(|row| row.who.generation != generation).cloned();
        let absent = decision.verb == Verb::Create && seen.is_none() && !again && (row.is_some() || was_asked(&who.by, &spec));
        let mut step = step(&node.rules, who, spec, decision);
        step.absent = absent;
        step.after = node.reads.iter().filter_map(|read| self.makes.get(read).cloned()).collect();
        step.last = row.filter(|row| row.who.generation == generation).and_then(|row| row.output.clone());
        step.seen = seen;
        if let Some(old) = replaced {
            self.replaced(&node.rules, &old, &mut step)?;
        }
        self.makes.insert(at.clone(), step.id());
        self.steps.insert(step.id(), step);
        Ok(())
    }

    /// The identity of a generation: that of the one that is there, if it is the same.
    fn who(&self, own: Identity, generation: u32, by: IdentityBy) -> Identity {
        if generation == own.generation { Identity { by, ..own } } else { self.request.scope.identity(&own.address, generation, by) }
    }

    /// Adds the delete of the generation that `step` replaces.
    fn replaced(&mut self, rules: &Rules, old: &Row, step: &mut Step) -> Result<(), PlanError> {
        if step.verb == Verb::Replace {
            self.protect(rules, &old.who.address, "replaced");
        }
        let seen = step.seen.take();
        let mut delete = leaving_step(rules, old, retire(true, seen.as_ref()));
        delete.seen = seen;
        match rules.replace {
            Replace::CreateFirst => {
                delete.after.insert(step.id());
            }
            Replace::DeleteFirst => {
                step.after.insert(delete.id());
            }
        }
        self.steps.insert(delete.id(), delete);
        Ok(())
    }

    fn leaving(&mut self) -> Result<(), PlanError> {
        for (row, superseded) in self.request.leaving() {
            let key = (row.who.address.clone(), row.who.generation);
            let rules = self.request.kinds.get(&row.kind)?.rules();
            let mut seen = self.world.get(&key).cloned();
            if let Some(there) = seen.as_mut()
                && owner(there, &row.who.tags).is_some()
            {
                there.ours = false;
            }
            let decision = retire(superseded, seen.as_ref());
            if decision.verb == Verb::Delete && !superseded {
                self.protect(&rules, &row.who.address, "deleted");
            }
            let mut step = leaving_step(&rules, row, decision);
            step.seen = seen;
            if superseded && let Some(make) = self.makes.get(&key.0) {
                step.after.insert(make.clone());
            }
            self.steps.insert(step.id(), step);
        }
        Ok(())
    }

    /// A delete comes after everything that reads the object has been deleted or re-pointed.
    fn order_deletes(&mut self) {
        let deletes: Vec<(String, Address, bool)> = self
            .steps
            .iter()
            .filter(|(_, step)| matches!(step.verb, Verb::Delete | Verb::Forget))
            .map(|(id, step)| (id.clone(), step.address().clone(), self.delete_first(step)))
            .collect();
        let rows: Vec<&Row> =
            self.request.layers.iter().filter_map(|layer| self.request.memory.get(layer)).flat_map(|folded| folded.rows.values()).collect();
        // Those that go before their successors come last: their order bends where the others' does not.
        let (before, after): (Vec<_>, Vec<_>) = deletes.into_iter().partition(|(_, _, first)| *first);
        for (id, at, first) in after.into_iter().chain(before) {
            let mut firsts = BTreeSet::new();
            for row in rows.iter().filter(|row| row.reads.contains(&at)) {
                let leaves = step_id(&row.who.address, row.who.generation, true);
                if self.steps.contains_key(&leaves) {
                    // A reader that leaves only after something that reads the successor cannot leave before it is made.
                    if leaves != id && !self.needs(&leaves, &id) {
                        firsts.insert(leaves);
                    }
                } else if !first && let Some(make) = self.makes.get(&row.who.address) {
                    firsts.insert(make.clone());
                }
            }
            if let Some(step) = self.steps.get_mut(&id) {
                step.after.extend(firsts);
            }
        }
    }

    /// Whether the step `id` comes after the step `other`, directly or not.
    fn needs(&self, id: &str, other: &str) -> bool {
        let (mut open, mut seen) = (vec![id], BTreeSet::new());
        while let Some(id) = open.pop() {
            if id == other {
                return true;
            }
            if seen.insert(id) {
                open.extend(self.steps.get(id).into_iter().flat_map(|step| &step.after).map(String::as_str));
            }
        }
        false
    }

    fn delete_first(&self, step: &Step) -> bool {
        let rules = self.request.kinds.get(&step.kind).map(|driver| driver.rules());
        self.makes.contains_key(step.address()) && rules.is_ok_and(|rules| rules.replace == Replace::DeleteFirst)
    }

    /// A create whose unique name or place is held by an object that leaves comes after that delete.
    fn order_taken_names(&mut self) {
        let held: BTreeMap<(String, String), String> = self
            .steps
            .iter()
            .filter(|(_, step)| step.verb == Verb::Delete)
            .filter_map(|(id, step)| Some(((step.kind.clone(), exclusive(&step.who)?), id.clone())))
            .collect();
        for step in self.steps.values_mut().filter(|step| matches!(step.verb, Verb::Create | Verb::Replace)) {
            if let Some(delete) = exclusive(&step.who).and_then(|name| held.get(&(step.kind.clone(), name))) {
                step.after.insert(delete.clone());
            }
        }
        let first: BTreeSet<(String, String)> =
            self.steps.values().flat_map(|step| step.after.iter().map(|after| (after.clone(), step.id()))).collect();
        for step in self.steps.values_mut().filter(|step| step.verb == Verb::Delete) {
            let id = step.id();
            step.after.retain(|after| !first.contains(&(id.clone(), after.clone())));
        }
    }

    /// What another layer still reads is not deleted under its feet.
    fn still_read(&mut self) {
        let mut stops = Vec::new();
        for step in self.steps.values().filter(|step| step.verb == Verb::Delete && !self.makes.contains_key(step.address())) {
            let others = self.request.memory.iter().filter(|(layer, _)| !self.request.layers.contains(layer));
            for row in others.flat_map(|(_, folded)| folded.rows.values()).filter(|row| row.reads.contains(step.address())) {
                stops.push((step.address().clone(), row.who.address.clone()));
            }
        }
        let mut told = BTreeSet::new();
        for (at, reader) in stops {
            if told.insert(at.clone()) {
                self.stop(&at, format!("{reader} still uses it"), "include that layer, or destroy it first");
            }
        }
    }

    fn circle(&self) -> Result<(), PlanError> {
        let needs = self.steps.iter().map(|(id, step)| (id.clone(), step.after.clone())).collect();
        match crate::order::cycle(&needs) {
            None => Ok(()),
            Some(path) => Err(Fault::new(Class::Bug, format!("the steps of the plan go in a circle: {}", path.join(" → "))).into()),
        }
    }

    fn protect(&mut self, rules: &Rules, at: &Address, what: &str) {
        if rules.protected && !self.request.allow.has(at) {
            let problem = format!("this {} is protected and would be {what}", rules.kind);
            self.stop(at, problem, &format!("add --allow-destroy {at} if that is what you want"));
        }
    }

    fn foreign(&mut self, node: &Node, there: &SeenValue, others: Option<String>, known: bool) {
        let id = crate::scan::leaves(&there.output).first().map_or("ID", |id| *id);
        let (problem, hint) = match others {
            Some(owner) => (format!("{id} carries the tags of {owner}"), "put its tags right, or give this one another name".to_owned()),
            None if there.tags.is_none() || (node.rules.not_adopted.is_some() && !known) => {
                ("an object of that name exists and is not ours".to_owned(), "choose another name, or remove that object".to_owned())
            }
            None => (
                "an object of that name exists and is not ours".to_owned(),
                format!("choose another name, remove that object, or take it over: `adopt {} {id}`", node.address),
            ),
        };
        self.stops.push(Stop { address: node.address.clone(), problem, hint, foreign: true });
    }

    fn stop(&mut self, at: &Address, problem: String, hint: &str) {
        self.stops.push(Stop { address: at.clone(), problem, hint: hint.to_owned(), foreign: false });
    }
}

fn step(rules: &Rules, who: Identity, spec: Value, decision: Decision) -> Step {
    Step {
        who,
        kind: rules.kind.to_owned(),
        verb: decision.verb,
        spec,
        changes: decision.changes,
        seen: None,
        absent: false,
        last: None,
        after: BTreeSet::new(),
        why: decision.why,
        protected: rules.protected,
        typical: if decision.verb.changes() { rules.typical.as_secs_f64() } else { 0.0 },
    }
}

fn leaving_step(rules: &Rules, row: &Row, decision: Decision) -> Step {
    let mut step = step(rules, row.who.clone(), row.spec.clone(), decision);
    step.last = row.output.clone();
    step
}

/// Whose tags the object carries, when they are another stack's, environment's or address's.
fn owner(there: &SeenValue, wanted: &BTreeMap<String, String>) -> Option<String> {
    let tags = there.tags.as_ref()?;
    let other = |key: &str| tags.get(key).filter(|value| wanted.get(key) != Some(*value)).map(String::as_str);
    let words: Vec<&str> = [tag::STACK, tag::ENV, tag::ADDRESS].into_iter().filter_map(other).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// Whether the object is now wanted under another name than the one that is remembered.
fn renamed(node: &Node, spec: &Value, row: Option<&Row>) -> Result<bool, PlanError> {
    let Some(row) = row else { return Ok(false) };
    let by = (node.identity)(spec, row.who.generation).map_err(|error| defect(&node.address, &error))?;
    let IdentityBy::Name(name) = &by else { return Ok(false) };
    Ok(by != row.who.by && !has_unknown(&Value::String(name.clone())))
}

/// Whether AWS was asked for what nothing is remembered of, or cannot have it: where its place is not known yet, that place is new.
fn was_asked(by: &IdentityBy, spec: &Value) -> bool {
    match by {
        IdentityBy::Natural(place) => has_unknown(&Value::String(place.clone())) || !has_unknown(spec),
        _ => true,
    }
}

fn exclusive(who: &Identity) -> Option<String> {
    match &who.by {
        IdentityBy::Name(name) | IdentityBy::Natural(name) if !has_unknown(&Value::String(name.clone())) => Some(name.clone()),
        _ => None,
    }
}
