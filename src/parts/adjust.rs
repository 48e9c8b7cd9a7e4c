//! Adjusting a stock row to what was counted: a signed action.
//!
//! Two calls in one transaction: the first takes the locks and says what is to be signed, we sign it, and
//! the second writes ledger, audit and the new head of the chain. The signing key stays in this process.

use super::actions::Action;
use super::canonical::{Facts, fingerprint};
use super::command::{IDEMPOTENCY_KEY_MAX_CHARS, Outcome, is_replayed, told};
use super::errors::ApiError;
use super::fields::{Fields, TEXT_MAX_CHARS};
use super::gate::Caller;
use super::signature::{self, Signature, SigningKey};
use super::signer::{self, Signer};
use super::state::PartsState;
use super::transaction;
use crate::store::Pool;
use rampart_core::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::Error;
use utoipa::ToSchema;
use uuid::Uuid;

const LOCATION_MAX_CHARS: usize = 200;
const REASON_MAX_CHARS: usize = 500;

/// What is to be adjusted.
#[derive(Clone, Debug)]
pub(super) struct Adjust {
    part: Uuid,
    /// What was counted; else `quantity_change` is given.
    new_quantity: Option<i32>,
    /// By how much the stock is off.
    quantity_change: Option<i32>,
    location: Option<String>,
    reason: String,
    signature: Signature,
    notes: Option<String>,
    key: Option<String>,
}

/// What the first call answers: the facts to sign.
#[derive(Debug, Deserialize)]
struct Begun {
    stock_id: Uuid,
    part_id: Uuid,
    yacht_id: Uuid,
    user_id: Uuid,
    role: String,
    old_quantity: i32,
    new_quantity: i32,
    previous_signature: String,
}

/// What the second call answers.
#[derive(Debug, Deserialize)]
struct Written {
    transaction_id: Option<Uuid>,
    part_id: Uuid,
    part_name: String,
    old_quantity: i64,
    new_quantity: i64,
    adjustment: i64,
    reason: String,
    audit: Audit,
}

#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(as = AdjustmentAudit)]
struct Audit {
    id: Uuid,
    signature: Value,
}

/// What the caller is told.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Adjusted {
    /// None where the count confirmed the stock: nothing moved.
    transaction_id: Option<Uuid>,
    part_id: Uuid,
    old_quantity: i64,
    new_quantity: i64,
    adjustment: i64,
    reason: String,
    is_signed: bool,
    audit: Audit,
    message: String,
}

impl Adjust {
    /// Takes it from a payload.
    pub(super) fn parse(mut fields: Fields<'_>) -> Result<Self, ApiError> {
        match (fields.given("new_quantity"), fields.given("quantity_change")) {
            (None, None) => fields.miss("new_quantity"),
            (Some(_), Some(_)) => fields.refuse("new_quantity", "left out where quantity_change is given"),
            (Some(_), None) | (None, Some(_)) => {}
        }
        let adjust = Self {
            part: fields.uuid("part_id"),
            new_quantity: fields.optional_integer("new_quantity"),
            quantity_change: fields.optional_integer("quantity_change"),
            location: fields.optional_text("location", LOCATION_MAX_CHARS),
            reason: fields.text("reason", REASON_MAX_CHARS),
            notes: fields.optional_text("notes", TEXT_MAX_CHARS),
            key: fields.optional_text("idempotency_key", IDEMPOTENCY_KEY_MAX_CHARS),
            signature: signature::required(&mut fields),
        };
        fields.done(adjust)
    }

    /// Adjusts it.
    pub(super) async fn run(&self, state: &PartsState, caller: &Caller) -> Result<Outcome, ApiError> {
        let (pool, key) = (&state.pools.parts_write, &state.signing);
        let write = |signer| self.write(pool, caller, key, signer);
        let answer = signer::signed_write(state, caller, &self.signature, write).await?;
        let (written, replayed) = told::<Written>(answer)?;
        let message = if written.adjustment == 0 {
            format!("Confirmed {} of {}", written.new_quantity, written.part_name)
        } else {
            format!("Adjusted {} from {} to {}", written.part_name, written.old_quantity, written.new_quantity)
        };
        let audit_id = written.audit.id;
        let body = Adjusted {
            transaction_id: written.transaction_id,
            part_id: written.part_id,
            old_quantity: written.old_quantity,
            new_quantity: written.new_quantity,
            adjustment: written.adjustment,
            reason: written.reason,
            is_signed: true,
            audit: written.audit,
            message,
        };
        Ok(Outcome::changed(audit_id, replayed, body))
    }

    async fn write(&self, pool: &Pool, caller: &Caller, key: &SigningKey, signer: Signer) -> Result<Value, Error> {
        let mut transaction = transaction::begin(pool, &caller.claims).await?;
        let begun = sqlx::query!(
            r#"select public.parts_adjust_begin($1, $2, $3, $4, $5, $6) as "answer!", clock_timestamp() as "now!""#,
            self.part,
            self.new_quantity,
            self.quantity_change,
            self.location,
            self.key,
            self.fingerprint(caller)
        )
        .fetch_one(&mut *transaction)
        .await?;
        if is_replayed(&begun.answer) {
            transaction.rollback().await?;
            return Ok(begun.answer);
        }
        let facts = serde_json::from_value::<Begun>(begun.answer).map_err(|error| Error::Decode(error.into()))?;
        let vouched = signer.sign(&mut transaction).await?;
        let sealed = key.seal(self.facts(&facts, begun.now), &facts.previous_signature, vouched);
        let answer = sqlx::query_scalar!(
            r#"select public.parts_adjust_commit($1, $2, $3, $4, $5, $6, $7, $8, $9) as "answer!""#,
            facts.stock_id,
            facts.new_quantity,
            self.reason,
            sealed.payload,
            sealed.hash,
            facts.previous_signature,
            self.notes,
            caller.lens.name(),
            self.key
        )
        .fetch_one(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(answer)
    }

    /// What is signed: who, what, when, and why.
    fn facts(&self, begun: &Begun, now: Timestamp) -> Facts {
        let mut facts = Facts::from([
            ("action", Action::AdjustStockQuantity.name().into()),
            ("user_id", begun.user_id.to_string().into()),
            ("yacht_id", begun.yacht_id.to_string().into()),
            ("role_at_signing", begun.role.clone().into()),
            ("part_id", begun.part_id.to_string().into()),
            ("stock_id", begun.stock_id.to_string().into()),
            ("old_quantity", begun.old_quantity.into()),
            ("new_quantity", begun.new_quantity.into()),
            ("reason", self.reason.clone().into()),
            ("signed_at", now.to_rfc3339_opts(chrono::SecondsFormat::Micros, true).into()),
        ]);
        if let Some(code) = &self.signature.reason_code {
            facts.insert("reason_code", code.clone().into());
        }
        facts
    }

    /// Without PIN and code: who tries again has a new code and means the same.
    fn fingerprint(&self, caller: &Caller) -> String {
        fingerprint(&Facts::from([
            ("user_id", caller.user.to_string().into()),
            ("part_id", self.part.to_string().into()),
            ("new_quantity", self.new_quantity.into()),
            ("quantity_change", self.quantity_change.into()),
            ("location", self.location.clone().into()),
            ("reason", self.reason.clone().into()),
            ("reason_code", self.signature.reason_code.clone().into()),
            ("notes", self.notes.clone().into()),
        ]))
    }
}
