//! One sentence for people: where it stands, and what happens next.

use super::{Decision, Judgement, Need, NeedCode, Phase, Rollout};
use crate::Timestamp;
use crate::policy::Policy;

/// The sentence the page, the API, the terminal and the log all show. Times are UTC.
pub fn sentence(policy: &Policy, rollout: Option<&Rollout>, judgement: Option<&Judgement>) -> String {
    let Some(rollout) = rollout else {
        let first = policy.stages.first().map(|stage| stage.percent.to_string()).unwrap_or_default();
        return format!("Waiting at 0 % · a start would begin with {first}");
    };
    let standing = format!("{} since {}", rollout.percent, clock(rollout.stage_since));
    match (rollout.phase, judgement.map(|judgement| &judgement.decision)) {
        (Phase::RolledBack, _) => {
            let cause = rollout.cause.as_ref().map(|cause| cause.text()).unwrap_or("unknown cause");
            format!("Rolled back at {}: {cause}", rollout.ended_at.map(precise_clock).unwrap_or_default())
        }
        (Phase::Completed, Some(Decision::Rollback { cause })) => format!("Rolling back: {}", cause.text()),
        (Phase::Completed, _) => format!("Complete at 100 % since {}", rollout.ended_at.map(clock).unwrap_or_default()),
        (Phase::Waiting, _) => "Waiting at 0 %".to_owned(),
        (_, None) => format!("{standing} · measuring"),
        (_, Some(Decision::Rollback { cause })) => format!("Rolling back from {}: {}", rollout.percent, cause.text()),
        (Phase::Paused, Some(_)) => format!("Paused at {standing} · resume to go on"),
        (Phase::Ramping, Some(decision)) => ramping(policy, rollout, decision, &standing),
    }
}

fn ramping(policy: &Policy, rollout: &Rollout, decision: &Decision, standing: &str) -> String {
    match decision {
        Decision::Hold { needs } => match needs.as_slice() {
            [only] if only.code == NeedCode::Soak => {
                let left = rollout.soak_required(policy).unwrap_or_default().minus(rollout.progress.soak);
                format!("{standing} · {} in {left} if all checks stay green", next_step(policy, rollout))
            }
            needs => format!("Holding at {} · {}", rollout.percent, first_need(needs)),
        },
        Decision::Advance { percent, .. } => format!("{standing} · advancing to {percent}"),
        Decision::Complete => format!("{standing} · completing"),
        Decision::Rollback { cause } => format!("Rolling back from {}: {}", rollout.percent, cause.text()),
        Decision::StepBack { percent, .. } => format!("{standing} · stepping back to {percent}"),
        Decision::RestartStage { .. } => format!("{standing} · starting this stage again"),
    }
}

fn next_step(policy: &Policy, rollout: &Rollout) -> String {
    rollout
        .stage
        .and_then(|stage| policy.stages.get(stage + 1))
        .map_or_else(|| "completes".to_owned(), |next| format!("advances to {}", next.percent))
}

/// The need that matters most: what is unhealthy or unseen before what only takes time.
fn first_need(needs: &[Need]) -> String {
    let first = needs.iter().find(|need| need.code != NeedCode::Soak).or(needs.first());
    let more = needs.len().saturating_sub(1);
    let text = first.map(|need| need.text.as_str()).unwrap_or("nothing is missing");
    if more == 0 { text.to_owned() } else { format!("{text} (and {more} more)") }
}

fn clock(at: Timestamp) -> String {
    at.format("%H:%M UTC").to_string()
}

fn precise_clock(at: Timestamp) -> String {
    at.format("%H:%M:%S%.3f UTC").to_string()
}
