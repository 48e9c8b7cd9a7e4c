//! Names and numbers that must not be mixed up.

use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

macro_rules! shown_as_inner {
    ($($name:ty),+) => { $(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+ };
}

/// One attempt to take a flag from 0 to 100 %.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RolloutId(pub Uuid);

/// How often a flag's rollouts were changed; a person's `If-Match` names the one they saw.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u64);

/// How often a rollout entered or restarted a stage. Evidence belongs to exactly one epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub u32);

/// The right to raise exposure, as a number that only grows: an older one is refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fence(pub i64);

/// A short digest of a policy file's text.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PolicyRevision(pub String);

/// The build that serves: a version or commit.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Build(pub String);

/// Who did it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Actor(pub String);

impl Actor {
    /// Rampart itself.
    pub fn controller() -> Self {
        Self("controller".to_owned())
    }

    /// Somebody who typed SQL as the given database role.
    pub fn sql(role: &str) -> Self {
        Self(format!("sql:{role}"))
    }
}

shown_as_inner!(RolloutId, Revision, Epoch, Fence, PolicyRevision, Build, Actor);
