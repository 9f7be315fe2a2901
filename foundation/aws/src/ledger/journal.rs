//! One layer's journal, opened by one run. While a write is under way, what is appended waits and goes out together as the next
//! object; an append returns when its object is there.

use super::body::{Chapter, open, seal};
use super::load::Loaded;
use super::objects::Put;
use super::rescue::{Head, Rescue};
use super::{Shelf, may_pass, unsealed};
use engine::ledger::{Entry, Folded, LEDGER_VERSION, Ledger, LedgerError};
use engine::{Class, Fault, LayerName};
use futures::future::BoxFuture;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// How long a write is tried while the bucket cannot be reached: what is in flight in AWS waits for it.
const PATIENCE: Duration = Duration::from_secs(45);
/// How long a run may trust that nobody has broken its lock: whoever wakes up after a longer sleep asks once more after a write, for
/// the number that it has written may have been taken before, and deleted since with the history.
const TRUST: Duration = Duration::from_secs(10);
/// The pause between two tries of our own, after the SDK's.
const PAUSE: Duration = Duration::from_secs(2);

/// A layer's journal in a bucket.
#[derive(Debug)]
pub(super) struct Journal {
    shelf: Shelf,
    run: String,
    state: Mutex<State>,
    // Whoever has it writes all that waits.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    object: u64,
    previous: String,
    anchor: String,
    last: Option<(String, u64)>,
    folded: Folded,
    waiting: Vec<Entry>,
    // How many of them went out with a write whose end is not known: it is repeated as it was.
    sent: Option<usize>,
    // How many were ever appended, and how many of those are there.
    appended: u64,
    durable: u64,
    // When the lock was known to be ours: on the clock of the process and on the wall's, which goes on while a machine sleeps.
    known: (Instant, SystemTime),
    dead: Option<Dead>,
    // What could not be written, if it can be kept.
    rescue: Option<Rescue>,
}

/// Why nothing can be written any more.
#[derive(Debug)]
enum Dead {
    Superseded(String),
    Unwritten(Box<Fault>),
}

