//! Who called the ops API for something that may change something.

use super::{Store, StoreError};
use rampart_core::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// A call, as it was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Called)]
pub struct Call {
    /// When it was answered.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who called, as in the journal.
    pub actor: String,
    /// The method.
    pub method: String,
    /// The path, without what followed a `?`.
    pub path: String,
    /// The status of the answer.
    pub status: i32,
}

/// A recorded call.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Call)]
pub struct CallRow {
    /// Grows with every call.
    pub id: i64,
    /// The call.
    #[serde(flatten)]
    pub call: Call,
}

impl Store {
    /// Writes calls down, in their order.
    pub async fn record_calls(&self, calls: &[Call]) -> Result<(), StoreError> {
        let times: Vec<Timestamp> = calls.iter().map(|call| call.at).collect();
        let column = |of: fn(&Call) -> &str| -> Vec<String> { calls.iter().map(|call| of(call).to_owned()).collect() };
        let statuses: Vec<i32> = calls.iter().map(|call| call.status).collect();
        sqlx::query!(
            "insert into rampart.calls (at, actor, method, path, status)
             select * from unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::integer[])",
            &times,
            &column(|call| &call.actor),
            &column(|call| &call.method),
            &column(|call| &call.path),
            &statuses
        )
        .execute(&self.pools.ops)
        .await?;
        Ok(())
    }

    /// The newest calls before the call `before`, newest first.
    pub async fn calls(&self, before: Option<i64>, limit: i64) -> Result<Vec<CallRow>, StoreError> {
        let rows = sqlx::query!(
            "select id, at, actor, method, path, status from rampart.calls
             where $1::bigint is null or id < $1 order by id desc limit $2",
            before,
            limit
        )
        .fetch_all(&self.pools.ops)
        .await?;
        let rows = rows.into_iter().map(|row| {
            let call = Call { at: row.at, actor: row.actor, method: row.method, path: row.path, status: row.status };
            CallRow { id: row.id, call }
        });
        Ok(rows.collect())
    }
}
