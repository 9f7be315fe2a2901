//! Ctrl-C and SIGTERM: the first starts nothing new and lets what is in flight end, the second leaves at once.

use crate::problem::{EXIT_INTERRUPTED, Problem};
use crate::store::{self, Ledgers};
use engine::ledger::Guard;
use std::future::Future;
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long a run that leaves at once may take to give its locks back: CI systems kill soon after their second signal.
const LEAVING: Duration = Duration::from_secs(2);

/// What a run must give back before its process ends.
type Held = Arc<Mutex<Option<(Ledgers, Guard)>>>;

/// Listens for signals until it is dropped.
pub(super) struct Stop {
    /// Cancelled at the first.
    pub cancel: CancellationToken,
    held: Held,
    listener: JoinHandle<()>,
}

impl Drop for Stop {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

/// Listens for a signal, which does not end the process by itself any more.
pub(super) fn on(kind: SignalKind) -> Result<Signal, Problem> {
    signal(kind).map_err(|error| Problem::Io(format!("signals cannot be listened for: {error}")))
}

impl Stop {
    pub(super) fn listen() -> Result<Stop, Problem> {
        let (interrupt, terminate) = (on(SignalKind::interrupt())?, on(SignalKind::terminate())?);
        let (cancel, held) = (CancellationToken::new(), Held::default());
        let listener = tokio::spawn(listen([interrupt, terminate], cancel.clone(), held.clone()));
        Ok(Stop { cancel, held, listener })
    }

    /// Says what the run holds.
    pub(super) fn holds(&self, ledgers: &Ledgers, guard: &Guard) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some((ledgers.clone(), guard.clone()));
    }

    /// Carries out what changes nothing, unless a signal comes first.
    pub(super) async fn or<T>(&self, reading: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
        tokio::select! {
            biased;
            done = reading => done,
            () = self.cancel.cancelled() => Err(Problem::Interrupted("nothing was changed".into())),
        }
    }
}

async fn listen(mut signals: [Signal; 2], cancel: CancellationToken, held: Held) {
    next(&mut signals).await;
    cancel.cancel();
    // A CI job that is cancelled sends both kinds in turn.
    next(&mut signals).await;
    let holds = held.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some((ledgers, guard)) = holds {
        // Nothing is called between the locks and the end of the process. A lock that cannot be given back in time is `unlock`'s.
        guard.shut();
        tokio::time::timeout(LEAVING, store::close(&ledgers)).await.ok();
    }
    std::process::exit(i32::from(EXIT_INTERRUPTED));
}

async fn next([interrupt, terminate]: &mut [Signal; 2]) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Asks the person at the terminal; only `yes` is yes.
pub(super) async fn confirmed(question: &'static str) -> Result<bool, Problem> {
    if !std::io::stdin().is_terminal() {
        return Err(Problem::Stopped("there is nobody to ask: add --yes".into()));
    }
    let (answer, told) = tokio::sync::oneshot::channel();
    // A thread of its own: a signal must not have to wait for the end of the line.
    std::thread::spawn(move || answer.send(ask(question)).ok());
    told.await.unwrap_or(Ok(false))
}

fn ask(question: &str) -> Result<bool, Problem> {
    crate::out::aside(&format!("{question} Only `yes` is accepted: "));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(|error| Problem::Io(error.to_string()))?;
    Ok(answer.trim() == "yes")
}
