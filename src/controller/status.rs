//! Where a flag stands, as the API, the page and the terminal show it.

use super::ahead::{ApprovalStatus, WindowStatus};
use super::checks::{CheckStatus, ComparisonStatus, Proofs, StatisticsStatus};
use super::gate::{self, GateFinding};
use super::policies::LoadedPolicy;
use crate::schema::{CommandName, DecisionKind, GateItemName, GateState, NeedShape, PhaseName, RoleName};
use crate::signals::Traffic;
use crate::store::{GateRun, Recorded, StoredRollout};
use rampart_core::policy::{GateItem, Policy};
use rampart_core::rollout::{
    Build, Cause, CommandKind, Decision, Judgement, Need, Permit, Phase, Rollout, permit, sentence,
};
use rampart_core::{FlagKey, Millis, Percent, Timestamp};
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;
use utoipa::ToSchema;
use uuid::Uuid;

/// Everything a status is made from.
pub(super) struct View<'v> {
    pub(super) loaded: &'v LoadedPolicy,
    pub(super) stored: Option<&'v StoredRollout>,
    pub(super) judgement: Option<&'v Judgement>,
    pub(super) proofs: Option<&'v Proofs>,
    pub(super) traffic: Traffic,
    pub(super) braked: bool,
    pub(super) valid_for: Option<Duration>,
    pub(super) holds_lease: bool,
    pub(super) replica: Uuid,
    pub(super) gate: Vec<GateFinding>,
    pub(super) policy_error: Option<String>,
    pub(super) build: &'v Build,
    pub(super) now: Timestamp,
}

/// The answer of `GET /api/v1/rollouts/{flag}`.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[expect(missing_docs, reason = "the fields are described by the API's documentation")]
pub struct Status {
    #[schema(value_type = String)]
    pub flag: FlagKey,
    pub rollout_id: Option<Uuid>,
    pub revision: u64,
    #[schema(value_type = PhaseName)]
    pub phase: Phase,
    pub stage: Option<usize>,
    #[schema(value_type = f64)]
    pub percent: Percent,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub exposure_valid_until: Option<Timestamp>,
    pub attempt: u32,
    pub sentence: String,
    pub soak: SoakStatus,
    pub stages: Vec<StageStatus>,
    pub checks: Vec<CheckStatus>,
    pub statistics: StatisticsStatus,
    pub decision: DecisionStatus,
    pub next: Option<NextStatus>,
    pub windows: Option<WindowStatus>,
    pub approval: Option<ApprovalStatus>,
    /// When the newest step was written, by the database's clock.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub committed_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub stage_since: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    pub cause: Option<CauseStatus>,
    pub braked: bool,
    pub traffic: Traffic,
    pub gate: GateStatus,
    pub lease: LeaseStatus,
    pub commands: Vec<CommandStatus>,
    pub policy: PolicyStatus,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

/// The soak of the present stage.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Soak)]
pub struct SoakStatus {
    pub served_seconds: f64,
    pub required_seconds: f64,
}

/// One stage of the ramp.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Stage)]
pub struct StageStatus {
    #[schema(value_type = f64)]
    pub percent: Percent,
    pub soak_seconds: f64,
    pub min_requests: u64,
    pub state: StageState,
    pub served_seconds: f64,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub eta: Option<Timestamp>,
}

/// Where a stage lies from here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StageState {
    /// Behind.
    Done,
    /// Here.
    Current,
    /// Still to come.
    Ahead,
}

/// What was decided, and what is missing.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Decision)]
pub struct DecisionStatus {
    #[schema(value_type = DecisionKind)]
    pub kind: &'static str,
    #[schema(value_type = Vec<NeedShape>)]
    pub reasons: Vec<Need>,
}

/// What happens next.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Next)]
pub struct NextStatus {
    #[schema(value_type = f64)]
    pub percent: Percent,
    #[schema(value_type = Option<String>, format = DateTime)]
    pub eta: Option<Timestamp>,
}

