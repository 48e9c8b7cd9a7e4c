//! What people may order, and when.

use super::{Actor, Cause, Event, Phase, Rollout, Start};
use crate::policy::Policy;
use crate::{Millis, Percent};
use serde::{Deserialize, Serialize};

/// A person's order.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Command {
    /// Begin a rollout.
    Start,
    /// Stop the ramp where it stands.
    Pause,
    /// Let it go on.
    Resume,
    /// Enter the next stage now.
    Advance,
    /// Move to a percent now.
    SetStage {
        /// The percent; through the API one of the policy's stages.
        percent: Percent,
    },
    /// Allow the next stage to be entered.
    Approve,
    /// Ask for more soak in this stage.
    Extend {
        /// How much more.
        by: Millis,
    },
    /// Back to 0 %, for good.
    Rollback,
    /// Begin a new rollout after one that ended.
    Restart,
    /// To 100 % and done.
    Complete,
}

/// The kinds of order, as the API names them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the command of the same name")]
pub enum CommandKind {
    Start,
    Pause,
    Resume,
    Advance,
    Stage,
    Approve,
    Extend,
    Rollback,
    Restart,
    Complete,
}

impl CommandKind {
    /// Every kind.
    pub const ALL: [CommandKind; 10] = [
        CommandKind::Start,
        CommandKind::Pause,
        CommandKind::Resume,
        CommandKind::Advance,
        CommandKind::Stage,
        CommandKind::Approve,
        CommandKind::Extend,
        CommandKind::Rollback,
        CommandKind::Restart,
        CommandKind::Complete,
    ];

    /// The name in the API's paths.
    pub const fn name(self) -> &'static str {
        match self {
            CommandKind::Start => "start",
            CommandKind::Pause => "pause",
            CommandKind::Resume => "resume",
            CommandKind::Advance => "advance",
            CommandKind::Stage => "stage",
            CommandKind::Approve => "approve",
            CommandKind::Extend => "extend",
            CommandKind::Rollback => "rollback",
            CommandKind::Restart => "restart",
            CommandKind::Complete => "complete",
        }
    }

    /// Whether a reason must be given: for whatever raises exposure outside the rules.
    pub const fn needs_reason(self) -> bool {
        match self {
            CommandKind::Advance | CommandKind::Stage | CommandKind::Restart | CommandKind::Complete => true,
            CommandKind::Start
            | CommandKind::Pause
            | CommandKind::Resume
            | CommandKind::Approve
            | CommandKind::Extend
            | CommandKind::Rollback => false,
        }
    }
}

impl Command {
    /// Its kind.
    pub const fn kind(self) -> CommandKind {
        match self {
            Command::Start => CommandKind::Start,
            Command::Pause => CommandKind::Pause,
            Command::Resume => CommandKind::Resume,
            Command::Advance => CommandKind::Advance,
            Command::SetStage { .. } => CommandKind::Stage,
            Command::Approve => CommandKind::Approve,
            Command::Extend { .. } => CommandKind::Extend,
            Command::Rollback => CommandKind::Rollback,
            Command::Restart => CommandKind::Restart,
            Command::Complete => CommandKind::Complete,
        }
    }
}

/// Whether a kind of order is allowed in a phase.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Permit {
    /// It has its effect.
    Legal,
    /// Things are so already: answered as done, nothing changes.
    Already,
    /// It has no place here; what to do instead.
    Illegal(&'static str),
}

/// The whole matrix of phase and command. `quarantined` says whether the rollout that was rolled
/// back had the same policy and build that a start would use now.
pub const fn permit(phase: Phase, quarantined: bool, kind: CommandKind) -> Permit {
    use CommandKind as K;
    use Permit::{Already, Illegal, Legal};
    use Phase as P;
    match (kind, phase) {
        (K::Start, P::Waiting) => Legal,
        (K::Start, P::Ramping | P::Paused) => Illegal("the rollout is running already"),
        (K::Start, P::Completed) => Illegal("the rollout is complete; restart begins a new one"),
        (K::Start, P::RolledBack) if quarantined => {
            Illegal("this policy and build were rolled back; only restart, with a reason, tries them again")
        }
        (K::Start, P::RolledBack) => Legal,

        (K::Restart, P::Completed | P::RolledBack) => Legal,
        (K::Restart, P::Waiting) => Illegal("there is nothing to restart; start begins the first rollout"),
        (K::Restart, P::Ramping | P::Paused) => Illegal("the rollout is running; roll it back before restarting"),

        (K::Rollback, P::Ramping | P::Paused | P::Completed) => Legal,
        (K::Rollback, P::Waiting | P::RolledBack) => Already,

        (K::Pause, P::Ramping) => Legal,
        (K::Pause, P::Paused) => Already,
        (K::Resume, P::Paused) => Legal,
        (K::Resume, P::Ramping) => Already,
        (K::Advance, P::Ramping) => Legal,
        (K::Advance, P::Paused) => Illegal("the rollout is paused; resume it first"),
        (K::Stage | K::Approve | K::Extend | K::Complete, P::Ramping | P::Paused) => Legal,

        (K::Pause | K::Resume | K::Advance | K::Stage | K::Approve | K::Extend | K::Complete, P::Waiting) => {
            Illegal("no rollout is running; start one first")
        }
        (K::Complete, P::Completed) => Already,
        (K::Pause | K::Resume | K::Advance | K::Stage | K::Approve | K::Extend, P::Completed) => {
            Illegal("the rollout is complete")
        }
        (K::Pause | K::Resume | K::Advance | K::Stage | K::Approve | K::Extend | K::Complete, P::RolledBack) => {
            Illegal("the rollout was rolled back and never moves again; restart begins a new one")
        }
    }
}

