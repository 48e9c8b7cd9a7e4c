//! Canary beside control, in closed bins of time.
//!
//! A bin holds requests of one epoch alone, so that its share is one number; where a stage began within it there
//! are several of the same start. It is handed out once, some time after its end: other replicas share their
//! seconds a moment late, and what has been counted must never change.

use super::outcome::{P95, failures};
use super::story::Story;
use super::{Cohort, Live};
use crate::signals::Tally;
use rampart_core::Timestamp;
use rampart_core::policy::{Check, CheckName, Compare, Policy, Signal};
use rampart_core::rollout::{Bin, BinCounts, Epoch, Rollout};
use rampart_core::stats::{Arms, Histogram, Trials};
use std::collections::BTreeMap;

/// How long after its end a bin is taken for complete.
const WATERMARK_SECONDS: i64 = (Compare::WATERMARK.0 / 1000) as i64;
/// How many starts of bins one tick takes in at the most; after an outage the next ticks take in the rest.
pub(in crate::signals) const MAX_BINS: usize = 60;
/// So many of control's requests make a p95 to compare with.
const EDGE_REQUESTS: u64 = 200;

/// Both sides of one bin.
#[derive(Debug, Default)]
struct Pair {
    canary: Tally,
    control: Tally,
}

impl Live {
    /// The bins that have closed since the newest one the rollout took in, oldest first.
    pub fn bins(&self, policy: &Policy, rollout: &Rollout, now: Timestamp) -> Vec<Bin> {
        let mut stories = self.lock();
        let story = stories.entry(rollout.id).or_default();
        story.percents.insert(rollout.epoch, rollout.percent);
        story.bins(policy, rollout, now)
    }
}

/// The first second that no bin the rollout took in has counted.
pub(in crate::signals) fn first_unbinned(policy: &Policy, rollout: &Rollout) -> i64 {
    let length = seconds_of(policy);
    let of = |time: Timestamp| time.timestamp().div_euclid(length) * length;
    rollout.statistics.last_bin.map_or_else(|| of(rollout.started_at), |last| of(last) + length)
}

fn seconds_of(policy: &Policy) -> i64 {
    i64::try_from(policy.bin().0 / 1000).unwrap_or(i64::MAX).max(1)
}

impl Story {
    fn bins(&self, policy: &Policy, rollout: &Rollout, now: Timestamp) -> Vec<Bin> {
        let length = seconds_of(policy);
        let from = first_unbinned(policy, rollout).max(self.whole_since);
        let closed_before = (now.timestamp() - WATERMARK_SECONDS).div_euclid(length) * length;
        let mut pairs: BTreeMap<(i64, Epoch), Pair> = BTreeMap::new();
        let mut starts = 0;
        let mut newest = None;
        for slot in self.since(from).take_while(|slot| slot.second < closed_before) {
            let start = slot.second.div_euclid(length) * length;
            if newest.replace(start) != Some(start) {
                starts += 1;
            }
            // All of one start or nothing: the next tick goes on behind the newest start.
            if starts > MAX_BINS {
                break;
            }
            let pair = pairs.entry((start, slot.epoch)).or_default();
            match slot.cohort {
                Cohort::Canary => pair.canary.merge(&slot.tally),
                Cohort::Control => pair.control.merge(&slot.tally),
                Cohort::Forced => {}
            }
        }
        let open =
            |check: &&Check| check.signal == Signal::LiveP95 && rollout.statistics.tail_edge_ms(&check.name).is_none();
        let wanted = policy.checks.iter().any(|check| open(&check));
        let edge = wanted.then(|| self.first_edge(pairs.keys().map(|(start, _)| *start + length))).flatten();
        let bin = |((start, epoch), pair): (&(i64, Epoch), &Pair)| Bin {
            start: Timestamp::from_timestamp(*start, 0).unwrap_or_default(),
            epoch: *epoch,
            share: self.share(*epoch, pair),
            canary: pair.canary.requests,
            control: pair.control.requests,
            counts: counts(policy, rollout, pair, edge.filter(|(end, _)| *end == *start + length).map(|(_, ms)| ms)),
        };
        pairs.iter().map(bin).collect()
    }

    /// The percent of an epoch; of one that this process never saw in force, what its requests made of it.
    fn share(&self, epoch: Epoch, pair: &Pair) -> f64 {
        let (canary, control) = (pair.canary.requests as f64, pair.control.requests as f64);
        self.percents.get(&epoch).map_or(canary / (canary + control), |percent| percent.share())
    }

    /// The first of these ends before which control has made enough requests, with the p95 of what is kept of them:
    /// a bin that is compared with it must have no part in it.
    fn first_edge(&self, ends: impl Iterator<Item = i64>) -> Option<(i64, f64)> {
        let mut latencies = Histogram::default();
        let mut control = self.slots.iter().filter(|slot| slot.cohort == Cohort::Control).peekable();
        for end in ends {
            while let Some(slot) = control.next_if(|slot| slot.second < end) {
                latencies.merge(&slot.tally.latencies);
            }
            if latencies.count() >= EDGE_REQUESTS {
                return Some((end, latencies.quantile_ms(P95)?));
            }
        }
        None
    }
}

fn counts(policy: &Policy, rollout: &Rollout, pair: &Pair, edge_now: Option<f64>) -> BTreeMap<CheckName, BinCounts> {
    let both = |k: &dyn Fn(&Tally) -> u64| {
        let trials = |tally: &Tally| Trials { n: tally.requests, k: k(tally) };
        Some(Arms { canary: trials(&pair.canary), control: trials(&pair.control) })
    };
    let counted = |check: &Check| {
        let counts = match check.signal {
            Signal::LiveErrorRate | Signal::LiveRejections => {
                let failed = both(&|tally| failures(check, tally));
                BinCounts { limit: failed, compared: failed, tail_edge_ms: None }
            }
            Signal::LiveP95 => {
                // Harm is to be proven: only what is surely over the limit is over it.
                let over = |limit: f64| both(&|tally| tally.latencies.certainly_above(limit));
                let edge = rollout.statistics.tail_edge_ms(&check.name);
                BinCounts {
                    limit: check.rollback_if.as_ref().or(check.advance_if.as_ref()).and_then(|c| over(c.limit)),
                    compared: edge.and_then(over),
                    tail_edge_ms: if edge.is_none() { edge_now } else { None },
                }
            }
            Signal::Live5xx
            | Signal::LiveCrashes
            | Signal::AuditViolations
            | Signal::ProbeRls
            | Signal::ProbeRead
            | Signal::ProbeWrite
            | Signal::ReportDataInconsistency
            | Signal::ReportOther
            | Signal::ReportAny
            | Signal::Prometheus(_)
            | Signal::Sql(_) => return None,
        };
        Some((check.name.clone(), counts))
    };
    policy.checks.iter().filter_map(counted).collect()
}
