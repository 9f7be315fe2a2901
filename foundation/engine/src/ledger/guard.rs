//! Asked before every changing call: may this run still change something?
//!
//! A process that was stopped (a closed lid, a debugger, Ctrl-Z) does not know how long. When it wakes, others may have broken its
//! locks and taken over, and the next thing that it does may be a call that no ledger entry stands in front of.

use super::Ledger;
use crate::fault::{Class, Fault};
use futures::FutureExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The right of a run to change something. Clones share it. The default one has no ledgers and always says yes.
#[derive(Clone, Default)]
pub struct Guard(Option<Arc<Inner>>);

struct Inner {
    ledgers: Vec<Arc<dyn Ledger>>,
    trust: Duration,
    known: Mutex<Option<Moment>>,
    asking: tokio::sync::Mutex<()>,
    shut: AtomicBool,
}

/// A point in time on two clocks: the steady one stands still while the machine sleeps, the other may be set.
#[derive(Clone, Copy)]
struct Moment {
    steady: Instant,
    wall: SystemTime,
}

impl Moment {
    fn now() -> Moment {
        Moment { steady: Instant::now(), wall: SystemTime::now() }
    }

    /// How much time passed at most, whichever clock is right.
    fn since(self, earlier: Moment) -> Duration {
        let wall = self.wall.duration_since(earlier.wall).unwrap_or_else(|backwards| backwards.duration());
        wall.max(self.steady.duration_since(earlier.steady))
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let layers: Vec<_> = self.0.iter().flat_map(|inner| inner.ledgers.iter().map(|ledger| ledger.layer())).collect();
        f.debug_tuple("Guard").field(&layers).finish()
    }
}

impl Guard {
    /// The guard of a run that has just opened these ledgers.
    pub fn new(ledgers: Vec<Arc<dyn Ledger>>) -> Guard {
        let trust = ledgers.iter().map(|ledger| ledger.trust()).min().unwrap_or_default();
        let (known, asking) = (Mutex::new(None), tokio::sync::Mutex::new(()));
        Guard(Some(Arc::new(Inner { ledgers, trust, known, asking, shut: AtomicBool::new(false) })))
    }

    /// Whether it guards anything.
    pub fn guards(&self) -> bool {
        self.0.is_some()
    }

    /// Says no from now on: the run leaves.
    pub fn shut(&self) {
        if let Some(inner) = &self.0 {
            inner.shut.store(true, Ordering::SeqCst);
        }
    }

    /// Asks the ledgers when their last answer is not good any more.
    ///
    /// # Errors
    /// The fault to fail the call with: the run was superseded, its ledger cannot be reached, or it leaves.
    pub async fn may_change(&self) -> Result<(), Fault> {
        let Some(inner) = &self.0 else { return Ok(()) };
        if !inner.sure() {
            // One question for all the calls that wait for its answer.
            let _one = inner.asking.lock().await;
            if !inner.sure() {
                let asked = Moment::now();
                let answers = inner.ledgers.iter().map(|ledger| ledger.check());
                futures::future::try_join_all(answers).await.map_err(|error| error.fault())?;
                *inner.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(asked);
            }
        }
        if inner.shut.load(Ordering::SeqCst) {
            return self.left();
        }
        Ok(())
    }

    /// The last look before a request leaves, which cannot wait for an answer from afar.
    ///
    /// # Errors
    /// As [`Guard::may_change`]; [`Fault::OUTDATED`] when the last answer is too old: ask again.
    pub fn still_may(&self) -> Result<(), Fault> {
        let Some(inner) = &self.0 else { return Ok(()) };
        if inner.shut.load(Ordering::SeqCst) {
            return self.left();
        }
        if inner.sure() {
            return Ok(());
        }
        for ledger in &inner.ledgers {
            match ledger.check().now_or_never() {
                Some(answer) => answer.map_err(|error| error.fault())?,
                None => {
                    let fault = Fault::new(Class::Stale, "what is known of the locks was heard too long ago: the call was not sent");
                    return Err(Fault { code: Fault::OUTDATED.into(), ..fault });
                }
            }
        }
        Ok(())
    }

    fn left(&self) -> Result<(), Fault> {
        Err(Fault::new(Class::Cancelled, "the run was told to leave at once: the call was not sent"))
    }
}

impl Inner {
    fn sure(&self) -> bool {
        let known = *self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.is_some_and(|known| Moment::now().since(known) < self.trust)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LayerName;
    use crate::ledger::{Entry, Folded, LedgerError};
    use futures::future::{BoxFuture, ready};
    use std::sync::atomic::AtomicUsize;

    /// Counts how often it is asked; was superseded after the first `good` answers.
    struct Asked {
        trust: Duration,
        times: AtomicUsize,
        good: usize,
    }

    impl Ledger for Asked {
        fn layer(&self) -> LayerName {
            LayerName::Network
        }
        fn folded(&self) -> Folded {
            Folded::default()
        }
        fn append(&self, _: Entry) -> BoxFuture<'_, Result<(), LedgerError>> {
            Box::pin(ready(Ok(())))
        }
        fn check(&self) -> BoxFuture<'_, Result<(), LedgerError>> {
            let answer = if self.times.fetch_add(1, Ordering::SeqCst) < self.good {
                Ok(())
            } else {
                Err(LedgerError::Superseded { layer: LayerName::Network, problem: "run 02 took over".into() })
            };
            Box::pin(ready(answer))
        }
        fn trust(&self) -> Duration {
            self.trust
        }
    }

    fn asked(trust: Duration, good: usize) -> (Arc<Asked>, Guard) {
        let ledger = Arc::new(Asked { trust, times: AtomicUsize::new(0), good });
        (ledger.clone(), Guard::new(vec![ledger]))
    }

    #[tokio::test]
    async fn a_good_answer_is_not_asked_again_and_an_old_one_is() {
        let (ledger, guard) = asked(Duration::from_secs(3600), 1);
        for _ in 0..100 {
            guard.may_change().await.unwrap();
        }
        assert_eq!(ledger.times.load(Ordering::SeqCst), 1, "once, before the first change");
        let (ledger, guard) = asked(Duration::ZERO, 2);
        guard.may_change().await.unwrap();
        guard.may_change().await.unwrap();
        let fault = guard.may_change().await.unwrap_err();
        assert!(fault.is_ledger() && fault.code == Fault::SUPERSEDED && fault.message.contains("run 02 took over"), "{fault:?}");
        assert_eq!(ledger.times.load(Ordering::SeqCst), 3);
    }

    #[test]
    fn time_passes_on_either_clock() {
        let now = Moment::now();
        let hour = Duration::from_secs(3600);
        let slept = Moment { wall: now.wall + hour, ..now };
        let set_back = Moment { wall: now.wall - hour, ..now };
        assert_eq!((slept.since(now), set_back.since(now), now.since(now)), (hour, hour, Duration::ZERO));
    }

    #[tokio::test]
    async fn a_run_that_leaves_may_change_nothing() {
        let (_, guard) = asked(Duration::from_secs(3600), 1);
        guard.shut();
        assert_eq!(guard.may_change().await.unwrap_err().class, Class::Cancelled);
        Guard::default().may_change().await.unwrap();
    }
}
