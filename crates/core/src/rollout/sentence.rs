//! One sentence for people: where it stands, and what happens next.

use super::{Cause, Decision, Judgement, Need, NeedCode, Phase, RestartReason, Rollout};
use crate::policy::Policy;
use crate::{Millis, Percent, Timestamp};

/// How long a stage may be without evidence before that is worth a word.
const FIRST_MEASUREMENTS: Millis = Millis::seconds(10);

/// The sentence the page, the API, the terminal and the log all show. Times are UTC.
pub fn sentence(policy: &Policy, rollout: Option<&Rollout>, judgement: Option<&Judgement>) -> String {
    let Some(rollout) = rollout else {
        let first = policy.stages.first().map(|stage| stage.percent.to_string()).unwrap_or_default();
        return format!("Waiting at 0 % · a start would begin with {first}");
    };
    let standing = headline(rollout);
    let decision = judgement.map(|judgement| &judgement.decision);
    if let Some(Decision::Rollback { cause }) = decision.filter(|_| rollout.phase != Phase::RolledBack) {
        return format!("Rolling back from {} · {}", rollout.percent, cause.text());
    }
    match rollout.phase {
        Phase::Waiting | Phase::RolledBack => standing,
        Phase::Completed => standing + &guarded(policy, rollout, decision),
        Phase::Paused => match &rollout.frozen {
            Some(_) => standing + "; resume to go on",
            None => format!("{standing} · {}", paused(decision)),
        },
        Phase::Ramping => match decision {
            None => format!("{standing} · measuring"),
            Some(_) if judgement.is_some_and(|judgement| only_just_begun(rollout, judgement)) => {
                format!("{standing} · waiting for the first measurements")
            }
            Some(decision) => ramping(policy, rollout, decision, &standing),
        },
    }
}

/// How a rollout stands by itself, whatever is measured: how each [`sentence`] of it begins, and what a notification
/// says of it.
pub fn headline(rollout: &Rollout) -> String {
    match rollout.phase {
        Phase::Waiting => "Waiting at 0 %".to_owned(),
        Phase::Ramping => format!("{} since {}", rollout.percent, clock(rollout.stage_since)),
        Phase::Paused => match &rollout.frozen {
            Some(cause) => format!("Frozen at {} · {}", rollout.percent, cause.text()),
            None => format!("Paused at {}", rollout.percent),
        },
        Phase::Completed => {
            format!("Complete at 100 % since {}", rollout.ended_at.map(clock).unwrap_or_default())
        }
        Phase::RolledBack => {
            let cause = rollout.cause.as_ref().map_or("unknown cause", |cause| cause.text());
            format!("Rolled back to 0 % on {} · {cause}", rollout.ended_at.map(precise_clock).unwrap_or_default())
        }
    }
}

/// How long a completed rollout is still watched; nothing once that is over.
fn guarded(policy: &Policy, rollout: &Rollout, decision: Option<&Decision>) -> String {
    let watched =
        matches!(decision, Some(Decision::Hold { needs }) if needs.iter().any(|need| need.code == NeedCode::Watching));
    let until = rollout.ended_at.filter(|_| watched).map(|end| policy.watch_after.after(end));
    until.map(|until| format!(" · still guarded until {}", clock(until))).unwrap_or_default()
}

/// What is unhealthy or about to happen, and how to go on.
fn paused(decision: Option<&Decision>) -> String {
    match decision {
        Some(Decision::Hold { needs }) => {
            let unhealthy = needs.iter().find(|need| need.code != NeedCode::Paused);
            unhealthy.map(|need| format!("{} · ", need.text)).unwrap_or_default() + "resume to go on"
        }
        Some(Decision::StepBack { percent, cause, .. }) => stepping_back(*percent, cause),
        _ => "resume to go on".to_owned(),
    }
}

fn stepping_back(to: Percent, cause: &Cause) -> String {
    format!("stepping back to {to}: {}", cause.text())
}

fn ramping(policy: &Policy, rollout: &Rollout, decision: &Decision, standing: &str) -> String {
    match decision {
        Decision::Hold { needs } if needs.iter().all(|need| need.code.only_takes_time()) => {
            let texts: Vec<&str> = needs.iter().map(|need| need.text.as_str()).collect();
            match needs.as_slice() {
                [only] if only.code == NeedCode::Soak => {
                    let left = rollout.soak_required(policy).unwrap_or_default().minus(rollout.progress.soak);
                    format!("{standing} · {} in {left} if all checks stay green", next_step(policy, rollout))
                }
                _ => format!("{standing} · {} before it {}", texts.join(" and "), next_step(policy, rollout)),
            }
        }
        Decision::Hold { needs } => format!("Holding at {} · {}", rollout.percent, obstacles(needs)),
        Decision::Advance { percent, .. } => format!("{standing} · advancing to {percent}"),
        Decision::Complete => format!("{standing} · completing"),
        Decision::Rollback { cause } => format!("Rolling back from {} · {}", rollout.percent, cause.text()),
        Decision::StepBack { percent, cause, .. } => format!("{standing} · {}", stepping_back(*percent, cause)),
        Decision::Freeze { cause } => format!("Freezing at {} · {}", rollout.percent, cause.text()),
        Decision::RestartStage { why: RestartReason::NewBuild { build } } => {
            format!("{standing} · starting this stage again because {build} now serves")
        }
        Decision::RestartStage { why: RestartReason::Degraded } => {
            format!("{standing} · starting this stage again because a check is degraded")
        }
    }
}

/// Whether the stage began moments ago and nothing but evidence is missing: no reason to worry anybody.
fn only_just_begun(rollout: &Rollout, judgement: &Judgement) -> bool {
    let newest = judgement.checks.iter().filter_map(|check| check.observed_at).max();
    let young = newest.is_none_or(|newest| Millis::between(rollout.stage_since, newest) < FIRST_MEASUREMENTS);
    let Decision::Hold { needs } = &judgement.decision else { return false };
    let in_the_way = || needs.iter().filter(|need| !need.code.only_takes_time());
    young && in_the_way().next().is_some() && in_the_way().all(|need| need.code == NeedCode::Blind)
}

fn next_step(policy: &Policy, rollout: &Rollout) -> String {
    rollout
        .stage
        .and_then(|stage| policy.stages.get(stage + 1))
        .map_or_else(|| "completes".to_owned(), |next| format!("advances to {}", next.percent))
}

/// The first thing that is in the way, and how many more there are beside what only takes time.
fn obstacles(needs: &[Need]) -> String {
    let mut in_the_way = needs.iter().filter(|need| !need.code.only_takes_time());
    let first = in_the_way.next().map_or("nothing is missing", |need| need.text.as_str());
    match in_the_way.count() {
        0 => first.to_owned(),
        more => format!("{first} (and {more} more)"),
    }
}

fn clock(at: Timestamp) -> String {
    at.format("%H:%M UTC").to_string()
}

fn precise_clock(at: Timestamp) -> String {
    at.format("%-d %b at %H:%M:%S%.3f UTC").to_string()
}
