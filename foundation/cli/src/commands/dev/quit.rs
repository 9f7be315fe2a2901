//! Ctrl-C and SIGTERM while nothing is deployed. A run listens for itself: it gives its locks back.

use crate::commands::stop::on;
use crate::problem::{EXIT_INTERRUPTED, Problem};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::SignalKind;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Listens until it is dropped.
pub(super) struct Quit {
    /// Cancelled at the first signal.
    pub asked: CancellationToken,
    /// Whether a run is under way, which decides when the process ends.
    running: Arc<AtomicBool>,
    listener: JoinHandle<()>,
}

impl Drop for Quit {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Quit {
    pub(super) fn listen() -> Result<Quit, Problem> {
        let (mut interrupt, mut terminate) = (on(SignalKind::interrupt())?, on(SignalKind::terminate())?);
        let (asked, running) = (CancellationToken::new(), Arc::new(AtomicBool::new(false)));
        let (cancel, held) = (asked.clone(), running.clone());
        let listener = tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if cancel.is_cancelled() && !held.load(Ordering::SeqCst) {
                    std::process::exit(i32::from(EXIT_INTERRUPTED));
                }
                cancel.cancel();
            }
        });
        Ok(Quit { asked, running, listener })
    }

    /// Carries out a run, which hears of signals by itself.
    pub(super) async fn under_way<T>(&self, run: impl Future<Output = T>) -> T {
        self.running.store(true, Ordering::SeqCst);
        let done = run.await;
        self.running.store(false, Ordering::SeqCst);
        done
    }

    /// Carries out what may be left where it is.
    pub(super) async fn or<T>(&self, work: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
        tokio::select! {
            biased;
            done = work => done,
            () = self.asked.cancelled() => Err(Problem::Interrupted("nothing was deployed".into())),
        }
    }
}
