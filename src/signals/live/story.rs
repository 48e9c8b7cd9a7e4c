//! One rollout's requests: slots of a second, and the sums of each epoch.

use super::subjects::Seen;
use super::{Cohort, KEEP_REQUESTS, KEEP_SECONDS};
use crate::signals::Tally;
use rampart_core::Percent;
use rampart_core::rollout::Epoch;
use std::collections::{HashMap, HashSet, VecDeque};
use uuid::Uuid;

/// How many of the newest slots are looked at for the one a request belongs to: two cohorts, two epochs, two origins.
const NEWEST: usize = 8;

/// What one cohort went through in one second of one epoch.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) second: i64,
    pub(super) epoch: Epoch,
    pub(super) cohort: Cohort,
    pub(super) tally: Tally,
    /// Counted by this process, and not yet in the store.
    pub(super) unwritten: bool,
}

/// Everything counted of one rollout.
#[derive(Debug, Default)]
pub(super) struct Story {
    /// Oldest first.
    pub(super) slots: VecDeque<Slot>,
    totals: HashMap<(Epoch, Cohort), Tally>,
    merged: HashSet<(Uuid, i64, Epoch, Cohort)>,
    /// Before this second only the newest canary requests are left, and nothing of control.
    pub(super) whole_since: i64,
    pub(super) subjects: Seen,
    /// The percent of each epoch this process has seen in force.
    pub(super) percents: HashMap<Epoch, Percent>,
}

impl Story {
    /// Adds what another replica wrote, unless it was taken in before.
    pub(super) fn merge(&mut self, replica: Uuid, slot: Slot) {
        if self.merged.insert((replica, slot.second, slot.epoch, slot.cohort)) {
            self.add(slot);
        }
    }

    /// Adds requests to the slot they belong to.
    pub(super) fn add(&mut self, new: Slot) {
        self.totals.entry((new.epoch, new.cohort)).or_default().merge(&new.tally);
        let same = |slot: &&mut Slot| {
            (slot.second, slot.epoch, slot.cohort, slot.unwritten) == (new.second, new.epoch, new.cohort, new.unwritten)
        };
        match self.slots.iter_mut().rev().take(NEWEST).find(same) {
            Some(slot) => slot.tally.merge(&new.tally),
            None => {
                // Mostly the newest; another replica's second may belong a little further back.
                let place = self.slots.iter().rposition(|slot| slot.second <= new.second);
                let second = new.second;
                self.slots.insert(place.map_or(0, |before| before + 1), new);
                self.prune(second);
            }
        }
    }

    /// Drops what no check can look at any more: old seconds, but for the newest canary requests.
    fn prune(&mut self, newest: i64) {
        let oldest_kept = newest - KEEP_SECONDS;
        if self.slots.front().is_none_or(|slot| slot.second >= oldest_kept) {
            return;
        }
        let canary_requests = |slot: &Slot| if slot.cohort == Cohort::Canary { slot.tally.requests } else { 0 };
        let mut canary: u64 = self.slots.iter().map(canary_requests).sum();
        self.slots.retain(|slot| {
            let needed = slot.cohort == Cohort::Canary && canary <= KEEP_REQUESTS;
            canary -= canary_requests(slot);
            slot.second >= oldest_kept || needed
        });
        self.whole_since = self.whole_since.max(oldest_kept);
        self.merged.retain(|(_, second, _, _)| *second >= oldest_kept);
    }

    /// The kept slots from this second on, oldest first.
    pub(super) fn since(&self, second: i64) -> impl Iterator<Item = &Slot> {
        self.slots.range(self.slots.partition_point(|slot| slot.second < second)..)
    }

    /// Everything one cohort went through in an epoch.
    pub(super) fn total(&self, epoch: Epoch, cohort: Cohort) -> Option<&Tally> {
        self.totals.get(&(epoch, cohort))
    }

    /// Canary requests of an epoch.
    pub(super) fn canary_requests(&self, epoch: Epoch) -> u64 {
        self.total(epoch, Cohort::Canary).map_or(0, |tally| tally.requests)
    }
}
