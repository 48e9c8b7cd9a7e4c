//! What the sequential tests know of a rollout: a handful of numbers for each check.
//!
//! `STATISTICS.md` 2.4 and 2.5: each test keeps an e-value, a running number whose expectation is at most 1 while
//! the canary is healthy. Their mean is one e-value for the whole rollout, however many stages it has and however
//! often somebody looks. Everything here is fed by closed bins alone, so that equal bins give equal numbers.

use super::{Bin, Epoch};
use crate::policy::{Check, CheckName, Policy, Signal};
use crate::stats::{Detector, Trials, combine};
use crate::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// ln 100: at 100:1 that the canary is worse, the flag goes back to 0 %.
pub const LN_ROLLBACK: f64 = 4.605_170_185_988_092;
/// ln 20: at 20:1 that the canary is worse, nothing advances; at 20:1 that it is good, it is proven.
pub const LN_PROVEN: f64 = 2.995_732_273_553_991;
/// ln 1000: at 1000:1 that subjects are not split as the percent says, nothing advances.
pub(super) const LN_SPLIT: f64 = 6.907_755_278_982_137;
/// "p95 is within" says that no more than this share of the requests is beyond.
pub(super) const BEYOND_P95: f64 = 0.05;
/// Silence and shared incidents are judged on the last five minutes.
const RECENT: Millis = Millis::minutes(5);
/// So many canary requests must have been due before their absence says anything.
const DUE_BEFORE_SILENCE: f64 = 20.0;
/// A canary with less than this share of what was due is silent.
const SILENT_BELOW: f64 = 0.5;

/// The state of every test of one rollout. It belongs to the whole rollout, and no stage resets it.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
pub struct Statistics {
    /// The start of the newest bin that was taken in.
    #[serde(default)]
    pub last_bin: Option<Timestamp>,
    /// The epoch of that bin.
    #[serde(default)]
    last_epoch: Option<Epoch>,
    /// Each test by its check.
    #[serde(default)]
    tests: BTreeMap<CheckName, Tests>,
    /// Failures of the canary beyond what was to be expected.
    #[serde(default)]
    pub harm: f64,
    /// The bins of the last minutes.
    #[serde(default)]
    recent: Vec<Bin>,
}

/// The tests of one check.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
struct Tests {
    /// The canary against the check's limit.
    limit: Option<Detector>,
    /// The canary against control.
    control: Option<Detector>,
    /// The latency beyond which a request counts as slow in the comparison, frozen for the whole rollout.
    tail_edge_ms: Option<f64>,
}

/// What one test says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Suspicion {
    /// The check.
    pub check: CheckName,
    /// What the canary is held against.
    pub against: Against,
    /// ln of the e-value that it is worse: 0 is even odds.
    pub ln_e: f64,
}

/// What the canary is held against.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Against {
    /// The check's own limit.
    Limit,
    /// Control, at the same time.
    Control,
}

impl Statistics {
    /// Takes in closed bins, oldest first; those not newer than the last one are passed over.
    pub fn take(&mut self, policy: &Policy, bins: &[Bin]) {
        let newest_before = self.last_bin;
        for bin in bins.iter().filter(|bin| newest_before.is_none_or(|newest| bin.start > newest)) {
            self.take_one(policy, bin);
        }
    }

    fn take_one(&mut self, policy: &Policy, bin: &Bin) {
        let minutes = self.last_bin.map_or(0.0, |last| Millis::between(last, bin.start).as_seconds() / 60.0);
        let stage_began = self.last_epoch.is_some_and(|last| last != bin.epoch);
        for check in &policy.checks {
            let Some(plan) = plan(policy, check) else { continue };
            let tests = self.tests.entry(check.name.clone()).or_default();
            let counts = bin.counts.get(&check.name).copied().unwrap_or_default();
            if let Some(p0) = plan.p0 {
                let limit = tests.limit.get_or_insert_with(|| Detector::one_sample(p0));
                limit.take(counts.limit.unwrap_or_default().canary, minutes, stage_began);
            }
            if let Some(r1) = plan.r1 {
                let control = tests.control.get_or_insert_with(|| Detector::two_sample(r1));
                control.take(counts.compared.unwrap_or_default(), minutes, stage_began);
            }
            // Frozen by what came before the bins it will be used for, or the comparison would not be fair.
            tests.tail_edge_ms = tests.tail_edge_ms.or(counts.tail_edge_ms);
        }
        self.harm += excess(policy, bin);
        let oldest = policy.bin().0.max(RECENT.0);
        self.recent.retain(|kept| Millis::between(kept.start, bin.start).0 < oldest);
        self.recent.push(bin.clone());
        (self.last_bin, self.last_epoch) = (Some(bin.start), Some(bin.epoch));
    }

