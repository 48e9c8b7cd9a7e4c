//! What a policy says, once it has been read and found sound.

use crate::flag::Targets;
use crate::{FlagKey, Millis, Percent};
use serde::{Deserialize, Serialize};
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

/// Where a measurement comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Signal {
    /// `live.5xx`: answers with a status of 500 or more.
    #[serde(rename = "live.5xx")]
    Live5xx,
    /// `live.error_rate`: failed requests / requests. Failed = 5xx, our own 408 and 429.
    #[serde(rename = "live.error_rate")]
    LiveErrorRate,
    /// `live.p95`: the latency 95 % of the requests stay within.
    #[serde(rename = "live.p95")]
    LiveP95,
    /// `audit.violations`: audit rows without a whole signature, ledger rows without an audit row.
    #[serde(rename = "audit.violations")]
    AuditViolations,
    /// `probe.rls`: rows of another yacht that a probe could read.
    #[serde(rename = "probe.rls")]
    ProbeRls,
    /// `report.data_inconsistency`: open reports of wrong data.
    #[serde(rename = "report.data_inconsistency")]
    ReportDataInconsistency,
    /// `report.other`: open reports of anything else.
    #[serde(rename = "report.other")]
    ReportOther,
    /// `report.any`: open reports of any kind.
    #[serde(rename = "report.any")]
    ReportAny,
}

impl Signal {
    /// Every signal, in the order in which documents list them.
    pub const ALL: [Signal; 8] = [
        Signal::Live5xx,
        Signal::LiveErrorRate,
        Signal::LiveP95,
        Signal::AuditViolations,
        Signal::ProbeRls,
        Signal::ReportDataInconsistency,
        Signal::ReportOther,
        Signal::ReportAny,
    ];

    /// The name a policy uses.
    pub const fn name(self) -> &'static str {
        match self {
            Signal::Live5xx => "live.5xx",
            Signal::LiveErrorRate => "live.error_rate",
            Signal::LiveP95 => "live.p95",
            Signal::AuditViolations => "audit.violations",
            Signal::ProbeRls => "probe.rls",
            Signal::ReportDataInconsistency => "report.data_inconsistency",
            Signal::ReportOther => "report.other",
            Signal::ReportAny => "report.any",
        }
    }

    /// What its values are measured in.
    pub const fn unit(self) -> Unit {
        match self {
            Signal::LiveErrorRate => Unit::Ratio,
            Signal::LiveP95 => Unit::Ms,
            Signal::Live5xx
            | Signal::AuditViolations
            | Signal::ProbeRls
            | Signal::ReportDataInconsistency
            | Signal::ReportOther
            | Signal::ReportAny => Unit::Count,
        }
    }

    /// Whether it is measured on the requests this process and its replicas serve.
    pub const fn is_live(self) -> bool {
        match self {
            Signal::Live5xx | Signal::LiveErrorRate | Signal::LiveP95 => true,
            Signal::AuditViolations
            | Signal::ProbeRls
            | Signal::ReportDataInconsistency
            | Signal::ReportOther
            | Signal::ReportAny => false,
        }
    }
}

/// What a value is measured in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A number of things.
    Count,
    /// A share, 0..=1.
    Ratio,
    /// Milliseconds.
    Ms,
}

impl Unit {
    /// A value as people read it: `3`, `0.12 %`, `712 ms`.
    pub fn show(self, value: f64) -> String {
        match self {
            Unit::Count => format!("{value}"),
            Unit::Ratio => format!("{} %", trimmed(value * 100.0, 3)),
            Unit::Ms => format!("{} ms", trimmed(value, if value < 10.0 { 1 } else { 0 })),
        }
    }
}

fn trimmed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
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
