//! Live requests, in one-second slots by rollout, epoch and cohort.
//!
//! This process counts its own requests the moment they finish; finished seconds of other replicas, and
//! of this machine's earlier lives, are merged in from the store. Totals serve checks that look at the
//! whole stage, slots those that look at the last minutes or the newest requests.

use super::Tally;
use crate::flags::StageRef;
use crate::store::SlotRow;
use rampart_core::policy::{Check, Exception, Policy, Scope, Signal, Window};
use rampart_core::rollout::{Epoch, Outcome, Reading, Rollout, RolloutId, Sample};
use rampart_core::{Millis, Timestamp};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// Slots older than this are dropped once enough newer requests are kept.
const KEEP_SECONDS: i64 = 3600;
/// So many canary requests are kept, however old, because health is judged on the newest ones.
const KEEP_REQUESTS: u64 = 5_000;
/// Seconds that wait to be written while the database is away; beyond it the oldest are dropped.
const MAX_UNWRITTEN: usize = 7200;
/// The stretch over which the present traffic is told.
const TRAFFIC_SECONDS: i64 = 10;
/// The quantile `live.p95` stands for.
const P95: f64 = 0.95;

/// Which lens served a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Cohort {
    /// The flag was on.
    Canary,
    /// The flag was off.
    Control,
    /// Somebody chose the lens by hand; no check reads these.
    Forced,
}

impl Cohort {
    /// The name used in labels and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Cohort::Canary => "canary",
            Cohort::Control => "control",
            Cohort::Forced => "forced",
        }
    }
}

/// A finished request.
#[derive(Clone, Copy, Debug)]
pub struct Observation {
    /// What evaluated it.
    pub stage: StageRef,
    /// Which lens served it.
    pub cohort: Cohort,
    /// The answer's status.
    pub status: u16,
    /// How long it took.
    pub micros: u64,
    /// Whether it failed because the database was away.
    pub unavailable: bool,
}

/// The present traffic.
#[derive(Clone, Copy, Default, Debug, PartialEq, serde::Serialize)]
pub struct Traffic {
    /// Canary requests a second, over the last ten seconds.
    pub canary_per_second: f64,
    /// Control requests a second, over the last ten seconds.
    pub control_per_second: f64,
    /// Canary requests since the epoch began.
    pub canary_requests_in_stage: u64,
}

/// Everything counted, of every rollout this process serves.
#[derive(Debug)]
pub struct Live {
    replica: Uuid,
    stories: Mutex<HashMap<RolloutId, Story>>,
}

#[derive(Clone, Debug)]
struct Slot {
    second: i64,
    epoch: Epoch,
    cohort: Cohort,
    tally: Tally,
    /// Counted by this process, and not yet in the store.
    unwritten: bool,
}

