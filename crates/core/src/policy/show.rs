//! A policy as tables, with every default filled in: what `rampart policy show` prints.

use super::calendar::Opening;
use super::duration::parts;
use super::model::{
    BucketBy, Check, Compare, Condition, Exception, GateItem, OnBlind, OnBreach, OnDegraded, OnSharedIncident, Policy,
    Proof, Scope, Tolerance, Window,
};
use super::signal::{PrometheusAsk, Signal, Unit};
use crate::{Millis, Percent};
use std::fmt::Write as _;

/// The policy in plain text.
pub fn show(policy: &Policy) -> String {
    let mut page = format!("{}, by {}\n\n", policy.flag, bucket_by(&policy.bucket_by));
    page.push_str(&stages(policy));
    page.push('\n');
    page.push_str(&checks(&policy.checks));
    page.push('\n');
    page.push_str(&queries(&policy.checks));
    page.push_str(&settings(policy));
    page
}

pub(super) fn bucket_by(bucket_by: &BucketBy) -> &str {
    match bucket_by {
        BucketBy::UserId => "user_id",
        BucketBy::YachtId => "yacht_id",
        BucketBy::Attribute(name) => name,
    }
}

fn stages(policy: &Policy) -> String {
    let mut rows = vec![["stage", "soak before the next", "min requests", ""].map(str::to_owned).to_vec()];
    for (index, stage) in policy.stages.iter().enumerate() {
        let remark = remark(policy, index, stage.percent);
        rows.push(vec![stage.percent.to_string(), length(stage.soak), stage.min_requests.to_string(), remark]);
    }
    let total = policy.stages.iter().fold(Millis::ZERO, |total, stage| total + stage.soak);
    let requests = policy.stages.iter().fold(0, |total: u64, stage| total.saturating_add(stage.min_requests));
    rows.push(vec!["in all".to_owned(), length(total), requests.to_string(), "at the least".to_owned()]);
    table(&rows)
}

fn remark(policy: &Policy, index: usize, percent: Percent) -> String {
    let gated = index == 0 && !policy.gate.require.is_empty();
    let approved = policy.approvals.as_ref().is_some_and(|approvals| approvals.before.contains(&percent));
    let last = index + 1 == policy.stages.len();
    let proven = policy.stages.get(index).is_some_and(|stage| stage.evidence == Proof::Proven);
    let remarks = [
        (proven, "must be proven good"),
        (gated, "starts only when the gate is met"),
        (approved, "a release owner must approve it"),
        (last, "then the rollout is complete"),
    ];
    let said: Vec<&str> = remarks.iter().filter(|(applies, _)| *applies).map(|(_, remark)| *remark).collect();
    said.join("; ")
}

fn checks(checks: &[Check]) -> String {
    let head = ["check", "signal", "counts", "window", "min samples", "must hold to advance", "rolls back"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(checks.iter().map(|check| {
        let condition = |condition: &Option<Condition>| condition.as_ref().map_or("-".to_owned(), |c| c.text.clone());
        let (advance, rollback) = (condition(&check.advance_if), condition(&check.rollback_if));
        let shadow = if check.shadow { " (shadow)" } else { "" };
        let samples = check.min_samples.to_string();
        vec![
            format!("{}{shadow}", check.name.words()),
            check.signal.name().to_owned(),
            counts(check),
            when(check),
            samples,
            advance,
            format!("{rollback}{}", answer(check.on_breach)),
        ]
    }));
    table(&rows)
}

pub(super) fn counts(check: &Check) -> String {
    let whose = match check.scope {
        _ if !check.signal.is_live() => "-",
        Scope::Canary => "canary",
        Scope::All => "all",
    };
    let without: Vec<&str> = check
        .except
        .iter()
        .map(|exception| match exception {
            Exception::Unavailable => "unavailable",
        })
        .collect();
    if without.is_empty() { whose.to_owned() } else { format!("{whose} except {}", without.join(", ")) }
}

/// What a breach does, where that is not what the column says.
const fn answer(on_breach: OnBreach) -> &'static str {
    match on_breach {
        OnBreach::Rollback => "",
        OnBreach::StepBack => " (steps back)",
        OnBreach::Freeze => " (freezes)",
    }
}

/// The window, and how often a probe runs.
fn when(check: &Check) -> String {
    let window = window(check.window);
    check.schedule.as_ref().map_or(window.clone(), |schedule| format!("{window}, runs at {schedule}"))
}

pub(super) fn window(window: Window) -> String {
    match window {
        Window::Stage => "stage".to_owned(),
        Window::Last(span) => length(span),
    }
}

/// What is asked, in the order of the checks; nothing where no check asks anything.
fn queries(checks: &[Check]) -> String {
    let mut rows = vec![["check", "asks", "query"].map(str::to_owned).to_vec()];
    for check in checks {
        let asked: Vec<(&str, &str)> = match &check.signal {
            Signal::Sql(query) => vec![("sql", &query.text)],
            Signal::Prometheus(source) => match &source.ask {
                PrometheusAsk::Value { query, samples } => {
                    let samples = samples.as_deref().map(|samples| ("prometheus samples", samples));
                    std::iter::once(("prometheus value", query.as_str())).chain(samples).collect()
                }
                PrometheusAsk::Ratio { failures, requests } => {
                    vec![("prometheus failures", failures), ("prometheus requests", requests)]
                }
                PrometheusAsk::Histogram { buckets } => vec![("prometheus p95 of buckets", buckets)],
            },
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
            | Signal::ReportAny => Vec::new(),
        };
        let row = |(asks, query): (&str, &str)| vec![check.name.words(), asks.to_owned(), query.to_owned()];
        rows.extend(asked.into_iter().map(row));
    }
    if rows.len() == 1 { String::new() } else { format!("{}\n", table(&rows)) }
}

