//! What came of a policy in a virtual world.

use crate::scenario::Met;
use rampart_core::policy::{CheckName, Unit};
use rampart_core::rollout::{Cause, Phase, Verdict};
use rampart_core::{FlagKey, Millis, Percent, Timestamp};
use serde::Serialize;

/// Everything that happened, in times since the start. The same policy, scenario and seed make the same run.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Run {
    /// The flag of the policy.
    pub flag: FlagKey,
    /// The percents of the policy's stages.
    pub stages: Vec<Percent>,
    /// The scenario.
    pub scenario: String,
    /// What it shows.
    pub about: String,
    /// What all chance was drawn from.
    pub seed: u64,
    /// When the rollout started.
    pub start: Timestamp,
    /// How long the world was watched.
    pub lasted: Millis,
    /// How the newest rollout stands at the end.
    pub phase: Phase,
    /// The last percent anybody was served.
    pub last_percent: Percent,
    /// Why it was rolled back.
    pub cause: Option<Cause>,
    /// When it completed or was rolled back.
    pub ended: Option<Millis>,
    /// The whole story in a sentence.
    pub summary: String,
    /// When the scenario first departed from how things always go.
    pub trouble: Option<Millis>,
    /// The percent that is served, from a time on.
    pub steps: Vec<Step>,
    /// What each check said, in the policy's order.
    pub lanes: Vec<Lane>,
    /// What was decided and what befell the rollout, in order of time.
    pub marks: Vec<Mark>,
    /// What was measured, stretch by stretch.
    pub samples: Vec<Sample>,
    /// The length of such a stretch.
    pub sample_length: Millis,
    /// Limits of the policy for the two values that are drawn.
    pub limits: Limits,
    /// Requests that were served and harmed.
    pub harm: Harm,
    /// How many times the core decided.
    pub decisions: u64,
    /// Checks that were taken to be healthy because nothing in the world tells what they read.
    pub assumed: Vec<CheckName>,
    /// Whether it came as the scenario expects.
    pub expectation: Option<Met>,
}

/// The percent from a time on.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Step {
    /// From when on.
    pub at: Millis,
    /// The percent.
    pub percent: Percent,
}

/// What one check said.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Lane {
    /// The check.
    pub check: CheckName,
    /// Its conditions, as the policy writes them.
    pub limits: String,
    /// Whether it is shown and never decides.
    pub shadow: bool,
    /// Stretches of one verdict.
    pub spans: Vec<Span>,
}

/// A stretch in which a check said the same.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Span {
    /// From.
    pub from: Millis,
    /// To.
    pub to: Millis,
    /// What it said.
    pub verdict: Verdict,
    /// Why, in words, when it said so first.
    pub why: String,
}

/// Something worth a sign on the timeline.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Mark {
    /// When.
    pub at: Millis,
    /// What kind of thing.
    pub kind: MarkKind,
    /// In words.
    pub text: String,
    /// How long it lasted in all, for a hold.
    pub lasted: Option<Millis>,
    /// How many times it came and went.
    pub times: u32,
}

/// The kinds of sign.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkKind {
    /// A rollout began.
    Started,
    /// A higher percent.
    Raised,
    /// A lower percent that is not 0.
    Lowered,
    /// The same stage again.
    Restarted,
    /// Back to 0 %.
    RolledBack,
    /// A breach stopped it where it stands.
    Frozen,
    /// At 100 % for good.
    Completed,
    /// Something was in the way.
    Held,
    /// Somebody was paged.
    Paged,
    /// A person's order.
    Ordered,
    /// A person's order that was refused.
    Refused,
    /// The scenario at work.
    World,
}

/// One stretch of time, measured.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Sample {
    /// Its beginning.
    pub at: Millis,
    /// The canary.
    pub canary: Arm,
    /// Control.
    pub control: Arm,
}

/// One side of a stretch.
#[derive(Clone, Copy, Default, PartialEq, Debug, Serialize)]
pub struct Arm {
    /// Requests.
    pub requests: u64,
    /// The share of them that failed; none of none.
    pub failure_rate: Option<f64>,
    /// The latency 95 % stayed within.
    pub p95_ms: Option<f64>,
}

/// Limits of the policy, each as a number and as it was written.
#[derive(Clone, Default, PartialEq, Debug, Serialize)]
pub struct Limits {
    /// Of `live.error_rate`.
    pub failure_rate: Vec<Limit>,
    /// Of `live.p95`, in milliseconds.
    pub p95_ms: Vec<Limit>,
}

/// A limit.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Limit {
    /// In the unit of the signal.
    pub value: f64,
    /// Whether it rolls back; else it only has to hold to advance.
    pub rolls_back: bool,
}

/// Requests that were served and harmed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize)]
pub struct Harm {
    /// Requests served with the flag on.
    pub canary_requests: u64,
    /// How many of them failed.
    pub canary_failures: u64,
    /// Requests served with the flag off.
    pub control_requests: u64,
    /// How many of them failed.
    pub control_failures: u64,
}

impl Lane {
    /// What the check said in a stretch of time: a breach wherever there is one, else what it said longest.
    pub fn said(&self, from: Millis, to: Millis) -> Option<Verdict> {
        let mut longest: Option<(Millis, Verdict)> = None;
        for verdict in Verdict::ALL {
            let spans = self.spans.iter().filter(|span| span.verdict == verdict && span.from < to && span.to >= from);
            let within = spans.map(|span| span.to.min(to).minus(span.from.max(from)));
            let Some(length) = within.reduce(|sum, more| sum + more) else { continue };
            if verdict == Verdict::Breach || longest.is_none_or(|(most, _)| length > most) {
                longest = Some((length, verdict));
            }
        }
        longest.map(|(_, verdict)| verdict)
    }
}

impl Run {
    /// Kinds of cause an expectation may name beside a check.
    pub const CAUSES: [&'static str; 6] = ["breach", "proven", "harm", "blind", "ordered", "sql"];

    /// Whether the rollback was caused by this check, or is of this kind.
    pub fn caused_by(&self, name: &str) -> bool {
        let cause = self.cause.as_ref();
        cause.is_some_and(|cause| cause.code() == name || cause.check().is_some_and(|check| check.0 == name))
    }

    /// The percent that is served at a time.
    pub fn percent_at(&self, at: Millis) -> Percent {
        self.steps.iter().rev().find(|step| step.at <= at).map_or(Percent::ZERO, |step| step.percent)
    }
}

impl Harm {
    /// In words: `3 of 41 200 requests of the canary failed`.
    pub fn words(self) -> String {
        format!("{} of {} requests of the canary failed", grouped(self.canary_failures), grouped(self.canary_requests))
    }
}

impl Arm {
    /// The failure rate as people read it.
    pub fn rate_words(self) -> String {
        self.failure_rate.map_or_else(|| "none".to_owned(), |rate| Unit::Ratio.show(rate))
    }
}

/// A whole number with its thousands apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{a0}');
        }
        text.push(digit);
    }
    text
}
