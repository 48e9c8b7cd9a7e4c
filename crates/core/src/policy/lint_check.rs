//! Checks that prove nothing, and conditions that contradict each other.

use super::draft::{Draft, DraftCheck, Read};
use super::duration::written;
use super::lint::lasts_two_ticks;
use super::log::{Log, Wrong, quoted};
use super::model::{Condition, Op, Window};
use super::signal::{Signal, Unit};
use super::span::{At, Span};
use crate::Millis;

/// How many ticks a scrape of Prometheus is taken to be apart: 15 s beside the default tick of 5 s.
pub const SCRAPE_TICKS: u64 = 3;
/// How many scrapes a window must hold, for it takes two to see anything grow.
pub const MIN_SCRAPES: u64 = 2;

pub(super) fn check(log: &mut Log, check: &DraftCheck, draft: &Draft) {
    conditions(log, check);
    window(log, check, draft.tick);
    answers_something(log, check);
    runs_in_every_stage(log, check, draft);
}

fn conditions(log: &mut Log, check: &DraftCheck) {
    let (Some(advance), Some(rollback)) = (&check.advance_if, &check.rollback_if) else {
        one_condition(log, check, check.advance_if.as_ref(), "advance_if", true);
        one_condition(log, check, check.rollback_if.as_ref(), "rollback_if", false);
        return;
    };
    if advance.span.is_none() && rollback.span.is_none() {
        let name =
            check.name.as_ref().map_or("this check".to_owned(), |name| format!("check {}", quoted(&name.value.0)));
        let wrong = Wrong::new(format!("{name} has no condition, so it proves nothing"));
        log.add(check.span, wrong.expected("`advance_if`, `rollback_if` or both"));
    }
    let healthy = one_condition(log, check, Some(advance), "advance_if", true);
    let harmful = one_condition(log, check, Some(rollback), "rollback_if", false);
    if healthy && harmful {
        contradiction(log, check, advance, rollback);
    }
}

fn window(log: &mut Log, check: &DraftCheck, tick: Read<Millis>) {
    let Some(At { value: Window::Last(length), span }) = check.window else { return };
    let scraped = check.signal.as_ref().is_some_and(|signal| matches!(signal.value, Signal::Prometheus(_)));
    let (Some(tick), Some(span), true) = (tick, span, scraped) else {
        return lasts_two_ticks(log, "this window", Some(At { value: length, span }), tick);
    };
    let least = tick.value * (SCRAPE_TICKS * MIN_SCRAPES);
    if length < least {
        let message = format!("this window is {}, too short for {MIN_SCRAPES} scrapes", written(length));
        let scrape = written(tick.value * SCRAPE_TICKS);
        let expected =
            format!("{} or more: a scrape is taken to come every {scrape}, {SCRAPE_TICKS} ticks", written(least));
        log.add(span, Wrong::new(message).expected(expected));
    }
}

/// An answer to a breach needs a breach.
fn answers_something(log: &mut Log, check: &DraftCheck) {
    if let (Some(At { span: Some(span), .. }), Some(At { value: None, span: None })) =
        (&check.on_breach, &check.rollback_if)
    {
        let wrong = Wrong::new("`on_breach` without a `rollback_if`: nothing is a breach of this check");
        log.add(*span, wrong.expected("a `rollback_if` beside it"));
    }
}

/// No stage passes between two runs of a probe.
fn runs_in_every_stage(log: &mut Log, check: &DraftCheck, draft: &Draft) {
    let Some(At { value: Some(schedule), span: Some(span) }) = &check.schedule else { return };
    let stages = draft.stages.iter().flat_map(|stages| (1..).zip(&stages.value));
    let soaks = stages.filter_map(|(number, stage)| Some((stage.soak?.value, number)));
    let (Some((soak, number)), Some(pause)) = (soaks.min(), schedule.longest_pause()) else { return };
    if pause > soak {
        let message = format!(
            "this probe rests for up to {}, longer than stage {number} soaks ({})",
            written(pause),
            written(soak)
        );
        log.add(*span, Wrong::new(message).expected(format!("a run at least every {}", written(soak))));
    }
}

