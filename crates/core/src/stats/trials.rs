//! Requests and failures: all that any test here looks at.

use serde::{Deserialize, Serialize};
use std::ops::AddAssign;

/// Requests of one cohort, and how many of them failed (or were slow: whatever is counted).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Trials {
    /// Requests.
    pub n: u64,
    /// Failures among them.
    pub k: u64,
}

impl Trials {
    /// `k` failures in `n` requests.
    pub const fn new(n: u64, k: u64) -> Self {
        Self { n, k }
    }

    /// Requests that did not fail. None where more failed than were made, which only a broken source claims.
    pub const fn successes(self) -> u64 {
        self.n.saturating_sub(self.k)
    }

    /// The share that failed; nothing where nothing was tried.
    pub fn rate(self) -> Option<f64> {
        (self.n > 0).then(|| self.k as f64 / self.n as f64)
    }
}

impl AddAssign for Trials {
    fn add_assign(&mut self, more: Self) {
        self.n = self.n.saturating_add(more.n);
        self.k = self.k.saturating_add(more.k);
    }
}

/// Both cohorts over the same stretch of time.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Arms {
    /// Requests that met the new code.
    pub canary: Trials,
    /// Requests that met the old code.
    pub control: Trials,
}

impl Arms {
    /// The share of requests that met the new code; nothing where there were none.
    pub fn share(self) -> Option<f64> {
        let all = self.canary.n.saturating_add(self.control.n);
        (all > 0).then(|| self.canary.n as f64 / all as f64)
    }
}

/// The canary alone, for tests that look at nothing else.
impl From<Trials> for Arms {
    fn from(canary: Trials) -> Self {
        Self { canary, control: Trials::default() }
    }
}

impl AddAssign for Arms {
    fn add_assign(&mut self, more: Self) {
        self.canary += more.canary;
        self.control += more.control;
    }
}
