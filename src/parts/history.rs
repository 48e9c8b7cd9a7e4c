//! What has happened to a part: its rows of the ledger, the newest first.
//!
//! The ledger is the same through both lenses; each reads it with its own connections.

use super::command;
use super::errors::ApiError;
use super::fields::Fields;
use super::gate::Caller;
use super::lens::Lens;
use super::routes::{Answer, By, PartPath, Shared, query_of_part};
use super::transaction;
use crate::store::Pool;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::Uri;
use axum::response::IntoResponse;
use rampart_core::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::Error;
use utoipa::ToSchema;
use uuid::Uuid;

const LIMIT_MAX: i32 = 200;
const LIMIT_OTHERWISE: i32 = 50;
const OFFSET_MAX: i32 = 1_000_000;

/// Which rows are wanted.
#[derive(Clone, Copy)]
struct Page {
    part: Uuid,
    limit: i32,
    offset: i32,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Transactions)]
struct History {
    status: &'static str,
    part_id: Uuid,
    transactions: Vec<Transaction>,
    /// Of all pages.
    total: i64,
    limit: i32,
    offset: i32,
}

/// A row of the ledger.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct Transaction {
    id: Uuid,
    transaction_type: String,
    quantity_change: i64,
    quantity_before: i64,
    quantity_after: i64,
    location: String,
    stock_id: Uuid,
    user_id: Uuid,
    reason: Option<String>,
    notes: Option<String>,
    work_order_id: Option<Uuid>,
    transfer_group_id: Option<Uuid>,
    reverses_transaction_id: Option<Uuid>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

struct Row {
    total: i64,
    transactions: sqlx::types::Json<Vec<Transaction>>,
}

/// What has moved of a part, the newest first.
#[utoipa::path(get, path = "/v1/parts/{part_id}/transactions", security(("user" = [])), params(("part_id" = Uuid, Path), ("yacht_id" = Option<Uuid>, Query), ("limit" = Option<i32>, Query, minimum = 1, maximum = 200), ("offset" = Option<i32>, Query, minimum = 0, maximum = 1_000_000)), responses((status = 200, body = History)))]
pub(super) async fn of_part(State(state): Shared, Extension(caller): By, path: PartPath, uri: Uri) -> Answer {
    let query = query_of_part(path, &uri)?;
    let mut fields = command::on_own_yacht(&caller, Fields::of_query(&query))?;
    let page = Page {
        part: fields.uuid("part_id"),
        limit: fields.bounded("limit", 1..=LIMIT_MAX, LIMIT_OTHERWISE),
        offset: fields.bounded("offset", 0..=OFFSET_MAX, 0),
    };
    let page = fields.done(page)?;
    let pool = match caller.lens {
        Lens::V1 => &state.pools.parts_v1,
        Lens::V2 => &state.pools.parts_v2,
    };
    let row = transaction::retry_read(|| read(pool, &caller, page)).await?;
    let row = row.ok_or_else(|| ApiError::not_found("Part not found"))?;
    let history = History {
        status: "success",
        part_id: page.part,
        transactions: row.transactions.0,
        total: row.total,
        limit: page.limit,
        offset: page.offset,
    };
    Ok(Json(history).into_response())
}

/// One row, or none where the part does not exist for this user. The page is taken from the end of each
/// stock row's stretch of `pms_inventory_transactions_stock_idx`, so a long history is not sorted to be
/// read in part; the count reads the same index alone.
async fn read(pool: &Pool, caller: &Caller, page: Page) -> Result<Option<Row>, Error> {
    let mut transaction = transaction::begin(pool, &caller.claims).await?;
    let row = sqlx::query_as!(
        Row,
        r#"with page as (
               select l.*, s.location
               from public.pms_inventory_stock s
               cross join lateral (
                   select t.id, t.transaction_type, t.quantity_change, t.quantity_before, t.quantity_after, t.stock_id,
                          t.user_id, t.reason, t.notes, t.work_order_id, t.transfer_group_id,
                          t.reverses_transaction_id, t.created_at
                   from public.pms_inventory_transactions t
                   where t.yacht_id = s.yacht_id and t.stock_id = s.id
                   order by t.created_at desc, t.id desc limit $3::bigint + $4::bigint
               ) l
               where s.yacht_id = $1 and s.part_id = $2
               order by l.created_at desc, l.id desc limit $3 offset $4
           )
           select (select count(*) from public.pms_inventory_stock s
                   join public.pms_inventory_transactions t on t.yacht_id = s.yacht_id and t.stock_id = s.id
                   where s.yacht_id = p.yacht_id and s.part_id = p.id) as "total!",
                  (select coalesce(json_agg(page order by created_at desc, id desc), '[]') from page)
                      as "transactions!: sqlx::types::Json<Vec<Transaction>>"
           from public.pms_parts p
           where p.yacht_id = $1 and p.id = $2 and p.deleted_at is null"#,
        caller.yacht,
        page.part,
        i64::from(page.limit),
        i64::from(page.offset)
    )
    .fetch_optional(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(row)
}
