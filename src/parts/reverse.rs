//! Taking back a movement that should not have been: a signed action. The ledger keeps both rows. A
//! transfer is taken back as a whole, whichever of its two transactions is named.

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

const REASON_MAX_CHARS: usize = 500;

/// What is to be taken back.
#[derive(Clone, Debug)]
pub(super) struct Reverse(Deed);

/// What the caller is told.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Reversed {
    transaction_id: Uuid,
    reversed_transaction_id: Uuid,
    part_id: Uuid,
    /// By how much the named transaction's stock row has changed now.
    quantity_change: i64,
    new_stock_level: i64,
    reason: String,
    is_signed: bool,
    audit: Audit,
    message: String,
}

impl Reverse {
    /// Takes it from a payload.
    pub(super) fn parse(mut fields: Fields<'_>) -> Result<Self, ApiError> {
        let deed = Deed {
            action: Action::ReverseTransaction,
            subject: fields.uuid("transaction_id"),
            quantity: None,
            location: None,
            reason: fields.text("reason", REASON_MAX_CHARS),
            notes: fields.optional_text("notes", TEXT_MAX_CHARS),
            key: fields.optional_text("idempotency_key", IDEMPOTENCY_KEY_MAX_CHARS),
            signature: signature::required(&mut fields),
        };
        fields.done(Self(deed))
    }

    /// Takes it back.
    pub(super) async fn run(&self, state: &PartsState, caller: &Caller) -> Result<Outcome, ApiError> {
        let (written, replayed) = self.0.run(state, caller).await?;
        let first = written.first()?;
        let (transaction_id, audit) = (first.transaction_id, first.audit());
        let quantity_change = first.new_quantity - first.old_quantity;
        let audit_id = audit.id;
        let body = Reversed {
            transaction_id,
            reversed_transaction_id: self.0.subject,
            part_id: written.part_id,
            quantity_change,
            new_stock_level: written.new_stock_level,
            reason: written.reason,
            is_signed: true,
            audit,
            message: format!("Reversed a movement of {}", written.part_name),
        };
        Ok(Outcome::changed(audit_id, replayed, body))
    }
}
