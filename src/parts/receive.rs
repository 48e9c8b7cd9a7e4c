//! Receiving parts. A key is good for one delivery: any second use is a conflict, and nothing moves.

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

const LOCATION_MAX_CHARS: usize = 200;

/// What is to be received.
#[derive(Clone, Debug)]
pub(super) struct Receive {
    part: Uuid,
    quantity: i32,
    key: String,
    /// A place's name, or its id.
    location: Option<String>,
    supplier: Option<Uuid>,
    photo_storage_path: Option<String>,
    notes: Option<String>,
}

/// What the write path answers.
#[derive(Debug, Deserialize)]
struct Written {
    transaction_id: Uuid,
    audit_id: Uuid,
    part_id: Uuid,
    part_name: String,
    quantity_received: i64,
    new_stock_level: i64,
    location: String,
}

/// What the caller is told.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Received {
    transaction_id: Uuid,
    part_id: Uuid,
    part_name: String,
    quantity_received: i64,
    new_stock_level: i64,
    location: String,
    message: String,
}

impl Receive {
    /// Takes it from a payload.
    pub(super) fn parse(mut fields: Fields<'_>) -> Result<Self, ApiError> {
        let to_location = fields.optional_uuid("to_location_id").map(|id| id.to_string());
        let location = fields.optional_text("location", LOCATION_MAX_CHARS);
        let receive = Self {
            part: fields.uuid("part_id"),
            quantity: fields.integer(&["quantity", "quantity_received"]),
            key: fields.text("idempotency_key", IDEMPOTENCY_KEY_MAX_CHARS),
            location: to_location.or(location),
            supplier: fields.optional_uuid("supplier_id"),
            photo_storage_path: fields.optional_text("photo_storage_path", TEXT_MAX_CHARS),
            notes: fields.optional_text("notes", TEXT_MAX_CHARS),
        };
        fields.done(receive)
    }

    /// Receives it.
    pub(super) async fn run(&self, state: &PartsState, caller: &Caller) -> Result<Outcome, ApiError> {
        let answer = transaction::write(&state.pools.parts_write, &caller.claims, || {
            sqlx::query_scalar!(
                r#"select public.parts_receive($1, $2, $3, $4, $5, $6, $7, $8, $9) as "answer!""#,
                self.part,
                self.quantity,
                self.key,
                self.location,
                self.supplier,
                self.photo_storage_path,
                self.notes,
                caller.lens.name(),
                self.fingerprint(caller)
            )
        })
        .await?;
        let (written, replayed) = told::<Written>(answer)?;
        let message = format!("Received {} of {}", written.quantity_received, written.part_name);
        let body = Received {
            transaction_id: written.transaction_id,
            part_id: written.part_id,
            part_name: written.part_name,
            quantity_received: written.quantity_received,
            new_stock_level: written.new_stock_level,
            location: written.location,
            message,
        };
        Ok(Outcome::changed(written.audit_id, replayed, body))
    }

    fn fingerprint(&self, caller: &Caller) -> String {
        fingerprint(&Facts::from([
            ("user_id", caller.user.to_string().into()),
            ("part_id", self.part.to_string().into()),
            ("quantity", self.quantity.into()),
            ("location", self.location.clone().into()),
            ("supplier_id", self.supplier.map(|id| id.to_string()).into()),
            ("photo_storage_path", self.photo_storage_path.clone().into()),
            ("notes", self.notes.clone().into()),
        ]))
    }
}