/// Why it was rolled back.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Cause)]
pub struct CauseStatus {
    /// For programs: what kind of cause it is.
    pub code: &'static str,
    /// For people.
    pub text: String,
    /// The check that broke, where one did.
    pub check: Option<String>,
}

impl CauseStatus {
    /// As it is shown.
    pub fn of(cause: &Cause) -> Self {
        let check = cause.check().map(ToString::to_string);
        Self { code: cause.code(), text: cause.text().to_owned(), check }
    }
}

/// What must be proven before a start.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Gate)]
pub struct GateStatus {
    #[schema(value_type = Vec<GateItemName>)]
    pub required: Vec<GateItem>,
    #[schema(value_type = Vec<GateItemName>)]
    pub recommended: Vec<GateItem>,
    #[schema(value_type = Vec<GateItemName>)]
    pub missing: Vec<GateItem>,
    pub max_age_seconds: f64,
    #[schema(value_type = String)]
    pub build: Build,
    pub items: Vec<GateItemStatus>,
}

/// One item of the gate.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = GateItem)]
pub struct GateItemStatus {
    #[schema(value_type = GateItemName)]
    pub item: GateItem,
    pub required: bool,
    #[schema(value_type = GateState)]
    pub state: &'static str,
    pub why: String,
    pub run: Option<GateRunStatus>,
}

/// A recorded run of a gate item.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = GateRun)]
pub struct GateRunStatus {
    pub id: Uuid,
    pub passed: bool,
    pub build: String,
    pub yacht_id: Option<Uuid>,
    pub host: String,
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub finished_at: Timestamp,
    pub age_seconds: f64,
    pub recorded_by: String,
    /// None in the status: it would weigh on every event of the stream.
    #[schema(value_type = Option<Object>)]
    pub summary: Option<Value>,
    pub artifacts: Vec<ArtifactStatus>,
}

/// An artifact of a run.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Artifact)]
pub struct ArtifactStatus {
    pub id: Uuid,
    pub name: String,
    pub sha256: String,
    pub size: i32,
    pub media_type: String,
}

impl GateItemStatus {
    /// What was found, without the run's summary.
    pub fn of(finding: &GateFinding, now: Timestamp) -> Self {
        let run =
            finding.evidence.as_ref().map(|found| GateRunStatus { summary: None, ..GateRunStatus::of(found, now) });
        Self { run, ..Self::whole(finding, now) }
    }

    /// What was found, with everything that was recorded.
    pub fn whole(finding: &GateFinding, now: Timestamp) -> Self {
        Self {
            item: finding.item,
            required: finding.required,
            state: finding.verdict.name(),
            why: finding.verdict.why(),
            run: finding.evidence.as_ref().map(|found| GateRunStatus::of(found, now)),
        }
    }
}

impl GateRunStatus {
    /// A run as it was recorded.
    pub fn of(found: &Recorded, now: Timestamp) -> Self {
        let GateRun { id, passed, yacht_id, started_at, finished_at, .. } = found.run;
        let artifacts = found.artifacts.iter().map(|artifact| ArtifactStatus {
            id: artifact.id,
            name: artifact.name.clone(),
            sha256: artifact.sha256.clone(),
            size: artifact.size,
            media_type: artifact.media_type.clone(),
        });
        Self {
            id,
            passed,
            build: found.run.build.clone(),
            yacht_id,
            host: found.run.host.clone(),
            started_at,
            finished_at,
            age_seconds: Millis::between(finished_at, now).as_seconds(),
            recorded_by: found.run.recorded_by.clone(),
            summary: Some(found.run.summary.clone()),
            artifacts: artifacts.collect(),
        }
    }
}

/// Who may raise.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Lease)]
pub struct LeaseStatus {
    pub held: bool,
    pub holder: Option<Uuid>,
}

/// Whether an order is allowed now.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[expect(missing_docs, reason = "the names say it")]
#[schema(as = Command)]
pub struct CommandStatus {
    #[schema(value_type = CommandName)]
    pub name: &'static str,
    pub legal: bool,
    pub why: Option<String>,
    pub needs_reason: bool,
    #[schema(value_type = RoleName)]
    pub role: &'static str,
}

