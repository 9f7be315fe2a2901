//! A stack whose ledgers are in a bucket of the same embedded AWS.

use crate::{Bench, make};
use aws::ledger::{Place, S3Store, Shared, init};
use emulator::Emulator;
use emulator::services::s3::Bucket;
use emulator::weather::{Death, Fault, Of, Weather};
use engine::LayerName;
use engine::apply::Outcome;
use engine::ledger::{Entry, Folded, Holder, Ledger, LedgerError, Store};
use engine::plan::Plan;
use orchestrator::stack;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The bucket.
pub const BUCKET: &str = "shop-ledger";

/// One stack, its world, and the bucket that remembers it.
pub struct SharedBench {
    /// The world.
    pub emulator: Emulator,
    /// The ledgers.
    pub store: S3Store,
    dir: tempfile::TempDir,
    runs: AtomicUsize,
}

/// Somebody with a run of this number.
pub fn holder(run: usize) -> Holder {
    Holder { run: format!("{run:026}"), who: "ada".into(), host: "laptop".into(), command: "deploy".into(), ..Holder::default() }
}

impl SharedBench {
    /// An empty account with the bucket that `init` makes.
    ///
    /// # Panics
    /// When the bucket cannot be made.
    pub async fn new() -> SharedBench {
        let bench = Bench::new();
        let dir = tempfile::tempdir().unwrap();
        let aws = bench.aws().await;
        let shared = shared(dir.path().join("rescue"));
        init::init(&aws, &shared, &BTreeMap::new()).await.unwrap();
        SharedBench { emulator: bench.emulator, store: S3Store::new(&aws, shared), dir, runs: AtomicUsize::new(0) }
    }

    /// Another machine that works on the same ledgers: its own rescue directory.
    pub async fn elsewhere(&self) -> S3Store {
        S3Store::new(&self.bench().aws().await, shared(self.dir.path().join("elsewhere")))
    }

    fn bench(&self) -> Bench {
        Bench { emulator: self.emulator.clone(), ledgers: BTreeMap::new(), script: None, polls: 1.0 }
    }

    /// The rescue copies on this machine.
    pub fn rescues(&self) -> Vec<PathBuf> {
        std::fs::read_dir(self.dir.path().join("rescue")).into_iter().flatten().flatten().map(|file| file.path()).collect()
    }

    /// Looks into the bucket, or changes it behind the tool's back.
    ///
    /// # Panics
    /// When there is none.
    pub fn bucket<T>(&self, look: impl FnOnce(&mut Bucket) -> T) -> T {
        self.emulator.with_world(|world| look(world.account.buckets.get_mut(BUCKET).unwrap()))
    }

    /// The keys in the bucket that hold this text.
    pub fn keys(&self, part: &str) -> Vec<String> {
        self.bucket(|bucket| bucket.objects.keys().filter(|key| key.contains(part)).cloned().collect())
    }

    /// What the ledgers remember.
    ///
    /// # Errors
    /// Of the store.
    pub async fn memory(&self) -> Result<BTreeMap<LayerName, Folded>, LedgerError> {
        let mut memory = BTreeMap::new();
        for layer in stack::LAYERS {
            memory.insert(*layer, self.store.read(*layer).await?);
        }
        Ok(memory)
    }

    /// The plan for these settings.
    ///
    /// # Panics
    /// When there is none.
    pub async fn plan(&self, env: &str) -> Plan {
        make(&self.bench().aws().await, &self.memory().await.unwrap(), Some(env)).await.unwrap().0
    }

