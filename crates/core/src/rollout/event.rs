//! What happened, and what it makes of a rollout.

use super::{Actor, Build, Cause, Epoch, Phase, PolicyRevision, Progress, Revision, Rollout, RolloutId, Statistics};
use crate::policy::GateItem;
use crate::{FlagKey, Millis, Percent, Timestamp};
use serde::{Deserialize, Serialize};

/// The birth of a rollout.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Start {
    /// The new rollout.
    pub id: RolloutId,
    /// Its flag.
    pub flag: FlagKey,
    /// The policy it is pinned to.
    pub policy: PolicyRevision,
    /// The build it rolls out.
    pub build: Build,
    /// Which attempt for this flag, from 1.
    pub attempt: u32,
    /// The last revision of the attempt before it, 0 for the first: a revision names one state of a flag, whatever the
    /// attempt.
    #[serde(default)]
    pub follows: Revision,
    /// The stage it begins in; none where a person typed another percent.
    pub stage: Option<usize>,
    /// The percent it begins with.
    pub percent: Percent,
    /// Whether it lifts the quarantine of a rollout before it.
    pub restart: bool,
    /// Gate items nothing proved when it started.
    pub missing_gate: Vec<GateItem>,
    /// Who started it.
    pub by: Actor,
}

/// One journalled happening.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// A rollout began.
    Started(Box<Start>),
    /// The stage's needs were met, or a person cut them short: the next stage.
    Advanced {
        /// The stage entered.
        stage: usize,
        /// Its percent.
        percent: Percent,
        /// Whether the stage before had served its soak.
        proven: bool,
    },
    /// A person, or a policy that bears no blindness, set the percent.
    StageSet {
        /// The stage, where the percent is one.
        stage: Option<usize>,
        /// The percent.
        percent: Percent,
    },
    /// A person stopped the ramp.
    Paused,
    /// A check's breach stopped the ramp where it stands; a person resumes it.
    Frozen {
        /// Why.
        cause: Cause,
    },
    /// A person let the ramp go on.
    Resumed,
    /// A person approved a stage.
    Approved {
        /// The stage that may now be entered.
        stage: usize,
        /// Who; none in what earlier releases wrote.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<Actor>,
    },
    /// A person asked for more soak in this stage.
    Extended {
        /// How much more.
        by: Millis,
    },
    /// The stage began again.
    StageRestarted {
        /// Why.
        why: RestartReason,
    },
    /// Back to 0 %, for good.
    RolledBack {
        /// Why.
        cause: Cause,
    },
    /// At 100 %, for good.
    Completed,
    /// The exposure lease ran out; evaluators fell back. Changes nothing in the rollout.
    LeaseLapsed {
        /// What evaluators serve meanwhile.
        serving: Percent,
    },
    /// The exposure lease is confirmed again. Changes nothing in the rollout.
    LeaseRegained,
    /// Somebody is paged because the checks are blind. Changes nothing in the rollout.
    BlindPaged {
        /// Since when.
        since: Timestamp,
    },
    /// Somebody is paged because the stage lasts far longer than its soak. Changes nothing in the rollout.
    HoldPaged {
        /// What holds it.
        text: String,
    },
    /// A statement on the flag's row was noticed and not followed. Changes nothing in the rollout.
    SqlIgnored {
        /// What it said and why it was not followed.
        text: String,
    },
}

/// Why a stage began again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum RestartReason {
    /// Another build serves now; what was seen of the old one proves nothing.
    NewBuild {
        /// The build that serves now.
        build: Build,
    },
    /// A check was degraded, and the policy says that the soak starts again.
    Degraded,
}

impl Event {
    /// The name used in the journal.
    pub const fn kind(&self) -> &'static str {
        match self {
            Event::Started(start) if start.restart => "restarted",
            Event::Started(_) => "started",
            Event::Advanced { .. } => "advanced",
            Event::StageSet { .. } => "stage_set",
            Event::Paused => "paused",
            Event::Frozen { .. } => "frozen",
            Event::Resumed => "resumed",
            Event::Approved { .. } => "approved",
            Event::Extended { .. } => "extended",
            Event::StageRestarted { .. } => "stage_restarted",
            Event::RolledBack { .. } => "rolled_back",
            Event::Completed => "completed",
            Event::LeaseLapsed { .. } => "lease_lapsed",
            Event::LeaseRegained => "lease_regained",
            Event::BlindPaged { .. } => "blind_paged",
            Event::HoldPaged { .. } => "hold_paged",
            Event::SqlIgnored { .. } => "sql_ignored",
        }
    }

    /// The percent it takes the rollout to, where it takes it anywhere but down to 0.
    pub fn enters(&self) -> Option<Percent> {
        match self {
            Event::Started(start) => Some(start.percent),
            Event::Advanced { percent, .. } | Event::StageSet { percent, .. } => Some(*percent),
            Event::Completed => Some(Percent::FULL),
            Event::Paused
            | Event::Frozen { .. }
            | Event::Resumed
            | Event::Approved { .. }
            | Event::Extended { .. }
            | Event::StageRestarted { .. }
            | Event::RolledBack { .. }
            | Event::LeaseLapsed { .. }
            | Event::LeaseRegained
            | Event::BlindPaged { .. }
            | Event::HoldPaged { .. }
            | Event::SqlIgnored { .. } => None,
        }
    }

    /// Whether it only records something and leaves the rollout as it is.
    pub const fn is_note(&self) -> bool {
        match self {
            Event::LeaseLapsed { .. }
            | Event::LeaseRegained
            | Event::BlindPaged { .. }
            | Event::HoldPaged { .. }
            | Event::SqlIgnored { .. } => true,
            Event::Started(_)
            | Event::Advanced { .. }
            | Event::StageSet { .. }
            | Event::Paused
            | Event::Frozen { .. }
            | Event::Resumed
            | Event::Approved { .. }
            | Event::Extended { .. }
            | Event::StageRestarted { .. }
            | Event::RolledBack { .. }
            | Event::Completed => false,
        }
    }
}

