//! A decision with all that it can be made again from.

use super::{Decision, Event, Evidence, Judgement, Revision};
use crate::Timestamp;
use serde::{Deserialize, Serialize};

/// What is kept of a decision that made something happen.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Judged {
    /// What came out.
    #[serde(flatten)]
    pub judgement: Judgement,
    /// What went in.
    pub inputs: Evidence,
    /// The time that went in.
    pub decided_at: Timestamp,
    /// The rollout that went in.
    pub upon: Upon,
}

/// A rollout at one moment: so many changes, and so many ticks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Upon {
    /// Its revision.
    pub revision: Revision,
    /// How many of its ticks were stored.
    pub ticks: u64,
}

/// The event a decision makes happen; none for a hold.
pub fn consequence(decision: &Decision) -> Option<Event> {
    match decision {
        Decision::Hold { .. } => None,
        Decision::Advance { stage, percent } => {
            Some(Event::Advanced { stage: *stage, percent: *percent, proven: true })
        }
        Decision::Complete => Some(Event::Completed),
        Decision::Rollback { cause } => Some(Event::RolledBack { cause: cause.clone() }),
        Decision::StepBack { stage, percent, .. } => Some(Event::StageSet { stage: Some(*stage), percent: *percent }),
        Decision::Freeze { cause } => Some(Event::Frozen { cause: cause.clone() }),
        Decision::RestartStage { why } => Some(Event::StageRestarted { why: why.clone() }),
    }
}
