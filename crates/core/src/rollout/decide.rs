//! What ought to happen now.
//!
//! In order: a breach, or harm that is proven, rolls back in every phase in which anybody is exposed; a breach
//! that the policy takes less hard steps back or freezes; blindness that lasts follows the policy; a paused or
//! completed rollout otherwise stays; a ramping one moves on when nothing is missing, and says what is missing
//! when something is. A shadow check is judged like any other and asked for nothing.

use super::event::RestartReason;
use super::harm::Harm;
use super::needs::{Outlook, unhealthy};
use super::verdict::judge;
use super::{Cause, CheckReport, Evidence, Need, NeedCode, Phase, Progress, Rollout, Statistics, Verdict};
use crate::policy::{OnBlind, OnBreach, OnDegraded, Policy};
use crate::{Millis, Percent, Timestamp};
use serde::{Deserialize, Serialize};

/// A tick longer than this many tick lengths was an outage, and credits nothing.
pub const MAX_TICKS_CREDITED: u64 = 2;

/// What ought to happen.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Decision {
    /// Stay. What is missing, in the order in which it matters.
    Hold {
        /// The unmet needs; never empty.
        needs: Vec<Need>,
    },
    /// Enter the next stage.
    Advance {
        /// The stage to enter.
        stage: usize,
        /// Its percent.
        percent: Percent,
    },
    /// The last soak is served.
    Complete,
    /// Back to 0 %, for good.
    Rollback {
        /// Why.
        cause: Cause,
    },
    /// Back to the stage before.
    StepBack {
        /// The stage to go back to.
        stage: usize,
        /// Its percent.
        percent: Percent,
        /// Why.
        cause: Cause,
    },
    /// Stop where it stands until a person resumes.
    Freeze {
        /// Why.
        cause: Cause,
    },
    /// The same stage again from the start of its soak.
    RestartStage {
        /// Why.
        why: RestartReason,
    },
}

impl Decision {
    /// A stable name for programs.
    pub const fn kind(&self) -> &'static str {
        match self {
            Decision::Hold { .. } => "hold",
            Decision::Advance { .. } => "advance",
            Decision::Complete => "complete",
            Decision::Rollback { .. } => "rollback",
            Decision::StepBack { .. } => "step_back",
            Decision::Freeze { .. } => "freeze",
            Decision::RestartStage { .. } => "restart_stage",
        }
    }
}

/// A decision with everything it rests on: what is stored, shown and tested.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Judgement {
    /// What ought to happen.
    pub decision: Decision,
    /// Each check's verdict, in the policy's order.
    pub checks: Vec<CheckReport>,
    /// What this tick adds to the soak.
    pub credit: Millis,
    /// The progress after this tick, if nothing happens.
    pub progress: Progress,
    /// Whether somebody must be paged now because the checks have been blind for too long.
    pub page_blind: bool,
    /// Whether somebody must be paged now because the stage has lasted for too long.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub page_hold: bool,
    /// What the sequential tests know after this evidence, where it had bins to teach them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistics: Option<Statistics>,
}

/// Decides. Pure and total: the same values give the same decision, on any machine, at any time.
pub fn decide(policy: &Policy, rollout: &Rollout, evidence: &Evidence, now: Timestamp) -> Judgement {
    let checks: Vec<CheckReport> =
        policy.checks.iter().map(|check| judge(policy, check, rollout, evidence, now)).collect();
    let watched = rollout.is_watched(policy, now);
    let statistics = (watched && !evidence.bins.is_empty()).then(|| {
        let mut statistics = rollout.statistics.clone();
        statistics.take(policy, &evidence.bins);
        statistics
    });
    let learnt = statistics.as_ref().unwrap_or(&rollout.statistics);
    let harm = Harm::of(policy, learnt);
    let worst = deciding(&checks).map(|report| report.verdict).max().unwrap_or(Verdict::Blind);
    let credit = credit(policy, rollout, evidence, worst, now);
    let mut progress =
        Progress { soak: rollout.progress.soak + credit, ..blindness(policy, rollout, evidence, &checks, now) };
    let page_blind = progress.blind_paged && !rollout.progress.blind_paged;
    let blind_too_long = progress.blind_since.is_some_and(|since| Millis::between(since, now) >= policy.blind_for);
    let outlook = Outlook {
        policy,
        rollout,
        evidence,
        checks: &checks,
        harm: &harm,
        statistics: learnt,
        progress: &progress,
        now,
    };
    let decision = if !watched {
        hold(NeedCode::Over, over_words(rollout))
    } else if let Some(cause) = breach(policy, &checks, OnBreach::Rollback).or_else(|| harm.cause(policy)) {
        Decision::Rollback { cause }
    } else if let Some(decision) = milder(policy, rollout, &checks) {
        decision
    } else if let Some(decision) = blind_too_long.then(|| on_blind(policy, rollout, &checks)).flatten() {
        decision
    } else {
        unbreached(&outlook)
    };
    let page_hold = lasts_too_long(policy, rollout, &decision, now) && !rollout.progress.hold_paged;
    progress.hold_paged = rollout.progress.hold_paged || page_hold;
    Judgement { decision, checks, credit, progress, page_blind, page_hold, statistics }
}

