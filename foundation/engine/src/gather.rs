//! Several plans look at once: what they ask for of one kind is asked in one batch, and everyone gets the answers to its own questions.
//!
//! Every plan has a [`Seat`]. A batch leaves when [`FULL`] plans ask, when everybody who has a seat waits for an answer or has left, and after
//! [`PATIENCE`] at the latest; nobody waits for somebody who failed. Whoever wakes first carries the batch for all; if it is dropped on the
//! way, the others ask by themselves.

use crate::Address;
use crate::driver::{AnyDriver, AskValue, Kinds, Rules, SeenValue, Work};
use crate::event::Ticks;
use crate::fault::{Class, Fault};
use crate::resource::{Identity, IdentityBy, Kind, Scope};
use crate::scan::Tagged;
use futures::future::join_all;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};

/// How long a question waits for those who have not asked yet: their look-ups take a few calls.
pub const PATIENCE: Duration = Duration::from_secs(3);
/// So many plans are a batch and wait for nobody else: while AWS answers them, the others are still being read. Most calls take no more
/// names than that.
pub const FULL: usize = 20;
/// How many questions a driver gets at once: EC2 takes 200 values in a filter.
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>
pub const MOST: usize = 200;

type Answer = Result<BTreeMap<Address, SeenValue>, Fault>;

/// What became of a question.
struct Told {
    answer: Answer,
    /// Whether others were in the batch.
    shared: bool,
}

/// Questions that wait for their batch.
struct Waiting {
    asks: Vec<AskValue>,
    told: oneshot::Sender<Told>,
}

#[derive(Default)]
struct State {
    /// How many questions each seat waits for; one that left is not in it.
    seats: BTreeMap<u64, usize>,
    next: u64,
    waiting: BTreeMap<Kind, Vec<Waiting>>,
}

impl State {
    /// Whether nobody who is still here could add a question.
    fn all_ask(&self) -> bool {
        self.seats.values().all(|asked| *asked > 0)
    }

    fn is_complete(&self, kind: Kind) -> bool {
        let waiting = self.waiting.get(&kind).map_or(0, Vec::len);
        waiting >= FULL || (waiting > 0 && self.all_ask())
    }

    /// The questions that leave now. While others may come, full batches leave and the rest waits for them: a call that takes twenty names
    /// is not made for three.
    fn leaving(&mut self, kind: Kind) -> Vec<Waiting> {
        let all = self.all_ask();
        let waiting = self.waiting.entry(kind).or_default();
        let full = if all { waiting.len() } else { waiting.len() / FULL * FULL };
        waiting.drain(..full).collect()
    }
}

/// Where plans that look at the same account and region meet.
#[derive(Clone, Default)]
pub struct Gather {
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
}

/// The place of one plan; dropped, it is free.
pub struct Seat {
    gather: Gather,
    number: u64,
}

impl Gather {
    /// Where nobody is yet.
    pub fn new() -> Gather {
        Gather::default()
    }

    /// A place for one plan. Those who shall be waited for take theirs before the first one asks.
    pub fn seat(&self) -> Seat {
        let mut state = self.lock();
        state.next += 1;
        let number = state.next;
        state.seats.insert(number, 0);
        Seat { gather: self.clone(), number }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when nobody who is still here could add a question about the kind, or when enough did.
    async fn complete(&self, kind: Kind) {
        loop {
            let changed = self.changed.notified();
            if self.lock().is_complete(kind) {
                break;
            }
            changed.await;
        }
        // A plan asks for all its kinds in one go, and those that were answered together ask again together.
        tokio::task::yield_now().await;
    }
}

impl Seat {
    /// Says that this plan asks nothing more.
    pub fn leave(&self) {
        self.gather.lock().seats.remove(&self.number);
        self.gather.changed.notify_waiters();
    }

    /// Counts one more question that this seat waits for, until the end of what is returned.
    fn asking(&self) -> Asking {
        if let Some(asked) = self.gather.lock().seats.get_mut(&self.number) {
            *asked += 1;
        }
        self.gather.changed.notify_waiters();
        Asking { gather: self.gather.clone(), number: self.number }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leave();
    }
}

struct Asking {
    gather: Gather,
    number: u64,
}

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(asked) = self.gather.lock().seats.get_mut(&self.number) {
            *asked -= 1;
        }
    }
}

