//! What ought to happen now.
//!
//! In order: a breach rolls back in every phase in which anybody is exposed; blindness that lasts
//! follows the policy; a paused or completed rollout otherwise stays; a ramping one moves on when
//! nothing is missing, and says what is missing when something is.

use super::event::RestartReason;
use super::verdict::judge;
use super::{Cause, CheckReport, Evidence, Phase, Progress, Rollout, Statistics, Verdict};
use crate::policy::{OnBlind, OnDegraded, Policy};
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
    /// Back to the stage before, because the policy bears no longer blindness.
    StepBack {
        /// The stage to go back to.
        stage: usize,
        /// Its percent.
        percent: Percent,
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
            Decision::RestartStage { .. } => "restart_stage",
        }
    }
}

/// One thing that is missing before the rollout moves on.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Need {
    /// A stable name for programs.
    pub code: NeedCode,
    /// What is missing, in words.
    pub text: String,
    /// When it will be met, if all goes on as now.
    pub eta: Option<Timestamp>,
}

/// What kind of thing is missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NeedCode {
    /// A check is outside what it must be to advance.
    Degraded,
    /// A check has no evidence.
    Blind,
    /// The soak is not served.
    Soak,
    /// Too few canary requests in the stage.
    MinRequests,
    /// A person must approve the next stage.
    Approval,
    /// A person typed a percent that is no stage; a person must move it.
    ManualPercent,
    /// A person paused the rollout.
    Paused,
    /// Completed, and still watched.
    Watching,
    /// Completed or rolled back, and over.
    Over,
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
    /// What the sequential tests know after this evidence.
    #[serde(default)]
    pub statistics: Statistics,
}

