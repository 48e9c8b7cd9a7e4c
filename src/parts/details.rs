//! One part with its stock, through either lens.

use super::errors::ApiError;
use super::gate::Caller;
use super::lens::Lens;
use super::state::PartsState;
use super::transaction;
use crate::store::Pool;
use serde::Serialize;
use sqlx::{Error, PgConnection};
use utoipa::ToSchema;
use uuid::Uuid;

/// A part.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PartDetails)]
pub(super) struct Details {
    pub(super) id: Uuid,
    pub(super) name: String,
    pub(super) part_number: Option<String>,
    description: Option<String>,
    category: Option<String>,
    manufacturer: Option<String>,
    pub(super) is_critical: bool,
    unit_cost: Option<f64>,
    pub(super) stock: Stock,
    /// Whether a head of department has silenced the alerts for now. Told with suggestions only.
    #[serde(skip)]
    pub(super) alert_suppressed: bool,
}

/// How much there is, and whether that is enough.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = PartStock)]
pub(super) struct Stock {
    pub(super) on_hand: i64,
    pub(super) min_level: i64,
    pub(super) reorder_multiple: i64,
    pub(super) location: Option<String>,
    pub(super) stock_id: Option<Uuid>,
    pub(super) is_low_stock: bool,
    pub(super) is_out_of_stock: bool,
    pub(super) suggested_order_qty: i64,
}

struct Row {
    id: Uuid,
    name: String,
    part_number: Option<String>,
    description: Option<String>,
    category: Option<String>,
    manufacturer: Option<String>,
    is_critical: bool,
    unit_cost: Option<f64>,
    on_hand: i64,
    min_level: i32,
    reorder_multiple: i32,
    location: Option<String>,
    stock_id: Option<Uuid>,
    alert_suppressed: bool,
}

/// A part in the words of an answer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Described {
    data: Details,
    message: String,
}

impl Described {
    pub(super) fn of(data: Details) -> Self {
        let message = format!("Details of {}", data.name);
        Self { data, message }
    }
}

/// Reads a part. A part of another yacht does not exist for this user.
pub(super) async fn of_part(state: &PartsState, caller: &Caller, part: Uuid) -> Result<Details, ApiError> {
    let row = match caller.lens {
        Lens::V1 => transaction::retry_read(|| through_v1(&state.pools.parts_v1, caller, part)).await?,
        Lens::V2 => transaction::retry_read(|| through_v2(&state.pools.parts_v2, caller, part)).await?,
    };
    let row = row.ok_or_else(|| ApiError::not_found("Part not found"))?;
    Ok(Details {
        id: row.id,
        name: row.name,
        part_number: row.part_number,
        description: row.description,
        category: row.category,
        manufacturer: row.manufacturer,
        is_critical: row.is_critical,
        unit_cost: row.unit_cost,
        stock: Stock::new(row.on_hand, row.min_level.into(), row.reorder_multiple.into(), row.location, row.stock_id),
        alert_suppressed: row.alert_suppressed,
    })
}

impl Stock {
    /// Judges what is on hand.
    pub(super) fn new(
        on_hand: i64,
        min_level: i64,
        multiple: i64,
        location: Option<String>,
        stock_id: Option<Uuid>,
    ) -> Self {
        Self {
            on_hand,
            min_level,
            reorder_multiple: multiple,
            location,
            stock_id,
            is_low_stock: min_level > 0 && on_hand <= min_level,
            is_out_of_stock: on_hand <= 0,
            suggested_order_qty: suggested(on_hand, min_level, multiple),
        }
    }
}

/// What brings the stock back to its minimum, in whole multiples.
fn suggested(on_hand: i64, min_level: i64, multiple: i64) -> i64 {
    if min_level == 0 || on_hand >= min_level {
        return 0;
    }
    let multiple = multiple.max(1);
    (min_level - on_hand + multiple - 1) / multiple * multiple
}

async fn through_v1(pool: &Pool, caller: &Caller, part: Uuid) -> Result<Option<Row>, Error> {
    let mut transaction = transaction::begin(pool, &caller.claims).await?;
    let row = v1(&mut transaction, caller.yacht, part).await?;
    transaction.commit().await?;
    Ok(row)
}

async fn through_v2(pool: &Pool, caller: &Caller, part: Uuid) -> Result<Option<Row>, Error> {
    let mut transaction = transaction::begin(pool, &caller.claims).await?;
    let row = v2(&mut transaction, caller.yacht, part).await?;
    transaction.commit().await?;
    Ok(row)
}

