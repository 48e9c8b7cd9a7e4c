//! What a live check reads now.

use super::story::Story;
use super::{Cohort, Live};
use crate::signals::Tally;
use rampart_core::policy::{Check, Exception, Policy, Scope, Signal, Window};
use rampart_core::rollout::{Outcome, Reading, Rollout, Sample};
use rampart_core::{Millis, Timestamp};

/// The quantile `live.p95` stands for.
pub(super) const P95: f64 = 0.95;

impl Live {
    /// What a live check reads now; none where the check's signal is not a live one.
    pub fn measure(&self, policy: &Policy, check: &Check, rollout: &Rollout, now: Timestamp) -> Option<Reading> {
        if !check.signal.is_live() {
            return None;
        }
        Some(Reading {
            rollout: rollout.id,
            epoch: rollout.epoch,
            begun_at: rollout.stage_since,
            observed_at: now,
            outcome: self.read(rollout, |story| story.outcome(policy, check, rollout, now)),
            control: None,
        })
    }

    /// What control went through over the window of a live check, in the unit of its signal. It is asked for by ticks
    /// alone: nothing is decided by it, so a look between ticks does without.
    pub fn control(&self, check: &Check, rollout: &Rollout, now: Timestamp) -> Option<f64> {
        self.read(rollout, |story| {
            let seen = story.window_of(&[Cohort::Control], check, rollout, now);
            if seen.requests == 0 {
                return None;
            }
            match check.signal {
                Signal::Live5xx => Some(excused(check, &seen, seen.server_errors) as f64),
                Signal::LiveErrorRate | Signal::LiveRejections => {
                    Some(failures(check, &seen) as f64 / seen.requests as f64)
                }
                Signal::LiveP95 => seen.latencies.quantile_ms(P95),
                Signal::LiveCrashes
                | Signal::AuditViolations
                | Signal::ProbeRls
                | Signal::ProbeRead
                | Signal::ProbeWrite
                | Signal::ReportDataInconsistency
                | Signal::ReportOther
                | Signal::ReportAny
                | Signal::Prometheus(_)
                | Signal::Sql(_) => None,
            }
        })
    }
}

impl Story {
    fn outcome(&self, policy: &Policy, check: &Check, rollout: &Rollout, now: Timestamp) -> Outcome {
        if check.except.contains(&Exception::Unavailable) && self.recent_unavailable(policy.stale_after, now) > 0 {
            return Outcome::NoEvidence("the database was away".to_owned());
        }
        let window = self.window(check, rollout, now);
        let newest = self.newest(check, rollout);
        let measured = match check.signal {
            Signal::Live5xx => {
                let value = |tally: &Tally| excused(check, tally, tally.server_errors) as f64;
                // A request evaluated in the stage before may fail in this one; it is not forgiven.
                let late = if check.window == Window::Stage { self.late_server_errors(rollout) as f64 } else { 0.0 };
                let sample = Sample { value: value(&window) + late, samples: window.requests };
                Some((sample, sample))
            }
            Signal::LiveErrorRate | Signal::LiveRejections => {
                let rate = |tally: &Tally| {
                    let value = failures(check, tally) as f64 / tally.requests as f64;
                    (tally.requests > 0).then_some(Sample { value, samples: tally.requests })
                };
                rate(&window).zip(rate(&newest))
            }
            Signal::LiveP95 => {
                let p95 = |tally: &Tally| {
                    tally.latencies.quantile_ms(P95).map(|value| Sample { value, samples: tally.requests })
                };
                p95(&window).zip(p95(&newest))
            }
            Signal::LiveCrashes
            | Signal::AuditViolations
            | Signal::ProbeRls
            | Signal::ProbeRead
            | Signal::ProbeWrite
            | Signal::ReportDataInconsistency
            | Signal::ReportOther
            | Signal::ReportAny
            | Signal::Prometheus(_)
            | Signal::Sql(_) => None,
        };
        match measured {
            Some((window, newest)) => Outcome::Measured { window, newest },
            None if self.canary_requests(rollout.epoch) == 0 => {
                Outcome::NoEvidence("nobody has been in this stage's canary yet".to_owned())
            }
            None => Outcome::NoEvidence("0 of 0 requests in the window".to_owned()),
        }
    }

    /// The check's scope over its window, never beyond the epoch.
    fn window(&self, check: &Check, rollout: &Rollout, now: Timestamp) -> Tally {
        let cohorts: &[Cohort] = match check.scope {
            Scope::Canary => &[Cohort::Canary],
            Scope::All => &[Cohort::Canary, Cohort::Control],
        };
        self.window_of(cohorts, check, rollout, now)
    }

    fn window_of(&self, cohorts: &[Cohort], check: &Check, rollout: &Rollout, now: Timestamp) -> Tally {
        let mut sum = Tally::default();
        match check.window {
            Window::Stage => {
                let totals = cohorts.iter().filter_map(|cohort| self.total(rollout.epoch, *cohort));
                totals.for_each(|total| sum.merge(total));
            }
            Window::Last(length) => self
                .since(now.timestamp() - (length.0 / 1000) as i64)
                .filter(|slot| slot.epoch == rollout.epoch && cohorts.contains(&slot.cohort))
                .for_each(|slot| sum.merge(&slot.tally)),
        }
        sum
    }

    /// The newest canary requests of the epoch: at least `min_samples`, in whole seconds.
    fn newest(&self, check: &Check, rollout: &Rollout) -> Tally {
        let mut sum = Tally::default();
        for slot in self.slots.iter().rev().filter(|slot| slot.epoch == rollout.epoch && slot.cohort == Cohort::Canary)
        {
            sum.merge(&slot.tally);
            if sum.requests >= check.min_samples.max(1) {
                break;
            }
        }
        sum
    }

    fn late_server_errors(&self, rollout: &Rollout) -> u64 {
        let late = self.since(rollout.stage_since.timestamp()).filter(|slot| slot.epoch < rollout.epoch);
        late.map(|slot| slot.tally.server_errors).sum()
    }

    fn recent_unavailable(&self, within: Millis, now: Timestamp) -> u64 {
        self.since(now.timestamp() - (within.0 / 1000) as i64).map(|slot| slot.tally.unavailable).sum()
    }
}

/// What counts as a failure for a check on a share of the requests.
pub(super) fn failures(check: &Check, tally: &Tally) -> u64 {
    if check.signal == Signal::LiveRejections { tally.rejections } else { excused(check, tally, tally.failures) }
}

/// `failed` without those that the check excuses.
fn excused(check: &Check, tally: &Tally, failed: u64) -> u64 {
    if check.except.contains(&Exception::Unavailable) { failed.saturating_sub(tally.unavailable) } else { failed }
}
