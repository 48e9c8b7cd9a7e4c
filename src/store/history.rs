//! Rollouts that were, beside the newest.

use super::rollouts::stored;
use super::{Store, StoreError, StoredRollout};
use rampart_core::{FlagKey, Percent};
use uuid::Uuid;

/// A rollout with how far it came.
#[derive(Clone, Debug)]
pub struct PastRollout {
    /// The rollout.
    pub stored: StoredRollout,
    /// The highest percent it ever served.
    pub highest: Percent,
}

impl Store {
    /// A flag's rollouts, newest first: at most `limit` of those before attempt `before`.
    pub async fn history(
        &self,
        flag: &FlagKey,
        before: Option<i32>,
        limit: i64,
    ) -> Result<Vec<PastRollout>, StoreError> {
        let rows = sqlx::query!(
            r#"select r.state, r.progress, r.statistics, r.ticks, r.tick_hash, r.audit_baseline, r.committed_at, p.policy,
                      coalesce((select max(j.percent) from rampart.journal j where j.rollout_id = r.id), r.percent) as "highest!"
               from rampart.rollouts r join rampart.policies p on p.revision = r.policy_revision
               where r.flag = $1 and ($2::integer is null or r.attempt < $2)
               order by r.attempt desc limit $3"#,
            flag.as_str(),
            before,
            limit
        )
        .fetch_all(&self.pools.ops)
        .await?;
        let read = rows.into_iter().map(|row| {
            let ticked = (row.progress, row.statistics, row.ticks, row.tick_hash);
            let stored = stored(row.state, ticked, row.audit_baseline, row.committed_at, row.policy)?;
            let highest = u16::try_from(row.highest).ok().and_then(|points| Percent::from_basis_points(points).ok());
            Ok(PastRollout { stored, highest: highest.unwrap_or(Percent::ZERO) })
        });
        read.collect()
    }

    /// The rollout of this id; the newest that was rolled back where none is named.
    pub async fn rolled_back(
        &self,
        flag: &FlagKey,
        rollout: Option<Uuid>,
    ) -> Result<Option<StoredRollout>, StoreError> {
        let row = sqlx::query!(
            r#"select r.state, r.progress, r.statistics, r.ticks, r.tick_hash, r.audit_baseline, r.committed_at, p.policy
               from rampart.rollouts r join rampart.policies p on p.revision = r.policy_revision
               where r.flag = $1 and r.phase = 'rolled_back' and ($2::uuid is null or r.id = $2)
               order by r.attempt desc limit 1"#,
            flag.as_str(),
            rollout
        )
        .fetch_optional(&self.pools.ops)
        .await?;
        row.map(|row| {
            let ticked = (row.progress, row.statistics, row.ticks, row.tick_hash);
            stored(row.state, ticked, row.audit_baseline, row.committed_at, row.policy)
        })
        .transpose()
    }
}