    /// Opens every ledger, deploys these settings (or destroys without any), and closes them, as the tool does. The texts are what
    /// was worth a line.
    ///
    /// # Errors
    /// A sentence: a ledger that refuses, no plan, a ledger that could not be closed.
    pub async fn run(&self, env: Option<&str>) -> Result<(Outcome, Vec<String>), String> {
        let holder = holder(self.runs.fetch_add(1, Ordering::SeqCst) + 1);
        let (mut ledgers, mut said) = (BTreeMap::<LayerName, Arc<dyn Ledger>>::new(), Vec::new());
        let told = |error: LedgerError| error.to_string();
        for layer in stack::LAYERS {
            match self.store.open(*layer, &holder).await {
                Ok(opened) => {
                    said.extend(opened.warnings);
                    ledgers.insert(*layer, opened.ledger);
                }
                Err(refused) => {
                    close(&ledgers).await.ok();
                    return Err(told(refused));
                }
            }
        }
        let memory = ledgers.iter().map(|(layer, ledger)| (*layer, ledger.folded())).collect();
        let (plan, mut apply) = make(&self.bench().aws().await, &memory, env).await?;
        apply.ledgers.clone_from(&ledgers);
        let (run, at, who) = (holder.run.clone(), String::new(), holder.who.clone());
        let started = Entry::RunStarted { run: run.clone(), command: "deploy".into(), who, at: at.clone(), tool: "test".into() };
        let outcome = async {
            note(&ledgers, started).await?;
            let outcome = apply.run(plan).await?;
            note(&ledgers, Entry::RunFinished { run, ok: outcome.ok(), at, summary: String::new() }).await.map(|()| outcome)
        };
        let outcome = outcome.await;
        let closed = close(&ledgers).await;
        let outcome = outcome.map_err(told)?;
        closed.map_err(told)?;
        Ok((outcome, said))
    }

    /// The same by a process that dies; whether it died. Its locks are broken then, as an operator would.
    ///
    /// # Panics
    /// When it ends otherwise than well, or a lock cannot be broken.
    pub async fn die(&self, env: Option<&str>, death: &Death) -> bool {
        self.emulator.death(Some(death.clone()));
        let died = tokio::select! {
            biased;
            () = death.struck() => true,
            outcome = self.run(env) => !outcome.unwrap().0.ok(),
        };
        self.emulator.death(None);
        for layer in stack::LAYERS {
            if let Some(holder) = self.store.holder(*layer).await.unwrap() {
                assert!(self.store.unlock(*layer, &holder.run).await.unwrap());
            }
        }
        died
    }

    /// How many living objects each address has.
    ///
    /// # Panics
    /// When a ledger cannot be read.
    pub async fn census(&self) -> BTreeMap<String, usize> {
        let memory = self.memory().await.unwrap();
        let addresses = memory.values().flat_map(|folded| folded.rows.keys()).map(|(address, _)| address.to_string());
        addresses.map(|at| (at.clone(), self.emulator.tagged("orchestrator:address", &at).len())).collect()
    }

    /// How many living objects carry our tags.
    pub fn tagged(&self) -> usize {
        self.emulator.tagged("orchestrator:stack", "shop").len()
    }
}

/// Hits calls of S3, and them alone: `times` of them from number `from` (the first is 0) on.
pub fn over_s3(fault: Fault, from: usize, times: usize) -> Weather {
    Weather::hitting(fault, Of::Service("s3"), from, times)
}

fn shared(rescue: PathBuf) -> Shared {
    let place = Place { bucket: BUCKET.into(), prefix: "teams/blue".into() };
    Shared { place, stack: "shop".into(), env: "test".into(), kms_key: None, rescue, gone: |_| false }
}

async fn note(ledgers: &BTreeMap<LayerName, Arc<dyn Ledger>>, entry: Entry) -> Result<(), LedgerError> {
    let noted = futures::future::join_all(ledgers.values().map(|ledger| ledger.append(entry.clone()))).await;
    noted.into_iter().collect()
}

async fn close(ledgers: &BTreeMap<LayerName, Arc<dyn Ledger>>) -> Result<(), LedgerError> {
    let closed = futures::future::join_all(ledgers.values().map(|ledger| ledger.close())).await;
    closed.into_iter().collect()
}
