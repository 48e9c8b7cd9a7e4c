//! From what was found to what a check is told. Pure.

use super::answer::Series;
use super::buckets::Buckets;
use super::counters::{Witness, increase};
use super::trouble::Trouble;
use rampart_core::policy::{Check, Condition};
use rampart_core::rollout::{Outcome, Sample};
use rampart_core::{Millis, Timestamp};

/// What a question asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// A number, and perhaps how many observations stand behind it.
    Value,
    /// Failures and requests, as raw counters.
    Ratio,
    /// The raw buckets of a histogram.
    Latency,
}

/// What one text found for one flag.
#[derive(Clone, Debug)]
pub(super) enum Found {
    /// One number.
    Number(Result<f64, Trouble>),
    /// Raw counters.
    Samples(Vec<Series>),
}

/// What a question found, before any check holds its limits against it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Measure {
    /// A number and how many observations stand behind it, where that was asked.
    Value { value: f64, samples: Option<u64> },
    /// How long things took.
    Latency(Buckets),
}

/// What the texts of one question found up to `end` comes to. None stands for a flag of which an answer says nothing.
pub(super) fn measure(
    kind: Kind,
    found: &[Option<&Found>],
    end: Timestamp,
    stale_after: Millis,
) -> Result<Measure, Trouble> {
    let of = |place: usize| found.get(place).copied().flatten();
    match kind {
        Kind::Value => {
            let samples = if found.len() > 1 { Some(observations(number(of(1))?)?) } else { None };
            Ok(Measure::Value { value: number(of(0))?, samples })
        }
        Kind::Ratio => {
            let (failures, requests) = (series(of(0)), series(of(1)));
            fresh(requests, end, stale_after)?;
            let witness = Witness::of(failures.iter().chain(requests));
            let requests = observations(increase(requests, &witness))?;
            if requests == 0 {
                return Err(Trouble::NothingCounted);
            }
            Ok(Measure::Value { value: increase(failures, &witness) / requests as f64, samples: Some(requests) })
        }
        Kind::Latency => {
            let series = series(of(0));
            fresh(series, end, stale_after)?;
            let buckets = Buckets::of(series, &Witness::of(series)).ok_or(Trouble::NoHistogram)?;
            if buckets.total() > 0.0 { Ok(Measure::Latency(buckets)) } else { Err(Trouble::NothingCounted) }
        }
    }
}

fn number(found: Option<&Found>) -> Result<f64, Trouble> {
    match found {
        Some(Found::Number(number)) => number.clone(),
        Some(Found::Samples(_)) => Err(Trouble::Range),
        None => Err(Trouble::Empty),
    }
}

/// The series of failures is not there before the first of them.
fn series(found: Option<&Found>) -> &[Series] {
    match found {
        Some(Found::Samples(series)) => series,
        Some(Found::Number(_)) | None => &[],
    }
}

/// Counters that nobody has looked at for so long may stand still for that alone.
fn fresh(series: &[Series], end: Timestamp, stale_after: Millis) -> Result<(), Trouble> {
    let newest = series.iter().flat_map(|one| &one.samples).map(|sample| sample.at).max().ok_or(Trouble::Empty)?;
    let age = Millis::between(newest, end);
    if age > stale_after { Err(Trouble::Stale(age)) } else { Ok(()) }
}

/// A number of observations; a fraction of one is none.
fn observations(number: f64) -> Result<u64, Trouble> {
    let whole = number.floor();
    if (0.0..=9e15).contains(&whole) {
        Ok(whole as u64)
    } else {
        Err(Trouble::Broken(format!("{number} observations")))
    }
}

/// What the check is told: the value that `rollback_if` is held against, and the one for `advance_if`.
pub(super) fn outcome(measure: &Measure, check: &Check) -> Outcome {
    match measure {
        // Where nobody counts the observations, the value stands for itself.
        Measure::Value { value, samples } => Outcome::measured(*value, samples.unwrap_or(check.min_samples.max(1))),
        Measure::Latency(buckets) => {
            let limit = |condition: &Option<Condition>| condition.as_ref().map(|condition| condition.limit);
            let samples = observations(buckets.total()).unwrap_or(0);
            let harm = buckets.against_harm(limit(&check.rollback_if));
            let health = buckets.against_health(limit(&check.advance_if));
            match harm.zip(health) {
                Some((harm, health)) => Outcome::Measured {
                    window: Sample { value: harm, samples },
                    newest: Sample { value: health, samples },
                },
                None => Trouble::NothingCounted.outcome(),
            }
        }
    }
}
