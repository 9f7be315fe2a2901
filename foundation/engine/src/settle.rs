//! How far reads may be behind writes: for how long "not to be seen" does not mean "not there".

use crate::IdentityBy;
use crate::fault::{Class, Fault};
use crate::ledger::{Row, RowState};
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long AWS may need to show what it made: EC2's guide asks for up to five minutes of patience.
pub const WINDOW: Duration = Duration::from_secs(300);
/// How long after its intent a call can still be carried out: the longest that one is tried.
pub const SENT: Duration = Duration::from_secs(120);
/// How long something that was made and is not to be seen counts as hidden rather than gone, where nothing shows that reads are
/// up to date. Nobody has seen AWS an hour behind.
pub const DOUBT: Duration = Duration::from_secs(3600);
/// The code of a fault that says that something was made and cannot be seen.
pub const HIDDEN: &str = "NotVisible";

/// How far the reads of one other end may be behind its writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settle {
    /// The window: what was written before it began is visible.
    pub window: Duration,
    /// See [`SENT`].
    sent: Duration,
    /// See [`DOUBT`].
    pub doubt: Duration,
    /// The pause after the first look; it grows by half each time.
    first: Duration,
    /// The longest pause.
    most: Duration,
}

impl Default for Settle {
    fn default() -> Settle {
        Settle { window: WINDOW, sent: SENT, doubt: DOUBT, first: Duration::from_secs(1), most: Duration::from_secs(10) }
    }
}

impl Settle {
    /// For another end whose reads are never behind.
    pub const fn at_once() -> Settle {
        let none = Duration::ZERO;
        Settle { window: none, sent: none, doubt: none, first: Duration::from_millis(1), most: Duration::from_millis(1) }
    }

    /// For another end whose time runs `speed` times faster than AWS's.
    pub fn sped(self, speed: f64) -> Settle {
        let all = [self.window, self.sent, self.doubt, self.first, self.most];
        let [window, sent, doubt, first, most] = all.map(|time| time.div_f64(speed));
        Settle { window, sent, doubt, first, most }
    }

    /// The pauses between looks, for at most `left`: the last look comes exactly at its end.
    pub fn pauses(&self, left: Duration) -> Pauses {
        Pauses { ends: tokio::time::Instant::now() + left, next: self.first, most: self.most }
    }

    /// The pauses before a call is repeated that AWS throttled for longer than the SDK's own retries lasted.
    pub fn throttled(&self) -> Pauses {
        let (next, most) = (self.most, self.most.saturating_mul(2));
        Pauses { ends: tokio::time::Instant::now() + self.most.saturating_mul(3), next, most }
    }

    /// What is left of the window for something whose intent was written at `at`. A time that is not known, or that is yet to come,
    /// leaves the whole window: no clock is trusted to shorten it.
    pub fn left(&self, at: Option<f64>) -> Duration {
        remains(self.window + self.sent, at)
    }

    /// Whether something that was made at `at` and is not to be seen may be hidden.
    pub fn doubts(&self, at: Option<f64>) -> bool {
        at.is_some() && !remains(self.doubt, at).is_zero()
    }

    /// How long a row that is not to be seen is looked for again. Only those: what is seen costs nothing.
    pub fn patience(&self, row: &Row, leaving: bool) -> Duration {
        let in_doubt = row.state == RowState::Intended && row.output.is_none();
        match (in_doubt, &row.who.by) {
            // AWS makes no second one of these: a repeated create finds the first.
            (true, IdentityBy::Name(_) | IdentityBy::Natural(_) | IdentityBy::Token) if !leaving => Duration::ZERO,
            (true, _) => self.left(row.at),
            // Ledgers of earlier versions kept no times: what they say was done long ago.
            (false, _) if row.at.is_none() => Duration::ZERO,
            (false, _) => self.left(row.at),
        }
    }
}

impl Settle {
    /// What to say before a plan that may have to look for what an interrupted run left in doubt.
    pub fn notice<'a>(&self, rows: impl IntoIterator<Item = &'a Row>) -> Option<String> {
        let in_doubt = rows.into_iter().filter(|row| row.state == RowState::Intended && row.output.is_none());
        let waits: Vec<Duration> = in_doubt.map(|row| self.patience(row, false)).filter(|wait| !wait.is_zero()).collect();
        let longest = waits.iter().max()?.as_secs_f64().ceil();
        Some(format!(
            "the last run did not see the end of {} create(s): AWS may still show what they made, so it is looked for, at most {longest:.0} s",
            waits.len()
        ))
    }
}

fn remains(of: Duration, at: Option<f64>) -> Duration {
    let age = at.map_or(0.0, |at| (now() - at).max(0.0));
    of.saturating_sub(Duration::try_from_secs_f64(age).unwrap_or(Duration::MAX))
}

/// Pauses that grow, up to a moment.
#[derive(Debug)]
pub struct Pauses {
    ends: tokio::time::Instant,
    next: Duration,
    most: Duration,
}

