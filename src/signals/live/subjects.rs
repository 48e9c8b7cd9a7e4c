//! How many different subjects each cohort has, to be held against the percent that was committed.
//!
//! Requests cannot tell: one busy user makes more of them than a hundred quiet ones. No identity is kept, only
//! a keyed hash that means nothing outside this process.

use super::Cohort;
use rampart_core::rollout::{Epoch, Subjects};
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

/// How many subjects of one epoch are told apart, some 4 MB. Beyond it nobody new is counted, in either cohort, so
/// that the share among those who were stays what it is.
pub(super) const MAX_SUBJECTS: usize = 200_000;

static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// Stands for a user or a yacht.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SubjectHash(u64);

impl SubjectHash {
    /// The hash of an identity, the same as long as this process lives.
    pub fn of(identity: &str) -> Self {
        Self(KEY.hash_one(identity))
    }
}

/// The subjects of the newest epoch that served somebody.
#[derive(Debug, Default)]
pub(super) struct Seen {
    epoch: Option<Epoch>,
    canary: HashSet<SubjectHash>,
    control: HashSet<SubjectHash>,
}

impl Seen {
    /// Counts a subject. One of an earlier epoch, whose request took long, comes too late.
    pub(super) fn add(&mut self, epoch: Epoch, cohort: Cohort, subject: SubjectHash) {
        if self.epoch < Some(epoch) {
            *self = Self { epoch: Some(epoch), ..Self::default() };
        }
        if self.epoch != Some(epoch) || self.canary.len() + self.control.len() >= MAX_SUBJECTS {
            return;
        }
        match cohort {
            Cohort::Canary => self.canary.insert(subject),
            Cohort::Control => self.control.insert(subject),
            Cohort::Forced => false,
        };
    }

    /// How many there are of this epoch.
    pub(super) fn count(&self, epoch: Epoch) -> Subjects {
        if self.epoch != Some(epoch) {
            return Subjects::default();
        }
        Subjects { canary: self.canary.len() as u64, control: self.control.len() as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_counts_once_however_often_it_asks_and_another_epoch_begins_anew() {
        let mut seen = Seen::default();
        for asked in ["a", "a", "b"] {
            seen.add(Epoch(1), Cohort::Canary, SubjectHash::of(asked));
        }
        seen.add(Epoch(1), Cohort::Control, SubjectHash::of("c"));
        assert_eq!(seen.count(Epoch(1)), Subjects { canary: 2, control: 1 });
        seen.add(Epoch(2), Cohort::Canary, SubjectHash::of("a"));
        seen.add(Epoch(1), Cohort::Canary, SubjectHash::of("late"));
        assert_eq!(seen.count(Epoch(2)), Subjects { canary: 1, control: 0 });
        assert_eq!(seen.count(Epoch(1)), Subjects::default());
    }

    #[test]
    fn beyond_the_limit_both_cohorts_stop_growing_at_once() {
        let mut seen = Seen::default();
        for subject in 0..MAX_SUBJECTS as u64 + 1000 {
            let cohort = if subject % 20 == 0 { Cohort::Canary } else { Cohort::Control };
            seen.add(Epoch(1), cohort, SubjectHash(subject));
        }
        let Subjects { canary, control } = seen.count(Epoch(1));
        assert_eq!((canary + control, canary), (MAX_SUBJECTS as u64, MAX_SUBJECTS as u64 / 20));
    }
}
