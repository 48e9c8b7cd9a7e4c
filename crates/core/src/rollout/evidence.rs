//! What is known at the moment of a decision.

use super::{Build, Epoch, RolloutId};
use crate::policy::CheckName;
use crate::{Millis, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything a decision may look at, beside the policy and the rollout.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Evidence {
    /// The newest reading of each check.
    pub readings: BTreeMap<CheckName, Reading>,
    /// Canary requests seen in this epoch, over all replicas.
    pub canary_requests: u64,
    /// How long ago this same holder ticked before; none for its first tick, and for a look between ticks.
    pub since_last_tick: Option<Millis>,
    /// The build that serves now.
    pub build: Build,
}

/// One measurement of one check, and which stage of which rollout it speaks of.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Reading {
    /// The rollout it belongs to.
    pub rollout: RolloutId,
    /// The epoch it belongs to.
    pub epoch: Epoch,
    /// When the measurement began; only a breach counts where that lies before the epoch.
    pub begun_at: Timestamp,
    /// When it was taken.
    pub observed_at: Timestamp,
    /// What it found.
    pub outcome: Outcome,
}

/// What a measurement found.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A value.
    Measured {
        /// Over the check's whole window: what `rollback_if` is held against.
        window: Sample,
        /// Over the newest `min_samples` canary requests of the stage: what `advance_if` is held against.
        newest: Sample,
    },
    /// The source works and has nothing to say.
    NoEvidence(String),
    /// The source does not work.
    Fault(String),
}

/// A value and how many observations stand behind it.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Sample {
    /// In the unit of the signal.
    pub value: f64,
    /// Observations.
    pub samples: u64,
}

impl Outcome {
    /// A measurement whose window and newest part are the same.
    pub const fn measured(value: f64, samples: u64) -> Self {
        let sample = Sample { value, samples };
        Outcome::Measured { window: sample, newest: sample }
    }
}