/// Every signal measures something of which more is worse, so a condition for health looks down
/// and a condition for harm looks up. True where the condition is there and sound.
fn one_condition(
    log: &mut Log,
    check: &DraftCheck,
    condition: Option<&At<Option<Condition>>>,
    key: &str,
    health: bool,
) -> bool {
    let Some(At { value: Some(condition), span: Some(span) }) = condition else { return false };
    let down = matches!(condition.op, Op::Less | Op::AtMost | Op::Equal);
    let up = matches!(condition.op, Op::Greater | Op::AtLeast);
    if health && !down || !health && !up {
        log.add(*span, wrong_way(condition, key, health));
        return false;
    }
    let Some(unit) = check.signal.as_ref().map(|signal| signal.value.unit()) else { return false };
    match always_or_never(condition, unit) {
        None => true,
        Some(always) => {
            let why = if always { "holds for every value" } else { "holds for no value" };
            log.add(*span, Wrong::new(format!("{} {why}", quoted(&condition.text))).expected(range(unit)));
            false
        }
    }
}

fn wrong_way(condition: &Condition, key: &str, health: bool) -> Wrong {
    let limit = condition.text.trim_start_matches(['<', '>', '=']).trim_start();
    let (whom, signs, sign) = if health { ("bad", "`<`, `<=` or `==`", "<") } else { ("good", "`>` or `>=`", ">") };
    let wrong = Wrong::new(format!(
        "`{key}` with {} calls {whom} values {}",
        quoted(&condition.text),
        if health { "healthy" } else { "harmful" }
    ));
    wrong.expected(format!("{signs}, because more is worse")).did_you_mean(Some(format!("{sign} {limit}")))
}

/// Whether the condition is true (or false) whatever is measured.
fn always_or_never(condition: &Condition, unit: Unit) -> Option<bool> {
    let most = match unit {
        Unit::Ratio => 1.0,
        Unit::Count | Unit::Ms | Unit::Seconds => f64::INFINITY,
    };
    match condition.op {
        Op::Less if condition.limit <= 0.0 => Some(false),
        Op::Greater if condition.limit >= most => Some(false),
        Op::AtLeast if condition.limit <= 0.0 => Some(true),
        Op::AtMost if condition.limit >= most => Some(true),
        Op::Less | Op::AtMost | Op::Greater | Op::AtLeast | Op::Equal => None,
    }
}

fn range(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "a condition that can be met and missed; counts begin at 0",
        Unit::Ratio => "a condition that can be met and missed; shares go from 0 to 100 %",
        Unit::Ms | Unit::Seconds => "a condition that can be met and missed; times begin at 0 ms",
    }
}

/// No value may be healthy enough to advance and bad enough to roll back.
fn contradiction(log: &mut Log, check: &DraftCheck, advance: &At<Option<Condition>>, rollback: &At<Option<Condition>>) {
    let (Some(healthy), Some(harmful), Some(span)) = (&advance.value, &rollback.value, place(advance, rollback)) else {
        return;
    };
    let whole = check
        .signal
        .as_ref()
        .is_some_and(|signal| signal.value.unit() == Unit::Count && signal.value.query().is_none());
    let (most, most_counts) = edge(healthy, whole);
    let (least, least_counts) = edge(harmful, whole);
    if least < most || least == most && most_counts && least_counts {
        let message = format!(
            "`advance_if` is laxer than `rollback_if`: a value can meet {} and {}",
            quoted(&healthy.text),
            quoted(&harmful.text)
        );
        log.add(span, Wrong::new(message).expected("a limit to advance that lies below the limit to roll back"));
    }
}

fn place(advance: &At<Option<Condition>>, rollback: &At<Option<Condition>>) -> Option<Span> {
    advance.span.or(rollback.span)
}

/// The last value that meets the condition, and whether it does itself. Of whole numbers, `< 1` is `<= 0`.
fn edge(condition: &Condition, whole: bool) -> (f64, bool) {
    match condition.op {
        Op::Less if whole => (condition.limit - 1.0, true),
        Op::Greater if whole => (condition.limit + 1.0, true),
        Op::Less | Op::Greater => (condition.limit, false),
        Op::AtMost | Op::AtLeast | Op::Equal => (condition.limit, true),
    }
}
