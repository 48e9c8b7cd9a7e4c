//! What one reading says about one check.

use super::{Evidence, Outcome, Reading, Rollout, Sample};
use crate::policy::{Check, CheckName, Condition, Op, Policy};
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
    pub const ALL: [Verdict; 5] = [Verdict::Healthy, Verdict::Thin, Verdict::Degraded, Verdict::Blind, Verdict::Breach];

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
    /// What control went through over the same window, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub control: Option<f64>,
    /// How many observations stand behind the value.
    pub samples: Option<u64>,
    /// When it was observed.
    pub observed_at: Option<Timestamp>,
    /// Why, in words.
    pub why: String,
    /// Whether it is shown and decides nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
}

/// Judges one check. What breaches a rollback limit is acted on wherever the reading is fresh and of this epoch;
/// everything else needs a finite reading, too, taken wholly inside the stage, of a canary with somebody in it.
pub(super) fn judge(
    policy: &Policy,
    check: &Check,
    rollout: &Rollout,
    evidence: &Evidence,
    now: Timestamp,
) -> CheckReport {
    let reading = evidence.readings.get(&check.name);
    let (verdict, sample, why) = match measured(policy, check, reading, rollout, now) {
        Err(why) => (Verdict::Blind, None, why),
        Ok((reading, window, newest)) => breached(check, window)
            .or_else(|| proves_nothing(check, rollout, evidence, reading, window, newest))
            .unwrap_or_else(|| weigh(check, window, newest)),
    };
    CheckReport {
        name: check.name.clone(),
        verdict,
        value: sample.map(|sample| sample.value),
        control: reading.and_then(|reading| reading.control).filter(|control| control.is_finite()),
        samples: sample.map(|sample| sample.samples),
        observed_at: reading.map(|reading| reading.observed_at),
        why,
        shadow: check.shadow,
    }
}

type Weighed = (Verdict, Option<Sample>, String);

/// The two samples of a reading that is fresh and of this very epoch, else why it proves nothing.
fn measured<'r>(
    policy: &Policy,
    check: &Check,
    reading: Option<&'r Reading>,
    rollout: &Rollout,
    now: Timestamp,
) -> Result<(&'r Reading, Sample, Sample), String> {
    let reading = reading.ok_or("not measured yet")?;
    if reading.rollout != rollout.id || reading.epoch != rollout.epoch {
        return Err("not measured in this stage yet".to_owned());
    }
    // A reading from the future is as worthless as an old one: a clock was set.
    let age = Millis::between(reading.observed_at, now).max(Millis::between(now, reading.observed_at));
    if age > policy.stale_after + until_due(check, reading) {
        return Err(format!("no fresh measurement since {}", reading.observed_at.format("%H:%M:%S UTC")));
    }
    match &reading.outcome {
        Outcome::NoEvidence(why) => Err(format!("not enough evidence: {why}")),
        Outcome::Fault(error) => Err(format!("cannot be measured: {error}")),
        Outcome::Measured { window, newest } => Ok((reading, *window, *newest)),
    }
}

/// A check with a schedule of its own is not stale before it was due again.
fn until_due(check: &Check, reading: &Reading) -> Millis {
    let due = check.schedule.as_ref().and_then(|schedule| schedule.next_after(reading.observed_at));
    due.map_or(Millis::ZERO, |due| Millis::between(reading.observed_at, due))
}

/// The breach, where the window is a number that breaks the rollback limit on enough samples.
fn breached(check: &Check, window: Sample) -> Option<Weighed> {
    let armed = window.value.is_finite() && window.samples >= check.min_samples;
    let limit = broken(&check.rollback_if, window, true).filter(|_| armed)?;
    let over = if limit.op == Op::AtLeast { "at or over" } else { "over" };
    let why = format!("{}, {over} the limit of {}", show(check, window), check.signal.unit().show(limit.limit));
    Some((Verdict::Breach, Some(window), why))
}

/// Why a measurement that breaches nothing is no evidence of health either.
fn proves_nothing(
    check: &Check,
    rollout: &Rollout,
    evidence: &Evidence,
    reading: &Reading,
    window: Sample,
    newest: Sample,
) -> Option<Weighed> {
    let why = if reading.begun_at < rollout.stage_since {
        "not measured in this stage yet"
    } else if !(window.value.is_finite() && newest.value.is_finite()) {
        "not enough evidence: the value is not a number"
    } else if check.signal.is_live() && evidence.canary_requests == 0 {
        "not enough evidence: nobody has been in this stage's canary yet"
    } else {
        return None;
    };
    Some((Verdict::Blind, None, why.to_owned()))
}

fn weigh(check: &Check, window: Sample, newest: Sample) -> Weighed {
    if broken(&check.rollback_if, window, true).is_some() {
        let why = format!(
            "{}, but {} of {} samples are too few to act on",
            show(check, window),
            window.samples,
            check.min_samples
        );
        return (Verdict::Degraded, Some(window), why);
    }
    if let Some(limit) = broken(&check.advance_if, newest, false) {
        return (
            Verdict::Degraded,
            Some(newest),
            format!("{}, must be {} to advance", show(check, newest), limit.text),
        );
    }
    if newest.samples < check.min_samples {
        let why = format!("{} so far; {} of {} samples", show(check, newest), newest.samples, check.min_samples);
        return (Verdict::Thin, Some(newest), why);
    }
    (Verdict::Healthy, Some(newest), show(check, newest))
}

/// The condition, where its holding equals `breaks_when` for this sample.
fn broken(condition: &Option<Condition>, sample: Sample, breaks_when: bool) -> Option<&Condition> {
    condition.as_ref().filter(|condition| condition.holds(sample.value) == breaks_when)
}

fn show(check: &Check, sample: Sample) -> String {
    check.signal.unit().show(sample.value)
}