#[derive(Debug, Default)]
struct Story {
    /// Oldest first.
    slots: VecDeque<Slot>,
    totals: HashMap<(Epoch, Cohort), Tally>,
    merged: HashSet<(Uuid, i64, Epoch, Cohort)>,
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
        let mut stories = self.lock();
        let story = stories.entry(seen.stage.rollout).or_default();
        story.add(now.timestamp(), seen.stage.epoch, seen.cohort, &tally, true);
    }

    /// Takes in seconds that other replicas wrote; a second taken in before counts once.
    pub fn merge(&self, rows: &[SlotRow]) {
        let mut stories = self.lock();
        for row in rows {
            let Some((epoch, cohort, tally)) = understood(row) else { continue };
            let story = stories.entry(RolloutId(row.rollout_id)).or_default();
            if story.merged.insert((row.replica, row.second.timestamp(), epoch, cohort)) {
                story.add(row.second.timestamp(), epoch, cohort, &tally, false);
            }
        }
    }

    /// This process's finished seconds that nobody has written yet. Call [`Live::written`] once they are.
    pub fn unwritten(&self, now: Timestamp) -> Vec<SlotRow> {
        let stories = self.lock();
        let finished = |slot: &&Slot| slot.unwritten && slot.second < now.timestamp();
        stories
            .iter()
            .flat_map(|(rollout, story)| story.slots.iter().filter(finished).map(|slot| self.row(*rollout, slot)))
            .take(MAX_UNWRITTEN)
            .collect()
    }

    /// Marks seconds as written.
    pub fn written(&self, rows: &[SlotRow]) {
        let done: HashSet<(Uuid, i64)> = rows.iter().map(|row| (row.rollout_id, row.second.timestamp())).collect();
        for (rollout, story) in self.lock().iter_mut() {
            for slot in &mut story.slots {
                slot.unwritten &= !done.contains(&(rollout.0, slot.second));
            }
        }
    }

    /// Forgets every rollout but these.
    pub fn keep_only(&self, rollouts: &[RolloutId]) {
        self.lock().retain(|rollout, _| rollouts.contains(rollout));
    }

    /// Canary requests of this epoch so far.
    pub fn canary_requests(&self, rollout: &Rollout) -> u64 {
        let stories = self.lock();
        stories.get(&rollout.id).map_or(0, |story| story.total(rollout.epoch, Cohort::Canary).requests)
    }

    /// The present traffic of a rollout.
    pub fn traffic(&self, rollout: &Rollout, now: Timestamp) -> Traffic {
        let stories = self.lock();
        let Some(story) = stories.get(&rollout.id) else { return Traffic::default() };
        // Whole seconds only: the present one is not over yet.
        let seconds = now.timestamp() - TRAFFIC_SECONDS..now.timestamp();
        let per_second = |cohort| {
            let kept = story.slots.iter().rev().take_while(|slot| slot.second >= seconds.start);
            let recent = kept.filter(|slot| slot.cohort == cohort && seconds.contains(&slot.second));
            recent.map(|slot| slot.tally.requests).sum::<u64>() as f64 / TRAFFIC_SECONDS as f64
        };
        Traffic {
            canary_per_second: per_second(Cohort::Canary),
            control_per_second: per_second(Cohort::Control),
            canary_requests_in_stage: story.total(rollout.epoch, Cohort::Canary).requests,
        }
    }

    /// What a live check reads now; none where the check's signal is not a live one.
    pub fn measure(&self, policy: &Policy, check: &Check, rollout: &Rollout, now: Timestamp) -> Option<Reading> {
        if !check.signal.is_live() {
            return None;
        }
        let stories = self.lock();
        let nothing = Story::default();
        let story = stories.get(&rollout.id).unwrap_or(&nothing);
        Some(Reading {
            rollout: rollout.id,
            epoch: rollout.epoch,
            begun_at: rollout.stage_since,
            observed_at: now,
            outcome: story.outcome(policy, check, rollout, now),
        })
    }

    fn row(&self, rollout: RolloutId, slot: &Slot) -> SlotRow {
        let small = |count: u64| i32::try_from(count).unwrap_or(i32::MAX);
        SlotRow {
            rollout_id: rollout.0,
            second: Timestamp::from_timestamp(slot.second, 0).unwrap_or_default(),
            replica: self.replica,
            epoch: i32::try_from(slot.epoch.0).unwrap_or(i32::MAX),
            cohort: slot.cohort.name().to_owned(),
            requests: small(slot.tally.requests),
            failures: small(slot.tally.failures),
            server_errors: small(slot.tally.server_errors),
            unavailable: small(slot.tally.unavailable),
            rejections: small(slot.tally.rejections),
            latencies: serde_json::to_value(&slot.tally.latencies).unwrap_or_default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RolloutId, Story>> {
        self.stories.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Story {
    fn add(&mut self, second: i64, epoch: Epoch, cohort: Cohort, tally: &Tally, unwritten: bool) {
        self.totals.entry((epoch, cohort)).or_default().merge(tally);
        let same = |slot: &&mut Slot| {
            slot.second == second && slot.epoch == epoch && slot.cohort == cohort && slot.unwritten == unwritten
        };
        match self.slots.iter_mut().rev().take(8).find(same) {
            Some(slot) => slot.tally.merge(tally),
            None => {
                // Mostly the newest; another replica's second may belong a little further back.
                let place = self.slots.iter().rposition(|slot| slot.second <= second).map_or(0, |before| before + 1);
                self.slots.insert(place, Slot { second, epoch, cohort, tally: tally.clone(), unwritten });
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
        let mut canary: u64 = self.slots.iter().map(canary_requests).sum();
        self.slots.retain(|slot| {
            let needed = slot.cohort == Cohort::Canary && canary <= KEEP_REQUESTS;
            canary -= canary_requests(slot);
            slot.second >= oldest_kept || needed
        });
        self.merged.retain(|(_, second, _, _)| *second >= oldest_kept);
    }

    fn total(&self, epoch: Epoch, cohort: Cohort) -> Tally {
        self.totals.get(&(epoch, cohort)).cloned().unwrap_or_default()
    }

    fn outcome(&self, policy: &Policy, check: &Check, rollout: &Rollout, now: Timestamp) -> Outcome {
        let window = self.window(check, rollout, now);
        let newest = self.newest(check, rollout);
        let canary_seen = self.total(rollout.epoch, Cohort::Canary).requests;
        let excepts_unavailable = check.except.contains(&Exception::Unavailable);
        if excepts_unavailable && self.recent_unavailable(policy.stale_after, now) > 0 {
            return Outcome::NoEvidence("the database was away".to_owned());
        }
        let measured = match check.signal {
            Signal::Live5xx => {
                let value = |tally: &Tally| counted(tally.server_errors, tally, excepts_unavailable) as f64;
                // A request evaluated in the stage before may fail in this one; it is not forgiven.
                let late = if check.window == Window::Stage { self.late_server_errors(rollout) as f64 } else { 0.0 };
                let sample = Sample { value: value(&window) + late, samples: window.requests };
                Some((sample, sample))
            }
            Signal::LiveErrorRate => {
                let rate = |tally: &Tally| {
                    let failures = counted(tally.failures, tally, excepts_unavailable);
                    (tally.requests > 0)
                        .then(|| Sample { value: failures as f64 / tally.requests as f64, samples: tally.requests })
                };
                rate(&window).zip(rate(&newest))
            }
            Signal::LiveP95 => {
                let p95 = |tally: &Tally| {
                    tally.latencies.quantile_ms(P95).map(|value| Sample { value, samples: tally.requests })
                };
                p95(&window).zip(p95(&newest))
            }
            Signal::LiveRejections => {
                let rate = |tally: &Tally| {
                    (tally.requests > 0).then(|| Sample {
                        value: tally.rejections as f64 / tally.requests as f64,
                        samples: tally.requests,
                    })
                };
                rate(&window).zip(rate(&newest))
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
            None if canary_seen == 0 => Outcome::NoEvidence("nobody has been in this stage's canary yet".to_owned()),
            None => Outcome::NoEvidence("0 of 0 requests in the window".to_owned()),
        }
    }

    /// The check's scope over its window, never beyond the epoch.
    fn window(&self, check: &Check, rollout: &Rollout, now: Timestamp) -> Tally {
        let cohorts: &[Cohort] = match check.scope {
            Scope::Canary => &[Cohort::Canary],
            Scope::All => &[Cohort::Canary, Cohort::Control],
        };
        let mut sum = Tally::default();
        match check.window {
            Window::Stage => cohorts.iter().for_each(|cohort| sum.merge(&self.total(rollout.epoch, *cohort))),
            Window::Last(length) => {
                let from = now.timestamp() - (length.0 / 1000) as i64;
                let inside = self.slots.iter().rev().take_while(|slot| slot.second >= from);
                inside
                    .filter(|slot| slot.epoch == rollout.epoch && cohorts.contains(&slot.cohort))
                    .for_each(|slot| sum.merge(&slot.tally));
            }
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
        let since = rollout.stage_since.timestamp();
        self.slots
            .iter()
            .rev()
            .take_while(|slot| slot.second >= since)
            .filter(|slot| slot.epoch < rollout.epoch)
            .map(|slot| slot.tally.server_errors)
            .sum()
    }

    fn recent_unavailable(&self, within: Millis, now: Timestamp) -> u64 {
        let from = now.timestamp() - (within.0 / 1000) as i64;
        self.slots.iter().rev().take_while(|slot| slot.second >= from).map(|slot| slot.tally.unavailable).sum()
    }
}

fn canary_requests(slot: &Slot) -> u64 {
    if slot.cohort == Cohort::Canary { slot.tally.requests } else { 0 }
}

fn counted(failures: u64, tally: &Tally, excepts_unavailable: bool) -> u64 {
    if excepts_unavailable { failures.saturating_sub(tally.unavailable) } else { failures }
}

fn understood(row: &SlotRow) -> Option<(Epoch, Cohort, Tally)> {
    let cohort = match row.cohort.as_str() {
        "canary" => Cohort::Canary,
        "control" => Cohort::Control,
        _ => return None,
    };
    let large = |count: i32| u64::try_from(count).unwrap_or(0);
    let tally = Tally {
        requests: large(row.requests),
        failures: large(row.failures),
        server_errors: large(row.server_errors),
        unavailable: large(row.unavailable),
        rejections: large(row.rejections),
        latencies: serde_json::from_value(row.latencies.clone()).ok()?,
    };
    Some((Epoch(u32::try_from(row.epoch).ok()?), cohort, tally))
}

#[cfg(test)]
#[path = "live_tests.rs"]
mod tests;
