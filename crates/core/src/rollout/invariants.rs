//! What must hold after every step, whatever happened: one catalogue for the property tests, the
//! simulator and production, where a violation is counted and logged.

use super::{Event, Phase, Rollout};
use crate::policy::Policy;
use crate::{Percent, Timestamp};

/// A rule by its number in `ARCHITECTURE.md`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Invariant {
    /// Exposure rises only by an event that says so.
    I3,
    /// The soak served never exceeds the time spent in the stage.
    I4,
    /// A rolled-back rollout never rises.
    I6,
    /// Revisions and epochs only grow, by one change at a time.
    I7,
}

/// A rule that a step broke.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[error("{invariant:?}: {text}")]
pub struct Violation {
    /// Which rule.
    pub invariant: Invariant,
    /// What was seen.
    pub text: String,
}

/// Every rule that the step from `before` to `after` by `event` breaks. An empty answer is good.
pub fn check_step(policy: &Policy, before: &Rollout, event: &Event, after: &Rollout, at: Timestamp) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut report = |invariant, text: String| found.push(Violation { invariant, text });
    if after.percent > before.percent && event.enters() != Some(after.percent) {
        report(Invariant::I3, format!("{} rose to {} by {}", before.percent, after.percent, event.kind()));
    }
    if after.progress.soak > before.progress.soak && crate::Millis::between(after.stage_since, at) < after.progress.soak
    {
        report(Invariant::I4, format!("{} of soak in a stage entered at {}", after.progress.soak, after.stage_since));
    }
    let reborn = matches!(event, Event::Started(_));
    if before.phase == Phase::RolledBack && !reborn && (after != before || after.percent != Percent::ZERO) {
        report(Invariant::I6, format!("a rolled-back rollout changed by {}", event.kind()));
    }
    if after.percent > Percent::ZERO && after.phase == Phase::RolledBack {
        report(Invariant::I6, format!("rolled back, yet at {}", after.percent));
    }
    let over = match before.phase {
        Phase::RolledBack => true,
        Phase::Completed => !matches!(event, Event::RolledBack { .. }),
        Phase::Waiting | Phase::Ramping | Phase::Paused => false,
    };
    let expected = before.revision.0 + u64::from(!event.is_note() && !over);
    let grown = if reborn { after.revision > before.revision } else { after.revision.0 == expected };
    if !grown || !reborn && after.epoch < before.epoch {
        report(Invariant::I7, format!("revision {} became {}", before.revision, after.revision));
    }
    let has_percent = |stage: usize| policy.stages.get(stage).is_some_and(|stage| after.percent == stage.percent);
    let stands_where_it_says = after.stage.is_none_or(has_percent);
    if after.phase != Phase::RolledBack && !stands_where_it_says {
        report(Invariant::I3, format!("stage {:?} does not have {}", after.stage, after.percent));
    }
    found
}
