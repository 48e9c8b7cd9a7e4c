//! What a policy says, once it has been read and found sound.

use super::calendar::{Schedule, Windows};
use super::signal::Signal;
use crate::flag::Targets;
use crate::{FlagKey, Millis, Percent};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// How one flag is rolled out. Made by [`super::parse`] alone, so every value is a sound one:
/// at least one stage and one check, stages that rise to 100 %, limits that make sense together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// The flag it moves.
    pub flag: FlagKey,
    /// What the evaluation buckets by.
    pub bucket_by: BucketBy,
    /// Subjects always in or out.
    pub targets: Targets,
    /// The stages, rising, the last at 100 %.
    pub stages: Vec<Stage>,
    /// How often the loop looks when nothing wakes it.
    pub tick: Millis,
    /// What is measured, and what follows from it.
    pub checks: Vec<Check>,
    /// What must be proven before the first stage.
    pub gate: Gate,
    /// Names of the people or channels that are told.
    pub notify: Vec<String>,
    /// Stages a person must approve.
    pub approvals: Option<Approvals>,
    /// What `Degraded` does to the soak served so far.
    pub on_degraded: OnDegraded,
    /// What follows when the evidence stays away longer than `blind_for`.
    pub on_blind: OnBlind,
    /// How long a check may be blind before somebody is paged.
    pub blind_for: Millis,
    /// How old a reading may be and still count.
    pub stale_after: Millis,
    /// How long the checks go on deciding behind completion.
    pub watch_after: Millis,
    /// How long after a lapsed exposure lease evaluators fall from the last proven stage to 0 %.
    pub fail_to_zero_after: Millis,
    /// What is compared with control.
    #[serde(default)]
    pub compare: Option<Compare>,
    /// Failures of the canary beyond what was to be expected, over the whole rollout, that roll it back.
    #[serde(default)]
    pub harm_budget: Option<u64>,
    /// When a stage may be entered. They never hold up a rollback.
    #[serde(default)]
    pub windows: Option<Windows>,
    /// How long a stage may last before somebody is paged; none is [`Policy::MAX_HOLD_SOAKS`] times its soak.
    #[serde(default)]
    pub max_hold: Option<Millis>,
    /// What follows when the absolute limit is proven broken by canary and control alike.
    #[serde(default)]
    pub on_shared_incident: OnSharedIncident,
}

impl Policy {
    /// How many times its own soak a stage may last before somebody is paged, where the policy does not say.
    pub const MAX_HOLD_SOAKS: u64 = 4;

    /// The length of the bins in which canary and control are counted.
    pub fn bin(&self) -> Millis {
        self.compare.as_ref().map_or(Compare::DEFAULT_BIN, |compare| compare.bin)
    }

    /// The check of this name.
    pub fn check(&self, name: &CheckName) -> Option<&Check> {
        self.checks.iter().find(|check| check.name == *name)
    }
}

/// What the bucket is computed from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BucketBy {
    /// The user (`sub` of the token).
    UserId,
    /// The yacht: one yacht, one version.
    YachtId,
    /// Any other attribute of the evaluation context.
    Attribute(String),
}

/// One step of the ramp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// The share of subjects that get the flag.
    pub percent: Percent,
    /// Healthy, evidenced time it must accumulate.
    pub soak: Millis,
    /// Canary requests it must see.
    pub min_requests: u64,
    /// How good must be shown before the next stage.
    #[serde(default)]
    pub evidence: Proof,
}

/// How good must be shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// Observed values within the limits over the whole soak.
    #[default]
    Observed,
    /// Proven by the requests of this stage alone, at 20:1.
    Proven,
}

/// A signal, a window, and what follows from its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Its name, unique in the policy.
    pub name: CheckName,
    /// Where the value comes from.
    pub signal: Signal,
    /// Whose requests count.
    pub scope: Scope,
    /// How far back it looks.
    pub window: Window,
    /// What must hold for the soak to grow.
    pub advance_if: Option<Condition>,
    /// What pulls the flag back to 0 % at once.
    pub rollback_if: Option<Condition>,
    /// Below this many samples `rollback_if` is not armed and the check is `Thin`.
    pub min_samples: u64,
    /// Kinds of failure that make the check blind instead of counting.
    pub except: Vec<Exception>,
    /// What a breach does.
    #[serde(default)]
    pub on_breach: OnBreach,
    /// Shown, and never deciding.
    #[serde(default)]
    pub shadow: bool,
    /// When a probe runs; none is every tick.
    #[serde(default)]
    pub schedule: Option<Schedule>,
}

/// What a breach does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBreach {
    /// Back to 0 %, for good.
    #[default]
    Rollback,
    /// Back to the stage before; from the first stage to 0 %.
    StepBack,
    /// The ramp stops where it stands until a person resumes it.
    Freeze,
}

/// Canary against control, sequentially (`STATISTICS.md` 2.2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compare {
    /// The checks that are compared, and how much worse the canary may be.
    pub checks: BTreeMap<CheckName, Tolerance>,
    /// The length of the bins in which both sides are counted.
    pub bin: Millis,
}

