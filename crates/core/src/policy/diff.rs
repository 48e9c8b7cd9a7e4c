//! What is different between two policies, key by key, and what of it lets more through.

use super::model::{Check, CheckName, Condition, Op, Policy, Proof, Stage};
use super::show::{bucket_by, counts, length, list, tolerated, values, window};
use super::signal::{PrometheusAsk, Signal};
use super::words::{EVIDENCE, ON_BREACH, word};
use crate::Millis;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::fmt;

/// One difference.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Change {
    /// What is different, in words: `stage 2 soak`, `check p95_latency rollback_if`.
    pub what: String,
    /// What it was; nothing where it is new.
    pub before: Option<String>,
    /// What it becomes; nothing where it is gone.
    pub after: Option<String>,
    /// What that does to the rollout.
    pub effect: Effect,
}

/// What a difference does to a rollout.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// More gets through: less is asked before a stage, or more is borne after it.
    Laxer,
    /// Less gets through.
    Stricter,
    /// Neither, or it cannot be told.
    Other,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
        write!(f, "{}: {} → {}", self.what, said(&self.before), said(&self.after))?;
        match self.effect {
            Effect::Laxer => f.write_str(" (laxer)"),
            Effect::Stricter => f.write_str(" (stricter)"),
            Effect::Other => Ok(()),
        }
    }
}

/// What has to be done to `before` to make `after` of it; nothing where they say the same.
pub fn diff(before: &Policy, after: &Policy) -> Vec<Change> {
    let mut changes = Changes::default();
    changes.say("flag", before.flag.as_str(), after.flag.as_str(), Effect::Other);
    changes.say("bucket_by", bucket_by(&before.bucket_by), bucket_by(&after.bucket_by), Effect::Other);
    stages(&mut changes, &before.stages, &after.stages);
    for check in &before.checks {
        let name = &check.name;
        match after.check(name) {
            Some(other) => one_check(&mut changes, check, other),
            None => changes.went(
                format!("check {name}"),
                described(check),
                if check.shadow { Effect::Other } else { Effect::Laxer },
            ),
        }
    }
    for check in after.checks.iter().filter(|check| before.check(&check.name).is_none()) {
        let effect = if check.shadow { Effect::Other } else { Effect::Stricter };
        changes.came(format!("check {}", check.name), described(check), effect);
    }
    compare(&mut changes, before, after);
    settings(&mut changes, before, after);
    changes.list
}

#[derive(Default)]
struct Changes {
    list: Vec<Change>,
}

impl Changes {
    /// Notes the difference, where there is one.
    fn say(&mut self, what: impl Into<String>, before: impl ToString, after: impl ToString, effect: Effect) {
        let (before, after) = (before.to_string(), after.to_string());
        if before != after {
            self.list.push(Change { what: what.into(), before: Some(before), after: Some(after), effect });
        }
    }

    /// The same for what may be left out.
    fn maybe(&mut self, what: String, before: Option<String>, after: Option<String>, effect: Effect) {
        if before != after {
            self.list.push(Change { what, before, after, effect });
        }
    }

    fn came(&mut self, what: String, after: String, effect: Effect) {
        self.maybe(what, None, Some(after), effect);
    }

    fn went(&mut self, what: String, before: String, effect: Effect) {
        self.maybe(what, Some(before), None, effect);
    }
}

/// Of what is the stricter the more there is of it.
fn more_is_stricter<T: PartialOrd>(before: &T, after: &T) -> Effect {
    match before.partial_cmp(after) {
        Some(Ordering::Less) => Effect::Stricter,
        Some(Ordering::Greater) => Effect::Laxer,
        Some(Ordering::Equal) | None => Effect::Other,
    }
}

fn more_is_laxer<T: PartialOrd>(before: &T, after: &T) -> Effect {
    more_is_stricter(after, before)
}

fn stages(changes: &mut Changes, before: &[Stage], after: &[Stage]) {
    for (number, (old, new)) in (1..).zip(before.iter().zip(after)) {
        let what = |key: &str| format!("stage {number} {key}");
        changes.say(what("percent"), old.percent, new.percent, more_is_laxer(&old.percent, &new.percent));
        changes.say(what("soak"), length(old.soak), length(new.soak), more_is_stricter(&old.soak, &new.soak));
        let effect = more_is_stricter(&old.min_requests, &new.min_requests);
        changes.say(what("min_requests"), old.min_requests, new.min_requests, effect);
        let proof = |stage: &Stage| word(&EVIDENCE, &stage.evidence);
        let proven = |stage: &Stage| stage.evidence == Proof::Proven;
        changes.say(what("evidence"), proof(old), proof(new), more_is_stricter(&proven(old), &proven(new)));
    }
    let described = |stage: &Stage| format!("{} for {}", stage.percent, length(stage.soak));
    let common = before.len().min(after.len());
    for (number, stage) in (1..).zip(before).skip(common) {
        changes.went(format!("stage {number}"), described(stage), Effect::Laxer);
    }
    for (number, stage) in (1..).zip(after).skip(common) {
        changes.came(format!("stage {number}"), described(stage), Effect::Stricter);
    }
}

