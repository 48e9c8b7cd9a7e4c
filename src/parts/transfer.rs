//! Moving parts from one place on board to another.

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

/// What is to be moved, and where.
#[derive(Clone, Debug)]
pub(super) struct Transfer {
    part: Uuid,
    quantity: i32,
    from: Uuid,
    to: Uuid,
    notes: Option<String>,
    key: Option<String>,
}

/// What the write path answers and, with a message, the caller is told.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(super) struct Transferred {
    transfer_group_id: Uuid,
    transaction_out_id: Uuid,
    transaction_in_id: Uuid,
    #[serde(skip_serializing)]
    audit_id: Uuid,
    part_id: Uuid,
    #[serde(skip_serializing)]
    part_name: String,
    quantity_transferred: i64,
    from_location: String,
    to_location: String,
    from_new_level: i64,
    to_new_level: i64,
    #[serde(skip_deserializing)]
    message: String,
}

impl Transfer {
    /// Takes it from a payload.
    pub(super) fn parse(mut fields: Fields<'_>) -> Result<Self, ApiError> {
        let transfer = Self {
            part: fields.uuid("part_id"),
            quantity: fields.integer(&["quantity"]),
            from: fields.uuid("from_location_id"),
            to: fields.uuid("to_location_id"),
            notes: fields.optional_text("notes", TEXT_MAX_CHARS),
            key: fields.optional_text("idempotency_key", IDEMPOTENCY_KEY_MAX_CHARS),
        };
        fields.done(transfer)
    }

    /// Moves it.
    pub(super) async fn run(&self, state: &PartsState, caller: &Caller) -> Result<Outcome, ApiError> {
        let answer = transaction::write(&state.pools.parts_write, &caller.claims, || {
            sqlx::query_scalar!(
                r#"select public.parts_transfer($1, $2, $3, $4, $5, $6, $7, $8) as "answer!""#,
                self.part,
                self.quantity,
                self.from,
                self.to,
                self.notes,
                self.key,
                caller.lens.name(),
                self.fingerprint(caller)
            )
        })
        .await?;
        let (mut moved, replayed) = told::<Transferred>(answer)?;
        let (quantity, part) = (moved.quantity_transferred, &moved.part_name);
        moved.message = format!("Moved {quantity} of {part} from {} to {}", moved.from_location, moved.to_location);
        Ok(Outcome::changed(moved.audit_id, replayed, moved))
    }

    fn fingerprint(&self, caller: &Caller) -> String {
        fingerprint(&Facts::from([
            ("user_id", caller.user.to_string().into()),
            ("part_id", self.part.to_string().into()),
            ("quantity", self.quantity.into()),
            ("from_location_id", self.from.to_string().into()),
            ("to_location_id", self.to.to_string().into()),
            ("notes", self.notes.clone().into()),
        ]))
    }
}
