//! The end of the client's process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

/// The end of the client's process, at its n-th event: a changing call, or a write to its ledger. Clones share the count.
#[derive(Clone, Debug)]
pub struct Death {
    at: usize,
    after: bool,
    events: Arc<AtomicUsize>,
    struck: Arc<Notify>,
}

impl Death {
    /// Strikes before event `at` (the first is 0) is carried out, or after it.
    pub fn at(at: usize, after: bool) -> Death {
        Death { at, after, events: Arc::default(), struck: Arc::default() }
    }

    /// Carries `event` out and gives its result; never returns when death strikes, and for every event that comes later.
    pub async fn or<T>(&self, event: impl FnOnce() -> T) -> T {
        let number = self.events.fetch_add(1, Ordering::SeqCst);
        if number < self.at || (number == self.at && self.after) {
            let done = event();
            if number < self.at {
                return done;
            }
        }
        self.struck.notify_one();
        std::future::pending().await
    }

    /// Returns when it has struck.
    pub async fn struck(&self) {
        self.struck.notified().await;
    }

    /// How many events there were.
    pub fn events(&self) -> usize {
        self.events.load(Ordering::SeqCst)
    }
}
