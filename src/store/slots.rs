//! Seconds of live traffic, shared between replicas.

use super::{Store, StoreError};
use rampart_core::Timestamp;
use rampart_core::rollout::RolloutId;
use serde_json::Value;
use uuid::Uuid;

/// One second of one cohort on one replica.
#[derive(Clone, Debug)]
pub struct SlotRow {
    /// The rollout that evaluated the requests.
    pub rollout_id: Uuid,
    /// The second.
    pub second: Timestamp,
    /// The replica that served them.
    pub replica: Uuid,
    /// The epoch that evaluated them.
    pub epoch: i32,
    /// `canary` or `control`.
    pub cohort: String,
    /// Requests.
    pub requests: i32,
    /// Of these, failed.
    pub failures: i32,
    /// Of these, with a status of 500 or more.
    pub server_errors: i32,
    /// Of these, because the database was away.
    pub unavailable: i32,
    /// Requests refused with 400, 401, 403, 404 or 409.
    pub rejections: i32,
    /// The histogram of their latencies.
    pub latencies: Value,
}

impl Store {
    /// Writes finished seconds of this replica, all in one statement; a second written before stays.
    pub async fn write_slots(&self, slots: &[SlotRow]) -> Result<(), StoreError> {
        if slots.is_empty() {
            return Ok(());
        }
        let column = |pick: fn(&SlotRow) -> i32| slots.iter().map(pick).collect::<Vec<i32>>();
        sqlx::query!(
            r#"insert into rampart.live_slots
                   (rollout_id, second, replica, epoch, cohort, requests, failures, server_errors, unavailable, rejections, latencies)
               select * from unnest($1::uuid[], $2::timestamptz[], $3::uuid[], $4::integer[], $5::text[], $6::integer[],
                                    $7::integer[], $8::integer[], $9::integer[], $10::integer[], $11::jsonb[])
               on conflict do nothing"#,
            &slots.iter().map(|slot| slot.rollout_id).collect::<Vec<_>>(),
            &slots.iter().map(|slot| slot.second).collect::<Vec<_>>(),
            &slots.iter().map(|slot| slot.replica).collect::<Vec<_>>(),
            &column(|slot| slot.epoch),
            &slots.iter().map(|slot| slot.cohort.clone()).collect::<Vec<_>>(),
            &column(|slot| slot.requests),
            &column(|slot| slot.failures),
            &column(|slot| slot.server_errors),
            &column(|slot| slot.unavailable),
            &column(|slot| slot.rejections),
            &slots.iter().map(|slot| slot.latencies.clone()).collect::<Vec<_>>()
        )
        .execute(&self.pools.signals)
        .await?;
        Ok(())
    }

    /// Seconds of other replicas, and of this machine's earlier lives, since `since`, of every epoch.
    pub async fn read_slots(&self, rollout: RolloutId, since: Timestamp) -> Result<Vec<SlotRow>, StoreError> {
        let rows = sqlx::query_as!(
            SlotRow,
            "select rollout_id, second, replica, epoch, cohort, requests, failures, server_errors, unavailable, rejections, latencies
             from rampart.live_slots
             where rollout_id = $1 and second >= $2 and replica <> $3
             order by second",
            rollout.0,
            since,
            self.replica
        )
        .fetch_all(&self.pools.signals)
        .await?;
        Ok(rows)
    }

    /// Deletes seconds of rollouts that nobody watches any more.
    pub async fn forget_slots(&self, watched: &[RolloutId]) -> Result<(), StoreError> {
        let watched: Vec<Uuid> = watched.iter().map(|rollout| rollout.0).collect();
        sqlx::query!(
            "delete from rampart.live_slots where rollout_id <> all($1) and second < now() - interval '1 hour'",
            &watched
        )
        .execute(&self.pools.signals)
        .await?;
        Ok(())
    }
}
