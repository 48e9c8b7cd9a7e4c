//! Consuming parts. The stock never goes below zero, however many consume at once.

use super::canonical::{Facts, fingerprint};
use super::command::{IDEMPOTENCY_KEY_MAX_CHARS, Outcome, told};
use super::errors::ApiError;
use super::fields::{Fields, TEXT_MAX_CHARS};
use super::gate::Caller;
use super::state::PartsState;
use super::transaction;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What is to be consumed.
#[derive(Clone, Debug)]
pub(super) struct Consume {
    part: Uuid,
    quantity: i32,
    work_order: Option<Uuid>,
    notes: Option<String>,
    key: Option<String>,
}

/// What the write path answers.
#[derive(Debug, Deserialize)]
struct Written {
    transaction_id: Uuid,
    audit_id: Uuid,
    part_id: Uuid,
    part_name: String,
    quantity_consumed: i64,
    new_stock_level: i64,
    quantity_before: i64,
    quantity_after: i64,
}

/// What the caller is told.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Consumed {
    transaction_id: Uuid,
    part_id: Uuid,
    quantity_consumed: i64,
    new_stock_level: i64,
    data: Change,
    message: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StockChange)]
struct Change {
    quantity_before: i64,
    quantity_after: i64,
}

impl Consume {
    /// Takes it from a payload.
    pub(super) fn parse(mut fields: Fields<'_>) -> Result<Self, ApiError> {
        let consume = Self {
            part: fields.uuid("part_id"),
            quantity: fields.integer(&["quantity"]),
            work_order: fields.optional_uuid("work_order_id"),
            notes: fields.optional_text("notes", TEXT_MAX_CHARS),
            key: fields.optional_text("idempotency_key", IDEMPOTENCY_KEY_MAX_CHARS),
        };
        fields.done(consume)
    }

    /// Consumes it.
    pub(super) async fn run(&self, state: &PartsState, caller: &Caller) -> Result<Outcome, ApiError> {
        let answer = transaction::write(&state.pools.parts_write, &caller.claims, || {
            sqlx::query_scalar!(
                r#"select public.parts_consume($1, $2, $3, $4, $5, $6, $7) as "answer!""#,
                self.part,
                self.quantity,
                self.work_order,
                self.notes,
                self.key,
                caller.lens.name(),
                self.fingerprint(caller)
            )
        })
        .await?;
        let (written, replayed) = told::<Written>(answer)?;
        let message = format!("Consumed {} of {}", written.quantity_consumed, written.part_name);
        let body = Consumed {
            transaction_id: written.transaction_id,
            part_id: written.part_id,
            quantity_consumed: written.quantity_consumed,
            new_stock_level: written.new_stock_level,
            data: Change { quantity_before: written.quantity_before, quantity_after: written.quantity_after },
            message,
        };
        Ok(Outcome::changed(written.audit_id, replayed, body))
    }

    fn fingerprint(&self, caller: &Caller) -> String {
        fingerprint(&Facts::from([
            ("user_id", caller.user.to_string().into()),
            ("part_id", self.part.to_string().into()),
            ("quantity", self.quantity.into()),
            ("work_order_id", self.work_order.map(|id| id.to_string()).into()),
            ("notes", self.notes.clone().into()),
        ]))
    }
}
