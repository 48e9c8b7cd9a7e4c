//! Who watches, and what was handed to each: how far a change has come.

use super::auth::Caller;
use crate::controller::Told;
use rampart_core::rollout::Revision;
use rampart_core::{FlagKey, Timestamp};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Every open event stream of this process.
#[derive(Debug, Default)]
pub(super) struct Viewers {
    open: Mutex<BTreeMap<u64, Arc<Viewer>>>,
    numbers: AtomicU64,
}

/// One event stream.
#[derive(Debug)]
pub(super) struct Viewer {
    pub(super) number: u64,
    pub(super) name: String,
    pub(super) since: Timestamp,
    holds: Mutex<BTreeMap<FlagKey, Held>>,
}

/// The newest revision that was handed to a connection, and when first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) revision: Revision,
    pub(super) at: Timestamp,
}

/// A place among the viewers. Dropped with its connection, it is free again.
#[derive(Debug)]
pub(super) struct Seat {
    among: Arc<Viewers>,
    viewer: Arc<Viewer>,
}

impl Viewers {
    /// Takes a place for a connection that opens at `now`.
    pub(super) fn sit(self: &Arc<Self>, caller: &Caller, now: Timestamp) -> Seat {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed) + 1;
        let viewer = Viewer { number, name: caller.name.clone(), since: now, holds: Mutex::default() };
        let viewer = Arc::new(viewer);
        self.lock().insert(number, viewer.clone());
        Seat { among: self.clone(), viewer }
    }

    /// Everybody who watches now, the longest first.
    pub(super) fn all(&self) -> Vec<Arc<Viewer>> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Viewer>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Viewer {
    /// What it holds, flag by flag.
    pub(super) fn holds(&self) -> BTreeMap<FlagKey, Held> {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Seat {
    /// An event is handed to the connection at `now`.
    pub(super) fn hand(&self, told: &Told, now: Timestamp) {
        let Some((flag, revision)) = &told.stands else { return };
        let mut holds = self.viewer.holds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = holds.get_mut(flag) {
            if held.revision != *revision {
                *held = Held { revision: *revision, at: now };
            }
        } else {
            holds.insert(flag.clone(), Held { revision: *revision, at: now });
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.among.lock().remove(&self.viewer.number);
    }
}
