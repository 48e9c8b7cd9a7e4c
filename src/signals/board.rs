//! The newest reading of every slow check.

use rampart_core::policy::CheckName;
use rampart_core::rollout::{Reading, RolloutId};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

/// Readings by rollout and check; a sensor overwrites its own, decisions read them all.
#[derive(Debug, Default)]
pub struct Board {
    readings: Mutex<HashMap<RolloutId, BTreeMap<CheckName, Reading>>>,
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
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<RolloutId, BTreeMap<CheckName, Reading>>> {
        self.readings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
