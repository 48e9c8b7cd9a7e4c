//! A policy as far as it could be read: what is wrong is missing, and every value knows its place.

use super::model::{
    Approvals, BucketBy, Check, CheckName, Condition, Exception, Gate, OnBlind, OnBreach, OnDegraded, OnSharedIncident,
    Policy, Proof, Scope, Stage, Window,
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
    pub(super) approvals: Read<Option<Vec<At<Percent>>>>,
    pub(super) on_degraded: Read<OnDegraded>,
    pub(super) on_blind: Read<OnBlind>,
    pub(super) blind_for: Read<Millis>,
    pub(super) stale_after: Read<Millis>,
    pub(super) watch_after: Read<Millis>,
    pub(super) fail_to_zero_after: Read<Millis>,
}

/// Nothing in it where the stage was no mapping.
#[derive(Default)]
pub(super) struct DraftStage {
    pub(super) percent: Read<Percent>,
    pub(super) soak: Read<Millis>,
    pub(super) min_requests: Read<u64>,
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
}

impl Draft {
    /// The policy, where everything could be read.
    pub(super) fn policy(self) -> Option<Policy> {
        Some(Policy {
            flag: self.flag?.value,
            bucket_by: self.bucket_by?.value,
            targets: self.targets?.value,
            stages: self.stages?.value.into_iter().map(DraftStage::stage).collect::<Option<_>>()?,
            tick: self.tick?.value,
            checks: self.checks?.value.into_iter().map(DraftCheck::check).collect::<Option<_>>()?,
            gate: self.gate?.value,
            notify: self.notify?.value,
            approvals: self.approvals?.value.map(|before| Approvals { before: super::fields::values(before) }),
            on_degraded: self.on_degraded?.value,
            on_blind: self.on_blind?.value,
            blind_for: self.blind_for?.value,
            stale_after: self.stale_after?.value,
            watch_after: self.watch_after?.value,
            fail_to_zero_after: self.fail_to_zero_after?.value,
            compare: None,
            harm_budget: None,
            windows: None,
            max_hold: None,
            on_shared_incident: OnSharedIncident::default(),
        })
    }
}

impl DraftStage {
    fn stage(self) -> Option<Stage> {
        Some(Stage {
            percent: self.percent?.value,
            soak: self.soak?.value,
            min_requests: self.min_requests?.value,
            evidence: Proof::default(),
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
            on_breach: OnBreach::default(),
            shadow: false,
            schedule: None,
        })
    }
}
