//! Where a run stands: which steps may start, which are in flight, which never will.

use super::Outcome;
use crate::Address;
use crate::outputs::Outputs;
use crate::plan::{Plan, Step, Verb};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub(super) struct Walk {
    pub(super) plan: Plan,
    /// The steps that were not started: how many of those that they need are not done.
    waits: BTreeMap<String, usize>,
    /// Who needs a step.
    needed_by: BTreeMap<String, Vec<String>>,
    /// Those that may start, the longest remaining path first.
    ready: BTreeSet<(Reverse<Duration>, String)>,
    rest: BTreeMap<String, Duration>,
    pub(super) outputs: Outputs,
    pub(super) outcome: Outcome,
    pub(super) broken: BTreeMap<String, Address>,
    /// The changing steps in flight, by id.
    pub(super) flight: BTreeMap<String, Address>,
    pub(super) halted: bool,
    pub(super) stopping: bool,
}

impl Walk {
    pub(super) fn new(plan: Plan) -> Walk {
        let needs: BTreeMap<String, BTreeSet<String>> = plan
            .steps
            .iter()
            .map(|(id, step)| (id.clone(), step.after.iter().filter(|after| plan.steps.contains_key(*after)).cloned().collect()))
            .collect();
        let typical = |id: &String| Duration::from_secs_f64(plan.steps.get(id).map_or(0.0, |step: &Step| step.typical));
        let mut walk = Walk {
            rest: crate::order::remaining(&needs, typical),
            waits: BTreeMap::new(),
            needed_by: BTreeMap::new(),
            ready: BTreeSet::new(),
            plan,
            outputs: Outputs::new(),
            outcome: Outcome::default(),
            broken: BTreeMap::new(),
            flight: BTreeMap::new(),
            halted: false,
            stopping: false,
        };
        for (id, needs) in needs {
            if needs.is_empty() {
                walk.may_start(&id);
            }
            walk.waits.insert(id.clone(), needs.len());
            for need in needs {
                walk.needed_by.entry(need).or_default().push(id.clone());
            }
        }
        walk
    }

    /// The steps that were not started.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &String> {
        self.waits.keys()
    }

    fn may_start(&mut self, id: &str) {
        self.ready.insert((Reverse(self.rest.get(id).copied().unwrap_or_default()), id.to_owned()));
    }

    /// The ready step with the longest remaining path.
    pub(super) fn next(&mut self) -> Option<String> {
        let (_, id) = self.ready.pop_first()?;
        self.waits.remove(&id);
        Some(id)
    }

    /// Lets those go on that needed `id`.
    pub(super) fn release(&mut self, id: &str) {
        for id in self.needed_by.remove(id).unwrap_or_default() {
            let left = self.waits.get_mut(&id).map(|left| {
                *left -= 1;
                *left
            });
            if left == Some(0) {
                self.may_start(&id);
            }
        }
    }

    /// Takes everything that needs `id` out of the walk and returns the changing steps among it.
    pub(super) fn block(&mut self, id: &str, because: &Address) -> Vec<Step> {
        let (mut open, mut blocked) = (vec![id.to_owned()], BTreeSet::new());
        while let Some(id) = open.pop() {
            let needed_by = self.needed_by.remove(&id).unwrap_or_default();
            open.extend(needed_by.into_iter().filter(|id| self.waits.remove(id).is_some() && blocked.insert(id.clone())));
        }
        self.broken.extend(blocked.iter().map(String::as_str).chain([id]).map(|id| (id.to_owned(), because.clone())));
        let steps = blocked.iter().filter_map(|id| self.plan.steps.get(id)).filter(|step| step.verb != Verb::Keep);
        let steps: Vec<Step> = steps.cloned().collect();
        self.outcome.skipped += steps.len();
        steps
    }
}
