//! A scenario: the world a policy is tried in, as a file. `docs/policy-try.md` describes every key.

mod expect;
mod read;
mod read_parts;

pub use expect::{Expectation, Met};
pub use read::parse;

use rampart_core::policy::CheckName;
use rampart_core::rollout::{CommandKind, Sample};
use rampart_core::{Millis, Percent, Timestamp};
use std::collections::BTreeMap;

/// The scenarios that come with Rampart, by name.
pub const SHIPPED: [(&str, &str); 8] = [
    ("healthy", include_str!("../../../../scenarios/healthy.yaml")),
    ("errors_at_20", include_str!("../../../../scenarios/errors_at_20.yaml")),
    ("slow_then_well", include_str!("../../../../scenarios/slow_then_well.yaml")),
    ("slow_canary", include_str!("../../../../scenarios/slow_canary.yaml")),
    ("metrics_outage", include_str!("../../../../scenarios/metrics_outage.yaml")),
    ("shared_incident", include_str!("../../../../scenarios/shared_incident.yaml")),
    ("quiet_night", include_str!("../../../../scenarios/quiet_night.yaml")),
    ("new_build", include_str!("../../../../scenarios/new_build.yaml")),
];

/// The text of a shipped scenario.
pub fn shipped(name: &str) -> Option<&'static str> {
    SHIPPED.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The world a policy is tried in. Times count from the start of the rollout, unless said otherwise.
#[derive(Clone, PartialEq, Debug)]
pub struct Scenario {
    /// The name of its file.
    pub name: String,
    /// What it shows, in a sentence.
    pub about: String,
    /// What all chance is drawn from.
    pub seed: u64,
    /// When the rollout starts: what clocks, nights and windows go by.
    pub start: Timestamp,
    /// How long the world goes on at most; none is three times what the policy's soaks add up to.
    pub lasts: Option<Millis>,
    /// Who comes, and how often.
    pub traffic: Traffic,
    /// How requests go; later ones overrule earlier ones.
    pub behaviour: Vec<Behaviour>,
    /// When checks cannot be measured.
    pub outages: Vec<Outage>,
    /// What happens beside the traffic, in order of time.
    pub events: Vec<Happening>,
    /// What checks read that no traffic tells.
    pub values: BTreeMap<CheckName, Vec<Point>>,
    /// What should come of it.
    pub expect: Option<Expectation>,
}

/// Who comes, and how often.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Traffic {
    /// Requests a second, over the whole day on average.
    pub per_second: f64,
    /// How far the busiest hour lies above that, and the quietest below it: 0..=1.
    pub swing: f64,
    /// The hour of the day, UTC, at which most come.
    pub busiest: f64,
    /// How many different people come.
    pub users: u64,
}

/// How some requests go for some time.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Behaviour {
    /// Whose requests.
    pub cohort: Cohort,
    /// Only while the rollout stands in this stage.
    pub stage: Option<usize>,
    /// From when on.
    pub from: Millis,
    /// From so long after the stage was entered.
    pub after: Millis,
    /// For how long; none is for good.
    pub lasts: Option<Millis>,
    /// What is different.
    pub manners: Manners,
}

impl Behaviour {
    /// Whether it is how things always go.
    pub const fn is_always(&self) -> bool {
        self.stage.is_none() && self.from.0 == 0 && self.after.0 == 0 && self.lasts.is_none()
    }
}

/// Whose requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Cohort {
    Canary,
    Control,
    Both,
}

/// How requests go; what is none stays as it was.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Manners {
    /// The share answered with a status of 500 or more.
    pub errors: Option<f64>,
    /// The share that fails otherwise: 408, 429.
    pub timeouts: Option<f64>,
    /// The share answered with 503 because the database is away.
    pub unavailable: Option<f64>,
    /// The share answered with 400, 401, 403, 404 or 409.
    pub rejections: Option<f64>,
    /// The median latency.
    pub p50: Option<Millis>,
    /// The latency 95 % stay within. Where only one of the two is given the other keeps its proportion.
    pub p95: Option<Millis>,
}

/// A time in which checks cannot be measured.
#[derive(Clone, PartialEq, Debug)]
pub struct Outage {
    /// When it begins.
    pub from: Millis,
    /// How long it lasts; none is for good.
    pub lasts: Option<Millis>,
    /// Which checks; none is all.
    pub checks: Option<Vec<CheckName>>,
}

/// Something that happens at a time.
#[derive(Clone, PartialEq, Debug)]
pub struct Happening {
    /// When.
    pub at: Millis,
    /// What.
    pub what: What,
}

/// What may happen beside the traffic.
#[derive(Clone, PartialEq, Debug)]
pub enum What {
    /// An audit row without a signature is written.
    NullSignature,
    /// The probe reads a row of another yacht.
    RlsLeak,
    /// A synthetic read fails.
    FailedRead,
    /// A synthetic write fails.
    FailedWrite,
    /// Somebody reports wrong data.
    DataInconsistency,
    /// Somebody reports something else.
    Report,
    /// Every open report is dismissed.
    Dismiss,
    /// The daemon dies without a word, and is started again.
    Crash {
        /// How long it is away.
        away: Millis,
    },
    /// Another build serves from now on.
    Build(String),
    /// A person gives an order.
    Order {
        /// Which.
        kind: CommandKind,
        /// Of `stage`.
        percent: Option<Percent>,
        /// Of `extend`.
        by: Option<Millis>,
        /// Why.
        reason: String,
    },
}

/// What a check reads from a time on.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Point {
    /// From when on.
    pub at: Millis,
    /// The value, in the unit of the check, and how many observations stand behind it.
    pub sample: Sample,
}
