//! What one reading says about one check.

use super::{Evidence, Outcome, Reading, Rollout, Sample};
use crate::policy::{Check, CheckName, Condition, Policy};
use crate::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// What a check says, from best to worst.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Within `advance_if`, on enough samples.
    Healthy,
    /// Alive, nothing seen breaks a limit, but fewer than `min_samples`.
    Thin,
    /// Outside `advance_if`, not in breach.
    Degraded,
    /// Not proven alive, or nobody has been in this stage's canary yet.
    Blind,
    /// `rollback_if` holds.
    Breach,
}

impl Verdict {
    /// Every verdict, from best to worst.
    pub const ALL: [Verdict; 5] =
        [Verdict::Healthy, Verdict::Thin, Verdict::Degraded, Verdict::Blind, Verdict::Breach];

    /// Whether the soak may grow under it.
    pub const fn lets_soak_run(self) -> bool {
        match self {
            Verdict::Healthy | Verdict::Thin => true,
            Verdict::Degraded | Verdict::Blind | Verdict::Breach => false,
        }
    }

    /// The name used on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Healthy => "healthy",
            Verdict::Thin => "thin",
            Verdict::Degraded => "degraded",
            Verdict::Blind => "blind",
            Verdict::Breach => "breach",
        }
    }
}

/// A verdict with the value it rests on and the reason in words.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CheckReport {
    /// The check.
    pub name: CheckName,
    /// What it says.
    pub verdict: Verdict,
    /// The value the verdict rests on, in the unit of the signal.
    pub value: Option<f64>,
    /// How many observations stand behind the value.
    pub samples: Option<u64>,
    /// When it was observed.
    pub observed_at: Option<Timestamp>,
    /// Why, in words.
    pub why: String,
}

/// Judges one check. A value that is not a number is no evidence.
pub(super) fn judge(policy: &Policy, check: &Check, rollout: &Rollout, evidence: &Evidence, now: Timestamp) -> CheckReport {
    let reading = evidence.readings.get(&check.name);
    let (verdict, sample, why) = match usable(policy, reading, rollout, now) {
        Err(why) => (Verdict::Blind, None, why),
        Ok((window, newest)) => weigh(check, window, newest),
    };
    CheckReport {
        name: check.name.clone(),
        verdict,
        value: sample.map(|sample| sample.value),
        samples: sample.map(|sample| sample.samples),
        observed_at: reading.map(|reading| reading.observed_at),
        why,
    }
}

/// The two samples of a reading that is fresh and of this very stage, else why it proves nothing.
fn usable(policy: &Policy, reading: Option<&Reading>, rollout: &Rollout, now: Timestamp) -> Result<(Sample, Sample), String> {
    let reading = reading.ok_or("not measured yet")?;
    if reading.rollout != rollout.id || reading.epoch != rollout.epoch || reading.begun_at < rollout.stage_since {
        return Err("not measured in this stage yet".to_owned());
    }
    let age = Millis::between(reading.observed_at, now);
    if age > policy.stale_after {
        return Err(format!("last measured {age} ago, older than {}", policy.stale_after));
    }
    match &reading.outcome {
        Outcome::NoEvidence(why) => Err(format!("not enough evidence: {why}")),
        Outcome::Fault(error) => Err(format!("cannot be measured: {error}")),
        Outcome::Measured { window, newest } if window.value.is_finite() && newest.value.is_finite() => {
            Ok((*window, *newest))
        }
        Outcome::Measured { .. } => Err("not enough evidence: the value is not a number".to_owned()),
    }
}

fn weigh(check: &Check, window: Sample, newest: Sample) -> (Verdict, Option<Sample>, String) {
    let show = |sample: Sample| check.signal.unit().show(sample.value);
    if let Some(limit) = broken(&check.rollback_if, window, true) {
        if window.samples >= check.min_samples {
            return (Verdict::Breach, Some(window), format!("{} {}", show(window), limit_words(limit, "rolls back")));
        }
        let why = format!(
            "{} {}, but {} of {} samples are too few to act on",
            show(window),
            limit_words(limit, "rolls back"),
            window.samples,
            check.min_samples
        );
        return (Verdict::Degraded, Some(window), why);
    }
    if let Some(limit) = broken(&check.advance_if, newest, false) {
        return (Verdict::Degraded, Some(newest), format!("{} {}", show(newest), limit_words(limit, "is required")));
    }
    if newest.samples < check.min_samples {
        let why = format!("{} so far; {} of {} samples", show(newest), newest.samples, check.min_samples);
        return (Verdict::Thin, Some(newest), why);
    }
    (Verdict::Healthy, Some(newest), show(newest))
}

/// The condition, where its holding equals `breaks_when` for this sample.
fn broken(condition: &Option<Condition>, sample: Sample, breaks_when: bool) -> Option<&Condition> {
    condition.as_ref().filter(|condition| condition.holds(sample.value) == breaks_when)
}

fn limit_words(limit: &Condition, consequence: &str) -> String {
    format!("({} {consequence})", limit.text)
}