fn one_check(changes: &mut Changes, before: &Check, after: &Check) {
    let what = |key: &str| format!("check {} {key}", before.name);
    changes.say(what("signal"), asked(&before.signal), asked(&after.signal), Effect::Other);
    changes.say(what("scope"), counts(before), counts(after), Effect::Other);
    // A longer window waits longer before it shows, and forgets later: which of both weighs more cannot be told.
    changes.say(what("window"), window(before.window), window(after.window), Effect::Other);
    for (key, old, new) in [
        ("advance_if", &before.advance_if, &after.advance_if),
        ("rollback_if", &before.rollback_if, &after.rollback_if),
    ] {
        let text = |condition: &Option<Condition>| condition.as_ref().map(|condition| condition.text.clone());
        // `> 1s` and `> 1000ms` are the same limit.
        let same = old.as_ref().map(|c| (c.op, c.limit)) == new.as_ref().map(|c| (c.op, c.limit));
        if !same {
            changes.maybe(what(key), text(old), text(new), limit(old.as_ref(), new.as_ref()));
        }
    }
    let samples = more_is_laxer(&before.min_samples, &after.min_samples);
    changes.say(what("min_samples"), before.min_samples, after.min_samples, samples);
    let answer = |check: &Check| word(&ON_BREACH, &check.on_breach);
    // In the order in which the language lists them, each lets more stand than the one before.
    let rank = |check: &Check| ON_BREACH.iter().position(|(_, answer)| *answer == check.on_breach);
    changes.say(what("on_breach"), answer(before), answer(after), more_is_laxer(&rank(before), &rank(after)));
    changes.say(what("shadow"), before.shadow, after.shadow, more_is_laxer(&before.shadow, &after.shadow));
    let runs = |check: &Check| check.schedule.as_ref().map(|schedule| schedule.text().to_owned());
    let pause = |check: &Check| check.schedule.as_ref().and_then(super::Schedule::longest_pause);
    changes.maybe(what("schedule"), runs(before), runs(after), more_is_laxer(&pause(before), &pause(after)));
}

/// More is worse, so a condition with a lower limit is the stricter one, whether it holds or pulls back.
fn limit(before: Option<&Condition>, after: Option<&Condition>) -> Effect {
    match (before, after) {
        (None, None) => Effect::Other,
        (None, Some(_)) => Effect::Stricter,
        (Some(_), None) => Effect::Laxer,
        (Some(old), Some(new)) => match more_is_laxer(&old.limit, &new.limit) {
            Effect::Other => more_is_laxer(&reach(old.op), &reach(new.op)),
            told @ (Effect::Laxer | Effect::Stricter) => told,
        },
    }
}

/// Of two conditions with one limit, the one that lets that very value pass is the laxer one.
const fn reach(op: Op) -> u8 {
    match op {
        Op::Less | Op::AtLeast => 0,
        Op::AtMost | Op::Greater | Op::Equal => 1,
    }
}

/// The source of a check, with its queries.
fn asked(signal: &Signal) -> String {
    match signal {
        Signal::Prometheus(source) => match &source.ask {
            PrometheusAsk::Value { query, samples: None } => format!("prometheus {query}"),
            PrometheusAsk::Value { query, samples: Some(samples) } => format!("prometheus {query}, samples {samples}"),
            PrometheusAsk::Ratio { failures, requests } => format!("prometheus {failures} of {requests}"),
            PrometheusAsk::Histogram { buckets } => format!("prometheus p95 of {buckets}"),
        },
        Signal::Sql(query) => format!("sql {}", query.text),
        Signal::Live5xx
        | Signal::LiveErrorRate
        | Signal::LiveP95
        | Signal::LiveRejections
        | Signal::LiveCrashes
        | Signal::AuditViolations
        | Signal::ProbeRls
        | Signal::ProbeRead
        | Signal::ProbeWrite
        | Signal::ReportDataInconsistency
        | Signal::ReportOther
        | Signal::ReportAny => signal.name().to_owned(),
    }
}