fn settings(policy: &Policy) -> String {
    let mut rows = vec![vec!["setting".to_owned(), "value".to_owned()]];
    rows.extend(values(policy).into_iter().map(|(name, value)| vec![name.to_owned(), value]));
    table(&rows)
}

/// Everything that is neither a stage nor a check, in words.
pub(super) fn values(policy: &Policy) -> Vec<(&'static str, String)> {
    let proofs = |items: &[GateItem]| list(items.iter().map(|item| item.name()), "nothing");
    let approvals =
        policy.approvals.as_ref().map(|approvals| list(approvals.before.iter().map(Percent::to_string), "nothing"));
    let two_person = match policy.approvals.as_ref().map(|approvals| approvals.two_person) {
        Some(true) => "yes: never by whoever started the rollout",
        Some(false) | None => "no",
    };
    let on_degraded = match policy.on_degraded {
        OnDegraded::Pause => "pause: the soak stands still",
        OnDegraded::Restart => "restart: the soak begins again",
    };
    let on_blind = match policy.on_blind {
        OnBlind::Hold => "hold: the stage stays",
        OnBlind::StepBack => "step_back: back to the stage before",
        OnBlind::Rollback => "rollback: back to 0 %",
    };
    let on_shared_incident = match policy.on_shared_incident {
        OnSharedIncident::Rollback => "rollback: back to 0 %, whoever broke the limit",
        OnSharedIncident::Hold => "hold: the stage stays until it is over",
    };
    let four_soaks = || format!("{} times the soak of the stage", Policy::MAX_HOLD_SOAKS);
    let windows = policy.windows.as_ref();
    let openings = windows.map(|windows| &windows.advance).filter(|openings| !openings.is_empty());
    let openings = openings.map(|openings| list(openings.iter().map(opening), "always"));
    let freezes = windows.map(|windows| list(windows.freeze.iter(), "never"));
    let failures = |budget: u64| format!("{budget} failures beyond those to be expected, then back to 0 %");
    vec![
        ("compare", policy.compare.as_ref().map_or("nothing".to_owned(), compare)),
        ("harm_budget", policy.harm_budget.map_or("none".to_owned(), failures)),
        ("gate requires", proofs(&policy.gate.require)),
        ("gate recommends", proofs(&policy.gate.recommend)),
        ("gate max_age", format!("{}, then a proof counts no more", length(policy.gate.max_age))),
        ("approval before", approvals.unwrap_or_else(|| "no stage".to_owned())),
        ("approval by two", two_person.to_owned()),
        ("windows timezone", windows.map_or("-".to_owned(), |windows| windows.timezone.name().to_owned())),
        ("windows advance", openings.unwrap_or_else(|| "always".to_owned())),
        ("windows freeze", freezes.unwrap_or_else(|| "never".to_owned())),
        ("max_hold", format!("{}, then somebody is paged", policy.max_hold.map_or_else(four_soaks, length))),
        ("notify", list(policy.notify.iter(), "nobody")),
        ("always in", format!("{} named", policy.targets.on().len())),
        ("always out", format!("{} named", policy.targets.off().len())),
        ("tick", length(policy.tick)),
        ("on_degraded", on_degraded.to_owned()),
        ("on_blind", on_blind.to_owned()),
        ("blind_for", format!("{}, then somebody is paged and on_blind applies", length(policy.blind_for))),
        ("on_shared_incident", on_shared_incident.to_owned()),
        ("stale_after", length(policy.stale_after)),
        ("watch_after", length(policy.watch_after)),
        ("fail_to_zero_after", length(policy.fail_to_zero_after)),
    ]
}

fn compare(compare: &Compare) -> String {
    let checks = compare.checks.iter().map(|(name, tolerance)| format!("{} {}", name.words(), tolerated(*tolerance)));
    format!("{}; in bins of {}", list(checks, "nothing"), length(compare.bin))
}

/// `no worse than 20 % more`.
pub(super) fn tolerated(Tolerance(ratio): Tolerance) -> String {
    format!("no worse than {} more", Unit::Ratio.show(ratio - 1.0))
}

fn opening(opening: &Opening) -> String {
    format!("{} for {}", opening.open.text(), length(opening.lasts))
}

pub(super) fn list(items: impl Iterator<Item = impl ToString>, none: &str) -> String {
    let items: Vec<String> = items.map(|item| item.to_string()).collect();
    if items.is_empty() { none.to_owned() } else { items.join(", ") }
}

/// Exactly, as people say it: `1 h 30 min`.
pub(super) fn length(length: Millis) -> String {
    let said: Vec<String> =
        parts(length).map(|(count, unit)| format!("{count} {}", if unit == "m" { "min" } else { unit })).collect();
    said.join(" ")
}

/// Rows between bars; the first is the head.
fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        line(&mut text, row, &widths);
        if index == 0 {
            let dashes: Vec<String> = widths.iter().map(|width| "-".repeat((*width).max(3))).collect();
            line(&mut text, &dashes, &widths);
        }
    }
    text
}

fn line(text: &mut String, cells: &[String], widths: &[usize]) {
    for (cell, width) in cells.iter().zip(widths) {
        // Writing to a string cannot fail.
        let _ = write!(text, "| {cell:<width$} ");
    }
    text.push_str("|\n");
}