/// An event with its time, as the journal keeps it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// When it was committed, by the database's clock.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// The rollout after `event`. Total: a start begins anew; beside it, a rolled-back rollout stays as it is
/// whatever comes, and a completed one can only be rolled back.
pub fn apply(rollout: Rollout, event: &Event, at: Timestamp) -> Rollout {
    let over = match rollout.phase {
        Phase::RolledBack => true,
        Phase::Completed => !matches!(event, Event::RolledBack { .. }),
        Phase::Waiting | Phase::Ramping | Phase::Paused => false,
    };
    if let Event::Started(start) = event {
        return born(start, at);
    }
    if event.is_note() || over {
        return rollout;
    }
    let mut after = rollout;
    after.revision.0 += 1;
    match event {
        Event::Advanced { stage, percent, proven } => {
            if *proven {
                after.proven = after.proven.max(after.percent);
            }
            enter(&mut after, Some(*stage), *percent, at);
        }
        Event::StageSet { stage, percent } => enter(&mut after, *stage, *percent, at),
        Event::Paused => after.phase = Phase::Paused,
        Event::Frozen { cause } => {
            after.phase = Phase::Paused;
            after.frozen = Some(cause.clone());
        }
        Event::Resumed => {
            after.phase = Phase::Ramping;
            after.frozen = None;
        }
        Event::Approved { stage, by } => {
            after.approved = Some(*stage);
            after.approved_by = by.clone();
        }
        Event::Extended { by } => after.extended = after.extended + *by,
        Event::StageRestarted { why } => {
            if let RestartReason::NewBuild { build } = why {
                after.build = build.clone();
            }
            // The same stage, so what a person asked of it still stands; what they approved was another build.
            let (stage, percent, extended) = (after.stage, after.percent, after.extended);
            enter(&mut after, stage, percent, at);
            after.extended = extended;
        }
        Event::RolledBack { cause } => {
            after.phase = Phase::RolledBack;
            after.percent = Percent::ZERO;
            after.proven = Percent::ZERO;
            after.cause = Some(cause.clone());
            after.frozen = None;
            after.ended_at = Some(at);
        }
        Event::Completed => {
            after.phase = Phase::Completed;
            // Completed by hand from a lower stage: it stands in none.
            after.stage = after.stage.filter(|_| after.percent == Percent::FULL);
            after.percent = Percent::FULL;
            after.proven = Percent::FULL;
            after.frozen = None;
            after.ended_at = Some(at);
        }
        Event::Started(_)
        | Event::LeaseLapsed { .. }
        | Event::LeaseRegained
        | Event::BlindPaged { .. }
        | Event::HoldPaged { .. }
        | Event::SqlIgnored { .. } => {}
    }
    after
}

/// The rollout a journal adds up to, before its ticks' soak. None where the first entry is no start.
pub fn fold<'e>(entries: impl IntoIterator<Item = &'e Entry>) -> Option<Rollout> {
    entries.into_iter().fold(None, |rollout: Option<Rollout>, entry| match (rollout, &entry.event) {
        (None, Event::Started(start)) => Some(born(start, entry.at)),
        (rollout, event) => rollout.map(|rollout| apply(rollout, event, entry.at)),
    })
}

fn born(start: &Start, at: Timestamp) -> Rollout {
    Rollout {
        id: start.id,
        flag: start.flag.clone(),
        revision: Revision(start.follows.0 + 1),
        policy: start.policy.clone(),
        build: start.build.clone(),
        attempt: start.attempt,
        phase: Phase::Ramping,
        percent: start.percent,
        stage: start.stage,
        epoch: Epoch(1),
        stage_since: at,
        proven: Percent::ZERO,
        extended: Millis::ZERO,
        approved: None,
        approved_by: None,
        started_by: start.by.clone(),
        started_at: at,
        ended_at: None,
        cause: None,
        frozen: None,
        progress: Progress::default(),
        statistics: Statistics::default(),
    }
}

/// A stage begins: everything that belonged to the stage before is gone. What was proven never
/// exceeds what is served.
fn enter(rollout: &mut Rollout, stage: Option<usize>, percent: Percent, at: Timestamp) {
    rollout.stage = stage;
    rollout.percent = percent;
    rollout.proven = rollout.proven.min(percent);
    rollout.epoch.0 += 1;
    rollout.stage_since = at;
    rollout.extended = Millis::ZERO;
    rollout.approved = None;
    rollout.approved_by = None;
    rollout.progress = Progress::default();
}