/// The reports that count.
fn deciding(checks: &[CheckReport]) -> impl Iterator<Item = &CheckReport> {
    checks.iter().filter(|report| !report.shadow)
}

/// The soak grows only while ramping, under healthy or thin checks, by a tick that was no outage,
/// and never by time before the stage.
fn credit(policy: &Policy, rollout: &Rollout, evidence: &Evidence, worst: Verdict, now: Timestamp) -> Millis {
    let Some(tick) = evidence.since_last_tick else { return Millis::ZERO };
    let earned = rollout.phase == Phase::Ramping
        && rollout.stage.is_some()
        && worst.lets_soak_run()
        && evidence.build == rollout.build
        && tick <= policy.tick * MAX_TICKS_CREDITED;
    let room = Millis::between(rollout.stage_since, now).minus(rollout.progress.soak);
    if earned { tick.min(room) } else { Millis::ZERO }
}

/// Since when a check has been blind, and whether somebody has been told.
fn blindness(
    policy: &Policy,
    rollout: &Rollout,
    evidence: &Evidence,
    checks: &[CheckReport],
    now: Timestamp,
) -> Progress {
    let blind = rollout.is_watched(policy, now) && deciding(checks).any(|report| report.verdict == Verdict::Blind);
    // Blindness is counted while somebody looks: after an outage of the guard itself it begins again.
    let unbroken = evidence.since_last_tick.is_some_and(|tick| tick <= policy.tick * MAX_TICKS_CREDITED);
    let blind_since = blind.then(|| rollout.progress.blind_since.filter(|_| unbroken).unwrap_or(now));
    let too_long = blind_since.is_some_and(|since| Millis::between(since, now) >= policy.blind_for);
    let blind_paged = blind_since.is_some() && (rollout.progress.blind_paged || too_long);
    Progress { blind_since, blind_paged, ..rollout.progress }
}

/// The first breach of a check that answers it so.
fn breach(policy: &Policy, checks: &[CheckReport], answer: OnBreach) -> Option<Cause> {
    let answers = |report: &&CheckReport| policy.check(&report.name).is_some_and(|check| check.on_breach == answer);
    let report = deciding(checks).filter(|report| report.verdict == Verdict::Breach).find(answers)?;
    Some(Cause::Breach { check: report.name.clone(), text: format!("{}: {}", report.name.words(), report.why) })
}

/// What follows from a breach that the policy does not answer with a rollback.
fn milder(policy: &Policy, rollout: &Rollout, checks: &[CheckReport]) -> Option<Decision> {
    if let Some(cause) = breach(policy, checks, OnBreach::StepBack) {
        return Some(step_back(policy, rollout, cause));
    }
    // What stands still or is complete cannot be stopped.
    let moves = rollout.phase == Phase::Ramping;
    breach(policy, checks, OnBreach::Freeze).filter(|_| moves).map(|cause| Decision::Freeze { cause })
}

/// To the stage before; where there is none, to 0 %.
fn step_back(policy: &Policy, rollout: &Rollout, cause: Cause) -> Decision {
    let before = rollout.stage.filter(|_| rollout.phase.is_live()).and_then(|stage| stage.checked_sub(1));
    match before.and_then(|stage| Some((stage, policy.stages.get(stage)?.percent))) {
        Some((stage, percent)) => Decision::StepBack { stage, percent, cause },
        None => Decision::Rollback { cause },
    }
}

