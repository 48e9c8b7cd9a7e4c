//! The row level security probe: may a user of one yacht read another's rows?

use super::{Store, StoreError};
use uuid::Uuid;

/// What the probe saw as one user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProbeFinding {
    /// Rows of the user's own yacht: without any, the probe proves nothing.
    pub own: i64,
    /// Rows of another yacht: every one is a bypass.
    pub foreign: i64,
}

/// Whom and what synthetic requests are about.
#[derive(Clone, Copy, Debug)]
pub struct Bench {
    /// Somebody who may move parts.
    pub user: Uuid,
    /// A part of that user's yacht, which is flagged for tests.
    pub part: Uuid,
}

impl Store {
    /// A yacht flagged for tests with somebody and something on it; none where there is no such yacht.
    pub async fn probe_bench(&self) -> Result<Option<Bench>, StoreError> {
        let row = sqlx::query!(r#"select user_id as "user!", part_id as "part!" from rampart.probe_bench()"#)
            .fetch_optional(&self.pools.signals)
            .await?;
        Ok(row.map(|row| Bench { user: row.user, part: row.part }))
    }

    /// A part of a yacht.
    pub async fn probe_part(&self, yacht: Uuid) -> Result<Option<Uuid>, StoreError> {
        let part = sqlx::query_scalar!("select rampart.probe_part($1)", yacht).fetch_one(&self.pools.signals).await?;
        Ok(part)
    }

    /// How many of these parts belong to another yacht.
    pub async fn foreign_parts(&self, parts: &[Uuid], yacht: Uuid) -> Result<i64, StoreError> {
        let count = sqlx::query_scalar!(r#"select rampart.foreign_parts($1, $2) as "count!""#, parts, yacht)
            .fetch_one(&self.pools.signals)
            .await?;
        Ok(count)
    }

    /// A user of each of two yachts, as (user, yacht).
    pub async fn probe_users(&self) -> Result<Vec<(Uuid, Uuid)>, StoreError> {
        let rows = sqlx::query!(r#"select user_id as "user_id!", yacht_id as "yacht_id!" from rampart.probe_users()"#)
            .fetch_all(&self.pools.signals)
            .await?;
        Ok(rows.into_iter().map(|row| (row.user_id, row.yacht_id)).collect())
    }

    /// Reads the parts tables and views as `user` would, without a condition, and counts whose rows came back.
    pub async fn probe_rls(&self, user: Uuid, yacht: Uuid) -> Result<ProbeFinding, StoreError> {
        let claims = serde_json::json!({ "sub": user, "role": "authenticated" }).to_string();
        let mut transaction = self.pools.signals.begin().await?;
        sqlx::query!(
            "select set_config('role', 'authenticated', true) as role, set_config('request.jwt.claims', $1, true) as claims",
            claims
        )
        .fetch_one(&mut *transaction)
        .await?;
        // Whole tables and the views of both lenses, so that row level security alone stands between the user and the rest.
        let finding = sqlx::query_as!(
            ProbeFinding,
            r#"select count(*) filter (where yacht_id = $1) as "own!", count(*) filter (where yacht_id <> $1) as "foreign!"
               from (select yacht_id from public.pms_parts
                     union all select yacht_id from public.pms_inventory_stock
                     union all select yacht_id from public.pms_inventory_transactions
                     union all select yacht_id from public.pms_audit_log
                     union all select yacht_id from public.pms_part_locations
                     union all select yacht_id from public.v_stock_from_transactions
                     union all select yacht_id from public.pms_part_stock
                     union all select yacht_id from public.v_low_stock_report) seen"#,
            yacht
        )
        .fetch_one(&mut *transaction)
        .await?;
        transaction.rollback().await?;
        Ok(finding)
    }
}
