//! What slow sources have counted: bins of canary beside control, and the canary's trials of a stage.

use super::live::{Live, MAX_BINS, first_unbinned};
use rampart_core::policy::{Check, CheckName, Compare, Policy, Signal};
use rampart_core::rollout::{Bin, BinCounts, Epoch, Rollout, RolloutId};
use rampart_core::stats::Trials;
use rampart_core::{Millis, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many bins of a rollout are kept until it takes them in.
const KEEP_BINS: usize = 2 * MAX_BINS;

/// What was counted for one check.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// Whose it is.
    pub rollout: RolloutId,
    /// The epoch whose requests were counted.
    pub epoch: Epoch,
    /// The check.
    pub check: CheckName,
    /// What was counted.
    pub news: News,
}

/// What was counted.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// Both sides, in whole bins.
    Bins {
        /// Everything that begins before this is counted, or never will be.
        until: Timestamp,
        /// The percent of the epoch, as a share.
        share: f64,
        /// The bins in which nobody was missing, by their start.
        bins: Vec<(Timestamp, BinCounts)>,
    },
    /// The canary's trials since the epoch began, held against `advance_if`.
    Stage {
        /// Up to when.
        until: Timestamp,
        /// The trials.
        trials: Trials,
    },
}

/// All of it, of every rollout.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pages: Mutex<HashMap<RolloutId, Page>>,
}

#[derive(Debug, Default)]
struct Page {
    bins: BTreeMap<(Timestamp, Epoch), BinOf>,
    binned_until: BTreeMap<CheckName, Timestamp>,
    stages: BTreeMap<CheckName, (Epoch, Timestamp, Trials)>,
}

#[derive(Debug)]
struct BinOf {
    share: f64,
    counts: BTreeMap<CheckName, BinCounts>,
}

/// Whether a check is compared by what Prometheus counts.
pub(super) fn is_compared_elsewhere(policy: &Policy, check: &Check) -> bool {
    let counts = matches!(&check.signal, Signal::Prometheus(source) if source.ask.counts_each_side());
    counts && !check.shadow && policy.compare.as_ref().is_some_and(|compare| compare.checks.contains_key(&check.name))
}

impl Ledger {
    /// Writes down what was counted. Each bin counts once, as it was first told.
    pub(super) fn note(&self, counted: Counted) {
        let Counted { rollout, epoch, check, news } = counted;
        let mut pages = self.lock();
        let page = pages.entry(rollout).or_default();
        match news {
            News::Stage { until, trials } => {
                page.stages.insert(check, (epoch, until, trials));
            }
            News::Bins { until, share, bins } => {
                for (start, counts) in bins {
                    let fresh = || BinOf { share, counts: BTreeMap::new() };
                    let bin = page.bins.entry((start, epoch)).or_insert_with(fresh);
                    bin.counts.entry(check.clone()).or_insert(counts);
                }
                while page.bins.len() > KEEP_BINS {
                    page.bins.pop_first();
                }
                page.binned_until.insert(check, until);
            }
        }
    }

    /// Up to where a check's bins are known.
    pub(super) fn binned_until(&self, rollout: RolloutId, check: &CheckName) -> Option<Timestamp> {
        self.lock().get(&rollout)?.binned_until.get(check).copied()
    }

    /// Up to where a check's trials of this epoch are known.
    pub(super) fn counted_until(&self, rollout: &Rollout, check: &CheckName) -> Option<Timestamp> {
        let pages = self.lock();
        let (epoch, until, _) = pages.get(&rollout.id)?.stages.get(check)?;
        (*epoch == rollout.epoch).then_some(*until)
    }

    /// The canary's trials of this epoch.
    pub(super) fn counts(&self, rollout: &Rollout) -> BTreeMap<CheckName, Trials> {
        let pages = self.lock();
        let stages = pages.get(&rollout.id).into_iter().flat_map(|page| &page.stages);
        let of_epoch = stages.filter(|(_, (epoch, ..))| *epoch == rollout.epoch);
        of_epoch.map(|(check, (_, _, trials))| (check.clone(), *trials)).collect()
    }

    /// The bins that have closed since the newest one the rollout took in: what was served here, and what was counted
    /// elsewhere beside it. A bin waits until it is known what was counted in it, but no longer than readings may be
    /// old: a comparison by one source is not to stand still because another has gone.
    pub(super) fn bins(&self, live: &Live, policy: &Policy, rollout: &Rollout, now: Timestamp) -> Vec<Bin> {
        let pages = self.lock();
        let page = pages.get(&rollout.id);
        let compared = policy.checks.iter().filter(|check| is_compared_elsewhere(policy, check));
        let told = |check: &Check| page.and_then(|page| page.binned_until.get(&check.name)).copied();
        let known = compared.map(|check| told(check).map(|until| Compare::WATERMARK.after(until)));
        let overdue = now - chrono::Duration::milliseconds(policy.stale_after.0.cast_signed());
        let now = known.min().map_or(now, |known| known.unwrap_or(overdue).max(overdue).min(now));
        let served = live.bins(policy, rollout, now);
        let Some(page) = page else { return served };
        let (from, before) = (at(first_unbinned(policy, rollout)), closed_before(policy, now));
        // Where there were too many for one tick, the next goes on behind the newest.
        let mut starts: Vec<_> = served.iter().map(|bin| bin.start).collect();
        starts.dedup();
        let last = starts.last().filter(|_| starts.len() >= MAX_BINS);
        let mut bins: BTreeMap<_, Bin> = served.into_iter().map(|bin| ((bin.start, bin.epoch), bin)).collect();
        for ((start, epoch), found) in page.bins.range((from, Epoch(0))..(before, Epoch(0))) {
            if last.is_some_and(|last| start > last) || found.counts.values().all(is_nothing) {
                continue;
            }
            let (start, epoch) = (*start, *epoch);
            let unserved = || Bin { start, epoch, share: found.share, canary: 0, control: 0, counts: BTreeMap::new() };
            let counts = found.counts.iter().map(|(check, counts)| (check.clone(), *counts));
            bins.entry((start, epoch)).or_insert_with(unserved).counts.extend(counts);
        }
        bins.into_values().collect()
    }

    pub(super) fn keep_only(&self, rollouts: &[RolloutId]) {
        self.lock().retain(|rollout, _| rollouts.contains(rollout));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RolloutId, Page>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Before this bins are closed at `now`.
pub(super) fn closed_before(policy: &Policy, now: Timestamp) -> Timestamp {
    let length = i64::try_from(policy.bin().0 / 1000).unwrap_or(i64::MAX).max(1);
    let end = now - chrono::Duration::milliseconds(Compare::WATERMARK.0.cast_signed());
    at(end.timestamp().div_euclid(length) * length)
}

/// The first bin that holds nothing of the stages before.
pub(super) fn first_of_stage(policy: &Policy, rollout: &Rollout) -> Timestamp {
    let length = i64::try_from(policy.bin().0 / 1000).unwrap_or(i64::MAX).max(1);
    let behind = Millis::seconds(1).after(rollout.stage_since).timestamp() + length - 1;
    at(behind.div_euclid(length) * length).max(at(first_unbinned(policy, rollout)))
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_timestamp(second, 0).unwrap_or_default()
}

fn is_nothing(counts: &BinCounts) -> bool {
    let none = |arms: rampart_core::stats::Arms| arms.canary.n == 0 && arms.control.n == 0;
    counts.compared.is_none_or(none) && counts.limit.is_none_or(none) && counts.tail_edge_ms.is_none()
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