/// An order with who gives it and why.
#[derive(Clone, PartialEq, Debug)]
pub struct Order {
    /// What is ordered.
    pub command: Command,
    /// Who orders it.
    pub actor: Actor,
    /// Why.
    pub reason: Option<String>,
}

/// Why an order is not carried out. It has no effect at all.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// Not in this phase.
    #[error("{0}")]
    Illegal(String),
    /// The percent is no stage of the policy.
    #[error("expected a stage of the policy ({stages}), got {percent}")]
    NoSuchStage {
        /// What was asked for.
        percent: Percent,
        /// What there is.
        stages: String,
    },
    /// Two people are asked for, and this is the one who started.
    #[error("{by} started this rollout, and its policy wants another person to approve: ask a second release owner")]
    SamePerson {
        /// Who.
        by: Actor,
    },
    /// The order needs a reason.
    #[error("expected a reason: {0} acts outside the rules of the policy")]
    ReasonMissing(&'static str),
}

/// What an order makes happen: one event, nothing (it is so already), or a refusal. `current` is
/// the newest rollout of the flag; `start` is what a new one would be born from.
pub fn plan(policy: &Policy, current: Option<&Rollout>, start: Start, order: &Order) -> Result<Option<Event>, Refusal> {
    let kind = order.command.kind();
    let phase = current.map_or(Phase::Waiting, |rollout| rollout.phase);
    let quarantined = current.is_some_and(|rollout| rollout.policy == start.policy && rollout.build == start.build);
    match permit(phase, quarantined, kind) {
        Permit::Illegal(why) => return Err(Refusal::Illegal(why.to_owned())),
        Permit::Already => return Ok(None),
        Permit::Legal => {}
    }
    if kind.needs_reason() && order.reason.as_deref().is_none_or(|reason| reason.trim().is_empty()) {
        return Err(Refusal::ReasonMissing(kind.name()));
    }
    match (order.command, current) {
        (Command::Start, _) => Ok(Some(Event::Started(Box::new(start)))),
        (Command::Restart, _) => Ok(Some(Event::Started(Box::new(Start { restart: true, ..start })))),
        (Command::Pause, _) => Ok(Some(Event::Paused)),
        (Command::Resume, _) => Ok(Some(Event::Resumed)),
        (Command::Extend { by }, _) => Ok(Some(Event::Extended { by })),
        (Command::Complete, _) => Ok(Some(Event::Completed)),
        (Command::Rollback, _) => Ok(Some(Event::RolledBack { cause: Cause::Ordered { text: ordered_words(order) } })),
        (Command::SetStage { percent }, Some(rollout)) => set_stage(policy, rollout, percent),
        (Command::Advance, Some(rollout)) => next_stage(policy, rollout).map(|stage| {
            let proven = rollout.soak_required(policy).is_some_and(|required| rollout.progress.soak >= required);
            policy.stages.get(stage).map(|next| Event::Advanced { stage, percent: next.percent, proven })
        }),
        (Command::Approve, Some(rollout)) => approve(policy, rollout, &order.actor),
        // The matrix lets none of these through without a rollout.
        (Command::SetStage { .. } | Command::Advance | Command::Approve, None) => {
            Err(Refusal::Illegal("no rollout is running; start one first".to_owned()))
        }
    }
}

/// Where the policy asks for two people, whoever started is not the one who approves.
fn approve(policy: &Policy, rollout: &Rollout, by: &Actor) -> Result<Option<Event>, Refusal> {
    let stage = next_stage(policy, rollout)?;
    let two_person = policy.approvals.as_ref().is_some_and(|approvals| approvals.two_person);
    if two_person && *by == rollout.started_by {
        return Err(Refusal::SamePerson { by: by.clone() });
    }
    Ok((rollout.approved != Some(stage)).then(|| Event::Approved { stage, by: Some(by.clone()) }))
}

fn set_stage(policy: &Policy, rollout: &Rollout, percent: Percent) -> Result<Option<Event>, Refusal> {
    let stage = policy.stages.iter().position(|stage| stage.percent == percent).ok_or_else(|| {
        let stages: Vec<String> = policy.stages.iter().map(|stage| stage.percent.to_string()).collect();
        Refusal::NoSuchStage { percent, stages: stages.join(", ") }
    })?;
    Ok((rollout.stage != Some(stage)).then_some(Event::StageSet { stage: Some(stage), percent }))
}

/// The stage after the present one; behind a typed percent the first that lies above it.
fn next_stage(policy: &Policy, rollout: &Rollout) -> Result<usize, Refusal> {
    policy
        .stages
        .iter()
        .position(|stage| stage.percent > rollout.percent)
        .ok_or_else(|| Refusal::Illegal("this is the last stage; it completes by its soak, or by complete".to_owned()))
}

fn ordered_words(order: &Order) -> String {
    match order.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty()) {
        Some(reason) => format!("ordered by {}: {reason}", order.actor),
        None => format!("ordered by {}", order.actor),
    }
}
