//! Live requests, in one-second slots by rollout, epoch and cohort.
//!
//! This process counts its own requests the moment they finish; finished seconds of other replicas, and
//! of this machine's earlier lives, are merged in from the store. Totals serve checks that look at the
//! whole stage, slots those that look at the last minutes or the newest requests, and bins in which canary
//! stands beside control.

mod bins;
mod cohort;
mod counts;
mod outcome;
mod rows;
mod story;
mod subjects;
mod traffic;

pub(super) use bins::{MAX_BINS, first_unbinned};
pub use cohort::{Cohort, Observation};
pub use subjects::SubjectHash;
pub use traffic::Traffic;

use super::Tally;
use rampart_core::Timestamp;
use rampart_core::rollout::{Rollout, RolloutId};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use story::{Slot, Story};
use uuid::Uuid;

/// Slots older than this are dropped once enough newer requests are kept.
pub(super) const KEEP_SECONDS: i64 = 3600;
/// So many canary requests are kept, however old, because health is judged on the newest ones.
const KEEP_REQUESTS: u64 = 5_000;
/// Seconds that wait to be written while the database is away; beyond it the oldest are dropped.
const MAX_UNWRITTEN: usize = 7200;

/// Everything counted, of every rollout this process serves.
#[derive(Debug)]
pub struct Live {
    replica: Uuid,
    stories: Mutex<HashMap<RolloutId, Story>>,
}

impl Live {
    /// Counts for the replica `replica`.
    pub fn new(replica: Uuid) -> Self {
        Self { replica, stories: Mutex::default() }
    }

    /// Counts a finished request at `now`.
    pub fn record(&self, seen: Observation, now: Timestamp) {
        if seen.cohort == Cohort::Forced {
            return;
        }
        let mut tally = Tally::default();
        tally.count(seen.status, seen.micros, seen.unavailable);
        let (epoch, cohort) = (seen.stage.epoch, seen.cohort);
        let mut stories = self.lock();
        let story = stories.entry(seen.stage.rollout).or_default();
        story.add(Slot { second: now.timestamp(), epoch, cohort, tally, unwritten: true });
        if let Some(subject) = seen.subject {
            story.subjects.add(epoch, cohort, subject);
        }
    }

    /// Forgets every rollout but these.
    pub fn keep_only(&self, rollouts: &[RolloutId]) {
        self.lock().retain(|rollout, _| rollouts.contains(rollout));
    }

    /// Canary requests of this epoch so far.
    pub fn canary_requests(&self, rollout: &Rollout) -> u64 {
        self.read(rollout, |story| story.canary_requests(rollout.epoch))
    }

    /// What `look` finds in a rollout's story; in an empty one where nobody was served yet.
    fn read<T>(&self, rollout: &Rollout, look: impl FnOnce(&Story) -> T) -> T {
        match self.lock().get(&rollout.id) {
            Some(story) => look(story),
            None => look(&Story::default()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RolloutId, Story>> {
        self.stories.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod bins_tests;
#[cfg(test)]
mod tests;
