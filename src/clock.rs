//! The one place that reads clocks.
//!
//! Decisions take the database's time, so that replicas cannot disagree. Between two reads of it the
//! daemon goes on counting on the monotonic clock: stepping the machine's wall clock changes nothing.
#![expect(clippy::disallowed_methods, reason = "this is the one place that may read clocks")]

use chrono::SubsecRound;
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

/// A database that is further behind than this had its clock set back.
const STEP: chrono::Duration = chrono::Duration::seconds(5);

/// The database's time, carried on by the monotonic clock.
#[derive(Debug)]
pub struct DatabaseClock {
    last: Mutex<Told>,
}

#[derive(Clone, Copy, Debug)]
struct Told {
    time: Timestamp,
    at: Instant,
    by_database: bool,
}

impl Told {
    fn now(self) -> Timestamp {
        let passed = i64::try_from(self.at.elapsed().as_micros()).unwrap_or(i64::MAX);
        // Whole microseconds, as the database keeps them: what is written equals what is read back.
        (self.time + chrono::Duration::microseconds(passed)).trunc_subsecs(6)
    }
}

impl Default for DatabaseClock {
    /// Until the database has been asked, the machine's wall clock stands in.
    fn default() -> Self {
        Self { last: Mutex::new(Told { time: wall(), at: monotonic(), by_database: false }) }
    }
}

impl DatabaseClock {
    /// Takes over a time the database has told. An answer that was long under way is a little behind: the
    /// clock does not step back for it, only for a clock that was really set.
    pub fn told(&self, time: Timestamp) {
        let mut last = self.lock();
        let behind = last.now() - time;
        if !last.by_database || behind <= chrono::Duration::zero() || behind > STEP {
            *last = Told { time, at: monotonic(), by_database: true };
        }
    }

    /// The database's time now.
    pub fn now(&self) -> Timestamp {
        let last = *self.lock();
        last.now()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Told> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_answer_does_not_turn_the_clock_back_and_a_clock_that_was_set_does() {
        let clock = DatabaseClock::default();
        let told = wall() + chrono::Duration::hours(1);
        clock.told(told);
        clock.told(told - chrono::Duration::seconds(1));
        assert!(clock.now() >= told.trunc_subsecs(6), "an answer that was under way for a second");
        clock.told(told - chrono::Duration::minutes(1));
        assert!(clock.now() < told, "the database's clock was set back");
        assert_eq!(clock.now().timestamp_subsec_nanos() % 1000, 0, "whole microseconds");
    }
}