/// The policy in force, and what is offered instead.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Policy)]
pub struct PolicyStatus {
    pub revision: String,
    pub source: String,
    pub error: Option<String>,
    pub offered: Option<String>,
}

impl Status {
    pub(super) fn of(view: &View<'_>) -> Self {
        let rollout = view.stored.map(|stored| &stored.rollout);
        let policy = view.stored.map_or(&view.loaded.policy, |stored| &stored.policy);
        let phase = rollout.map_or(Phase::Waiting, |rollout| rollout.phase);
        let pinned = rollout.map_or(&view.loaded.revision, |rollout| &rollout.policy);
        let decision = decision(view.judgement);
        let statistics = StatisticsStatus::of(policy, rollout);
        let compared = |check| ComparisonStatus::of(policy, check, &statistics);
        Status {
            flag: view.loaded.policy.flag.clone(),
            rollout_id: rollout.map(|rollout| rollout.id.0),
            revision: rollout.map_or(0, |rollout| rollout.revision.0),
            phase,
            stage: rollout.and_then(|rollout| rollout.stage),
            percent: rollout.map_or(Percent::ZERO, |rollout| rollout.percent),
            exposure_valid_until: view
                .valid_for
                .map(|left| Millis(u64::try_from(left.as_millis()).unwrap_or(0)).after(view.now)),
            attempt: rollout.map_or(0, |rollout| rollout.attempt),
            sentence: sentence(policy, rollout, view.judgement),
            soak: soak(policy, rollout),
            stages: stages(policy, rollout, &decision, view.now),
            checks: policy
                .checks
                .iter()
                .map(|check| CheckStatus::of(check, view.judgement, view.proofs, compared(check)))
                .collect(),
            statistics,
            next: next(policy, rollout, &decision, view.now),
            windows: policy.windows.as_ref().map(|windows| WindowStatus::of(windows, view.now)),
            approval: rollout.and_then(|rollout| ApprovalStatus::of(policy, rollout)),
            decision,
            committed_at: view.stored.map(|stored| stored.committed_at),
            started_at: rollout.map(|rollout| rollout.started_at),
            stage_since: rollout.map(|rollout| rollout.stage_since),
            ended_at: rollout.and_then(|rollout| rollout.ended_at),
            cause: rollout.and_then(|rollout| rollout.cause.as_ref()).map(CauseStatus::of),
            braked: view.braked,
            traffic: view.traffic,
            gate: GateStatus {
                required: view.loaded.policy.gate.require.clone(),
                recommended: view.loaded.policy.gate.recommend.clone(),
                missing: gate::missing(&view.gate),
                max_age_seconds: view.loaded.policy.gate.max_age.as_seconds(),
                build: view.build.clone(),
                items: view.gate.iter().map(|finding| GateItemStatus::of(finding, view.now)).collect(),
            },
            lease: LeaseStatus { held: view.holds_lease, holder: view.holds_lease.then_some(view.replica) },
            commands: commands(view, rollout, phase),
            policy: PolicyStatus {
                revision: pinned.0.clone(),
                source: view.loaded.file.display().to_string(),
                error: view.policy_error.clone(),
                offered: (*pinned != view.loaded.revision).then(|| view.loaded.revision.0.clone()),
            },
            at: view.now,
        }
    }
}

/// The role an order needs.
pub(crate) const fn role_of(kind: CommandKind) -> &'static str {
    match kind {
        CommandKind::Approve => "release_owner",
        CommandKind::Start
        | CommandKind::Pause
        | CommandKind::Resume
        | CommandKind::Advance
        | CommandKind::Stage
        | CommandKind::Extend
        | CommandKind::Rollback
        | CommandKind::Restart
        | CommandKind::Complete => "operator",
    }
}

