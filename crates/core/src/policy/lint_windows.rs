//! Windows that hold nothing, or everything; and stages that would page somebody in every rollout.

use super::draft::{Draft, DraftWindows};
use super::duration::written;
use super::lint::lasts_two_ticks;
use super::log::{Log, Wrong};
use super::span::{At, Span};

pub(super) fn calendar(log: &mut Log, draft: &Draft) {
    if let Some(At { value: Some(windows), span: Some(span) }) = &draft.windows {
        for opening in windows.advance.iter().flat_map(|advance| &advance.value) {
            lasts_two_ticks(log, "this opening", opening.lasts, draft.tick);
        }
        opens(log, windows, *span);
    }
    pages_seldom(log, draft);
}

/// Windows say something, and leave room for a rollout.
fn opens(log: &mut Log, draft: &DraftWindows, span: Span) {
    let Some(windows) = draft.windows() else { return };
    if windows.advance.is_empty() && windows.freeze.is_empty() {
        let wrong = Wrong::new("these windows are always open");
        log.add(span, wrong.expected("`advance`, `freeze` or both; or no `windows`"));
        return;
    }
    if let Some(day) = windows.shut_for_a_year() {
        let freeze = draft.freeze.as_ref().and_then(|freeze| freeze.span);
        let advance = draft.advance.as_ref().and_then(|advance| advance.span);
        let wrong = Wrong::new(format!("from {day} on no stage could be entered for more than a year"));
        log.add(freeze.or(advance).unwrap_or(span), wrong.expected("windows that open at least once a year"));
    }
}

/// Nobody is paged because a stage lasts as long as it was told to.
fn pages_seldom(log: &mut Log, draft: &Draft) {
    let Some(At { value: Some(hold), span: Some(span) }) = draft.max_hold else { return };
    let stages = draft.stages.iter().flat_map(|stages| (1..).zip(&stages.value));
    let soaks = stages.filter_map(|(number, stage)| Some((stage.soak?.value, number)));
    let Some((soak, number)) = soaks.max_by_key(|(soak, _)| *soak).filter(|(soak, _)| hold <= *soak) else { return };
    let wrong = Wrong::new(format!(
        "`max_hold` is {}, and the soak of stage {number} alone is {}: every rollout would page somebody",
        written(hold),
        written(soak)
    ));
    log.add(span, wrong.expected(format!("more than {}", written(soak))));
}
