//! A policy as far as it could be read: what is wrong is missing, and every value knows its place.

use super::calendar::{DateSpan, Opening, Schedule, Tz, Windows};
use super::model::{
    Approvals, BucketBy, Check, CheckName, Compare, Condition, Exception, Gate, OnBlind, OnBreach, OnDegraded,
    OnSharedIncident, Policy, Proof, Scope, Stage, Tolerance, Window,
};
use super::signal::Signal;
use super::span::{At, Span};
use crate::flag::Targets;
use crate::{FlagKey, Millis, Percent};

/// Nothing where the value was wrong; that mistake has been noted.
pub(super) type Read<T> = Option<At<T>>;

pub(super) struct Draft {
    pub(super) flag: Read<FlagKey>,
    pub(super) bucket_by: Read<BucketBy>,
    pub(super) targets: Read<Targets>,
    pub(super) stages: Read<Vec<DraftStage>>,
    pub(super) tick: Read<Millis>,
    pub(super) checks: Read<Vec<DraftCheck>>,
    /// The key `checks`.
    pub(super) checks_span: Span,
    pub(super) gate: Read<Gate>,
    pub(super) notify: Read<Vec<String>>,
    pub(super) approvals: Read<Option<DraftApprovals>>,
    pub(super) on_degraded: Read<OnDegraded>,
    pub(super) on_blind: Read<OnBlind>,
    pub(super) blind_for: Read<Millis>,
    pub(super) stale_after: Read<Millis>,
    pub(super) watch_after: Read<Millis>,
    pub(super) fail_to_zero_after: Read<Millis>,
    /// Of the stages that do not say so themselves.
    pub(super) evidence: Read<Proof>,
    pub(super) compare: Read<Option<DraftCompare>>,
    pub(super) harm_budget: Read<Option<u64>>,
    pub(super) windows: Read<Option<DraftWindows>>,
    pub(super) max_hold: Read<Option<Millis>>,
    pub(super) on_shared_incident: Read<OnSharedIncident>,
}

/// Nothing in it where the stage was no mapping.
#[derive(Default)]
pub(super) struct DraftStage {
    pub(super) percent: Read<Percent>,
    pub(super) soak: Read<Millis>,
    pub(super) min_requests: Read<u64>,
    pub(super) evidence: Read<Option<Proof>>,
}

pub(super) struct DraftCheck {
    pub(super) name: Read<CheckName>,
    /// The key that names it.
    pub(super) span: Span,
    pub(super) signal: Read<Signal>,
    pub(super) scope: Read<Scope>,
    pub(super) window: Read<Window>,
    pub(super) advance_if: Read<Option<Condition>>,
    pub(super) rollback_if: Read<Option<Condition>>,
    pub(super) min_samples: Read<u64>,
    pub(super) except: Read<Vec<Exception>>,
    pub(super) on_breach: Read<OnBreach>,
    pub(super) shadow: Read<bool>,
    pub(super) schedule: Read<Option<Schedule>>,
}

pub(super) struct DraftCompare {
    /// The names as they were written, with what is tolerated of each.
    pub(super) checks: Vec<(At<String>, Option<Tolerance>)>,
    pub(super) bin: Read<Millis>,
}

pub(super) struct DraftWindows {
    pub(super) timezone: Read<Tz>,
    pub(super) advance: Read<Vec<DraftOpening>>,
    pub(super) freeze: Read<Vec<Read<DateSpan>>>,
}

pub(super) struct DraftOpening {
    pub(super) open: Read<Schedule>,
    pub(super) lasts: Read<Millis>,
}

/// The approvals, as written.
#[derive(Debug)]
pub(super) struct DraftApprovals {
    pub(super) before: Vec<At<Percent>>,
    pub(super) two_person: bool,
}

impl Draft {
    /// The policy, where everything could be read.
    pub(super) fn policy(self) -> Option<Policy> {
        let evidence = self.evidence?.value;
        Some(Policy {
            flag: self.flag?.value,
            bucket_by: self.bucket_by?.value,
            targets: self.targets?.value,
            stages: self.stages?.value.into_iter().map(|stage| stage.stage(evidence)).collect::<Option<_>>()?,
            tick: self.tick?.value,
            checks: self.checks?.value.into_iter().map(DraftCheck::check).collect::<Option<_>>()?,
            gate: self.gate?.value,
            notify: self.notify?.value,
            approvals: self.approvals?.value.map(|approvals| Approvals {
                before: super::fields::values(approvals.before),
                two_person: approvals.two_person,
            }),
            on_degraded: self.on_degraded?.value,
            on_blind: self.on_blind?.value,
            blind_for: self.blind_for?.value,
            stale_after: self.stale_after?.value,
            watch_after: self.watch_after?.value,
            fail_to_zero_after: self.fail_to_zero_after?.value,
            compare: sound(self.compare?.value, DraftCompare::compare)?,
            harm_budget: self.harm_budget?.value,
            windows: sound(self.windows?.value, |draft| draft.windows())?,
            max_hold: self.max_hold?.value,
            on_shared_incident: self.on_shared_incident?.value,
        })
    }
}

/// What may be left out, where what is there is sound.
fn sound<D, T>(draft: Option<D>, make: impl FnOnce(D) -> Option<T>) -> Option<Option<T>> {
    draft.map_or(Some(None), |draft| make(draft).map(Some))
}

impl DraftStage {
    fn stage(self, evidence: Proof) -> Option<Stage> {
        Some(Stage {
            percent: self.percent?.value,
            soak: self.soak?.value,
            min_requests: self.min_requests?.value,
            evidence: self.evidence?.value.unwrap_or(evidence),
        })
    }
}

impl DraftCheck {
    fn check(self) -> Option<Check> {
        Some(Check {
            name: self.name?.value,
            signal: self.signal?.value,
            scope: self.scope?.value,
            window: self.window?.value,
            advance_if: self.advance_if?.value,
            rollback_if: self.rollback_if?.value,
            min_samples: self.min_samples?.value,
            except: self.except?.value,
            on_breach: self.on_breach?.value,
            shadow: self.shadow?.value,
            schedule: self.schedule?.value,
        })
    }
}

impl DraftCompare {
    fn compare(self) -> Option<Compare> {
        let checks = self.checks.into_iter().map(|(name, tolerance)| Some((CheckName(name.value), tolerance?)));
        Some(Compare { checks: checks.collect::<Option<_>>()?, bin: self.bin?.value })
    }
}

impl DraftWindows {
    /// The windows as far as they can be read, or not at all.
    pub(super) fn windows(&self) -> Option<Windows> {
        let openings = self.advance.as_ref()?.value.iter();
        let freezes = self.freeze.as_ref()?.value.iter();
        Some(Windows {
            timezone: self.timezone?.value,
            advance: openings.map(DraftOpening::opening).collect::<Option<_>>()?,
            freeze: freezes.map(|span| span.map(|span| span.value)).collect::<Option<_>>()?,
        })
    }
}

impl DraftOpening {
    fn opening(&self) -> Option<Opening> {
        Some(Opening { open: self.open.as_ref()?.value.clone(), lasts: self.lasts?.value })
    }
}
