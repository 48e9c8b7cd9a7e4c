//! What evaluators serve, in memory: an atomically swapped snapshot, the local brake and the exposure lease.
//!
//! Evaluation reads the snapshot and touches nothing else: no database, no lock, no allocation. What is
//! served is the least of what the flag's row says, what its rollout says, and what the brake and the
//! exposure lease leave of it.

mod exposure;
mod snapshot;

pub use exposure::{Flags, Known, KnownRollout, Lapse, LapseChange};
pub use snapshot::{Answer, Served, Snapshot, StageRef, Subject};