impl Kinds {
    /// The same drivers, whose reads are gathered with those of everybody else at this table. The drivers of all of them must be
    /// connected to the same account and region.
    #[must_use]
    pub fn gathered(self, seat: &Arc<Seat>) -> Kinds {
        self.wrapped(|inner| Arc::new(Gathered { inner, seat: seat.clone() }))
    }
}

/// A driver that asks together with others.
struct Gathered {
    inner: Arc<dyn AnyDriver>,
    seat: Arc<Seat>,
}

impl Gathered {
    async fn ask(&self, asks: &[AskValue]) -> Answer {
        let (kind, gather) = (self.inner.rules().kind, &self.seat.gather);
        let (tell, mut told) = oneshot::channel();
        gather.lock().waiting.entry(kind).or_default().push(Waiting { asks: asks.to_vec(), told: tell });
        let _asking = self.seat.asking();
        let late = tokio::time::sleep(PATIENCE);
        tokio::pin!(late);
        loop {
            tokio::select! {
                biased;
                told = &mut told => return self.or_alone(told, asks).await,
                () = gather.complete(kind) => {}
                () = &mut late => break,
            }
            let batch = gather.lock().leaving(kind);
            carry(self.inner.as_ref(), batch).await;
        }
        // Whoever is late does not wait for the rest of a batch, either.
        let batch = gather.lock().waiting.remove(&kind).unwrap_or_default();
        carry(self.inner.as_ref(), batch).await;
        let told = told.await;
        self.or_alone(told, asks).await
    }

    /// The answer, unless nobody carried the question, or one of the others may have spoilt it for all.
    async fn or_alone(&self, told: Result<Told, oneshot::error::RecvError>, asks: &[AskValue]) -> Answer {
        match told {
            Ok(Told { answer: Err(fault), shared: true }) if of_one(&fault) => self.inner.observe(asks).await,
            Ok(told) => told.answer,
            Err(_) => self.inner.observe(asks).await,
        }
    }
}

/// Whether a fault may come from the object of one: a name that AWS refuses, a policy that ends at another environment.
fn of_one(fault: &Fault) -> bool {
    !fault.is_expired() && [Class::Bug, Class::Invalid, Class::Denied].contains(&fault.class)
}

/// Asks for all of them and tells everyone. Addresses are of an environment; in the batch each has a number.
async fn carry(driver: &dyn AnyDriver, batch: Vec<Waiting>) {
    let mut asks = Vec::new();
    for (number, ask) in batch.iter().flat_map(|it| &it.asks).enumerate() {
        let mut ask = ask.clone();
        ask.who.address.name = format!("{number}:{}", ask.who.address.name);
        asks.push(ask);
    }
    let answers = join_all(asks.chunks(MOST).map(|some| driver.observe(some))).await;
    let mut found = BTreeMap::new();
    let mut failed = None;
    for answer in answers {
        match answer {
            Ok(some) => found.extend(some),
            Err(fault) => failed = failed.or(Some(fault)),
        }
    }
    let shared = batch.len() > 1;
    let mut numbered = asks.into_iter().map(|ask| ask.who.address);
    for Waiting { asks, told } in batch {
        let mut own = BTreeMap::new();
        for (ask, there) in asks.into_iter().zip(&mut numbered) {
            own.extend(found.remove(&there).map(|seen| (ask.who.address, seen)));
        }
        // Who does not listen any more was dropped.
        told.send(Told { answer: failed.clone().map_or(Ok(own), Err), shared }).ok();
    }
}

impl AnyDriver for Gathered {
    fn rules(&self) -> Rules {
        self.inner.rules()
    }

    fn identity(&self, spec: &Value, generation: u32) -> Result<IdentityBy, Fault> {
        self.inner.identity(spec, generation)
    }

    fn observe<'a>(&'a self, asks: &'a [AskValue]) -> Work<'a, BTreeMap<Address, SeenValue>> {
        Box::pin(self.ask(asks))
    }

    fn ensure<'a>(&'a self, who: &'a Identity, want: &'a Value, seen: Option<&'a SeenValue>, ticks: &'a Ticks) -> Work<'a, Value> {
        self.inner.ensure(who, want, seen, ticks)
    }

    fn delete<'a>(&'a self, who: &'a Identity, spec: &'a Value, last: Option<&'a Value>, ticks: &'a Ticks) -> Work<'a, ()> {
        self.inner.delete(who, spec, last, ticks)
    }

    fn list<'a>(&'a self, scope: &'a Scope) -> Work<'a, Option<Vec<Tagged>>> {
        self.inner.list(scope)
    }
}
