//! A policy as tables, with every default filled in: what `rampart policy show` prints.

use super::duration::parts;
use super::model::{BucketBy, Check, Condition, Exception, GateItem, OnBlind, OnDegraded, Policy, Scope, Window};
use crate::{Millis, Percent};
use std::fmt::Write as _;

/// The policy in plain text.
pub fn show(policy: &Policy) -> String {
    let mut page = format!("{}, by {}\n\n", policy.flag, bucket_by(&policy.bucket_by));
    page.push_str(&stages(policy));
    page.push('\n');
    page.push_str(&checks(&policy.checks));
    page.push('\n');
    page.push_str(&settings(policy));
    page
}

fn bucket_by(bucket_by: &BucketBy) -> &str {
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
    let remarks = [
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
        let samples = check.min_samples.to_string();
        vec![
            check.name.words(),
            check.signal.name().to_owned(),
            counts(check),
            window(check.window),
            samples,
            advance,
            rollback,
        ]
    }));
    table(&rows)
}

fn counts(check: &Check) -> String {
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

fn window(window: Window) -> String {
    match window {
        Window::Stage => "stage".to_owned(),
        Window::Last(span) => length(span),
    }
}

fn settings(policy: &Policy) -> String {
    let proofs = |items: &[GateItem]| list(items.iter().map(|item| item.name()), "nothing");
    let approvals =
        policy.approvals.as_ref().map(|approvals| list(approvals.before.iter().map(Percent::to_string), "nothing"));
    let on_degraded = match policy.on_degraded {
        OnDegraded::Pause => "pause: the soak stands still",
        OnDegraded::Restart => "restart: the soak begins again",
    };
    let on_blind = match policy.on_blind {
        OnBlind::Hold => "hold: the stage stays",
        OnBlind::StepBack => "step_back: back to the stage before",
        OnBlind::Rollback => "rollback: back to 0 %",
    };
    let rows = [
        ("gate requires", proofs(&policy.gate.require)),
        ("gate recommends", proofs(&policy.gate.recommend)),
        ("gate max_age", format!("{}, then a proof counts no more", length(policy.gate.max_age))),
        ("approval before", approvals.unwrap_or_else(|| "no stage".to_owned())),
        ("notify", list(policy.notify.iter(), "nobody")),
        ("always in", format!("{} named", policy.targets.on().len())),
        ("always out", format!("{} named", policy.targets.off().len())),
        ("tick", length(policy.tick)),
        ("on_degraded", on_degraded.to_owned()),
        ("on_blind", on_blind.to_owned()),
        ("blind_for", format!("{}, then somebody is paged and on_blind applies", length(policy.blind_for))),
        ("stale_after", length(policy.stale_after)),
        ("watch_after", length(policy.watch_after)),
        ("fail_to_zero_after", length(policy.fail_to_zero_after)),
    ];
    let mut rows: Vec<Vec<String>> = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    rows.insert(0, vec!["setting".to_owned(), "value".to_owned()]);
    table(&rows)
}

fn list(items: impl Iterator<Item = impl ToString>, none: &str) -> String {
    let items: Vec<String> = items.map(|item| item.to_string()).collect();
    if items.is_empty() { none.to_owned() } else { items.join(", ") }
}

/// Exactly, as people say it: `1 h 30 min`.
fn length(length: Millis) -> String {
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
