//! What is running out, through either lens.

use super::errors::ApiError;
use super::fields::Fields;
use super::gate::Caller;
use super::lens::Lens;
use super::state::PartsState;
use super::transaction;
use crate::store::Pool;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use sqlx::{Error, PgConnection};
use utoipa::ToSchema;
use uuid::Uuid;

const LIMIT_MAX: i32 = 200;
const LIMIT_OTHERWISE: i32 = 50;
const OFFSET_MAX: i32 = 1_000_000;
const DEPARTMENT_MAX_CHARS: usize = 100;
const PERCENT_MAX: f64 = 1000.0;

/// Which of the low parts are wanted.
#[derive(Clone, Debug)]
pub(super) struct Filter {
    department: Option<String>,
    threshold_percent: Option<f64>,
    limit: i32,
    offset: i32,
}

/// The report; its totals cover every page.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LowStock {
    parts: Vec<LowPart>,
    total_low_stock: i64,
    critical_count: i64,
    total_suggested_order_value: f64,
}

/// A part that is running out.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct LowPart {
    id: Uuid,
    name: String,
    part_number: Option<String>,
    is_critical: bool,
    on_hand: i64,
    min_level: i64,
    shortage: i64,
    suggested_order_qty: i64,
    reorder_multiple: i64,
    department: Option<String>,
}

/// One row of both statements: the totals, and the page as JSON, because an empty page has totals too.
struct Row {
    total_low_stock: i64,
    critical_count: i64,
    total_suggested_order_value: f64,
    parts: Json<Vec<LowPart>>,
}

impl Filter {
    /// Takes the filter from a query or a payload.
    pub(super) fn parse(mut fields: Fields<'_>) -> Result<Self, ApiError> {
        let filter = Self {
            department: fields.optional_text("department", DEPARTMENT_MAX_CHARS),
            threshold_percent: fields.optional_number("threshold_percent", 0.0..=PERCENT_MAX),
            limit: fields.bounded("limit", 1..=LIMIT_MAX, LIMIT_OTHERWISE),
            offset: fields.bounded("offset", 0..=OFFSET_MAX, 0),
        };
        fields.done(filter)
    }
}

/// Reads the report.
pub(super) async fn report(state: &PartsState, caller: &Caller, filter: &Filter) -> Result<LowStock, ApiError> {
    let row = match caller.lens {
        Lens::V1 => transaction::retry_read(|| through_v1(&state.pools.parts_v1, caller, filter)).await?,
        Lens::V2 => transaction::retry_read(|| through_v2(&state.pools.parts_v2, caller, filter)).await?,
    };
    Ok(LowStock {
        parts: row.parts.0,
        total_low_stock: row.total_low_stock,
        critical_count: row.critical_count,
        total_suggested_order_value: row.total_suggested_order_value,
    })
}

async fn through_v1(pool: &Pool, caller: &Caller, filter: &Filter) -> Result<Row, Error> {
    let mut transaction = transaction::begin(pool, &caller.claims).await?;
    let row = v1(&mut transaction, caller.yacht, filter).await?;
    transaction.commit().await?;
    Ok(row)
}

async fn through_v2(pool: &Pool, caller: &Caller, filter: &Filter) -> Result<Row, Error> {
    let mut transaction = transaction::begin(pool, &caller.claims).await?;
    let row = v2(&mut transaction, caller.yacht, filter).await?;
    transaction.commit().await?;
    Ok(row)
}

/// From the cached quantities. `pms_parts_tracked_idx` leaves out the parts that can never be low.
async fn v1(connection: &mut PgConnection, yacht: Uuid, filter: &Filter) -> Result<Row, Error> {
    sqlx::query_as!(
        Row,
        r#"with low as (
               select p.id, p.name, p.part_number, p.is_critical, s.on_hand, p.min_level, p.min_level - s.on_hand as shortage,
                      (p.min_level - s.on_hand + p.reorder_multiple - 1) / p.reorder_multiple * p.reorder_multiple
                          as suggested_order_qty,
                      p.reorder_multiple, p.department, p.unit_cost
               from public.pms_parts p
               cross join lateral (
                   select coalesce(sum(i.quantity), 0) as on_hand from public.pms_inventory_stock i
                   where i.yacht_id = p.yacht_id and i.part_id = p.id and i.deleted_at is null
               ) s
               where p.yacht_id = $1 and p.deleted_at is null and p.min_level > 0 and s.on_hand <= p.min_level
                 and ($2::text is null or p.department = $2)
                 and ($3::float8 is null or s.on_hand * 100 <= p.min_level * $3)
           ), page as (
               select id, name, part_number, is_critical, on_hand, min_level, shortage, suggested_order_qty,
                      reorder_multiple, department
               from low order by is_critical desc, shortage desc, name, id limit $4 offset $5
           )
           select count(*) as "total_low_stock!", count(*) filter (where is_critical) as "critical_count!",
                  coalesce(sum(suggested_order_qty * unit_cost), 0)::float8 as "total_suggested_order_value!",
                  (select coalesce(json_agg(page order by is_critical desc, shortage desc, name, id), '[]') from page)
                      as "parts!: Json<Vec<LowPart>>"
           from low"#,
        yacht,
        filter.department,
        filter.threshold_percent,
        i64::from(filter.limit),
        i64::from(filter.offset)
    )
    .fetch_one(connection)
    .await
}

/// From the ledger: v_low_stock_report → pms_part_stock → v_stock_from_transactions.
async fn v2(connection: &mut PgConnection, yacht: Uuid, filter: &Filter) -> Result<Row, Error> {
    sqlx::query_as!(
        Row,
        r#"with low as (
               select r.part_id as id, r.part_name as name, r.part_number, r.is_critical, r.on_hand, r.min_level,
                      r.min_level - r.on_hand as shortage, r.suggested_order_qty, r.reorder_multiple, r.department,
                      -- Looked up for the few rows that are low; a join would be planned over all parts.
                      (select p.unit_cost from public.pms_parts p where p.yacht_id = r.yacht_id and p.id = r.part_id)
                          as unit_cost
               from public.v_low_stock_report r
               where r.yacht_id = $1
                 and ($2::text is null or r.department = $2)
                 and ($3::float8 is null or r.on_hand * 100 <= r.min_level * $3)
           ), page as (
               select id, name, part_number, is_critical, on_hand, min_level, shortage, suggested_order_qty,
                      reorder_multiple, department
               from low order by is_critical desc, shortage desc, name, id limit $4 offset $5
           )
           select count(*) as "total_low_stock!", count(*) filter (where is_critical) as "critical_count!",
                  coalesce(sum(suggested_order_qty * unit_cost), 0)::float8 as "total_suggested_order_value!",
                  (select coalesce(json_agg(page order by is_critical desc, shortage desc, name, id), '[]') from page)
                      as "parts!: Json<Vec<LowPart>>"
           from low"#,
        yacht,
        filter.department,
        filter.threshold_percent,
        i64::from(filter.limit),
        i64::from(filter.offset)
    )
    .fetch_one(connection)
    .await
}
