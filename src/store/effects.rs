//! When each daemon stopped serving what was rolled back.

use super::{Store, StoreError};
use rampart_core::Timestamp;
use rampart_core::rollout::RolloutId;

/// How long before the record a daemon may have been heard last and still count as serving then, in seconds.
const HEARD_WITHIN: f64 = super::LEASE_SECONDS;

/// How a rollback took effect, over all daemons.
#[derive(Clone, Copy, Debug)]
pub struct Effects {
    /// When the first daemon saw the breach; none where a person ordered it, or nobody wrote it down.
    pub seen_at: Option<Timestamp>,
    /// From when the last of those that said so served nobody.
    pub last: Option<Timestamp>,
    /// How many said so.
    pub daemons: i64,
    /// How many that were running then did not.
    pub silent: i64,
}

impl Store {
    /// Notes that this daemon serves nobody of a rolled-back rollout since `effective`. The first note stays.
    pub async fn took_effect(
        &self,
        rollout: RolloutId,
        seen: Option<Timestamp>,
        effective: Timestamp,
    ) -> Result<(), StoreError> {
        // Not by the guard's own connections: what is only written down keeps no decision waiting.
        sqlx::query!(
            "insert into rampart.effects (rollout_id, replica, seen_at, effective_at) values ($1, $2, $3, $4)
             on conflict do nothing",
            rollout.0,
            self.replica,
            seen,
            effective
        )
        .execute(&self.pools.ops)
        .await?;
        Ok(())
    }

    /// How the rollback of a rollout, written down at `committed`, took effect.
    pub async fn effects(&self, rollout: RolloutId, committed: Timestamp) -> Result<Effects, StoreError> {
        let effects = sqlx::query_as!(
            Effects,
            r#"select min(e.seen_at) as seen_at, max(e.effective_at) as last,
                      count(e.replica) as "daemons!",
                      (select count(*) from rampart.replicas r
                       where r.started_at <= $2 and (r.stopped_at is null or r.stopped_at > $2)
                         and r.heartbeat_at >= $2 - make_interval(secs => $3)
                         and not exists (select 1 from rampart.effects said
                                         where said.rollout_id = $1 and said.replica = r.id)) as "silent!"
               from rampart.effects e where e.rollout_id = $1"#,
            rollout.0,
            committed,
            HEARD_WITHIN
        )
        .fetch_one(&self.pools.ops)
        .await?;
        Ok(effects)
    }
}
