//! Where a run stands: which steps may start, which are in flight, which never will.

use super::Outcome;
use crate::outputs::Outputs;
use crate::plan::{Plan, Step, Verb};
use crate::{Address, LayerName};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// A step's place among the ids of the plan, in their order: a walk over thousands of steps compares numbers, not names.
pub(super) type At = usize;

pub(super) struct Walk {
    /// Each step until it is started, or never will be: it is carried out once, and the walk has no more need of it.
    steps: Vec<Option<Step>>,
    /// How many of those that a step needs are not done.
    waits: Vec<usize>,
    /// Who needs a step.
    needed_by: Vec<Vec<At>>,
    /// Those that may start, the longest remaining path first.
    ready: BTreeSet<(Reverse<Duration>, At)>,
    rest: BTreeMap<At, Duration>,
    pub(super) outputs: Outputs,
    pub(super) outcome: Outcome,
    /// The layers that a failure keeps from being complete.
    pub(super) broken: BTreeSet<LayerName>,
    /// The changing steps in flight.
    pub(super) flight: BTreeMap<At, Address>,
    pub(super) halted: bool,
    pub(super) stopping: bool,
}

impl Walk {
    pub(super) fn new(plan: Plan) -> Walk {
        let needs = needs(&plan);
        let steps: Vec<Option<Step>> = plan.steps.into_values().map(Some).collect();
        let typical = |at: &At| Duration::from_secs_f64(steps[*at].as_ref().map_or(0.0, |step| step.typical));
        let mut walk = Walk {
            rest: crate::order::remaining(&needs, typical),
            waits: needs.values().map(BTreeSet::len).collect(),
            needed_by: vec![Vec::new(); steps.len()],
            ready: BTreeSet::new(),
            steps,
            outputs: Outputs::new(),
            outcome: Outcome::default(),
            broken: BTreeSet::new(),
            flight: BTreeMap::new(),
            halted: false,
            stopping: false,
        };
        for (at, needs) in needs {
            if needs.is_empty() {
                walk.may_start(at);
            }
            for need in needs {
                walk.needed_by[need].push(at);
            }
        }
        walk
    }

    /// The steps that were not started.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().flatten()
    }

    fn may_start(&mut self, at: At) {
        self.ready.insert((Reverse(self.rest.get(&at).copied().unwrap_or_default()), at));
    }

    /// The ready step with the longest remaining path.
    pub(super) fn next(&mut self) -> Option<(At, Step)> {
        let (_, at) = self.ready.pop_first()?;
        Some((at, self.steps[at].take()?))
    }

    /// Lets those go on that needed `at`.
    pub(super) fn release(&mut self, at: At) {
        for at in std::mem::take(&mut self.needed_by[at]) {
            self.waits[at] -= 1;
            if self.waits[at] == 0 {
                self.may_start(at);
            }
        }
    }

    /// Takes everything that needs `at` out of the walk and returns the changing steps among it.
    pub(super) fn block(&mut self, at: At, because: &Address) -> Vec<Step> {
        let (mut open, mut blocked) = (vec![at], BTreeSet::new());
        while let Some(at) = open.pop() {
            let needed_by = std::mem::take(&mut self.needed_by[at]);
            open.extend(needed_by.into_iter().filter(|at| blocked.insert(*at)));
        }
        let steps: Vec<Step> = blocked.iter().filter_map(|at| self.steps[*at].take()).collect();
        self.broken.extend(steps.iter().map(Step::address).chain([because]).map(|at| at.layer));
        let steps: Vec<Step> = steps.into_iter().filter(|step| step.verb != Verb::Keep).collect();
        self.outcome.skipped += steps.len();
        steps
    }
}

/// What each step of the plan needs first, by place.
fn needs(plan: &Plan) -> BTreeMap<At, BTreeSet<At>> {
    let places: HashMap<&String, At> = plan.steps.keys().zip(0..).collect();
    let of = |step: &Step| step.after.iter().filter_map(|after| places.get(after).copied()).collect();
    plan.steps.values().map(of).enumerate().collect()
}
