//! The parts of a scenario: traffic, behaviour, outages, events and values of checks.

use super::read::list;
use super::{Behaviour, Cohort, Happening, Manners, Outage, Point, Traffic, What};
use rampart_core::Millis;
use rampart_core::policy::reader::{Keys, Reader, Value};
use rampart_core::policy::{Check, CheckName, MAX_DURATION, Policy, Unit};
use rampart_core::rollout::{CommandKind, Sample};
use std::collections::BTreeMap;

/// The most requests a second: a day of them is still drawn in seconds.
const MAX_PER_SECOND: f64 = 2000.0;
/// The most different people.
const MAX_USERS: u64 = 100_000;
/// How long the daemon is away after a crash where nothing else is said.
const AWAY: Millis = Millis::seconds(20);
/// The slowest latency.
const MAX_LATENCY: Millis = Millis::minutes(1);
/// The largest value a check may read.
const MAX_VALUE: f64 = 1e9;

const COHORTS: [(&str, Cohort); 3] = [("both", Cohort::Both), ("canary", Cohort::Canary), ("control", Cohort::Control)];

pub(super) fn traffic(reader: &mut Reader, value: Value<'_>, usual: Traffic) -> Option<Traffic> {
    let known = ["requests_per_second", "swing", "busiest", "users"];
    let keys = reader.keys(value, "`traffic`", &known)?;
    let per_second = keys.optional("requests_per_second", |value| reader.number(value, MAX_PER_SECOND));
    let swing = keys.optional("swing", |value| reader.share(value));
    let busiest = keys.optional("busiest", |value| {
        reader.parsed(value, "a time of day such as `14:00`", |text| {
            time_of_day(text).ok_or_else(|| "a time of day such as `14:00`".to_owned())
        })
    });
    let users = keys.optional("users", |value| {
        let users = reader.count(value)?;
        if !(1..=MAX_USERS).contains(&users) {
            reader.refuse(value, format!("{users} users cannot be drawn"), format!("1 to {MAX_USERS} users"));
            return None;
        }
        Some(users)
    });
    Some(Traffic {
        per_second: per_second?.unwrap_or(usual.per_second),
        swing: swing?.unwrap_or(usual.swing),
        busiest: busiest?.unwrap_or(usual.busiest),
        users: users?.unwrap_or(usual.users),
    })
}

fn time_of_day(text: &str) -> Option<f64> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes) = (hours.parse::<u8>().ok()?, minutes.parse::<u8>().ok()?);
    (hours < 24 && minutes < 60).then(|| f64::from(hours) + f64::from(minutes) / 60.0)
}

pub(super) fn behaviour(reader: &mut Reader, value: Value<'_>, policy: &Policy) -> Option<Behaviour> {
    let known =
        ["cohort", "stage", "from", "after", "for", "errors", "timeouts", "unavailable", "rejections", "p50", "p95"];
    let keys = reader.keys(value, "a behaviour", &known)?;
    let cohort = keys.optional("cohort", |value| reader.word(value, "cohort", &COHORTS));
    let stage = keys.optional("stage", |value| stage(reader, value, policy));
    let from = since(reader, &keys, "from");
    let after = since(reader, &keys, "after");
    let lasts = lasts(reader, &keys);
    let mut share = |key| keys.optional(key, |value| reader.share(value));
    let (errors, timeouts) = (share("errors"), share("timeouts"));
    let (unavailable, rejections) = (share("unavailable"), share("rejections"));
    let mut latency = |key| keys.optional(key, |value| reader.length(value, Millis(1), MAX_LATENCY));
    let (p50, p95) = (latency("p50")?, latency("p95")?);
    if p50.is_some_and(|p50| p95.is_some_and(|p95| p95 < p50)) {
        reader.refuse(value, "`p95` is below `p50`", "a `p95` of at least `p50`");
        return None;
    }
    let manners =
        Manners { errors: errors?, timeouts: timeouts?, unavailable: unavailable?, rejections: rejections?, p50, p95 };
    if manners == Manners::default() {
        let changes = "`errors`, `timeouts`, `unavailable`, `rejections`, `p50` or `p95`";
        reader.refuse(value, "this behaviour changes nothing", format!("at least one of {changes}"));
        return None;
    }
    let (stage, after) = (stage?, after?.unwrap_or_default());
    if stage.is_none() && after > Millis::ZERO {
        reader.refuse(value, "`after` counts from the start of a stage", "`stage` beside it, or `from` in its place");
        return None;
    }
    Some(Behaviour {
        cohort: cohort?.unwrap_or(Cohort::Both),
        stage,
        from: from?.unwrap_or_default(),
        after,
        lasts: lasts?,
        manners,
    })
}