fn described(check: &Check) -> String {
    let condition = |key: &str, condition: &Option<Condition>| condition.as_ref().map(|c| format!("{key} {}", c.text));
    let conditions = [condition("advance_if", &check.advance_if), condition("rollback_if", &check.rollback_if)];
    let said = std::iter::once(asked(&check.signal)).chain(conditions.into_iter().flatten());
    format!("{}{}", list(said, ""), if check.shadow { ", shadow" } else { "" })
}

fn compare(changes: &mut Changes, before: &Policy, after: &Policy) {
    let tolerance = |policy: &Policy, name: &CheckName| {
        policy.compare.as_ref().and_then(|compare| compare.checks.get(name).copied())
    };
    let names =
        |policy: &Policy| policy.compare.iter().flat_map(|compare| compare.checks.keys().cloned()).collect::<Vec<_>>();
    let mut all = names(before);
    all.extend(names(after));
    all.sort();
    all.dedup();
    for name in all {
        let (old, new) = (tolerance(before, &name), tolerance(after, &name));
        // Nothing tolerated is nothing compared, which tolerates everything.
        let borne = |tolerance: Option<super::Tolerance>| tolerance.map_or(f64::INFINITY, |tolerance| tolerance.0);
        let effect = more_is_laxer(&borne(old), &borne(new));
        changes.maybe(format!("compare {name}"), old.map(tolerated), new.map(tolerated), effect);
    }
    if let (Some(old), Some(new)) = (&before.compare, &after.compare) {
        changes.say("compare bin", length(old.bin), length(new.bin), Effect::Other);
    }
}

/// Everything else, by the words in which it is shown.
fn settings(changes: &mut Changes, before: &Policy, after: &Policy) {
    names(changes, "targets on", before.targets.on(), after.targets.on(), Effect::Laxer);
    names(changes, "targets off", before.targets.off(), after.targets.off(), Effect::Stricter);
    for ((name, old), (_, new)) in values(before).into_iter().zip(values(after)) {
        if !matches!(name, "compare" | "always in" | "always out") {
            changes.say(name, old, new, effect(name, before, after));
        }
    }
}

/// Names that came and went; `added` is what another one does.
fn names(changes: &mut Changes, what: &str, before: &[String], after: &[String], added: Effect) {
    let removed = match added {
        Effect::Laxer => Effect::Stricter,
        Effect::Stricter => Effect::Laxer,
        Effect::Other => Effect::Other,
    };
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|name| !those.contains(name)).cloned().collect()
    };
    for (names, effect, come) in [(only(before, after), removed, false), (only(after, before), added, true)] {
        if !names.is_empty() {
            let said = Some(names.join(", "));
            let (old, new) = if come { (None, said) } else { (said, None) };
            changes.maybe(what.to_owned(), old, new, effect);
        }
    }
}

fn two_person(policy: &Policy) -> bool {
    policy.approvals.as_ref().is_some_and(|approvals| approvals.two_person)
}

fn effect(name: &str, before: &Policy, after: &Policy) -> Effect {
    let by = |of: fn(&Policy) -> usize, compare: fn(&usize, &usize) -> Effect| compare(&of(before), &of(after));
    let time = |of: fn(&Policy) -> Millis| more_is_laxer(&of(before), &of(after));
    match name {
        "harm_budget" => {
            let budget = |policy: &Policy| policy.harm_budget.unwrap_or(u64::MAX);
            more_is_laxer(&budget(before), &budget(after))
        }
        "gate requires" => by(|policy| policy.gate.require.len(), more_is_stricter),
        "gate max_age" => time(|policy| policy.gate.max_age),
        "approval before" => {
            by(|policy| policy.approvals.as_ref().map_or(0, |approvals| approvals.before.len()), more_is_stricter)
        }
        "approval by two" => by(|policy| usize::from(two_person(policy)), more_is_stricter),
        "windows freeze" => {
            by(|policy| policy.windows.as_ref().map_or(0, |windows| windows.freeze.len()), more_is_stricter)
        }
        "windows advance" => {
            let bound = |policy: &Policy| policy.windows.as_ref().is_some_and(|windows| !windows.advance.is_empty());
            more_is_stricter(&bound(before), &bound(after))
        }
        "blind_for" => time(|policy| policy.blind_for),
        "stale_after" => time(|policy| policy.stale_after),
        "fail_to_zero_after" => time(|policy| policy.fail_to_zero_after),
        "watch_after" => more_is_stricter(&before.watch_after, &after.watch_after),
        "on_degraded" => more_is_stricter(&(before.on_degraded as u8), &(after.on_degraded as u8)),
        "on_blind" => more_is_stricter(&(before.on_blind as u8), &(after.on_blind as u8)),
        "on_shared_incident" => more_is_laxer(&(before.on_shared_incident as u8), &(after.on_shared_incident as u8)),
        _ => Effect::Other,
    }
}
