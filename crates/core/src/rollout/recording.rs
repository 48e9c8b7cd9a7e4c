//! What is stored of a rollout, in the order in which it happened: its journal and its ticks.

use super::{Actor, Entry, Event, Evidence, Judged, Judgement, Revision, Rollout, apply, fold};
use crate::Timestamp;
use crate::policy::Policy;
use serde::{Deserialize, Serialize};

/// One stored tick.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Tick {
    /// Its number in the rollout, from 1.
    pub n: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// The revision of the rollout it was decided on.
    pub revision: Revision,
    /// What was known.
    pub evidence: Evidence,
    /// What came out.
    pub judgement: Judgement,
}

/// One entry of the journal.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Journalled {
    /// Its number in the journal.
    pub seq: i64,
    /// When it was committed.
    pub at: Timestamp,
    /// Who did it.
    pub actor: Actor,
    /// What happened.
    pub event: Event,
    /// What it rests on; none where a person ordered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<Judged>,
}

/// The rollout as one of its revisions began, from its journal, oldest entry first.
pub fn at_revision(entries: &[Journalled], revision: Revision) -> Option<Rollout> {
    let (start, later) = entries.split_first()?;
    let born = fold([&Entry { at: start.at, event: start.event.clone() }])?;
    let reached = later.iter().fold(born, |rollout, entry| {
        if rollout.revision < revision { apply(rollout, &entry.event, entry.at) } else { rollout }
    });
    (reached.revision == revision).then_some(reached)
}

/// One line of an exported recording. The first is the head; entries and ticks follow in their order.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// What was rolled out under which policy, as it stands at the end.
    Head(Box<Head>),
    /// An entry of the journal.
    Entry(Box<Journalled>),
    /// A tick.
    Tick(Box<Tick>),
}

/// The first line of a recording.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Head {
    /// Where the rollout stands.
    pub rollout: Rollout,
    /// The policy it is pinned to.
    pub policy: Policy,
    /// How many ticks follow.
    pub ticks: u64,
}
