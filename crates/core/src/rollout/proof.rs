//! What is proven so far, and how many more requests would prove the rest.
//!
//! The same closed forms that decide (`STATISTICS.md` 2.1), told to people: none of this decides anything but
//! [`unproven`], which a stage with `evidence: proven` waits for.

use super::statistics::{BEYOND_P95, LN_PROVEN};
use super::{Evidence, Need, NeedCode, Rollout};
use crate::policy::{Check, Condition, Policy, PrometheusAsk, PrometheusSource, Signal};
use crate::stats::{Trials, one_sample};
use crate::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// The odds at which bounds are told: 20:1.
const ALPHA: f64 = 0.05;

/// How good one check has been shown to be in this stage.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ProofReport {
    /// Canary requests of this stage.
    pub requests: u64,
    /// Those beyond the limit.
    pub beyond: u64,
    /// The share that may be beyond, 0..=1.
    pub limit: f64,
    /// The share is proven to lie below this, 0..=1; none of nothing.
    pub below: Option<f64>,
    /// Whether good is proven at 20:1.
    pub proven: bool,
    /// So many more requests with nothing beyond would prove it; none where no number would.
    pub missing: Option<u64>,
    /// All of it in words.
    pub text: String,
}

/// What the requests of this stage prove of a check. None where it counts no requests against a limit.
pub fn proof(check: &Check, rollout: &Rollout, evidence: &Evidence, now: Timestamp) -> Option<ProofReport> {
    let (trials, p0, condition) = gate(check, evidence)?;
    let (proven, missing) = (is_proven(trials, p0), missing(trials, p0));
    let below = (trials.n > 0).then(|| one_sample::bounds(trials, ALPHA).1);
    let what = if times(check) { "slower than the limit" } else { "failed" };
    let observed = format!("observed {} of {} {what}", grouped(trials.k), grouped(trials.n));
    let bound = below.map_or("nothing proven yet".to_owned(), |below| format!("proven below {}", share(below)));
    let outlook = match (proven, missing) {
        (true, _) => format!("that proves {}", condition.text),
        (false, Some(missing)) => {
            let pace = eta(missing, rollout, evidence, now).map(|left| format!(", about {left},")).unwrap_or_default();
            format!("{} more clean requests{pace} would prove {}", grouped(missing), condition.text)
        }
        (false, None) => format!("no number of clean requests would prove {} any more", condition.text),
    };
    let text = format!("{observed}; {bound}; {outlook}");
    Some(ProofReport { requests: trials.n, beyond: trials.k, limit: p0, below, proven, missing, text })
}

/// What a stage that asks for proof still lacks.
pub(super) fn unproven(policy: &Policy, rollout: &Rollout, evidence: &Evidence, now: Timestamp) -> Vec<Need> {
    let lacks = |check: &Check| {
        let (trials, p0, condition) = gate(check, evidence)?;
        if is_proven(trials, p0) {
            return None;
        }
        let missing = missing(trials, p0);
        let outlook = missing.map_or("no number of clean ones would do any more".to_owned(), |missing| {
            format!("{} more clean ones would do", grouped(missing))
        });
        let text = format!(
            "{}: {} not proven by {} clean of {} requests; {outlook}",
            check.name.words(),
            condition.text,
            grouped(trials.n - trials.k),
            grouped(trials.n),
        );
        let eta = missing.and_then(|missing| eta(missing, rollout, evidence, now)).map(|left| left.after(now));
        Some(Need { code: NeedCode::Unproven, text, eta })
    };
    policy.checks.iter().filter(|check| !check.shadow).filter_map(lacks).collect()
}

/// The requests, the share of them that may be beyond the limit, and the limit.
fn gate<'c>(check: &'c Check, evidence: &Evidence) -> Option<(Trials, f64, &'c Condition)> {
    let condition = check.advance_if.as_ref()?;
    let p0 = may_be_beyond(check, condition)?;
    let trials = evidence.counts.get(&check.name).copied().unwrap_or_default();
    (p0 > 0.0 && p0 < 1.0).then_some((trials, p0, condition))
}

/// The share of the canary's requests that may be beyond the limit; none where nobody counts them.
pub(super) fn may_be_beyond(check: &Check, condition: &Condition) -> Option<f64> {
    match &check.signal {
        Signal::LiveP95 => Some(BEYOND_P95),
        Signal::LiveErrorRate | Signal::LiveRejections => Some(condition.limit),
        Signal::Prometheus(source) => match &source.ask {
            PrometheusAsk::Value { .. } => None,
            ask if !ask.counts_each_side() => None,
            PrometheusAsk::Histogram { .. } => Some(BEYOND_P95),
            PrometheusAsk::Ratio { .. } => Some(condition.limit),
        },
        Signal::Live5xx
        | Signal::LiveCrashes
        | Signal::AuditViolations
        | Signal::ProbeRls
        | Signal::ProbeRead
        | Signal::ProbeWrite
        | Signal::ReportDataInconsistency
        | Signal::ReportOther
        | Signal::ReportAny
        | Signal::Sql(_) => None,
    }
}

/// Whether being beyond the limit is being slow.
fn times(check: &Check) -> bool {
    let histogram = |source: &PrometheusSource| matches!(source.ask, PrometheusAsk::Histogram { .. });
    check.signal == Signal::LiveP95 || matches!(&check.signal, Signal::Prometheus(source) if histogram(source))
}

fn is_proven(trials: Trials, p0: f64) -> bool {
    one_sample::ln_e_good(trials, p0) >= LN_PROVEN
}

fn missing(trials: Trials, p0: f64) -> Option<u64> {
    one_sample::requests_to_good(trials.k, p0, LN_PROVEN).map(|needed| needed.saturating_sub(trials.n))
}

/// At the pace of this stage so far.
fn eta(missing: u64, rollout: &Rollout, evidence: &Evidence, now: Timestamp) -> Option<Millis> {
    let elapsed = Millis::between(rollout.stage_since, now);
    (evidence.canary_requests > 0)
        .then(|| Millis((elapsed.0 as f64 * missing as f64 / evidence.canary_requests as f64) as u64))
}

/// Thousands apart, as people read them.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// Three significant digits are more than anybody acts on.
fn share(share: f64) -> String {
    let percent = share * 100.0;
    let decimals = if percent >= 10.0 {
        0
    } else if percent >= 1.0 {
        1
    } else {
        2
    };
    format!("{percent:.decimals$} %")
}
