//! Where a rollout stands.

use super::{Actor, Build, Epoch, PolicyRevision, Revision, RolloutId, Statistics};
use crate::policy::{CheckName, Policy, Stage};
use crate::{FlagKey, Millis, Percent, Timestamp};
use serde::{Deserialize, Serialize};

/// What is going on with a flag.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// No rollout yet; nobody is exposed.
    Waiting,
    /// Stages follow one another as the evidence allows.
    Ramping,
    /// A person stopped the ramp where it stands; the checks go on and may still roll back.
    Paused,
    /// The flag is at 100 % and stays there.
    Completed,
    /// The flag is at 0 % and this rollout never rises again.
    RolledBack,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Phase; 5] = [Phase::Waiting, Phase::Ramping, Phase::Paused, Phase::Completed, Phase::RolledBack];

    /// Whether the rollout may still move: neither completed nor rolled back.
    pub const fn is_live(self) -> bool {
        match self {
            Phase::Ramping | Phase::Paused => true,
            Phase::Waiting | Phase::Completed | Phase::RolledBack => false,
        }
    }

    /// The name used on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Phase::Waiting => "waiting",
            Phase::Ramping => "ramping",
            Phase::Paused => "paused",
            Phase::Completed => "completed",
            Phase::RolledBack => "rolled_back",
        }
    }
}

/// One attempt to take a flag from 0 to 100 % under one pinned policy.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Rollout {
    /// Its identity; brakes and evidence belong to it.
    pub id: RolloutId,
    /// The flag it moves.
    pub flag: FlagKey,
    /// Grows by one with every change, never with a mere tick, and goes on from one attempt to the next.
    pub revision: Revision,
    /// The policy it is pinned to.
    pub policy: PolicyRevision,
    /// The build it is rolling out.
    pub build: Build,
    /// Which attempt for this flag this is, from 1.
    pub attempt: u32,
    /// Never [`Phase::Waiting`].
    pub phase: Phase,
    /// The share of subjects that have the flag.
    pub percent: Percent,
    /// The stage of the policy; none where a person typed a percent that is no stage.
    pub stage: Option<usize>,
    /// Grows with every entry or restart of a stage.
    pub epoch: Epoch,
    /// When this epoch began.
    pub stage_since: Timestamp,
    /// The highest stage whose soak was served in full: what evaluators fall back to.
    pub proven: Percent,
    /// Soak asked for on top of this stage's own.
    pub extended: Millis,
    /// The stage a person has approved to enter next.
    pub approved: Option<usize>,
    /// Who has approved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<Actor>,
    /// Who started it.
    pub started_by: Actor,
    /// When it started.
    pub started_at: Timestamp,
    /// When it completed or was rolled back.
    pub ended_at: Option<Timestamp>,
    /// Why it was rolled back.
    pub cause: Option<Cause>,
    /// Why the ramp was stopped where it stands; a person resumes it.
    #[serde(default)]
    pub frozen: Option<Cause>,
    /// What the ticks of this epoch added up to. This and `statistics` alone change without an event.
    pub progress: Progress,
    /// What the ticks of all epochs taught the sequential tests.
    #[serde(default)]
    pub statistics: Statistics,
}

/// What ticks accumulate within one epoch.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Progress {
    /// Healthy, evidenced time served.
    pub soak: Millis,
    /// Since when at least one check has been blind without a break.
    pub blind_since: Option<Timestamp>,
    /// Whether somebody was paged for that blindness.
    pub blind_paged: bool,
    /// Whether somebody was paged because the stage lasts so long.
    #[serde(default)]
    pub hold_paged: bool,
}

impl Rollout {
    /// The stage it stands in, where its percent is one.
    pub fn stage_of<'p>(&self, policy: &'p Policy) -> Option<&'p Stage> {
        self.stage.and_then(|stage| policy.stages.get(stage))
    }

    /// The soak this stage must serve, with what a person added.
    pub fn soak_required(&self, policy: &Policy) -> Option<Millis> {
        self.stage_of(policy).map(|stage| stage.soak + self.extended)
    }

    /// Whether its checks still decide: while it is live, and for the policy's watch behind completion.
    pub fn is_watched(&self, policy: &Policy, now: Timestamp) -> bool {
        match self.phase {
            Phase::Ramping | Phase::Paused => true,
            Phase::Completed => self.ended_at.is_some_and(|end| Millis::between(end, now) < policy.watch_after),
            Phase::Waiting | Phase::RolledBack => false,
        }
    }
}

/// Why a rollout was rolled back.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Cause {
    /// A check's limit was breached.
    Breach {
        /// The check.
        check: CheckName,
        /// The value and the limit in words.
        text: String,
    },
    /// The requests of the whole rollout prove that the canary is worse than its limit, or than control.
    Proven {
        /// The check that says so most clearly.
        check: CheckName,
        /// The odds, in words.
        text: String,
    },
    /// The canary failed too often beyond what was to be expected, bin by bin.
    Harm {
        /// How often, in words.
        text: String,
    },
    /// The checks were blind for longer than the policy bears.
    Blind {
        /// How long, and which checks, in words.
        text: String,
    },
    /// A person ordered it.
    Ordered {
        /// Who, and why.
        text: String,
    },
    /// A person lowered the flag by SQL.
    Sql {
        /// The statement's effect and the role, in words.
        text: String,
    },
}

impl Cause {
    /// A stable name for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Cause::Breach { .. } => "breach",
            Cause::Proven { .. } => "proven",
            Cause::Harm { .. } => "harm",
            Cause::Blind { .. } => "blind",
            Cause::Ordered { .. } => "ordered",
            Cause::Sql { .. } => "sql",
        }
    }

    /// The cause in words.
    pub fn text(&self) -> &str {
        match self {
            Cause::Breach { text, .. }
            | Cause::Proven { text, .. }
            | Cause::Harm { text }
            | Cause::Blind { text }
            | Cause::Ordered { text }
            | Cause::Sql { text } => text,
        }
    }

    /// The check that was breached, or proven worse.
    pub fn check(&self) -> Option<&CheckName> {
        match self {
            Cause::Breach { check, .. } | Cause::Proven { check, .. } => Some(check),
            Cause::Harm { .. } | Cause::Blind { .. } | Cause::Ordered { .. } | Cause::Sql { .. } => None,
        }
    }
}
