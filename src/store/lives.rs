//! Lives of daemons: where each ran, and whether it ended with a good-bye.

use super::{Store, StoreError};
use rampart_core::Timestamp;

/// How long somebody may be silent, and be found so by a replica that was awake all the while, before it counts as
/// crashed.
const SILENT_SECONDS: f64 = 60.0;
/// The same for a life that another one has replaced at its address.
const REPLACED_SECONDS: f64 = 5.0;
/// Crashes that are told at the most.
const MAX_CRASHES: i64 = 1000;

impl Store {
    /// Begins this replica's life. With `alone`, whoever is still noted as running has crashed: a private database
    /// lets in one daemon, so nobody need wait for an earlier heartbeat to grow old.
    pub async fn be_born(&self, build: &str, host: &str, address: &str, alone: bool) -> Result<(), StoreError> {
        sqlx::query!(
            "with dead as (
                 update rampart.replicas set stopped_at = now(), crash_noted_at = coalesce(crash_noted_at, now())
                 where $5 and stopped_at is null and id <> $1
             )
             insert into rampart.replicas (id, build, host, address) values ($1, $2, $3, $4)",
            self.replica,
            build,
            host,
            address,
            alone
        )
        .execute(&self.pools.guard)
        .await?;
        Ok(())
    }

    /// Says that this replica stops, so that another need not wait for its heartbeat to grow old. One that stops
    /// because something in it has died has `crashed`.
    pub async fn retire(&self, crashed: bool) -> Result<(), StoreError> {
        sqlx::query!(
            "update rampart.replicas set stopped_at = now(), crash_noted_at = case when $2 then now() end where id = $1",
            self.replica,
            crashed
        )
        .execute(&self.pools.guard)
        .await?;
        Ok(())
    }

    /// Notes who has crashed, and answers when each of the newest crashed lives was heard last. `awake_since` is since
    /// when this replica has looked without a break: who was silent while nobody could hear has not crashed.
    pub async fn crashes(&self, awake_since: Timestamp, since: Timestamp) -> Result<Vec<Timestamp>, StoreError> {
        let noted = sqlx::query!(
            r#"update rampart.replicas r set crash_noted_at = now()
               from rampart.replicas me
               where me.id = $1 and r.id <> me.id and r.stopped_at is null and r.crash_noted_at is null
                 and (r.heartbeat_at < now() - make_interval(secs => $3)
                          and $2 < now() - make_interval(secs => $3)
                      or r.host = me.host and r.address = me.address and r.heartbeat_at < me.started_at
                          and $2 < now() - make_interval(secs => $4))
               returning r.id, r.build, r.heartbeat_at"#,
            self.replica,
            awake_since,
            SILENT_SECONDS,
            REPLACED_SECONDS
        )
        .fetch_all(&self.pools.signals)
        .await?;
        for life in noted {
            tracing::warn!(replica = %life.id, build = life.build, last_heard = %life.heartbeat_at, "a daemon has crashed");
        }
        let heard = sqlx::query_scalar!(
            "select heartbeat_at from rampart.replicas where crash_noted_at is not null and heartbeat_at >= $1
             order by heartbeat_at desc limit $2",
            since,
            MAX_CRASHES
        )
        .fetch_all(&self.pools.signals)
        .await?;
        Ok(heard)
    }
}
