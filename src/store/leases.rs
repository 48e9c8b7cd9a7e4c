//! Who may raise what, and who is alive.

use super::{Store, StoreError};
use rampart_core::rollout::Fence;
use rampart_core::{FlagKey, Timestamp};
use std::collections::HashMap;
use uuid::Uuid;

/// How long a holder may be silent before another replica takes its leases.
pub const LEASE_SECONDS: f64 = 10.0;

/// One running daemon, as its heartbeat tells.
#[derive(Clone, Debug)]
pub struct Replica {
    /// Its identity.
    pub id: Uuid,
    /// What it runs.
    pub build: String,
    /// When it was last heard.
    pub seen_at: Timestamp,
    /// The flags it may raise.
    pub leases: Vec<String>,
}

impl Store {
    /// Every daemon that has not said good-bye and was heard within the hour, the newest heartbeat first.
    pub async fn replicas(&self) -> Result<Vec<Replica>, StoreError> {
        let rows = sqlx::query_as!(
            Replica,
            r#"select r.id, r.build, r.heartbeat_at as seen_at,
                      array(select l.flag from rampart.leases l where l.replica = r.id order by l.flag) as "leases!"
               from rampart.replicas r
               where r.stopped_at is null and r.heartbeat_at > now() - interval '1 hour'
               order by r.heartbeat_at desc, r.id limit 100"#
        )
        .fetch_all(&self.pools.ops)
        .await?;
        Ok(rows)
    }

    /// Writes this replica's heartbeat and answers the database's time.
    pub async fn heartbeat(&self, build: &str) -> Result<Timestamp, StoreError> {
        let now = sqlx::query_scalar!(
            r#"insert into rampart.replicas (id, build) values ($1, $2)
               on conflict (id) do update set heartbeat_at = now() returning heartbeat_at"#,
            self.replica,
            build
        )
        .fetch_one(&self.pools.guard)
        .await?;
        Ok(now)
    }

    /// Takes the leases of `flags` that nobody alive holds and answers the fences of all this replica
    /// holds. Rows that another replica is taking this moment are passed over.
    pub async fn take_leases(&self, flags: &[FlagKey]) -> Result<HashMap<FlagKey, Fence>, StoreError> {
        let names: Vec<String> = flags.iter().map(ToString::to_string).collect();
        let rows = sqlx::query!(
            r#"with made as (
                   insert into rampart.leases (flag, replica, fence) select unnest($1::text[]), $2, 1
                   on conflict do nothing returning flag, fence
               ), free as (
                   select l.flag from rampart.leases l
                   where l.flag = any($1) and l.replica <> $2 and not exists (
                       select 1 from rampart.replicas r
                       where r.id = l.replica and r.stopped_at is null and r.heartbeat_at > now() - make_interval(secs => $3)
                         -- A heartbeat from the future is of a clock that was set back, and proves no life.
                         and r.heartbeat_at < now() + make_interval(secs => $3))
                   for update skip locked
               ), taken as (
                   update rampart.leases l set replica = $2, fence = l.fence + 1
                   from free where l.flag = free.flag returning l.flag, l.fence
               )
               select flag as "flag!", fence as "fence!" from made
               union all select flag, fence from taken
               union all select flag, fence from rampart.leases where replica = $2 and flag = any($1)"#,
            &names,
            self.replica,
            LEASE_SECONDS
        )
        .fetch_all(&self.pools.guard)
        .await?;
        let held = rows.into_iter().filter_map(|row| Some((row.flag.parse().ok()?, Fence(row.fence))));
        Ok(held.collect())
    }

    /// When the replica that holds the flag's lease was last heard, if anybody holds it.
    pub async fn holder_heartbeats(&self) -> Result<HashMap<FlagKey, Timestamp>, StoreError> {
        let rows = sqlx::query!(
            r#"select l.flag, r.heartbeat_at from rampart.leases l join rampart.replicas r on r.id = l.replica"#
        )
        .fetch_all(&self.pools.guard)
        .await?;
        Ok(rows.into_iter().filter_map(|row| Some((row.flag.parse().ok()?, row.heartbeat_at))).collect())
    }
}
