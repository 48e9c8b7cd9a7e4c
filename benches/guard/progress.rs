//! A line on stderr for whatever takes longer than two seconds.

use rampart::clock::Stopwatch;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(2);

/// How far one figure is.
pub(crate) struct Progress {
    what: &'static str,
    total: usize,
    said: Stopwatch,
}

impl Progress {
    pub(crate) fn new(what: &'static str, total: usize) -> Self {
        Self { what, total, said: Stopwatch::start() }
    }

    /// Says how much is done, unless it said so a moment ago.
    pub(crate) fn done(&mut self, done: usize) {
        if self.said.elapsed() >= EVERY {
            eprintln!("  {}: {done} of {}", self.what, self.total);
            self.said = Stopwatch::start();
        }
    }
}