    /// The latency, in milliseconds, beyond which a request counts as slow where a check is compared with control.
    pub fn tail_edge_ms(&self, check: &CheckName) -> Option<f64> {
        self.tests.get(check)?.tail_edge_ms
    }

    /// What each test of the policy says, in the policy's order. Tests that have seen nothing say 0.
    pub fn suspicions(&self, policy: &Policy) -> Vec<Suspicion> {
        let of = |check: &Check| {
            let plan = plan(policy, check)?;
            let tests = self.tests.get(&check.name);
            let ln_e = |test: Option<&Detector>| test.map_or(0.0, Detector::ln_e);
            let say = |against, ln_e| Suspicion { check: check.name.clone(), against, ln_e };
            let limit = plan.p0.map(|_| say(Against::Limit, ln_e(tests.and_then(|tests| tests.limit.as_ref()))));
            let control = plan.r1.map(|_| say(Against::Control, ln_e(tests.and_then(|tests| tests.control.as_ref()))));
            Some(limit.into_iter().chain(control))
        };
        policy.checks.iter().filter_map(of).flatten().collect()
    }

    /// Whether control itself broke the limit of a check in the last minutes.
    pub fn control_is_over(&self, policy: &Policy, check: &CheckName) -> bool {
        let Some(p0) = policy.check(check).and_then(|check| plan(policy, check)).and_then(|plan| plan.p0) else {
            return false;
        };
        let mut control = Trials::default();
        for arms in self.recent.iter().filter_map(|bin| bin.counts.get(check)?.limit) {
            control += arms.control;
        }
        control.rate().is_some_and(|rate| rate > p0)
    }

    /// Canary requests of the last minutes and how many were due, where far too few have come.
    pub fn silence(&self, policy: &Policy, epoch: Epoch) -> Option<(u64, u64)> {
        let bins = || self.recent.iter().filter(|bin| bin.epoch == epoch);
        if policy.bin() * (bins().count() as u64) < RECENT {
            return None;
        }
        let due: f64 = bins().map(|bin| (bin.canary + bin.control) as f64 * bin.share).sum();
        let came: u64 = bins().map(|bin| bin.canary).sum();
        (due >= DUE_BEFORE_SILENCE && (came as f64) < due * SILENT_BELOW).then_some((came, due as u64))
    }
}

/// ln of the one e-value of a rollout: the mean of all its tests'. None where it has none.
pub fn ln_harm(suspicions: &[Suspicion]) -> Option<f64> {
    let all: Vec<f64> = suspicions.iter().map(|suspicion| suspicion.ln_e).collect();
    (!all.is_empty()).then(|| combine(&all))
}

/// The tests a check is put to, fixed by the policy alone.
struct Plan {
    /// The rate the canary must not exceed.
    p0: Option<f64>,
    /// How many times control's rate it must not exceed.
    r1: Option<f64>,
}

fn plan(policy: &Policy, check: &Check) -> Option<Plan> {
    if check.shadow {
        return None;
    }
    let p0 = match &check.signal {
        Signal::LiveErrorRate => check.advance_if.as_ref().map(|limit| limit.limit),
        Signal::LiveP95 => check.rollback_if.as_ref().map(|_| BEYOND_P95),
        Signal::Live5xx
        | Signal::LiveRejections
        | Signal::LiveCrashes
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
    let p0 = p0.filter(|p0| (f64::MIN_POSITIVE..1.0).contains(p0));
    let r1 = policy.compare.as_ref().and_then(|compare| compare.checks.get(&check.name)).map(|tolerance| tolerance.0);
    (p0.is_some() || r1.is_some()).then_some(Plan { p0, r1 })
}

/// Failures of the canary in one bin beyond the larger of the limit and control's rate in the same bin.
fn excess(policy: &Policy, bin: &Bin) -> f64 {
    let errors = policy.checks.iter().find(|check| check.signal == Signal::LiveErrorRate && !check.shadow);
    let Some((check, arms)) = errors.and_then(|check| Some((check, bin.counts.get(&check.name)?.limit?))) else {
        return 0.0;
    };
    let allowed = check.advance_if.as_ref().map_or(ALLOWED_RATE, |limit| limit.limit);
    let expected = allowed.max(arms.control.rate().unwrap_or(0.0)) * arms.canary.n as f64;
    (arms.canary.k as f64 - expected).max(0.0)
}

/// What counts as no harm where no check names a limit.
const ALLOWED_RATE: f64 = 0.001;
