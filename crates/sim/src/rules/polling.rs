//! A ratio over a window against the limit, and how many windows may be over it: what Argo Rollouts and
//! Flagger do with a query.
//!
//! Argo Rollouts ends an analysis when more than `failureLimit` measurements failed (0 unless set); Flagger
//! rolls back at `threshold` failed checks. Both count over the whole rollout and never forgive one. A ratio of
//! exactly the limit passes here: at 3 000 requests a minute that is a third failure, and a poll that takes it for
//! one too many is noisier still.

use super::{ERROR_LIMIT, Minute, Rule};
use rampart_core::stats::Trials;

/// Polls the canary's error rate.
#[derive(Clone, Debug)]
pub(super) struct Poll {
    every_minutes: u32,
    tolerated: u64,
    failed: u64,
    /// Since the last look.
    seen: Trials,
}

impl Poll {
    /// Argo Rollouts: an `interval` (and window) of so many minutes, and its `failureLimit`.
    pub(super) fn argo(every_minutes: u32, failure_limit: u64) -> Self {
        Self { every_minutes, tolerated: failure_limit, failed: 0, seen: Trials::default() }
    }

    /// Flagger: a check a minute, rolled back at `threshold` failed ones.
    pub(super) fn flagger(threshold: u64) -> Self {
        Self::argo(1, threshold.saturating_sub(1))
    }

    /// Measurements that failed so far.
    pub(super) const fn failed(&self) -> u64 {
        self.failed
    }
}

impl Rule for Poll {
    fn rolls_back(&mut self, minute: &Minute) -> bool {
        self.seen += minute.arms.canary;
        if minute.number.is_multiple_of(self.every_minutes) {
            let measured = std::mem::take(&mut self.seen).rate();
            self.failed += u64::from(measured > Some(ERROR_LIMIT));
        }
        self.failed > self.tolerated
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rampart_core::stats::Arms;

    /// The minute in which it rolls back a canary that fails at twice the limit in every minute.
    fn minute_of(mut rule: Poll) -> Option<u32> {
        let arms = Arms::from(Trials::new(1_000, 2));
        (1..=60).find(|number| rule.rolls_back(&Minute { number: *number, arms, stage_began: false }))
    }

    #[test]
    fn so_many_windows_over_the_limit_are_let_pass() {
        assert_eq!(minute_of(Poll::argo(1, 0)), Some(1));
        assert_eq!(minute_of(Poll::argo(1, 3)), Some(4));
        assert_eq!(minute_of(Poll::argo(5, 3)), Some(20));
        assert_eq!(minute_of(Poll::flagger(10)), Some(10));
    }

    #[test]
    fn a_window_without_requests_is_no_failure() {
        let mut rule = Poll::argo(1, 0);
        assert!(!rule.rolls_back(&Minute { number: 1, arms: Arms::default(), stage_began: true }));
    }
}
