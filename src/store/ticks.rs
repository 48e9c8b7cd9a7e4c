//! What each tick saw, and the soak it credited.

use super::{Store, StoreError};
use rampart_core::rollout::{Judgement, Rollout};
use rampart_core::{FlagKey, Timestamp};
use serde_json::Value;

/// One stored tick.
#[derive(Clone, Debug)]
pub struct TickRow {
    /// When.
    pub at: Timestamp,
    /// The epoch it credited.
    pub epoch: i32,
    /// The soak it added, in milliseconds.
    pub credit_ms: i64,
    /// Each check's report.
    pub checks: Value,
}

impl Store {
    /// Stores a tick and the progress it led to, unless the rollout has changed since.
    pub async fn tick(&self, rollout: &Rollout, judgement: &Judgement, at: Timestamp) -> Result<(), StoreError> {
        let written = sqlx::query!(
            r#"with grown as (
                   update rampart.rollouts set progress = $3 where id = $1 and revision = $2 returning id
               )
               insert into rampart.ticks (rollout_id, at, epoch, credit_ms, checks)
               select id, $4, $5, $6, $7 from grown"#,
            rollout.id.0,
            i64::try_from(rollout.revision.0).unwrap_or(i64::MAX),
            serde_json::to_value(judgement.progress)?,
            at,
            i32::try_from(rollout.epoch.0).unwrap_or(i32::MAX),
            i64::try_from(judgement.credit.0).unwrap_or(i64::MAX),
            serde_json::to_value(&judgement.checks)?
        )
        .execute(&self.pools.guard)
        .await?;
        if written.rows_affected() == 1 { Ok(()) } else { Err(StoreError::Stale) }
    }

    /// The ticks of the flag's newest rollout between two times, at most `limit`, evenly thinned out.
    pub async fn ticks(
        &self,
        flag: &FlagKey,
        from: Timestamp,
        to: Timestamp,
        limit: i64,
    ) -> Result<Vec<TickRow>, StoreError> {
        let rows = sqlx::query_as!(
            TickRow,
            r#"with chosen as (
                   select t.at, t.epoch, t.credit_ms, t.checks, row_number() over (order by t.at) as n, count(*) over () as total
                   from rampart.ticks t
                   where t.rollout_id = (select id from rampart.rollouts where flag = $1 order by attempt desc limit 1)
                     and t.at between $2 and $3
               )
               select at, epoch, credit_ms, checks from chosen
               where total <= $4 or n % (total / $4 + 1) = 0 order by at"#,
            flag.as_str(),
            from,
            to,
            limit
        )
        .fetch_all(&self.pools.ops)
        .await?;
        Ok(rows)
    }

    /// The soak that the ticks of one epoch add up to, in milliseconds.
    pub async fn soak_of_epoch(&self, rollout: &Rollout) -> Result<i64, StoreError> {
        let soak = sqlx::query_scalar!(
            r#"select coalesce(sum(credit_ms), 0)::bigint as "soak!" from rampart.ticks where rollout_id = $1 and epoch = $2"#,
            rollout.id.0,
            i32::try_from(rollout.epoch.0).unwrap_or(i32::MAX)
        )
        .fetch_one(&self.pools.ops)
        .await?;
        Ok(soak)
    }
}
