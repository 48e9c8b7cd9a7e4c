//! Requests and failures, on one side and on both.

use serde::{Deserialize, Serialize};

/// Requests, and how many of them failed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Trials {
    /// Requests.
    pub n: u64,
    /// Failures among them.
    pub k: u64,
}

/// Both sides of a comparison.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Arms {
    /// The flag on.
    pub canary: Trials,
    /// The flag off.
    pub control: Trials,
}

impl Trials {
    /// Adds all of `other`.
    pub const fn merge(&mut self, other: Trials) {
        self.n += other.n;
        self.k += other.k;
    }

    /// The share that failed, 0..=1; none of nothing.
    pub fn rate(self) -> Option<f64> {
        (self.n > 0).then(|| self.k as f64 / self.n as f64)
    }
}