fn since(reader: &mut Reader, keys: &Keys<'_>, key: &str) -> Option<Option<Millis>> {
    keys.optional(key, |value| reader.length(value, Millis::ZERO, MAX_DURATION))
}

fn lasts(reader: &mut Reader, keys: &Keys<'_>) -> Option<Option<Millis>> {
    keys.optional("for", |value| reader.length(value, Millis::seconds(1), MAX_DURATION))
}

/// The place of a stage that is named by its percent.
fn stage(reader: &mut Reader, value: Value<'_>, policy: &Policy) -> Option<usize> {
    let percent = reader.percent(value)?;
    let found = policy.stages.iter().position(|stage| stage.percent == percent);
    if found.is_none() {
        let stages: Vec<String> = policy.stages.iter().map(|stage| stage.percent.to_string()).collect();
        reader.refuse(value, format!("{percent} is no stage of the policy"), format!("one of {}", stages.join(", ")));
    }
    found
}

pub(super) fn outage(reader: &mut Reader, value: Value<'_>, policy: &Policy) -> Option<Outage> {
    let keys = reader.keys(value, "an outage", &["from", "for", "checks"])?;
    let from = keys.required(reader, "from", "when it begins, such as `2h`");
    let from = from.and_then(|value| reader.length(value, Millis::ZERO, MAX_DURATION));
    let lasts = lasts(reader, &keys);
    let checks = keys.optional("checks", |value| {
        if !value.is_list() {
            return reader.word(value, "set of checks", &[("all", None)]);
        }
        let expected = "`all`, or a list of names of checks";
        let choices: Vec<(&str, &CheckName)> = policy.checks.iter().map(|c| (c.name.0.as_str(), &c.name)).collect();
        let names = list(reader, value, expected, |reader, value| reader.word(value, "check of the policy", &choices));
        names.map(|names| Some(names.into_iter().cloned().collect()))
    });
    Some(Outage { from: from?, lasts: lasts?, checks: checks?.flatten() })
}

pub(super) fn event(reader: &mut Reader, value: Value<'_>) -> Option<Happening> {
    let known = ["at", "event", "build", "order", "for", "percent", "by", "reason"];
    let keys = reader.keys(value, "an event", &known)?;
    let at = keys.required(reader, "at", "when it happens, such as `2h`");
    let at = at.and_then(|value| reader.length(value, Millis::ZERO, MAX_DURATION));
    let what = match (keys.get("event"), keys.get("build"), keys.get("order")) {
        (Some(event), None, None) => {
            let away = lasts(reader, &keys)?.unwrap_or(AWAY);
            let words = [
                ("null_signature", What::NullSignature),
                ("rls_leak", What::RlsLeak),
                ("failed_read", What::FailedRead),
                ("failed_write", What::FailedWrite),
                ("data_inconsistency", What::DataInconsistency),
                ("report", What::Report),
                ("dismiss", What::Dismiss),
                ("crash", What::Crash { away }),
            ];
            reader.word(event, "event", &words)
        }
        (None, Some(build), None) => {
            reader.text(build, "the name of a build, such as `v2`").map(|build| What::Build(build.to_owned()))
        }
        (None, None, Some(order)) => order_of(reader, &keys, order),
        _ => {
            let expected = "one of `event: null_signature`, `build: v2` and `order: pause` beside `at`";
            reader.refuse(value, "an event says one thing that happens", expected);
            None
        }
    };
    Some(Happening { at: at?, what: what? })
}