/// Decides. Pure and total: the same values give the same decision, on any machine, at any time.
pub fn decide(policy: &Policy, rollout: &Rollout, evidence: &Evidence, now: Timestamp) -> Judgement {
    let checks: Vec<CheckReport> =
        policy.checks.iter().map(|check| judge(policy, check, rollout, evidence, now)).collect();
    let worst = checks.iter().map(|report| report.verdict).max().unwrap_or(Verdict::Blind);
    let watched = rollout.is_watched(policy, now);
    let credit = credit(policy, rollout, evidence, worst, now);
    let blind = watched && checks.iter().any(|report| report.verdict == Verdict::Blind);
    // Blindness is counted while somebody looks: after an outage of the guard itself it begins again.
    let unbroken = evidence.since_last_tick.is_some_and(|tick| tick <= policy.tick * MAX_TICKS_CREDITED);
    let blind_since = blind.then(|| rollout.progress.blind_since.filter(|_| unbroken).unwrap_or(now));
    let blind_too_long = blind_since.is_some_and(|since| Millis::between(since, now) >= policy.blind_for);
    let page_blind = blind_too_long && !rollout.progress.blind_paged;
    let progress = Progress {
        soak: rollout.progress.soak + credit,
        blind_since,
        blind_paged: blind_since.is_some() && (rollout.progress.blind_paged || page_blind),
    };
    let decision = if !watched {
        hold(NeedCode::Over, over_words(rollout))
    } else if let Some(cause) = breach(&checks) {
        Decision::Rollback { cause }
    } else if let Some(decision) = blind_too_long.then(|| on_blind(policy, rollout, &checks)).flatten() {
        decision
    } else {
        unbreached(policy, rollout, evidence, &checks, progress, now)
    };
    Judgement { decision, checks, credit, progress, page_blind, statistics: rollout.statistics.clone() }
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

fn breach(checks: &[CheckReport]) -> Option<Cause> {
    let report = checks.iter().find(|report| report.verdict == Verdict::Breach)?;
    Some(Cause::Breach { check: report.name.clone(), text: format!("{}: {}", report.name.words(), report.why) })
}

/// What the policy does about lasting blindness; nothing where it only holds.
fn on_blind(policy: &Policy, rollout: &Rollout, checks: &[CheckReport]) -> Option<Decision> {
    let blind: Vec<String> =
        checks.iter().filter(|report| report.verdict == Verdict::Blind).map(|report| report.name.words()).collect();
    let cause = Cause::Blind { text: format!("blind for {}: {}", policy.blind_for, blind.join(", ")) };
    let before = rollout.stage.and_then(|stage| stage.checked_sub(1));
    match policy.on_blind {
        OnBlind::Hold => None,
        // What is complete has no stage to step back to, and an outage of the metrics is no harm.
        OnBlind::StepBack if !rollout.phase.is_live() => None,
        OnBlind::StepBack => Some(
            before
                .and_then(|stage| Some(Decision::StepBack { stage, percent: policy.stages.get(stage)?.percent }))
                .unwrap_or(Decision::Rollback { cause }),
        ),
        OnBlind::Rollback => Some(Decision::Rollback { cause }),
    }
}

fn unbreached(
    policy: &Policy,
    rollout: &Rollout,
    evidence: &Evidence,
    checks: &[CheckReport],
    progress: Progress,
    now: Timestamp,
) -> Decision {
    match rollout.phase {
        Phase::Waiting | Phase::RolledBack => hold(NeedCode::Over, over_words(rollout)),
        Phase::Paused => hold_beside(checks, NeedCode::Paused, "paused by a person; resume to go on".to_owned()),
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
        Phase::Ramping => ramp(policy, rollout, evidence, checks, progress, now),
    }
}

fn restarts_on_degraded(policy: &Policy, rollout: &Rollout, checks: &[CheckReport]) -> bool {
    policy.on_degraded == OnDegraded::Restart
        && rollout.progress.soak > Millis::ZERO
        && checks.iter().any(|report| report.verdict == Verdict::Degraded)
}

fn ramp(
    policy: &Policy,
    rollout: &Rollout,
    evidence: &Evidence,
    checks: &[CheckReport],
    progress: Progress,
    now: Timestamp,
) -> Decision {
    let (Some(index), Some(stage), Some(required)) =
        (rollout.stage, rollout.stage_of(policy), rollout.soak_required(policy))
    else {
        let text = "typed by hand; set a stage to go on".to_owned();
        return hold_beside(checks, NeedCode::ManualPercent, text);
    };
    let next = policy.stages.get(index + 1);
    let mut needs: Vec<Need> = checks.iter().filter_map(unhealthy).collect();
    let stands_still = !needs.is_empty();
    if progress.soak < required {
        let left = required.minus(progress.soak);
        let text = format!("{left} of soak left ({} of {required} served)", progress.soak);
        needs.push(Need { code: NeedCode::Soak, text, eta: (!stands_still).then(|| left.after(now)) });
    }
    if evidence.canary_requests < stage.min_requests {
        let text = format!("{} of {} canary requests", evidence.canary_requests, stage.min_requests);
        needs.push(Need {
            code: NeedCode::MinRequests,
            text,
            eta: requests_eta(stage.min_requests, rollout, evidence, now),
        });
    }
    if let Some(next) = next.filter(|next| needs_approval(policy, rollout, index + 1, next.percent)) {
        let text = format!("a release owner must approve {}", next.percent);
        needs.push(Need { code: NeedCode::Approval, text, eta: None });
    }
    match next {
        _ if !needs.is_empty() => Decision::Hold { needs },
        Some(next) => Decision::Advance { stage: index + 1, percent: next.percent },
        None => Decision::Complete,
    }
}

fn needs_approval(policy: &Policy, rollout: &Rollout, stage: usize, percent: Percent) -> bool {
    policy.approvals.as_ref().is_some_and(|approvals| approvals.before.contains(&percent))
        && rollout.approved != Some(stage)
}

fn unhealthy(report: &CheckReport) -> Option<Need> {
    let code = match report.verdict {
        Verdict::Healthy | Verdict::Thin | Verdict::Breach => return None,
        Verdict::Degraded => NeedCode::Degraded,
        Verdict::Blind => NeedCode::Blind,
    };
    Some(Need { code, text: format!("{}: {}", report.name.words(), report.why), eta: None })
}

/// At the pace of this stage so far; unknown while nobody has come.
fn requests_eta(wanted: u64, rollout: &Rollout, evidence: &Evidence, now: Timestamp) -> Option<Timestamp> {
    let elapsed = Millis::between(rollout.stage_since, now);
    let missing = wanted.saturating_sub(evidence.canary_requests);
    (evidence.canary_requests > 0).then(|| {
        let millis = elapsed.0 as f64 * missing as f64 / evidence.canary_requests as f64;
        Millis(millis as u64).after(now)
    })
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
