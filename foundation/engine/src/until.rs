//! The one wait: a predicate, a budget and ticks.

use crate::event::Ticks;
use crate::fault::{Class, Fault};
use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

/// What one look found.
#[derive(Debug)]
pub enum Poll<T> {
    /// The state is reached.
    Ready(T),
    /// Not yet; the text says what it waits for.
    Waiting(String),
    /// Not yet: AWS refuses something that it may take later. The text says what it waits for.
    Refused(String, Fault),
}

/// Waits until a look finds what it wants, for at most `budget`.
#[derive(Clone, Copy, Debug)]
pub struct Until {
    /// How long at most.
    pub budget: Duration,
    /// The pause after the first look; it grows by half each time.
    pub first: Duration,
    /// The longest pause.
    pub most: Duration,
}

impl Until {
    /// A wait of at most `budget`, with pauses from 1 s to 10 s: polling often enough that nobody waits long for a state
    /// that is already reached, rarely enough that a database's 15 minutes do not use up the account's request rate.
    pub const fn within(budget: Duration) -> Until {
        Until { budget, first: Duration::from_secs(1), most: Duration::from_secs(10) }
    }

    /// The same wait with all pauses divided by `speed`: an embedded AWS whose time runs faster is asked more often.
    pub fn sped(self, speed: f64) -> Until {
        Until { budget: self.budget, first: self.first.div_f64(speed), most: self.most.div_f64(speed) }
    }

    /// Looks until [`Poll::Ready`].
    ///
    /// # Errors
    /// The fault of the look itself; at the end of the budget the last refusal, or [`Class::Timeout`] naming what it still waited for.
    pub async fn poll<T, F, Fut>(self, ticks: &Ticks, mut look: F) -> Result<T, Fault>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<Poll<T>, Fault>>,
    {
        let started = Instant::now();
        let mut pause = self.first;
        loop {
            let (waiting, refusal) = match look().await? {
                Poll::Ready(value) => return Ok(value),
                Poll::Waiting(waiting) => (waiting, None),
                Poll::Refused(waiting, fault) => (waiting, Some(fault)),
            };
            if started.elapsed() + pause > self.budget {
                let message = format!("waited {} s: {waiting}", started.elapsed().as_secs());
                return Err(match refusal {
                    Some(fault) => Fault { message, ..fault },
                    None => Fault::new(Class::Timeout, message),
                });
            }
            ticks.say(waiting);
            tokio::time::sleep(pause).await;
            pause = pause.mul_f64(1.5).min(self.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Address, LayerName, Sink};
    use std::sync::atomic::{AtomicU32, Ordering};

    fn ticks() -> Ticks {
        Sink::none().ticks(&Address::new(LayerName::Network, "nat"))
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_when_the_state_is_reached() {
        let looks = AtomicU32::new(0);
        let until = Until::within(Duration::from_secs(600));
        let found = until
            .poll(&ticks(), || async {
                let look = looks.fetch_add(1, Ordering::SeqCst);
                Ok(if look < 5 { Poll::Waiting("pending".into()) } else { Poll::Ready(look) })
            })
            .await;
        assert_eq!(found.ok(), Some(5));
    }

    #[tokio::test(start_paused = true)]
    async fn it_gives_up_at_the_budget_and_says_what_it_waited_for() {
        let until = Until::within(Duration::from_secs(30));
        let fault = until.poll::<(), _, _>(&ticks(), || async { Ok(Poll::Waiting("still creating".into())) }).await.unwrap_err();
        assert_eq!(fault.class, Class::Timeout);
        assert!(fault.message.contains("still creating"), "{}", fault.message);
    }

    #[tokio::test(start_paused = true)]
    async fn what_aws_refused_until_the_end_is_told_as_aws_said_it() {
        let refusal = Fault { code: "DependencyViolation".into(), request_id: Some("1f".into()), ..Fault::new(Class::Busy, "in use") };
        let look = || async { Ok(Poll::Refused("the group is free".into(), refusal.clone())) };
        let fault = Until::within(Duration::from_secs(30)).poll::<(), _, _>(&ticks(), look).await.unwrap_err();
        assert_eq!((fault.class, fault.code.as_str(), fault.request_id.as_deref()), (Class::Busy, "DependencyViolation", Some("1f")));
        assert!(fault.message.contains("the group is free"), "{}", fault.message);
    }
}
