//! The one place that reads clocks.
//!
//! Decisions take the database's time, so that replicas cannot disagree. Between two reads of it the
//! daemon goes on counting on the monotonic clock: stepping the machine's wall clock changes nothing.
#![expect(clippy::disallowed_methods, reason = "this is the one place that may read clocks")]

use rampart_core::Timestamp;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The monotonic clock.
pub fn monotonic() -> Instant {
    Instant::now()
}

/// The machine's wall clock; for what has no database yet (the expiry of tokens, seeds).
pub fn wall() -> Timestamp {
    chrono::Utc::now()
}

/// The database's time, carried on by the monotonic clock.
#[derive(Debug)]
pub struct DatabaseClock {
    last: Mutex<(Timestamp, Instant)>,
}

impl Default for DatabaseClock {
    /// Until the database has been asked, the machine's wall clock stands in.
    fn default() -> Self {
        Self { last: Mutex::new((wall(), monotonic())) }
    }
}

impl DatabaseClock {
    /// Takes over a time the database has just told.
    pub fn told(&self, now: Timestamp) {
        *self.lock() = (now, monotonic());
    }

    /// The database's time now.
    pub fn now(&self) -> Timestamp {
        let (told, at) = *self.lock();
        let passed = i64::try_from(at.elapsed().as_micros()).unwrap_or(i64::MAX);
        // Whole microseconds, as the database keeps them: what is written equals what is read back.
        told + chrono::Duration::microseconds(passed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (Timestamp, Instant)> {
        self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Counts time since it was made; for latencies.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts counting.
    pub fn start() -> Self {
        Self(monotonic())
    }

    /// Time since it was started.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// Microseconds since it was started.
    pub fn micros(&self) -> u64 {
        u64::try_from(self.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}
