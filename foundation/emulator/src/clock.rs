//! The world's time: the wall clock at the start plus tokio's, so that a test can pause it.

use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// Seconds since 1970; the length of states is divided by the speed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Clock {
    /// How much shorter states last.
    pub speed: f64,
    #[serde(skip, default = "wall")]
    base: f64,
    #[serde(skip, default = "Instant::now")]
    started: Instant,
}

fn wall() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

impl Clock {
    /// A clock that starts now.
    pub fn new(speed: f64) -> Clock {
        Clock { speed, base: wall(), started: Instant::now() }
    }

    /// Starts again now, at this speed.
    pub fn restart(&mut self, speed: f64) {
        *self = Clock::new(speed);
    }

    /// Goes on as `other` does: a world that was read again keeps the process's time.
    pub fn follow(&mut self, other: &Clock) {
        *self = other.clone();
    }

    /// Now, in seconds since 1970.
    pub fn now(&self) -> f64 {
        self.base + self.started.elapsed().as_secs_f64()
    }

    /// When something that starts now and takes `duration` on AWS ends here.
    pub fn after(&self, duration: Duration) -> f64 {
        self.now() + duration.as_secs_f64() / self.speed
    }

    /// Now as AWS writes it in XML: `2026-11-24T10:00:00Z`.
    pub fn stamp(&self) -> String {
        jiff::Timestamp::from_second(self.now() as i64).map(|now| now.to_string()).unwrap_or_default()
    }
}
