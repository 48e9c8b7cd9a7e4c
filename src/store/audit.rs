//! The audit sweep: violations committed since a rollout began.

use super::{Store, StoreError};
use rampart_core::Timestamp;
use serde_json::Value;

impl Store {
    /// The database snapshot of now: the baseline of a rollout about to start.
    pub async fn audit_baseline(&self) -> Result<String, StoreError> {
        let baseline = sqlx::query_scalar!(r#"select public.audit_baseline() as "baseline!""#)
            .fetch_one(&self.pools.guard)
            .await?;
        Ok(baseline)
    }

    /// Violations that were not yet committed at `baseline`: how many, and a few of them.
    pub async fn audit_violations(&self, baseline: &str) -> Result<(i64, Option<Value>), StoreError> {
        let row = sqlx::query!(
            r#"select count as "count!", oldest as "oldest?: Timestamp", sample as "sample?: Value" from public.audit_violation_sweep($1)"#,
            baseline
        )
        .fetch_one(&self.pools.signals)
        .await?;
        Ok((row.count, row.sample))
    }
}
