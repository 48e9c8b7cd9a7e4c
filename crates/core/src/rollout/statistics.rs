//! What the sequential tests know of a rollout: a handful of numbers for each check.

use crate::Timestamp;
use serde::{Deserialize, Serialize};

/// The state of every test of one rollout. It belongs to the whole rollout, and no stage resets it.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
pub struct Statistics {
    /// The start of the newest bin that was taken in.
    #[serde(default)]
    pub last_bin: Option<Timestamp>,
}
