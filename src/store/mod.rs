//! The database: the only user of sqlx for flags, rollouts, journal, readings, leases and outbox.
//!
//! One statement a function; whatever belongs together is committed together by `rampart.commit_step`.

mod ask;
mod audit;
mod calls;
mod effects;
mod error;
mod flags;
mod gate;
mod history;
mod journal;
mod leases;
mod lives;
mod migrate;
mod outbox;
mod owner;
mod pool;
mod pools;
mod probe;
mod reports;
mod rollouts;
mod signatures;
mod slots;
mod ticks;

pub use ask::{Asked, Questions};
pub use calls::{Call, CallRow};
pub use effects::Effects;
pub use error::{StoreError, is_unavailable};
pub use flags::{FlagRow, SqlChange, Sync};
pub use gate::{
    ArtifactContent, GateArtifact, GateRun, MAX_ARTIFACT, MAX_ARTIFACTS, NewArtifact, NewGateRun, Recorded,
};
pub use history::PastRollout;
pub use journal::{JournalFilter, JournalRow};
pub use leases::{LEASE_SECONDS, Replica};
pub use migrate::{migrate, seed};
pub use outbox::{DeadLetter, Due, Newest, Setback, TargetCount, Unplanned};
pub use owner::{Person, people, run_as_owner};
pub use pool::Pool;
pub(crate) use pools::PARTS_CONNECTIONS;
pub use pools::{Pooler, Pools, Reach};
pub use probe::{Bench, ProbeFinding};
pub use reports::{CREW_REPORTS_MAX, ReportKind, ReportRow};
pub use rollouts::{CommandKey, NewEntry, Notice, Step, StoredRollout};
pub(crate) use rollouts::{notice, quiet_notice};
pub use signatures::{SignedRow, SignedRows, enroll, revoke, signed_rows};
pub use slots::SlotRow;
pub use ticks::{ChainedTick, ReadingRow};

use std::sync::Arc;
use uuid::Uuid;

/// The database as the controller and the ops API see it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    pools: Arc<Pools>,
    replica: Uuid,
}

impl Store {
    /// A store that speaks for the replica `replica`.
    pub fn new(pools: Arc<Pools>, replica: Uuid) -> Self {
        Self { pools, replica }
    }

    /// This process's identity among the replicas.
    pub fn replica(&self) -> Uuid {
        self.replica
    }

    /// The pools, for the rooms that run SQL of their own.
    pub fn pools(&self) -> &Pools {
        &self.pools
    }
}
