//! Scripted faults: what goes wrong, at which call.

use crate::call::Call;
use crate::services::is_changing;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

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

/// The end of the client's process, at its n-th event: a changing call, or a write to its ledger. Clones share the count.
#[derive(Clone, Debug)]
pub struct Death {
    at: usize,
    after: bool,
    events: Arc<AtomicUsize>,
    struck: Arc<Notify>,
}

impl Death {
    /// Strikes before event `at` (the first is 0) is carried out, or after it.
    pub fn at(at: usize, after: bool) -> Death {
        Death { at, after, events: Arc::default(), struck: Arc::default() }
    }

    /// Carries `event` out and gives its result; never returns when death strikes, and for every event that comes later.
    pub async fn or<T>(&self, event: impl FnOnce() -> T) -> T {
        let number = self.events.fetch_add(1, Ordering::SeqCst);
        if number < self.at || (number == self.at && self.after) {
            let done = event();
            if number < self.at {
                return done;
            }
        }
        self.struck.notify_one();
        std::future::pending().await
    }

    /// Returns when it has struck.
    pub async fn struck(&self) {
        self.struck.notified().await;
    }

    /// How many events there were.
    pub fn events(&self) -> usize {
        self.events.load(Ordering::SeqCst)
    }
}

/// The script: `fault` hits the changing calls from number `from` (the first is 0) on, `times` of them.
#[derive(Clone, Debug, Default)]
pub struct Weather {
    rule: Option<Rule>,
    only: Option<&'static str>,
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
        Weather { rule: Some(Rule { fault, from, times }), only: None, seen: 0 }
    }

    /// Only over one service, by its signing name, and there over every call: a service that goes away answers no question either.
    pub fn over(self, service: &'static str) -> Weather {
        Weather { only: Some(service), ..self }
    }

    pub(crate) fn next(&mut self, call: &Call) -> Option<Fault> {
        let hit = self.only.map_or_else(|| is_changing(&call.action), |service| service == call.service);
        let rule = self.rule.as_ref().filter(|_| hit)?;
        let number = self.seen;
        self.seen += 1;
        (rule.from..rule.from.saturating_add(rule.times)).contains(&number).then_some(rule.fault)
    }
}
