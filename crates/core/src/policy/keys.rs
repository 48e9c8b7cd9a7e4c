//! Every key of the policy language: its name, the shape of its value, and what it says.
//!
//! The reader refuses what is not in these tables, and the schema for editors is made of them, so
//! that neither knows a key the other does not.

use super::duration::{MAX_DURATION, MIN_DURATION};
use super::read::{MAX_GATE_AGE, MAX_NOTIFY, MAX_STAGES, MAX_TARGETS, MAX_TICK, MIN_GATE_AGE};
use super::read_check::MAX_CHECKS;
use super::read_compare::{MAX_BIN, MIN_BIN};
use super::read_windows::{MAX_FREEZES, MAX_HOLD, MAX_OPENING, MAX_OPENINGS};
use super::words;
use crate::Millis;

/// One key of a mapping.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// What it says, for people.
    pub(super) about: &'static str,
    pub(super) required: bool,
    /// What holds where it is left out, as a policy writes it.
    pub(super) default: Option<&'static str>,
}

/// The shape of a value, as far as a schema can tell it. What it means is the reader's business.
pub(super) enum Shape {
    /// A text of 1 to so many bytes.
    Text(usize),
    FlagName,
    Percent,
    Condition,
    Cron,
    Date,
    /// A whole number, at least so much.
    Count(u64),
    Truth,
    Duration(Millis, Millis),
    Words(fn() -> Vec<&'static str>),
    /// At least and at most so many of them.
    List(&'static Shape, usize, usize),
    Map(&'static [Key]),
    /// The names of checks, at most so many of them, with what belongs to each; and further keys.
    ByCheck(&'static Shape, usize, &'static [Key]),
    AnyOf(&'static [Shape]),
}

const fn key(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key { name, shape, about, required: false, default: None }
}

impl Key {
    const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    const fn default(self, written: &'static str) -> Self {
        Self { default: Some(written), ..self }
    }
}

const LENGTH: Shape = Shape::Duration(MIN_DURATION, MAX_DURATION);
const NAME: Shape = Shape::Text(super::read::MAX_NAME_LEN);
const QUERY: Shape = Shape::Text(super::query::MAX_QUERY_LEN);
const PROOFS: Shape = Shape::List(&Shape::Words(words::gate_items), 0, 12);

pub(super) const POLICY: &[Key] = &[
    key("flag", Shape::FlagName, "The flag it moves.").required(),
    key("bucket_by", NAME, "What people are bucketed by: user_id, yacht_id or the name of an attribute.")
        .default("user_id"),
    key("targets", Shape::Map(TARGETS), "Subjects that are always in or out; out wins."),
    key("stages", Shape::List(&Shape::Map(STAGE), 1, MAX_STAGES), "The ramp: rising, the last at 100.").required(),
    key("tick", Shape::Duration(MIN_DURATION, MAX_TICK), "How often the loop looks when nothing wakes it.")
        .default("5s"),
    key("checks", Shape::ByCheck(&Shape::Map(CHECK), MAX_CHECKS, &[]), "What is measured, and what follows.")
        .required(),
    key(
        "evidence",
        Shape::Words(|| words::names(&words::EVIDENCE)),
        "How good must be shown at every stage that does not say so itself.",
    )
    .default("observed"),
    key("compare", Shape::ByCheck(TOLERANCE, MAX_CHECKS, COMPARE), "Checks held against control, sequentially."),
    key(
        "harm_budget",
        Shape::Count(1),
        "Failures of the canary beyond what was to be expected, over the whole rollout, that roll it back.",
    ),
    key("gate", Shape::Map(GATE), "What must be proven before the first stage."),
    key("notify", Shape::List(&NAME, 0, MAX_NOTIFY), "Names of people or channels that are told."),
    key("approvals", Shape::Map(APPROVALS), "Stages a person must approve."),
    key("windows", Shape::Map(WINDOWS), "When a stage may be entered. It never holds up a rollback."),
    key(
        "max_hold",
        Shape::Duration(MIN_DURATION, MAX_HOLD),
        "How long a stage may last before somebody is paged; four times its soak where it is left out.",
    ),
    key(
        "on_degraded",
        Shape::Words(|| words::names(&words::ON_DEGRADED)),
        "What a degraded check does to the soak served so far.",
    )
    .default("pause"),
    key("blind_for", LENGTH, "How long evidence may stay away before somebody is paged.").default("10m"),
    key(
        "on_blind",
        Shape::Words(|| words::names(&words::ON_BLIND)),
        "What follows when evidence stays away longer than blind_for.",
    )
    .default("hold"),
    key(
        "on_shared_incident",
        Shape::Words(|| words::names(&words::ON_SHARED_INCIDENT)),
        "What follows when a limit is proven broken by canary and control alike.",
    )
    .default("rollback"),
    key("stale_after", LENGTH, "How old a reading may be and still count.").default("30s"),
    key("watch_after", LENGTH, "How long the checks go on deciding behind completion.").default("1h"),
    key("fail_to_zero_after", LENGTH, "How long after a lapsed exposure lease evaluators fall to 0 %.").default("10m"),
];

pub(super) const TARGETS: &[Key] = &[
    key("on", Shape::List(&NAME, 0, MAX_TARGETS), "Always in."),
    key("off", Shape::List(&NAME, 0, MAX_TARGETS), "Always out."),
];

pub(super) const STAGE: &[Key] = &[
    key("percent", Shape::Percent, "The share of people who get the flag.").required(),
    key("soak", LENGTH, "Healthy, evidenced time it must accumulate.").required(),
    key("min_requests", Shape::Count(0), "Canary requests it must see.").default("100"),
    key(
        "evidence",
        Shape::Words(|| words::names(&words::EVIDENCE)),
        "observed: values within their limits over the whole soak; proven: shown by this stage's requests alone, at 20:1.",
    ),
];

pub(super) const CHECK: &[Key] = &[
    key("signal", Shape::AnyOf(&[Shape::Words(words::signals), Shape::Map(QUERIES)]), "Where the value comes from.")
        .required(),
    key("scope", Shape::Words(|| words::names(&words::SCOPES)), "Whose requests count; only for live signals.")
        .default("canary"),
    key(
        "window",
        Shape::AnyOf(&[Shape::Words(|| vec!["stage"]), LENGTH]),
        "How far back it looks: the whole stage, or the last so long of it.",
    )
    .default("stage"),
    key("advance_if", Shape::Condition, "What must hold for the soak to grow: <, <= or ==."),
    key("rollback_if", Shape::Condition, "What is a breach: > or >=."),
    key("min_samples", Shape::Count(0), "Below this many samples rollback_if is not armed."),
    key(
        "except",
        Shape::List(&Shape::Words(|| words::names(&words::EXCEPTIONS)), 0, 2),
        "Failures that make the check blind instead of counting.",
    ),
    key("on_breach", Shape::Words(|| words::names(&words::ON_BREACH)), "What a breach does.").default("rollback"),
    key("shadow", Shape::Truth, "Shown, and never deciding.").default("false"),
    key("schedule", Shape::Cron, "When a probe runs, in UTC; every tick where it is left out. Only for probes."),
];

pub(super) const QUERIES: &[Key] = &[
    key(
        "prometheus",
        Shape::AnyOf(&[QUERY, Shape::Map(PROMETHEUS)]),
        "PromQL, with $window, $cohort and $flag: an expression, or a mapping.",
    ),
    key("sql", QUERY, "One read-only statement that answers one number, with $window and $flag."),
];

pub(super) const PROMETHEUS: &[Key] = &[
    key("value", QUERY, "An expression with one number for an answer."),
    key("samples", QUERY, "Beside value: how many observations stand behind that number."),
    key("failures", QUERY, "Beside requests: a selector of the counter of what failed."),
    key("requests", QUERY, "Beside failures: a selector of the counter of everything."),
    key("buckets", QUERY, "A selector of the _bucket series of a classic histogram in seconds, for its p95."),
];

const TOLERANCE: &Shape = &Shape::AnyOf(&[Shape::Words(|| vec![words::NO_WORSE]), Shape::Map(WORSE)]);

pub(super) const WORSE: &[Key] =
    &[key("no_worse_than", Shape::Percent, "How much more often than control the canary may fail.").required()];

pub(super) const COMPARE: &[Key] =
    &[key("bin", Shape::Duration(MIN_BIN, MAX_BIN), "The length of the bins in which both sides are counted.")
        .default("60s")];

pub(super) const GATE: &[Key] = &[
    key("require", PROOFS, "Without these the ramp does not start."),
    key("recommend", PROOFS, "These are shown, and do not block."),
    key("max_age", Shape::Duration(MIN_GATE_AGE, MAX_GATE_AGE), "How old a proof may be.").default("7d"),
];

pub(super) const APPROVALS: &[Key] = &[
    key("before", Shape::List(&Shape::Percent, 1, MAX_STAGES), "Percents of stages that need approval.").required(),
    key("by", Shape::Words(|| words::names(&words::APPROVERS)), "Who approves.").default("release_owner"),
    key("two_person", Shape::Truth, "Whether it must be another person than the one who started.").default("false"),
];

pub(super) const WINDOWS: &[Key] = &[
    key("timezone", Shape::Text(60), "The IANA name of the zone of all its times and dates.").required(),
    key(
        "advance",
        Shape::List(&Shape::Map(OPENING), 1, MAX_OPENINGS),
        "When a stage may be entered; always where it is left out.",
    ),
    key(
        "freeze",
        Shape::List(&Shape::AnyOf(&[Shape::Date, Shape::Map(DATES)]), 0, MAX_FREEZES),
        "Whole days on which no stage is entered.",
    ),
];

pub(super) const OPENING: &[Key] = &[
    key("open", Shape::Cron, "When it opens, as a cron expression.").required(),
    key("for", Shape::Duration(MIN_DURATION, MAX_OPENING), "How long it stays open.").required(),
];

pub(super) const DATES: &[Key] = &[
    key("from", Shape::Date, "The first day.").required(),
    key("to", Shape::Date, "The last day, which is included.").required(),
];