fn order_of(reader: &mut Reader, keys: &Keys<'_>, value: Value<'_>) -> Option<What> {
    let kinds = CommandKind::ALL.map(|kind| (kind.name(), kind));
    let kind = reader.word(value, "order", &kinds)?;
    let percent = keys.optional("percent", |value| reader.percent(value))?;
    let by = keys.optional("by", |value| reader.length(value, Millis::seconds(1), MAX_DURATION))?;
    let reason = keys.optional("reason", |value| reader.text(value, "a reason").map(str::to_owned))?;
    let missing = match kind {
        CommandKind::Stage if percent.is_none() => Some("`percent` beside it, such as `percent: 20`"),
        CommandKind::Extend if by.is_none() => Some("`by` beside it, such as `by: 30m`"),
        CommandKind::Start
        | CommandKind::Pause
        | CommandKind::Resume
        | CommandKind::Advance
        | CommandKind::Stage
        | CommandKind::Approve
        | CommandKind::Extend
        | CommandKind::Rollback
        | CommandKind::Restart
        | CommandKind::Complete => None,
    };
    if let Some(expected) = missing {
        reader.refuse(value, format!("`{}` says too little", kind.name()), expected);
        return None;
    }
    Some(What::Order { kind, percent, by, reason: reason.unwrap_or_else(|| "ordered by the scenario".to_owned()) })
}

/// What the checks read that no traffic tells.
pub(super) fn values(
    reader: &mut Reader,
    value: Value<'_>,
    policy: &Policy,
) -> Option<BTreeMap<CheckName, Vec<Point>>> {
    let expected = "a mapping such as `queue: [{ at: 0s, value: 3 }]`";
    let entries: Vec<_> = reader.entries(value, "`checks`", expected)?.collect();
    let mut read = BTreeMap::new();
    for (name, value) in entries {
        let Some(check) = policy.checks.iter().find(|check| check.name.0 == name.text) else {
            let known: Vec<&str> = policy.checks.iter().map(|check| check.name.0.as_str()).collect();
            reader.unknown(name, "check of the policy", known);
            continue;
        };
        if check.signal.is_live() {
            let message = format!("`{}` is measured on the traffic", name.text);
            reader.refuse(value, message, "`behaviour` for live signals; values here for all others");
            continue;
        }
        let expected = "a list such as `[{ at: 0s, value: 3, samples: 100 }]`";
        let points = list(reader, value, expected, |reader, value| point(reader, value, check));
        if let Some(mut points) = points {
            points.sort_by_key(|point| point.at);
            read.insert(check.name.clone(), points);
        }
    }
    Some(read)
}

fn point(reader: &mut Reader, value: Value<'_>, check: &Check) -> Option<Point> {
    let keys = reader.keys(value, "a value", &["at", "value", "samples"])?;
    let at = since(reader, &keys, "at");
    let value = keys.required(reader, "value", "a number").and_then(|value| in_unit_of(reader, value, check));
    let samples = keys.optional("samples", |value| reader.count(value));
    let samples = samples?.unwrap_or(check.min_samples.max(1));
    Some(Point { at: at?.unwrap_or_default(), sample: Sample { value: value?, samples } })
}

/// A number in the unit of the check: `3`, `0.5%`, `700ms`.
fn in_unit_of(reader: &mut Reader, value: Value<'_>, check: &Check) -> Option<f64> {
    match check.signal.unit() {
        Unit::Count => reader.number(value, MAX_VALUE),
        Unit::Ratio => reader.share(value),
        Unit::Ms => reader.length(value, Millis(1), MAX_LATENCY).map(|length| length.0 as f64),
        Unit::Seconds => reader.length(value, Millis(1), MAX_LATENCY).map(Millis::as_seconds),
    }
}