/// From the cached quantities; the main row is chosen as `pms_part_stock` chooses it.
async fn v1(connection: &mut PgConnection, yacht: Uuid, part: Uuid) -> Result<Option<Row>, Error> {
    sqlx::query_as!(
        Row,
        r#"select p.id as "id!", p.name as "name!", p.part_number, p.description, p.category, p.manufacturer,
                  p.is_critical as "is_critical!", p.unit_cost::float8 as unit_cost, coalesce(s.on_hand, 0) as "on_hand!",
                  p.min_level as "min_level!", p.reorder_multiple as "reorder_multiple!",
                  s.location as "location?", s.stock_id as "stock_id?",
                  exists (
                      select 1 from public.pms_part_alert_prefs a
                      where a.yacht_id = p.yacht_id and a.part_id = p.id and a.suppressed
                        and (a.suppressed_until is null or a.suppressed_until > now())
                  ) as "alert_suppressed!"
           from public.pms_parts p
           left join public.pms_part_locations l on l.yacht_id = p.yacht_id and l.id = p.primary_location_id
           left join lateral (
               select sum(i.quantity) as on_hand,
                      (array_agg(i.location order by i.location = l.name desc nulls last, i.quantity desc, i.id))[1] as location,
                      (array_agg(i.id order by i.location = l.name desc nulls last, i.quantity desc, i.id))[1] as stock_id
               from public.pms_inventory_stock i
               where i.yacht_id = p.yacht_id and i.part_id = p.id and i.deleted_at is null
           ) s on true
           where p.yacht_id = $1 and p.id = $2 and p.deleted_at is null"#,
        yacht,
        part
    )
    .fetch_optional(connection)
    .await
}

/// From the ledger: pms_part_stock → v_stock_from_transactions.
async fn v2(connection: &mut PgConnection, yacht: Uuid, part: Uuid) -> Result<Option<Row>, Error> {
    sqlx::query_as!(
        Row,
        r#"select p.id as "id!", p.name as "name!", p.part_number, p.description, p.category, p.manufacturer,
                  p.is_critical as "is_critical!", p.unit_cost::float8 as unit_cost, s.on_hand as "on_hand!", s.min_level as "min_level!",
                  s.reorder_multiple as "reorder_multiple!", s.location as "location?", s.stock_id as "stock_id?",
                  exists (
                      select 1 from public.pms_part_alert_prefs a
                      where a.yacht_id = p.yacht_id and a.part_id = p.id and a.suppressed
                        and (a.suppressed_until is null or a.suppressed_until > now())
                  ) as "alert_suppressed!"
           from public.pms_parts p
           join public.pms_part_stock s on s.yacht_id = p.yacht_id and s.part_id = p.id
           where p.yacht_id = $1 and p.id = $2"#,
        yacht,
        part
    )
    .fetch_optional(connection)
    .await
}

/// What lies at one place.
pub(super) async fn at_place(state: &PartsState, caller: &Caller, stock: Uuid) -> Result<i64, ApiError> {
    let quantity = match caller.lens {
        Lens::V1 => transaction::retry_read(|| place_through_v1(&state.pools.parts_v1, caller, stock)).await?,
        Lens::V2 => transaction::retry_read(|| place_through_v2(&state.pools.parts_v2, caller, stock)).await?,
    };
    Ok(quantity.unwrap_or_default())
}

async fn place_through_v1(pool: &Pool, caller: &Caller, stock: Uuid) -> Result<Option<i64>, Error> {
    let mut transaction = transaction::begin(pool, &caller.claims).await?;
    let quantity = sqlx::query_scalar!(
        r#"select quantity::bigint as "quantity!" from public.pms_inventory_stock where yacht_id = $1 and id = $2"#,
        caller.yacht,
        stock
    )
    .fetch_optional(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(quantity)
}

async fn place_through_v2(pool: &Pool, caller: &Caller, stock: Uuid) -> Result<Option<i64>, Error> {
    let mut transaction = transaction::begin(pool, &caller.claims).await?;
    let quantity = sqlx::query_scalar!(
        r#"select on_hand as "quantity!" from public.v_stock_from_transactions where yacht_id = $1 and stock_id = $2"#,
        caller.yacht,
        stock
    )
    .fetch_optional(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(quantity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions_come_in_whole_multiples_and_never_for_untracked_parts() {
        assert_eq!(suggested(2, 10, 1), 8);
        assert_eq!(suggested(2, 10, 6), 12);
        assert_eq!(suggested(10, 10, 6), 0);
        assert_eq!(suggested(0, 0, 6), 0);
        assert_eq!(suggested(-3, 1, 1), 4);
    }

    #[test]
    fn a_part_at_its_minimum_is_low_and_an_untracked_one_is_not() {
        assert!(Stock::new(5, 5, 1, None, None).is_low_stock);
        let untracked = Stock::new(0, 0, 1, None, None);
        assert!(!untracked.is_low_stock && untracked.is_out_of_stock);
    }
}