fn decision(judgement: Option<&Judgement>) -> DecisionStatus {
    match judgement.map(|judgement| &judgement.decision) {
        None => DecisionStatus { kind: "hold", reasons: Vec::new() },
        Some(Decision::Hold { needs }) => DecisionStatus { kind: "hold", reasons: needs.clone() },
        Some(other) => DecisionStatus { kind: other.kind(), reasons: Vec::new() },
    }
}

fn soak(policy: &Policy, rollout: Option<&Rollout>) -> SoakStatus {
    let required = rollout.and_then(|rollout| rollout.soak_required(policy)).unwrap_or_default();
    let served = rollout.map_or(Millis::ZERO, |rollout| rollout.progress.soak);
    SoakStatus { served_seconds: served.min(required).as_seconds(), required_seconds: required.as_seconds() }
}

/// Each stage with when it would be entered if all goes well from here: the present stage's longest
/// need, then the soaks of the stages between.
fn stages(policy: &Policy, rollout: Option<&Rollout>, decision: &DecisionStatus, now: Timestamp) -> Vec<StageStatus> {
    let current = rollout.and_then(|rollout| rollout.stage);
    let over = rollout.is_some_and(|rollout| rollout.phase == Phase::Completed);
    let mut entered = rollout.filter(|rollout| rollout.phase == Phase::Ramping).and_then(|_| leaves_at(decision, now));
    policy
        .stages
        .iter()
        .enumerate()
        .map(|(index, stage)| {
            let state = match current {
                _ if over => StageState::Done,
                Some(current) if index < current => StageState::Done,
                Some(current) if index == current => StageState::Current,
                None if rollout.is_some_and(|rollout| rollout.phase.is_live() && stage.percent < rollout.percent) => {
                    StageState::Done
                }
                Some(_) | None => StageState::Ahead,
            };
            let eta = if state == StageState::Ahead { entered } else { None };
            if state == StageState::Ahead {
                entered = entered.map(|at| stage.soak.after(at));
            }
            let served = match state {
                StageState::Done => stage.soak,
                StageState::Current => rollout.map_or(Millis::ZERO, |rollout| rollout.progress.soak.min(stage.soak)),
                StageState::Ahead => Millis::ZERO,
            };
            StageStatus {
                percent: stage.percent,
                soak_seconds: stage.soak.as_seconds(),
                min_requests: stage.min_requests,
                state,
                served_seconds: served.as_seconds(),
                eta,
            }
        })
        .collect()
}

/// When the present stage is left: the latest of its needs; unknown where one of them is.
fn leaves_at(decision: &DecisionStatus, now: Timestamp) -> Option<Timestamp> {
    decision.reasons.iter().try_fold(now, |latest, need| need.eta.map(|eta| latest.max(eta)))
}

fn next(policy: &Policy, rollout: Option<&Rollout>, decision: &DecisionStatus, now: Timestamp) -> Option<NextStatus> {
    let rollout = rollout.filter(|rollout| rollout.phase.is_live())?;
    let stage = policy.stages.get(rollout.stage? + 1);
    let percent = stage.map_or(Percent::FULL, |stage| stage.percent);
    let eta = (rollout.phase == Phase::Ramping).then(|| leaves_at(decision, now)).flatten();
    Some(NextStatus { percent, eta })
}

fn commands(view: &View<'_>, rollout: Option<&Rollout>, phase: Phase) -> Vec<CommandStatus> {
    let quarantined =
        rollout.is_some_and(|rollout| rollout.policy == view.loaded.revision && rollout.build == *view.build);
    CommandKind::ALL
        .into_iter()
        .map(|kind| {
            let permit = permit(phase, quarantined, kind);
            CommandStatus {
                name: kind.name(),
                legal: permit == Permit::Legal,
                why: match permit {
                    Permit::Legal => None,
                    Permit::Already => Some("it is so already".to_owned()),
                    Permit::Illegal(why) => Some(why.to_owned()),
                },
                needs_reason: kind.needs_reason(),
                role: role_of(kind),
            }
        })
        .collect()
}