impl Journal {
    pub(super) fn new(shelf: &Shelf, run: &str, loaded: Loaded) -> Journal {
        let Loaded { object, previous, anchor, last, folded, .. } = loaded;
        let state = State {
            object,
            previous,
            anchor,
            last,
            folded,
            waiting: Vec::new(),
            sent: None,
            appended: 0,
            durable: 0,
            known: now(),
            dead: None,
            rescue: None,
        };
        Journal { shelf: shelf.clone(), run: run.to_owned(), state: Mutex::new(state), turn: tokio::sync::Mutex::new(()) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What to say when nothing can be written any more.
    fn refusal(&self, dead: &Dead, rescue: Option<&Rescue>) -> LedgerError {
        match dead {
            Dead::Superseded(problem) => LedgerError::Superseded { layer: self.shelf.layer, problem: problem.clone() },
            Dead::Unwritten(fault) => LedgerError::Remote {
                place: self.shelf.place(),
                verb: "written",
                fault: fault.clone(),
                rescue: rescue.map(|rescue| rescue.path.clone()),
            },
        }
    }

    /// Lets `entry` wait for its turn; its ticket. Where nothing can be written any more it goes to the rescue copy.
    fn enlist(&self, entry: Entry) -> Result<u64, LedgerError> {
        let state = &mut *self.state();
        if let Some(dead) = &state.dead {
            if let Some(rescue) = &mut state.rescue {
                rescue.add(&entry);
            }
            return Err(self.refusal(dead, state.rescue.as_ref()));
        }
        state.waiting.push(entry);
        state.appended += 1;
        Ok(state.appended)
    }

    async fn write(&self, entry: Entry) -> Result<(), LedgerError> {
        let ticket = self.enlist(entry)?;
        let _turn = self.turn.lock().await;
        // What others append at this very moment goes with it.
        tokio::task::yield_now().await;
        loop {
            let chapter = {
                let mut state = self.state();
                if state.durable >= ticket {
                    return Ok(());
                }
                if let Some(dead) = &state.dead {
                    return Err(self.refusal(dead, state.rescue.as_ref()));
                }
                let count = state.sent.unwrap_or(state.waiting.len());
                state.sent = Some(count);
                self.chapter(&state, count)
            };
            match self.sent(&chapter).await {
                Ok(sum) => self.landed(&chapter, sum),
                Err(dead) => self.die(dead),
            }
        }
    }

    /// Writes one object; after a long silence it makes sure that the lock was ours all the time.
    async fn sent(&self, chapter: &Chapter) -> Result<String, Dead> {
        let sum = self.send(chapter).await?;
        let (since, at) = self.state().known;
        let slept = since.elapsed().max(SystemTime::now().duration_since(at).unwrap_or_default());
        if slept > TRUST {
            match self.shelf.still_held(&self.run).await {
                Ok(()) => self.state().known = now(),
                Err(LedgerError::Superseded { problem, .. }) => return Err(Dead::Superseded(problem)),
                // It is written; whether it should have been is asked again after the next one.
                Err(_) => {}
            }
        }
        Ok(sum)
    }

    fn chapter(&self, state: &State, count: usize) -> Chapter {
        Chapter {
            v: LEDGER_VERSION,
            of: self.shelf.of(),
            object: state.object + 1,
            first: state.folded.sequence + 1,
            run: self.run.clone(),
            previous: state.previous.clone(),
            fences: None,
            entries: state.waiting[..count].to_vec(),
        }
    }

    /// Writes one object and gives its digest. In doubt it looks, and tries again until the patience ends.
    async fn send(&self, chapter: &Chapter) -> Result<String, Dead> {
        let unwritten = |fault| Dead::Unwritten(Box::new(fault));
        let (text, sum) = seal(chapter).map_err(|error| unwritten(unsealed(&error)))?;
        let key = self.shelf.entries_key(chapter.object);
        let started = Instant::now();
        loop {
            match self.shelf.objects.put_new(&key, &text).await {
                Ok(Put::Written) => return Ok(sum),
                Ok(Put::Refused) => match self.whose(&key, &sum).await {
                    Ok(None) => return Ok(sum),
                    Ok(Some(other)) => return Err(Dead::Superseded(other)),
                    Err(fault) if started.elapsed() >= PATIENCE => return Err(unwritten(fault)),
                    Err(_) => {}
                },
                Err(fault) if !may_pass(&fault) || started.elapsed() >= PATIENCE => return Err(unwritten(fault)),
                Err(_) => {}
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Who took the number: `None` when it was our own earlier attempt.
    async fn whose(&self, key: &str, sum: &str) -> Result<Option<String>, Fault> {
        let Some(got) = self.shelf.objects.get(key).await? else {
            return Err(Fault::new(Class::InDoubt, format!("{key} is refused and not there")));
        };
        Ok(match open::<Chapter>(&got.text) {
            Ok((found, its)) if found.run == self.run && its == sum => None,
            Ok((Chapter { fences: Some(run), .. }, _)) if run == self.run => Some("its lock was broken with `unlock`".into()),
            Ok((found, _)) => Some(format!("run {} has written object {}", found.run, found.object)),
            Err(_) => Some("somebody has written what cannot be read".into()),
        })
    }

    fn landed(&self, chapter: &Chapter, sum: String) {
        let mut state = self.state();
        let count = chapter.entries.len();
        let landed: Vec<Entry> = state.waiting.drain(..count).collect();
        landed.into_iter().for_each(|entry| state.folded.take(entry));
        (state.object, state.sent) = (chapter.object, None);
        state.last = Some((self.run.clone(), chapter.first));
        (state.previous, state.anchor) = (sum.clone(), sum);
        state.durable += count as u64;
    }

    /// Nothing is written any more; what waits is kept, unless another run is at work.
    fn die(&self, dead: Dead) {
        let mut state = self.state();
        let waiting = std::mem::take(&mut state.waiting);
        if let Dead::Unwritten(_) = dead {
            state.rescue = self.rescue(&state, &waiting);
        }
        state.dead = Some(dead);
    }

    /// A rescue copy with these entries. One that cannot be written is no reason to hide why the ledger cannot be.
    fn rescue(&self, state: &State, entries: &[Entry]) -> Option<Rescue> {
        let head = Head {
            v: LEDGER_VERSION,
            of: self.shelf.of(),
            run: self.run.clone(),
            object: state.object + 1,
            first: state.folded.sequence + 1,
            anchor: state.anchor.clone(),
        };
        let mut rescue = Rescue::begin(&self.shelf, head).ok()?;
        entries.iter().for_each(|entry| rescue.add(entry));
        Some(rescue)
    }

    /// Takes a rescue copy in if it continues the sequence exactly; what is worth a line about it.
    pub(super) async fn take_in(&self, rescue: Rescue) -> Result<Option<String>, LedgerError> {
        if rescue.entries.is_empty() {
            rescue.remove();
            return Ok(None);
        }
        let (path, run) = (rescue.path.display().to_string(), &rescue.head.run);
        let (at, already) = {
            let state = self.state();
            // The write whose end was not known may have landed after all: its entries are the first of the copy.
            let own = state.last.as_ref() == Some(&(run.clone(), rescue.head.first));
            let landed = (state.folded.sequence + 1).saturating_sub(rescue.head.first) as usize;
            let follows = state.folded.sequence + 1 == rescue.head.first && state.anchor == rescue.head.anchor;
            (own || follows, landed)
        };
        if !at || already > rescue.entries.len() {
            let aside = rescue.set_aside();
            let why = "does not continue the ledger: another run has written since";
            return Ok(Some(format!("the rescue copy {path} of run {run} {why}; it is kept as {aside}, and AWS itself is looked at")));
        }
        let entries = &rescue.entries[already..];
        let count = entries.len();
        if let Some((last, before)) = entries.split_last() {
            // They wait in their order and go out with the last of them.
            before.iter().try_for_each(|entry| self.enlist(entry.clone()).map(|_| ()))?;
            self.write(last.clone()).await?;
        }
        rescue.remove();
        let said =
            format!("{count} entries of run {run} that could not be written to the {} ledger were taken in from {path}", self.shelf.layer);
        Ok(Some(said))
    }
}

fn now() -> (Instant, SystemTime) {
    (Instant::now(), SystemTime::now())
}

impl Ledger for Journal {
    fn layer(&self) -> LayerName {
        self.shelf.layer
    }

    fn folded(&self) -> Folded {
        self.state().folded.clone()
    }

    fn look(&self, look: &mut dyn FnMut(&Folded)) {
        look(&self.state().folded);
    }

    fn append(&self, entry: Entry) -> BoxFuture<'_, Result<(), LedgerError>> {
        Box::pin(self.write(entry))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), LedgerError>> {
        Box::pin(self.shelf.still_held(&self.run))
    }

    fn close(&self) -> BoxFuture<'_, Result<(), LedgerError>> {
        Box::pin(async move {
            let _turn = self.turn.lock().await;
            if let Some(rescue) = &mut self.state().rescue {
                rescue.end();
            }
            self.shelf.leave(&self.run).await
        })
    }
}
