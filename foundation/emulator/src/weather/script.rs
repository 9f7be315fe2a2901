//! Which calls are hit.

use super::Fault;
use crate::call::Call;
use crate::services::is_changing;
use crate::world::mix;

/// Which calls a rule counts.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Of {
    /// Every call.
    #[default]
    All,
    /// Those that may change something.
    Changing,
    /// Those of one service, by its signing name: a service that goes away answers no question either.
    Service(&'static str),
    /// Those of one operation: `CreateVpc`, or `ec2:CreateVpc`.
    Operation(String),
}

impl Of {
    fn counts(&self, call: &Call) -> bool {
        match self {
            Of::All => true,
            Of::Changing => is_changing(&call.action),
            Of::Service(name) => *name == call.service,
            Of::Operation(name) => match name.split_once(':') {
                Some((service, action)) => service == call.service && action == call.action,
                None => *name == call.action,
            },
        }
    }
}

/// The rules of what goes wrong; the first that hits a call decides. Without rules it is calm.
#[derive(Clone, Debug, Default)]
pub struct Weather {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    fault: Fault,
    of: Of,
    when: When,
    seen: usize,
}

#[derive(Clone, Debug)]
enum When {
    /// So many of the counted calls, from one on (the first is 0).
    Numbers { from: usize, times: usize },
    /// Each with this chance.
    Chance { chance: f64, seed: u64 },
}

impl Weather {
    /// Nothing goes wrong.
    pub fn calm() -> Weather {
        Weather::default()
    }

    /// Hits changing calls `from`, `from + 1`, … `times` times.
    pub fn on_change(fault: Fault, from: usize, times: usize) -> Weather {
        Weather::hitting(fault, Of::Changing, from, times)
    }

    /// Hits `times` of the calls that `of` counts, from number `from` on (the first is 0).
    pub fn hitting(fault: Fault, of: Of, from: usize, times: usize) -> Weather {
        Weather { rules: vec![Rule { fault, of, when: When::Numbers { from, times }, seen: 0 }] }
    }

    /// Hits every call of an operation for ever.
    pub fn always(fault: Fault, operation: &str) -> Weather {
        Weather::hitting(fault, Of::Operation(operation.to_owned()), 0, usize::MAX)
    }

    /// Hits each call with a chance between 0 and 1. The same seed and the same calls are hit in the same way.
    pub fn storm(fault: Fault, chance: f64, seed: u64) -> Weather {
        Weather { rules: vec![Rule { fault, of: Of::All, when: When::Chance { chance, seed }, seen: 0 }] }
    }

    /// These rules and then those.
    pub fn and(mut self, more: Weather) -> Weather {
        self.rules.extend(more.rules);
        self
    }

    /// What happens to the next call.
    pub fn next(&mut self, call: &Call) -> Option<Fault> {
        // Every rule counts every call, also one that another rule hits.
        let hits: Vec<Fault> = self.rules.iter_mut().filter_map(|rule| rule.hits(call)).collect();
        hits.first().copied()
    }
}

impl Rule {
    fn hits(&mut self, call: &Call) -> Option<Fault> {
        if !self.of.counts(call) {
            return None;
        }
        let number = self.seen;
        self.seen += 1;
        let hit = match self.when {
            When::Numbers { from, times } => number >= from && number - from < times,
            When::Chance { chance, seed } => (mix(seed ^ mix(number as u64)) as f64) < chance * u64::MAX as f64,
        };
        hit.then_some(self.fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Input;

    fn call(action: &str) -> Call {
        Call { service: "ec2".into(), region: "eu-north-1".into(), action: action.into(), input: Input(serde_json::Value::Null) }
    }

    fn hits(mut weather: Weather, actions: &[&str]) -> Vec<bool> {
        actions.iter().map(|action| weather.next(&call(action)).is_some()).collect()
    }

    #[test]
    fn rules_count_the_calls_that_they_are_about() {
        let calls = ["DescribeVpcs", "CreateVpc", "CreateVpc", "DescribeVpcs"];
        assert_eq!(hits(Weather::on_change(Fault::Throttle, 1, 1), &calls), [false, false, true, false]);
        assert_eq!(hits(Weather::hitting(Fault::Throttle, Of::All, 1, 2), &calls), [false, true, true, false]);
        assert_eq!(hits(Weather::always(Fault::Throttle, "ec2:CreateVpc"), &calls), [false, true, true, false]);
        assert_eq!(hits(Weather::always(Fault::Throttle, "rds:CreateVpc"), &calls), [false; 4]);
        assert_eq!(hits(Weather::calm(), &calls), [false; 4]);
    }

    #[test]
    fn a_storm_is_the_same_for_the_same_seed_and_as_strong_as_asked() {
        let calls = ["CreateVpc"; 10_000];
        let storm = |seed| hits(Weather::storm(Fault::Throttle, 0.3, seed), &calls);
        assert_eq!(storm(1), storm(1));
        assert_ne!(storm(1), storm(2));
        let hit = storm(1).into_iter().filter(|hit| *hit).count();
        assert!((2_850..3_150).contains(&hit), "{hit}");
    }
}
