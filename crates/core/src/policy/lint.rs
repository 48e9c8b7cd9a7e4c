//! What reads well and still makes no sense: ramps that do not rise, evidence that cannot come.
//!
//! Each rule looks only at what could be read, so it speaks beside mistakes elsewhere.

use super::draft::{Draft, DraftCheck, DraftStage, Read};
use super::duration::written;
use super::lint_check;
use super::lint_evidence::evidence;
use super::lint_windows::calendar;
use super::log::{Log, Wrong};
use super::model::OnBreach;
use super::span::{At, Span};
use crate::{Millis, Percent};

/// How many ticks anything that is watched must last, so that one late tick is not the end of it.
pub const MIN_TICKS: u64 = 2;

pub(super) fn policy(log: &mut Log, draft: &Draft) {
    if let Some(stages) = &draft.stages {
        rises(log, &stages.value);
        for stage in &stages.value {
            lasts_two_ticks(log, "this soak", stage.soak, draft.tick);
        }
        if let Some(approvals) = &draft.approvals {
            approves_stages(
                log,
                approvals.value.as_ref().map_or(&[], |approvals| approvals.before.as_slice()),
                &stages.value,
            );
        }
    }
    lasts_two_ticks(log, "`stale_after`", draft.stale_after, draft.tick);
    if let Some(checks) = &draft.checks {
        for check in &checks.value {
            lint_check::check(log, check, draft);
        }
        rolls_back(log, draft, &checks.value);
    }
    evidence(log, draft);
    calendar(log, draft);
}

/// Stages rise from above 0 % to 100 %.
fn rises(log: &mut Log, stages: &[DraftStage]) {
    let mut before: Option<(usize, Percent)> = None;
    for (number, percent) in (1..).zip(stages).filter_map(|(number, stage)| Some((number, stage.percent?))) {
        let Some(span) = percent.span else { continue };
        if percent.value == Percent::ZERO {
            log.add(span, Wrong::new("a stage of 0 % shows the flag to nobody").expected("a percent above 0"));
            continue;
        }
        if let Some((earlier, limit)) = before.filter(|(_, limit)| percent.value <= *limit) {
            let reason = if percent.value == limit {
                format!("stage {number} is {limit} like stage {earlier}")
            } else {
                format!("stage {number} is {}, stage {earlier} is {limit}", percent.value)
            };
            log.add(span, Wrong::new(format!("stages do not rise: {reason}")).expected(format!("more than {limit}")));
        }
        before = Some(before.map_or((number, percent.value), |last| {
            if last.1 < percent.value { (number, percent.value) } else { last }
        }));
    }
    let last = stages.last().and_then(|stage| stage.percent).filter(|percent| percent.value != Percent::FULL);
    if let Some(At { value, span: Some(span) }) = last {
        let wrong = Wrong::new(format!("the last stage is {value}, so the flag never reaches everybody"));
        log.add(span, wrong.expected("a last stage of 100"));
    }
}

/// Refuses a length under [`MIN_TICKS`] ticks; told at the tick where the length is a default.
pub(super) fn lasts_two_ticks(log: &mut Log, what: &str, length: Read<Millis>, tick: Read<Millis>) {
    let (Some(length), Some(tick)) = (length, tick) else { return };
    let least = tick.value * MIN_TICKS;
    if length.value >= least {
        return;
    }
    let (length_text, tick_text, least) = (written(length.value), written(tick.value), written(least));
    let (message, right) = match length.span {
        Some(_) => (format!("{what} is {length_text}"), format!("{least} or more")),
        None => (format!("{what} is {length_text} where it is left out"), format!("{what} of {least} or more")),
    };
    if let Some(span) = length.span.or(tick.span) {
        let wrong = Wrong::new(format!("{message}, less than {MIN_TICKS} ticks of {tick_text}"));
        log.add(span, wrong.expected(format!("{right}, or a shorter `tick`")));
    }
}

/// Approvals name stages.
fn approves_stages(log: &mut Log, before: &[At<Percent>], stages: &[DraftStage]) {
    let Some(percents) = stages.iter().map(|stage| Some(stage.percent?.value)).collect::<Option<Vec<_>>>() else {
        return;
    };
    for percent in before.iter().filter(|percent| !percents.contains(&percent.value)) {
        let known: Vec<String> = percents.iter().map(Percent::to_string).collect();
        if let Some(span) = percent.span {
            let wrong = Wrong::new(format!("{} is no stage of this policy", percent.value));
            log.add(span, wrong.expected(format!("one of its stages: {}", known.join(", "))));
        }
    }
}

/// At least one check can pull the flag back: one that decides, and does more than stop the ramp.
fn rolls_back(log: &mut Log, draft: &Draft, checks: &[DraftCheck]) {
    let limited = |check: &&DraftCheck| check.rollback_if.as_ref().is_none_or(|condition| condition.span.is_some());
    let mut limits = checks.iter().filter(limited).peekable();
    if limits.peek().is_none() {
        let wrong = Wrong::new("no check has a `rollback_if`, so nothing would ever roll this flag back");
        let expected = "a `rollback_if` in at least one check, such as `rollback_if: \"> 0\"`";
        log.add(draft.checks_span, wrong.expected(expected));
        return;
    }
    let shadow = |check: &DraftCheck| check.shadow.filter(|shadow| shadow.value)?.span;
    let freezes = |check: &DraftCheck| check.on_breach.filter(|answer| answer.value == OnBreach::Freeze)?.span;
    let idle: Option<Vec<Span>> = limits.map(|check| shadow(check).or_else(|| freezes(check))).collect();
    if let Some(span) = idle.and_then(|spans| spans.first().copied()) {
        let message =
            "the checks with a `rollback_if` are shadows or only freeze, so nothing would ever roll this flag back";
        log.add(span, Wrong::new(message).expected("at least one check with a `rollback_if` that rolls or steps back"));
    }
}
