//! Comparisons, proofs and budgets that could never say anything.

use super::draft::{Draft, DraftCheck, DraftCompare, DraftStage};
use super::log::{Log, Wrong, listed, nearest, quoted};
use super::model::{OnSharedIncident, Op, Proof};
use super::signal::{PrometheusAsk, Signal};
use super::span::{At, Span};
use crate::Percent;

/// What can be held against control: both sides are counted, request by request.
const COMPARABLE: &str =
    "a check of `live.error_rate`, `live.p95`, `live.rejections`, or of `failures` and `requests` or `buckets`";

pub(super) fn evidence(log: &mut Log, draft: &Draft) {
    let Some(checks) = &draft.checks else { return };
    if let Some(At { value: Some(compare), span: Some(span) }) = &draft.compare {
        for (name, _) in &compare.checks {
            compared(log, name, &checks.value);
        }
        let stages = draft.stages.as_ref().map(|stages| stages.value.as_slice()).unwrap_or_default();
        has_control(log, compare, *span, stages);
    }
    proven(log, draft, &checks.value);
    counts_failures(log, draft, &checks.value);
    if let (Some(At { value: OnSharedIncident::Hold, span: Some(span) }), Some(At { value: None, .. })) =
        (&draft.on_shared_incident, &draft.compare)
    {
        let wrong = Wrong::new("without `compare` nobody knows whether control suffers, too");
        log.add(*span, wrong.expected("a `compare`, such as `compare: { error_rate: no_worse }`, or `rollback`"));
    }
}

/// A name in `compare` is that of a check that decides and that can be compared.
fn compared(log: &mut Log, name: &At<String>, checks: &[DraftCheck]) {
    let Some(span) = name.span else { return };
    let named = |check: &&DraftCheck| check.name.as_ref().is_some_and(|known| known.value.0 == name.value);
    let Some(check) = checks.iter().find(named) else {
        let known = || checks.iter().filter_map(|check| check.name.as_ref()).map(|known| known.value.0.as_str());
        let wrong = Wrong::new(format!("{} is no check of this policy", quoted(&name.value)));
        log.add(span, wrong.expected(COMPARABLE).did_you_mean(nearest(&name.value, known())));
        return;
    };
    if check.shadow.is_some_and(|shadow| shadow.value) {
        let wrong = Wrong::new(format!("check {} is a shadow, and a comparison decides", quoted(&name.value)));
        log.add(span, wrong.expected("a check that is no shadow"));
    }
    let Some(signal) = check.signal.as_ref().map(|signal| &signal.value) else { return };
    match comparable(signal) {
        Comparable::Yes => {}
        Comparable::OneSided(expected) => {
            let message = format!("check {} asks for canary and control together", quoted(&name.value));
            log.add(span, Wrong::new(message).expected(expected));
        }
        Comparable::No => {
            let message = format!(
                "check {} measures `{}`, which control has nothing to hold against",
                quoted(&name.value),
                signal.name()
            );
            log.add(span, Wrong::new(message).expected(COMPARABLE));
        }
    }
}

enum Comparable {
    Yes,
    /// It could be, if it asked for each side.
    OneSided(&'static str),
    No,
}

fn comparable(signal: &Signal) -> Comparable {
    match signal {
        Signal::LiveErrorRate | Signal::LiveP95 | Signal::LiveRejections => Comparable::Yes,
        Signal::Prometheus(source) => match &source.ask {
            PrometheusAsk::Value { .. } => Comparable::No,
            ask if ask.counts_each_side() => Comparable::Yes,
            PrometheusAsk::Ratio { .. } => Comparable::OneSided("`$cohort` in its `failures` and in its `requests`"),
            PrometheusAsk::Histogram { .. } => Comparable::OneSided("`$cohort` in its `buckets`"),
        },
        Signal::Live5xx
        | Signal::LiveCrashes
        | Signal::AuditViolations
        | Signal::ProbeRls
        | Signal::ProbeRead
        | Signal::ProbeWrite
        | Signal::ReportDataInconsistency
        | Signal::ReportOther
        | Signal::ReportAny
        | Signal::Sql(_) => Comparable::No,
    }
}

/// At 100 % nobody is left to compare with.
fn has_control(log: &mut Log, compare: &DraftCompare, span: Span, stages: &[DraftStage]) {
    let everybody = |stage: &DraftStage| stage.percent.is_some_and(|percent| percent.value == Percent::FULL);
    if !stages.is_empty() && stages.iter().all(everybody) {
        let span = compare.checks.first().and_then(|(name, _)| name.span).unwrap_or(span);
        let wrong = Wrong::new("every stage is 100 %, so there is no control to compare with");
        log.add(span, wrong.expected("a stage below 100 %, or no `compare`"));
    }
}

/// A stage that asks for a proof has a check on which there can be one.
fn proven(log: &mut Log, draft: &Draft, checks: &[DraftCheck]) {
    let stages = draft.stages.iter().flat_map(|stages| &stages.value).filter_map(|stage| stage.evidence);
    let written = stages.filter_map(|evidence| Some((evidence.value?, evidence.span?)));
    let top = draft.evidence.and_then(|evidence| Some((evidence.value, evidence.span?)));
    let mut asking = top.into_iter().chain(written).filter(|(proof, _)| *proof == Proof::Proven);
    let Some((_, span)) = asking.next() else { return };
    let unread = |check: &DraftCheck| check.signal.is_none() || check.advance_if.is_none() || check.shadow.is_none();
    if checks.iter().any(|check| unread(check) || provable(check)) {
        return;
    }
    let wrong = Wrong::new("no check can be proven, so no stage would ever be left");
    let expected = "a check of `live.error_rate` or `live.p95` with an `advance_if` above 0, such as `\"< 0.1%\"`";
    log.add(span, wrong.expected(expected));
}

/// Requests are counted against its `advance_if`, and so many good ones prove it.
fn provable(check: &DraftCheck) -> bool {
    let counted = check.signal.as_ref().is_some_and(|signal| match &signal.value {
        Signal::LiveErrorRate | Signal::LiveP95 => true,
        Signal::Prometheus(source) => source.ask.counts_each_side(),
        Signal::Live5xx
        | Signal::LiveRejections
        | Signal::LiveCrashes
        | Signal::AuditViolations
        | Signal::ProbeRls
        | Signal::ProbeRead
        | Signal::ProbeWrite
        | Signal::ReportDataInconsistency
        | Signal::ReportOther
        | Signal::ReportAny
        | Signal::Sql(_) => false,
    });
    let limit = check.advance_if.as_ref().and_then(|condition| condition.value.as_ref());
    let room = limit.is_some_and(|limit| matches!(limit.op, Op::Less | Op::AtMost) && limit.limit > 0.0);
    counted && room && check.shadow.is_some_and(|shadow| !shadow.value)
}

/// A budget of failures needs somebody who counts them.
fn counts_failures(log: &mut Log, draft: &Draft, checks: &[DraftCheck]) {
    let Some(At { value: Some(_), span: Some(span) }) = draft.harm_budget else { return };
    let counts =
        |check: &DraftCheck| check.signal.as_ref().is_none_or(|signal| matches!(signal.value, Signal::LiveErrorRate));
    if !checks.iter().any(counts) {
        let wrong = Wrong::new("no check counts failed requests, so the budget would never be spent");
        let expected = listed([Signal::LiveErrorRate.name()]);
        log.add(span, wrong.expected(format!("a check of {expected}")));
    }
}
