//! Scripted faults: what goes wrong, at which call.

use crate::services::is_changing;

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// AWS asks to slow down; nothing was done.
    Throttle,
    /// AWS answers 500; nothing was done.
    Http500,
    /// The connection is closed before the call was done.
    ResetBefore,
    /// The call was done and its answer lost.
    CommittedThenLost,
}

/// The script: `fault` hits the changing calls from number `from` (the first is 0) on, `times` of them.
#[derive(Clone, Debug, Default)]
pub struct Weather {
    rule: Option<Rule>,
    seen: usize,
}

#[derive(Clone, Debug)]
struct Rule {
    fault: Fault,
    from: usize,
    times: usize,
}

impl Weather {
    /// Hits changing calls `from`, `from + 1`, … `times` times.
    pub fn on_change(fault: Fault, from: usize, times: usize) -> Weather {
        Weather { rule: Some(Rule { fault, from, times }), seen: 0 }
    }

    pub(crate) fn next(&mut self, action: &str) -> Option<Fault> {
        let rule = self.rule.as_ref().filter(|_| is_changing(action))?;
        let number = self.seen;
        self.seen += 1;
        (rule.from..rule.from + rule.times).contains(&number).then_some(rule.fault)
    }
}
