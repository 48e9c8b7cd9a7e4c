//! What stands before the next stage beside the checks: hours, and a person.

use rampart_core::Timestamp;
use rampart_core::policy::{Policy, WindowState, Windows};
use rampart_core::rollout::Rollout;
use serde::Serialize;
use utoipa::ToSchema;

/// Whether a stage may be entered now.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Window)]
pub struct WindowStatus {
    /// It may.
    pub open: bool,
    /// Until then it stays so; none where no end is in sight.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// Why it may not, in words.
    pub why: Option<String>,
}

/// Whether the next stage waits for a person.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Approval)]
pub struct ApprovalStatus {
    /// The policy asks for it, be it given or not.
    pub needed: bool,
    /// It must come from another person than the start.
    pub two_person: bool,
    /// Who started this rollout.
    pub started_by: String,
    /// Who has approved the next stage.
    pub approved_by: Option<String>,
}

impl WindowStatus {
    pub(super) fn of(windows: &Windows, now: Timestamp) -> Self {
        match windows.at(now) {
            WindowState::Open { until } => Self { open: true, until, why: None },
            WindowState::Closed { until, why } => Self { open: false, until, why: Some(why) },
        }
    }
}

impl ApprovalStatus {
    /// Of the next stage; none where there is no next one, or where the rollout no longer moves.
    pub(super) fn of(policy: &Policy, rollout: &Rollout) -> Option<Self> {
        let next = rollout.stage.filter(|_| rollout.phase.is_live())? + 1;
        let stage = policy.stages.get(next)?;
        let asked = policy.approvals.as_ref().filter(|approvals| approvals.before.contains(&stage.percent));
        Some(Self {
            needed: asked.is_some(),
            two_person: asked.is_some_and(|approvals| approvals.two_person),
            started_by: rollout.started_by.to_string(),
            approved_by: rollout
                .approved_by
                .as_ref()
                .filter(|_| rollout.approved == Some(next))
                .map(ToString::to_string),
        })
    }
}
