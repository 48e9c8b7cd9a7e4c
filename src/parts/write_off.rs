//! Writing parts off that are of no use any more: a signed action.

use super::actions::Action;
use super::command::{IDEMPOTENCY_KEY_MAX_CHARS, Outcome};
use super::errors::ApiError;
use super::fields::{Fields, TEXT_MAX_CHARS};
use super::gate::Caller;
use super::signature;
use super::signed::{Audit, Deed};
use super::state::PartsState;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

const LOCATION_MAX_CHARS: usize = 200;
const REASON_MAX_CHARS: usize = 64;
const REASONS: [&str; 6] = ["damaged", "expired", "obsolete", "lost", "contaminated", "other"];

/// What is to be written off.
#[derive(Clone, Debug)]
pub(super) struct WriteOff(Deed);

/// What the caller is told.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WrittenOff {
    /// Where several stock rows had to serve: of the first.
    transaction_id: Uuid,
    part_id: Uuid,
    /// What the rows had from which was taken.
    old_quantity: i64,
    /// What they have now.
    new_quantity: i64,
    quantity_written_off: i64,
    new_stock_level: i64,
    reason: String,
    is_signed: bool,
    audit: Audit,
    message: String,
}

impl WriteOff {
    /// Takes it from a payload.
    pub(super) fn parse(mut fields: Fields<'_>) -> Result<Self, ApiError> {
        let subject = fields.uuid("part_id");
        let quantity = fields.integer(&["quantity"]);
        let reason = fields.text("reason", REASON_MAX_CHARS);
        // Empty: missing or not text at all, which has been noted already.
        if !reason.is_empty() && !REASONS.contains(&reason.as_str()) {
            fields.refuse("reason", format!("one of {}", REASONS.join(", ")));
        }
        let deed = Deed {
            action: Action::WriteOffPart,
            subject,
            quantity: Some(quantity),
            location: fields.optional_text("location", LOCATION_MAX_CHARS),
            reason,
            notes: fields.optional_text("notes", TEXT_MAX_CHARS),
            key: fields.optional_text("idempotency_key", IDEMPOTENCY_KEY_MAX_CHARS),
            signature: signature::required(&mut fields),
        };
        fields.done(Self(deed))
    }

    /// Writes it off.
    pub(super) async fn run(&self, state: &PartsState, caller: &Caller) -> Result<Outcome, ApiError> {
        let (written, replayed) = self.0.run(state, caller).await?;
        let first = written.first()?;
        let (transaction_id, audit) = (first.transaction_id, first.audit());
        let old_quantity = written.movements.iter().map(|moved| moved.old_quantity).sum::<i64>();
        let new_quantity = written.movements.iter().map(|moved| moved.new_quantity).sum::<i64>();
        let quantity_written_off = old_quantity - new_quantity;
        let message = format!("Wrote off {quantity_written_off} of {} ({})", written.part_name, written.reason);
        let audit_id = audit.id;
        let body = WrittenOff {
            transaction_id,
            part_id: written.part_id,
            old_quantity,
            new_quantity,
            quantity_written_off,
            new_stock_level: written.new_stock_level,
            reason: written.reason,
            is_signed: true,
            audit,
            message,
        };
        Ok(Outcome::changed(audit_id, replayed, body))
    }
}