impl Compare {
    /// How long a bin is where the policy does not say.
    pub const DEFAULT_BIN: Millis = Millis::minutes(1);
    /// How long after its end a bin is closed, so that every replica has told what it saw.
    pub const WATERMARK: Millis = Millis::seconds(30);
}

/// How many times as often as control the canary may fail: 1.1 is ten percent more.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tolerance(pub f64);

impl Tolerance {
    /// What `no_worse` means: so small a difference that nobody would act on it.
    pub const NO_WORSE: Tolerance = Tolerance(1.1);
}

/// What follows when the absolute limit is proven broken by canary and control alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnSharedIncident {
    /// Back to 0 %: the limit was broken, whoever broke it.
    #[default]
    Rollback,
    /// The stage stays until it is over.
    Hold,
}

/// The name of a check.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CheckName(pub String);

impl CheckName {
    /// As people read it: `p95_latency` is `p95 latency`.
    pub fn words(&self) -> String {
        self.0.replace(['_', '-'], " ")
    }
}

impl fmt::Display for CheckName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whose requests a live check counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Requests served with the flag on.
    Canary,
    /// Canary and control together.
    All,
}

/// How far back a check looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// The whole of the present stage.
    Stage,
    /// The last so long, but never beyond the start of the stage.
    Last(Millis),
}

/// A comparison with a limit, in the unit of the signal (counts, 0..=1, milliseconds).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Condition {
    /// How the value is compared.
    pub op: Op,
    /// What it is compared with.
    pub limit: f64,
    /// As the policy wrote it: `< 0.1%`.
    pub text: String,
}

impl Condition {
    /// Whether `value` meets the condition. Nothing that is not a number meets one.
    pub fn holds(&self, value: f64) -> bool {
        match self.op {
            Op::Less => value < self.limit,
            Op::AtMost => value <= self.limit,
            Op::Greater => value > self.limit,
            Op::AtLeast => value >= self.limit,
            Op::Equal => value == self.limit,
        }
    }
}

/// How a value is compared with a limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Op {
    /// `<`
    #[serde(rename = "<")]
    Less,
    /// `<=`
    #[serde(rename = "<=")]
    AtMost,
    /// `>`
    #[serde(rename = ">")]
    Greater,
    /// `>=`
    #[serde(rename = ">=")]
    AtLeast,
    /// `==`
    #[serde(rename = "==")]
    Equal,
}

/// A kind of failure a check may leave out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exception {
    /// 503 because the database cannot be reached.
    Unavailable,
}

/// What must be proven before the first stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// Without these the ramp does not start.
    pub require: Vec<GateItem>,
    /// These are shown, and do not block.
    pub recommend: Vec<GateItem>,
    /// How old a proof may be. Rollouts that were pinned before there was such a limit have the default.
    #[serde(default = "default_max_age")]
    pub max_age: Millis,
}

/// How old a proof may be where the policy does not say: a week.
pub const DEFAULT_GATE_MAX_AGE: Millis = Millis::hours(7 * 24);

const fn default_max_age() -> Millis {
    DEFAULT_GATE_MAX_AGE
}

impl Default for Gate {
    fn default() -> Self {
        Self { require: Vec::new(), recommend: Vec::new(), max_age: DEFAULT_GATE_MAX_AGE }
    }
}

/// One proof of the gate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateItem {
    /// The twelve acceptance checks.
    Acceptance,
    /// View definitions, policies, parity and single-tenant evidence.
    SqlEvidence,
    /// Suggestions for crew, head of department and captain.
    RoleSuggestions,
    /// The stress run.
    Stress,
    /// Storage answers 403 across yachts.
    StorageRls,
    /// Handlers exercised at every status code.
    StatusCodes,
}

impl GateItem {
    /// Every item.
    pub const ALL: [GateItem; 6] = [
        GateItem::Acceptance,
        GateItem::SqlEvidence,
        GateItem::RoleSuggestions,
        GateItem::Stress,
        GateItem::StorageRls,
        GateItem::StatusCodes,
    ];

    /// The name a policy uses.
    pub const fn name(self) -> &'static str {
        match self {
            GateItem::Acceptance => "acceptance",
            GateItem::SqlEvidence => "sql_evidence",
            GateItem::RoleSuggestions => "role_suggestions",
            GateItem::Stress => "stress",
            GateItem::StorageRls => "storage_rls",
            GateItem::StatusCodes => "status_codes",
        }
    }
}

/// Stages that a person must approve before they are entered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approvals {
    /// Percents of stages that need approval.
    pub before: Vec<Percent>,
    /// Whether it must come from another person than the start.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub two_person: bool,
}

/// What `Degraded` does to the soak served so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDegraded {
    /// It stands still.
    Pause,
    /// It starts again.
    Restart,
}

/// What follows when a check is blind for longer than `blind_for`, beside paging somebody.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBlind {
    /// Nothing more: the soak stands still.
    Hold,
    /// Back to the stage before; from the first stage to 0 %.
    StepBack,
    /// Back to 0 %.
    Rollback,
}
