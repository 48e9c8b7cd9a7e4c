//! What the slow checks have told: the newest reading of each, and what was counted for those that count.

use super::Live;
use super::ledger::{Counted, Ledger};
use rampart_core::Timestamp;
use rampart_core::policy::{CheckName, Policy};
use rampart_core::rollout::{Bin, Reading, Rollout, RolloutId};
use rampart_core::stats::Trials;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

/// Readings by rollout and check; a sensor overwrites its own, decisions read them all.
#[derive(Debug, Default)]
pub struct Board {
    readings: Mutex<HashMap<RolloutId, BTreeMap<CheckName, Reading>>>,
    ledger: Ledger,
}

impl Board {
    /// Puts up a check's newest reading.
    pub fn put(&self, check: CheckName, reading: Reading) {
        self.lock().entry(reading.rollout).or_default().insert(check, reading);
    }

    /// All readings of one rollout.
    pub fn of(&self, rollout: RolloutId) -> BTreeMap<CheckName, Reading> {
        self.lock().get(&rollout).cloned().unwrap_or_default()
    }

    /// Forgets every rollout but these.
    pub fn keep_only(&self, rollouts: &[RolloutId]) {
        self.lock().retain(|rollout, _| rollouts.contains(rollout));
        self.ledger.keep_only(rollouts);
    }

    /// Writes down what was counted for a check.
    pub fn note(&self, counted: Counted) {
        self.ledger.note(counted);
    }

    /// Up to where a check's bins are known.
    pub fn binned_until(&self, rollout: RolloutId, check: &CheckName) -> Option<Timestamp> {
        self.ledger.binned_until(rollout, check)
    }

    /// Up to where a check's trials of this epoch are known.
    pub fn counted_until(&self, rollout: &Rollout, check: &CheckName) -> Option<Timestamp> {
        self.ledger.counted_until(rollout, check)
    }

    /// The canary's trials of this epoch, as far as slow sources count them.
    pub fn counts(&self, rollout: &Rollout) -> BTreeMap<CheckName, Trials> {
        self.ledger.counts(rollout)
    }

    /// The closed bins that the rollout has not taken in: live requests, and what was counted elsewhere beside them.
    pub fn bins(&self, live: &Live, policy: &Policy, rollout: &Rollout, now: Timestamp) -> Vec<Bin> {
        self.ledger.bins(live, policy, rollout, now)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RolloutId, BTreeMap<CheckName, Reading>>> {
        self.readings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
