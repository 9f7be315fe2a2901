//! A stack that was deployed once and is copied: most suites begin where a deploy ends.

use crate::{Bench, all_done};
use emulator::{CallRecord, World};
use engine::LayerName;
use engine::ledger::{Entry, MemoryLedger};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::Instant;

/// A stack as an undisturbed deploy left it.
#[derive(Clone)]
pub struct Kept {
    world: World,
    entries: BTreeMap<LayerName, Vec<Entry>>,
    /// The calls that it took.
    pub calls: Vec<CallRecord>,
    /// How many objects each table has.
    pub population: BTreeMap<String, usize>,
    /// How many objects carry the stack's tags.
    pub objects: usize,
    /// How long it took, on the test's clock.
    pub took: Duration,
}

impl Kept {
    async fn new(env: &str) -> Kept {
        let (bench, started) = (Bench::new(), Instant::now());
        all_done(bench.deploy(env).await);
        let entries = bench.ledgers.iter().map(|(layer, ledger)| (*layer, ledger.entries())).collect();
        let (calls, population, objects) = (bench.emulator.calls(), bench.population(), bench.tagged());
        Kept { world: bench.emulator.with_world(|world| world.clone()), entries, calls, population, objects, took: started.elapsed() }
    }

    /// The actions of the calls that changed something, in their order.
    pub fn changing(&self) -> Vec<String> {
        self.calls.iter().filter(|call| call.changing && call.error.is_none()).map(|call| call.action.clone()).collect()
    }

    /// How many changing calls and ledger writes there were: the moments at which a process can die.
    pub fn events(&self) -> usize {
        self.calls.iter().filter(|call| call.changing).count() + self.entries.values().map(Vec::len).sum::<usize>()
    }

    /// The same once more, in a test whose time is paused: its clock goes to where the other's was.
    pub async fn copy(&self) -> Bench {
        tokio::time::sleep(self.took).await;
        let emulator = crate::account(1.0, 7);
        emulator.with_world(|world| world.clone_from(&self.world));
        let ledgers = self.entries.iter().map(|(layer, entries)| (*layer, MemoryLedger::holding(*layer, entries.clone()))).collect();
        Bench { emulator, ledgers, script: None, polls: 1.0 }
    }
}

type Shelf = BTreeMap<String, Arc<OnceCell<Kept>>>;

/// What this process has deployed, by its settings.
static SHELF: Mutex<Shelf> = Mutex::new(Shelf::new());

/// An undisturbed deploy of these settings, made by the first who asks for it.
///
/// # Panics
/// When something failed.
pub async fn calm(env: &str) -> Kept {
    let cell = SHELF.lock().unwrap_or_else(PoisonError::into_inner).entry(env.to_owned()).or_default().clone();
    cell.get_or_init(|| Box::pin(Kept::new(env))).await.clone()
}

/// A stack that was deployed with these settings. Nothing is in its list of calls.
///
/// # Panics
/// When something failed.
pub async fn deployed(env: &str) -> Bench {
    calm(env).await.copy().await
}