impl Pauses {
    /// Waits for the next look; false when the time was over before.
    pub async fn wait(&mut self) -> bool {
        let left = self.ends.saturating_duration_since(tokio::time::Instant::now());
        if left.is_zero() {
            return false;
        }
        tokio::time::sleep(self.next.min(left)).await;
        self.next = self.next.mul_f64(1.5).min(self.most);
        true
    }
}

static START: LazyLock<(f64, Instant)> = LazyLock::new(|| (wall(), Instant::now()));

fn wall() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Now, in seconds since 1970, to the millisecond: tokio's time since the process began, so that a test can pause it. Where the wall clock has run ahead
/// (a laptop slept), that one counts.
pub fn now() -> f64 {
    let (base, started) = *START;
    let own = base + tokio::time::Instant::now().into_std().saturating_duration_since(started).as_secs_f64();
    let wall = wall();
    millis(if wall > own + 5.0 { wall } else { own })
}

/// Whole milliseconds: such a number reads back from JSON as it was written, which the ledger's checksums rely on.
fn millis(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

/// The fault for something that was made and cannot be seen although it should be.
pub fn hidden(what: &str) -> Fault {
    let mut fault = Fault::new(Class::Unavailable, format!("{what}, and AWS does not show it: its reads are behind"));
    HIDDEN.clone_into(&mut fault.code);
    fault.hint(
        "nothing more was made, so that nothing is made twice; run the same command again in a few minutes (what somebody deleted by \
         hand within an hour of its creation counts as gone after that hour)",
    )
}

/// The fault of a driver whose object was made, or must be there, and cannot be seen yet: the engine asks again until the window has
/// passed.
pub fn not_yet(what: &str) -> Fault {
    let mut fault = Fault::new(Class::NotFound, format!("{what} is there and cannot be seen yet"));
    HIDDEN.clone_into(&mut fault.code);
    fault
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Scope;
    use crate::{Address, LayerName};
    use std::collections::{BTreeMap, BTreeSet};

    fn row(by: IdentityBy, output: bool, at: Option<f64>) -> Row {
        let scope = Scope { stack: "shop".into(), env: "test".into(), tags: BTreeMap::new() };
        let who = scope.identity(&Address::new(LayerName::Network, "vpc"), 1, by);
        let state = if output { RowState::Done } else { RowState::Intended };
        let output = output.then(|| "vpc-1".into());
        Row { who, kind: "vpc".into(), state, spec: serde_json::Value::Null, output, reads: BTreeSet::new(), at }
    }

    #[test]
    fn only_what_aws_would_make_twice_is_waited_for() {
        let (settle, name) = (Settle::default(), IdentityBy::Name("shop".into()));
        assert_eq!(settle.patience(&row(name.clone(), false, None), false), Duration::ZERO);
        assert_eq!(settle.patience(&row(IdentityBy::Token, false, None), false), Duration::ZERO);
        assert_eq!(settle.patience(&row(IdentityBy::Tag, false, None), false), WINDOW + SENT);
        // Something that is to be deleted must be found, however it is made.
        assert_eq!(settle.patience(&row(name, false, None), true), WINDOW + SENT);
    }

    #[test]
    fn an_old_intent_is_not_waited_for_and_a_clock_from_the_future_is_not_trusted() {
        let settle = Settle::default();
        let patience = |age: f64| settle.patience(&row(IdentityBy::Tag, false, Some(now() - age)), false);
        assert_eq!(patience(421.0), Duration::ZERO);
        assert!((Duration::from_secs(99)..=Duration::from_secs(100)).contains(&patience(320.0)), "{:?}", patience(320.0));
        assert_eq!(patience(-5000.0), WINDOW + SENT);
    }

    #[test]
    fn a_time_reads_back_from_a_ledger_as_it_was_written() {
        for step in 0..100_000_u32 {
            let at = millis(1_764_072_000.0 + f64::from(step) * 0.123_456_7);
            let text = serde_json::to_string(&at).unwrap();
            assert_eq!(serde_json::from_str::<f64>(&text).unwrap().to_bits(), at.to_bits(), "{text}");
        }
    }

    #[test]
    fn a_wait_is_announced_and_nothing_else() {
        let settle = Settle::default();
        let [doubt, done] = [false, true].map(|output| row(IdentityBy::Tag, output, Some(now() - 400.0)));
        let said = settle.notice([&doubt, &done]).unwrap();
        assert!(said.contains("1 create(s)") && said.contains("20 s"), "{said}");
        assert_eq!(settle.notice([&done, &row(IdentityBy::Token, false, None)]), None);
    }

    #[test]
    fn a_done_row_without_a_time_is_old() {
        assert_eq!(Settle::default().patience(&row(IdentityBy::Tag, true, None), false), Duration::ZERO);
        assert!(!Settle::default().doubts(None));
        assert!(Settle::default().doubts(Some(now() - 3000.0)));
        assert!(!Settle::default().doubts(Some(now() - 4000.0)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_look_comes_at_the_end_of_the_window() {
        let (mut pauses, started) = (Settle::default().pauses(WINDOW), tokio::time::Instant::now());
        let mut looks = 0;
        while pauses.wait().await {
            looks += 1;
        }
        assert_eq!(started.elapsed().as_secs(), 300);
        assert!((30..50).contains(&looks), "{looks}");
    }
}
