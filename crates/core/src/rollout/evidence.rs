//! What is known at the moment of a decision.

use super::{Build, Epoch, RolloutId, exact};
use crate::policy::CheckName;
use crate::stats::{Arms, Trials};
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
    /// The canary's requests of this epoch, held against each check's `advance_if`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<CheckName, Trials>,
    /// Bins that have closed since the last one the rollout took in, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bins: Vec<Bin>,
    /// How many different subjects this process has seen in this epoch.
    #[serde(default)]
    pub subjects: Subjects,
}

impl Evidence {
    /// Nothing is known but what serves.
    pub fn of(build: Build) -> Self {
        Self {
            readings: BTreeMap::new(),
            canary_requests: 0,
            since_last_tick: None,
            build,
            counts: BTreeMap::new(),
            bins: Vec::new(),
            subjects: Subjects::default(),
        }
    }
}

/// Different subjects that were evaluated, without those a target or a header decides for.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Subjects {
    /// With the flag on.
    pub canary: u64,
    /// With the flag off.
    pub control: u64,
}

/// What canary and control went through in one stretch of time under one epoch.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Bin {
    /// When it began; its length is the policy's.
    pub start: Timestamp,
    /// The epoch whose requests it counts.
    pub epoch: Epoch,
    /// The percent of that epoch, as a share: 0..=1.
    #[serde(with = "exact")]
    pub share: f64,
    /// Requests of the canary.
    pub canary: u64,
    /// Requests of control.
    pub control: u64,
    /// Failures by check, on both sides.
    pub counts: BTreeMap<CheckName, BinCounts>,
}

/// What one check counted in one bin.
#[derive(Clone, Copy, Default, PartialEq, Debug, Serialize, Deserialize)]
pub struct BinCounts {
    /// Against the check's own limit: failures, or requests slower than `rollback_if`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Arms>,
    /// Canary against control: failures, or requests slower than the frozen edge. None before there is an edge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<Arms>,
    /// The p95 of control so far, in milliseconds, once enough of its requests were seen.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "exact::option")]
    pub tail_edge_ms: Option<f64>,
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
    /// What control went through over the same window, for whoever looks; nothing is decided by it.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "exact::option")]
    pub control: Option<f64>,
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
    #[serde(with = "exact")]
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