/// What the policy does about lasting blindness; nothing where it only holds.
fn on_blind(policy: &Policy, rollout: &Rollout, checks: &[CheckReport]) -> Option<Decision> {
    let blind: Vec<String> =
        deciding(checks).filter(|report| report.verdict == Verdict::Blind).map(|report| report.name.words()).collect();
    let cause = Cause::Blind { text: format!("blind for {}: {}", policy.blind_for, blind.join(", ")) };
    match policy.on_blind {
        OnBlind::Hold => None,
        // What is complete has no stage to step back to, and an outage of the metrics is no harm.
        OnBlind::StepBack if !rollout.phase.is_live() => None,
        OnBlind::StepBack => Some(step_back(policy, rollout, cause)),
        OnBlind::Rollback => Some(Decision::Rollback { cause }),
    }
}

fn unbreached(outlook: &Outlook<'_>) -> Decision {
    let Outlook { policy, rollout, evidence, checks, .. } = outlook;
    match rollout.phase {
        Phase::Waiting | Phase::RolledBack => hold(NeedCode::Over, over_words(rollout)),
        Phase::Paused => match &rollout.frozen {
            Some(cause) => hold_beside(checks, NeedCode::Frozen, format!("{}; resume to go on", cause.text())),
            None => hold_beside(checks, NeedCode::Paused, "paused by a person; resume to go on".to_owned()),
        },
        Phase::Completed => {
            let until = rollout.ended_at.map(|end| policy.watch_after.after(end));
            let text = "completed; the checks are still watched and may roll back".to_owned();
            Decision::Hold { needs: vec![Need { code: NeedCode::Watching, text, eta: until }] }
        }
        Phase::Ramping if evidence.build != rollout.build => {
            Decision::RestartStage { why: RestartReason::NewBuild { build: evidence.build.clone() } }
        }
        Phase::Ramping if restarts_on_degraded(policy, rollout, checks) => {
            Decision::RestartStage { why: RestartReason::Degraded }
        }
        Phase::Ramping => ramp(outlook),
    }
}

fn restarts_on_degraded(policy: &Policy, rollout: &Rollout, checks: &[CheckReport]) -> bool {
    policy.on_degraded == OnDegraded::Restart
        && rollout.progress.soak > Millis::ZERO
        && deciding(checks).any(|report| report.verdict == Verdict::Degraded)
}

fn ramp(outlook: &Outlook<'_>) -> Decision {
    let Outlook { policy, rollout, checks, .. } = outlook;
    let (Some(index), Some(stage), Some(required)) =
        (rollout.stage, rollout.stage_of(policy), rollout.soak_required(policy))
    else {
        let text = "typed by hand; set a stage to go on".to_owned();
        return hold_beside(checks, NeedCode::ManualPercent, text);
    };
    let next = policy.stages.get(index + 1).map(|next| (index + 1, next.percent));
    let needs = outlook.needs(stage, required, next);
    match next {
        _ if !needs.is_empty() => Decision::Hold { needs },
        Some((stage, percent)) => Decision::Advance { stage, percent },
        None => Decision::Complete,
    }
}

/// Whether a ramping stage has held for longer than the policy bears.
fn lasts_too_long(policy: &Policy, rollout: &Rollout, decision: &Decision, now: Timestamp) -> bool {
    let held = rollout.phase == Phase::Ramping && matches!(decision, Decision::Hold { .. });
    let usual = || rollout.soak_required(policy).map(|soak| soak * Policy::MAX_HOLD_SOAKS);
    let most = policy.max_hold.or_else(usual);
    held && most.is_some_and(|most| Millis::between(rollout.stage_since, now) >= most)
}

fn hold(code: NeedCode, text: String) -> Decision {
    Decision::Hold { needs: vec![Need { code, text, eta: None }] }
}

/// A hold that also names what is unhealthy, or nobody would learn of it.
fn hold_beside(checks: &[CheckReport], code: NeedCode, text: String) -> Decision {
    let needs = std::iter::once(Need { code, text, eta: None }).chain(checks.iter().filter_map(unhealthy));
    Decision::Hold { needs: needs.collect() }
}

fn over_words(rollout: &Rollout) -> String {
    match (&rollout.cause, rollout.phase) {
        (Some(cause), _) => format!("rolled back: {}", cause.text()),
        (None, Phase::Completed) => "completed; the watch behind completion is over".to_owned(),
        (None, Phase::Waiting | Phase::Ramping | Phase::Paused | Phase::RolledBack) => "over".to_owned(),
    }
}
