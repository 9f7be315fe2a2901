//! The ledgers of an environment: opened under their locks, in lock order.

use crate::out::note;
use crate::problem::Problem;
use engine::LayerName;
use engine::ledger::{Folded, Holder, Ledger, LedgerError, Store};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Open, locked ledgers.
pub type Ledgers = BTreeMap<LayerName, Arc<dyn Ledger>>;

/// What every layer's ledger remembers.
pub(crate) async fn memory(store: &dyn Store) -> Result<BTreeMap<LayerName, Folded>, Problem> {
    let reads = LayerName::ALL.into_iter().map(|layer| async move { Ok::<_, Problem>((layer, store.read(layer).await?)) });
    futures::future::try_join_all(reads).await.map(BTreeMap::from_iter)
}

/// Who holds the locks of `layers`, where anybody does.
pub(crate) async fn holders(store: &dyn Store, layers: &[LayerName]) -> Result<BTreeMap<LayerName, Holder>, Problem> {
    let asked = layers.iter().map(|layer| async move { Ok::<_, Problem>((*layer, store.holder(*layer).await?)) });
    let found = futures::future::try_join_all(asked).await?;
    Ok(found.into_iter().filter_map(|(layer, holder)| Some((layer, holder?))).collect())
}

/// How long a run waits for locks that others hold, and what ends its patience.
pub(crate) struct Queue<'a> {
    /// How long.
    pub wait: Duration,
    /// Told to stop.
    pub cancel: &'a CancellationToken,
}

/// How often a taken lock is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Opens and locks the ledgers of `layers`; while another run holds one of them, it waits with none as long as `queue` says.
pub(crate) async fn open(store: &dyn Store, layers: &[LayerName], holder: &Holder, queue: Queue<'_>) -> Result<Opened, Problem> {
    let until = Instant::now() + queue.wait;
    let mut told = None;
    loop {
        let refused = match all(store, layers, holder, queue.cancel).await {
            Err(Problem::Ledger(LedgerError::Locked { layer, holder })) => (layer, holder),
            other => return other,
        };
        let left = until.saturating_duration_since(Instant::now());
        let (layer, other) = refused;
        if left.is_zero() {
            return Err(LedgerError::Locked { layer, holder: other }.into());
        }
        if told.as_ref() != Some(&other) {
            let seconds = left.as_secs_f64().ceil();
            note!("{layer} is locked by {other}; waiting for it, {seconds} s at most");
            told = Some(other);
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN.min(left)) => {}
            () = queue.cancel.cancelled() => return Err(Problem::Interrupted("nothing was changed".into())),
        }
    }
}

/// As [`open`], without waiting for anybody.
pub(crate) async fn open_now(store: &dyn Store, layers: &[LayerName], holder: &Holder) -> Result<Opened, Problem> {
    open(store, layers, holder, Queue { wait: Duration::ZERO, cancel: &CancellationToken::new() }).await
}

/// Open ledgers and warnings about what was repaired.
pub(crate) type Opened = (Ledgers, Vec<String>);

/// In lock order: two runs that want the same layers cannot hold half of them each.
async fn all(store: &dyn Store, layers: &[LayerName], holder: &Holder, cancel: &CancellationToken) -> Result<Opened, Problem> {
    let mut opened = Ledgers::new();
    let mut warnings = Vec::new();
    for layer in LayerName::ALL.into_iter().filter(|layer| layers.contains(layer)) {
        let refused = match store.open(layer, holder).await {
            Ok(ledger) => {
                warnings.extend(ledger.warnings);
                opened.insert(layer, ledger.ledger);
                cancel.is_cancelled().then(|| Problem::Interrupted("nothing was changed".into()))
            }
            Err(refused) => Some(refused.into()),
        };
        if let Some(refused) = refused {
            // Why it was refused is worth more than what goes wrong with the others.
            close(&opened).await.ok();
            return Err(refused);
        }
    }
    Ok((opened, warnings))
}

/// As [`open`]; a ledger that is damaged is moved aside first. The texts say where the old one is.
pub(crate) async fn mended(store: &dyn Store, layers: &[LayerName], holder: &Holder) -> Result<Opened, Problem> {
    let mut aside = Vec::new();
    for layer in layers {
        match store.read(*layer).await {
            Err(damage @ LedgerError::Damaged { .. }) => match store.set_aside(*layer, holder).await? {
                Some(kept) => aside.push(format!("{damage}; it is kept as {kept}")),
                None => return Err(damage.into()),
            },
            other => drop(other?),
        }
    }
    let (ledgers, warnings) = open_now(store, layers, holder).await?;
    Ok((ledgers, [aside, warnings].concat()))
}

/// Releases the locks, each whatever becomes of the others; the first error.
pub(crate) async fn close(ledgers: &Ledgers) -> Result<(), Problem> {
    let closed = futures::future::join_all(ledgers.values().map(|ledger| ledger.close())).await;
    closed.into_iter().collect::<Result<Vec<()>, _>>()?;
    Ok(())
}

/// Who this run is.
pub(crate) fn holder(run: &str, command: &str) -> Holder {
    Holder {
        run: run.to_owned(),
        who: who(),
        host: host(),
        process: std::process::id(),
        tool: env!("CARGO_PKG_VERSION").to_owned(),
        command: command.to_owned(),
        at: jiff::Timestamp::now().to_string(),
        machine: machine(),
    }
}

/// Since which start this system runs, and which processes can be seen: those of a container are not those of another.
fn machine() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned());
    let seen = std::fs::read_link("/proc/self/ns/pid").map(|link| link.display().to_string());
    boot.and_then(|boot| Ok(format!("{boot} {}", seen?))).unwrap_or_default()
}

/// Whether a holder's process has certainly ended: it was one of this running system, and is not there.
pub fn gone(holder: &Holder) -> bool {
    let here = !holder.machine.is_empty() && holder.machine == machine();
    here && holder.process != 0 && !std::path::Path::new(&format!("/proc/{}", holder.process)).exists()
}

/// The person that a run is recorded under.
pub(crate) fn who() -> String {
    std::env::var("USER").unwrap_or_else(|_| "somebody".into())
}

/// The machine's name, as its system tells it.
pub(crate) fn host() -> String {
    let told = std::fs::read_to_string("/etc/hostname").ok().map(|name| name.trim().to_owned());
    told.filter(|name| !name.is_empty()).or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_else(|| "an unnamed machine".into())
}
