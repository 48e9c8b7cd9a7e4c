//! Putting a part on the shopping list.

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

const WORD_MAX_CHARS: usize = 64;

/// What is wanted.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    part: Uuid,
    quantity: i32,
    /// Where the wish comes from. A word the list does not know counts as not given, and so does an
    /// urgency: then they follow from the stock. A client's own word is no reason to lose the wish.
    source_type: Option<String>,
    urgency: Option<String>,
    notes: Option<String>,
    key: Option<String>,
}

/// What the write path answers and, with a message, the caller is told.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(super) struct Listed {
    shopping_item_id: Uuid,
    #[serde(skip_serializing)]
    audit_id: Uuid,
    part_id: Uuid,
    part_name: String,
    quantity_requested: i64,
    #[serde(skip_deserializing)]
    message: String,
}

impl Wish {
    /// Takes it from a payload.
    pub(super) fn parse(mut fields: Fields<'_>) -> Result<Self, ApiError> {
        let wish = Self {
            part: fields.uuid("part_id"),
            quantity: fields.integer(&["quantity_requested", "suggested_qty"]),
            source_type: fields.optional_text("source_type", WORD_MAX_CHARS),
            urgency: fields.optional_text("urgency", WORD_MAX_CHARS),
            notes: fields.optional_text("notes", TEXT_MAX_CHARS),
            key: fields.optional_text("idempotency_key", IDEMPOTENCY_KEY_MAX_CHARS),
        };
        fields.done(wish)
    }

    /// Puts it on the list.
    pub(super) async fn run(&self, state: &PartsState, caller: &Caller) -> Result<Outcome, ApiError> {
        let answer = transaction::write(&state.pools.parts_write, &caller.claims, || {
            sqlx::query_scalar!(
                r#"select public.parts_add_to_shopping_list($1, $2, $3, $4, $5, $6, $7, $8) as "answer!""#,
                self.part,
                self.quantity,
                self.source_type,
                self.urgency,
                self.notes,
                self.key,
                caller.lens.name(),
                self.fingerprint(caller)
            )
        })
        .await?;
        let (mut listed, replayed) = told::<Listed>(answer)?;
        listed.message = format!("Added {} of {} to the shopping list", listed.quantity_requested, listed.part_name);
        Ok(Outcome::changed(listed.audit_id, replayed, listed))
    }

    fn fingerprint(&self, caller: &Caller) -> String {
        fingerprint(&Facts::from([
            ("user_id", caller.user.to_string().into()),
            ("part_id", self.part.to_string().into()),
            ("quantity_requested", self.quantity.into()),
            ("source_type", self.source_type.clone().into()),
            ("urgency", self.urgency.clone().into()),
            ("notes", self.notes.clone().into()),
        ]))
    }
}
