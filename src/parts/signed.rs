//! Signed movements, of which write-offs and reversals are made: what is to move is planned by the
//! database, signed here, and written by the database, all in one transaction.
//!
//! A deed may move several stock rows. Each is signed by itself, the second as the successor of the first:
//! so every audit row is one link of the chain and can be verified alone.

use super::actions::Action;
use super::canonical::{Facts, fingerprint};
use super::command::{is_replayed, told};
use super::errors::ApiError;
use super::gate::Caller;
use super::signature::{Signature, SigningKey};
use super::signer::{self, Signer, Vouched};
use super::state::PartsState;
use super::transaction;
use crate::store::Pool;
use rampart_core::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::Error;
use utoipa::ToSchema;
use uuid::Uuid;

/// What is to be done, and why.
#[derive(Clone, Debug)]
pub(super) struct Deed {
    /// Either [`Action::WriteOffPart`] or [`Action::ReverseTransaction`].
    pub(super) action: Action,
    /// The part to write off from, or the transaction to reverse.
    pub(super) subject: Uuid,
    /// Of a write-off: how many.
    pub(super) quantity: Option<i32>,
    /// Of a write-off: where from, if it matters.
    pub(super) location: Option<String>,
    pub(super) reason: String,
    pub(super) signature: Signature,
    pub(super) notes: Option<String>,
    pub(super) key: Option<String>,
}

/// What the first call answers: the facts to sign.
#[derive(Debug, Deserialize)]
struct Begun {
    part_id: Uuid,
    yacht_id: Uuid,
    user_id: Uuid,
    role: String,
    previous_signature: String,
    movements: Vec<Movement>,
}

#[derive(Debug, Deserialize)]
struct Movement {
    stock_id: Uuid,
    old_quantity: i32,
    new_quantity: i32,
    reversed_transaction_id: Option<Uuid>,
}

/// What the second call answers.
#[derive(Debug, Deserialize)]
pub(super) struct Written {
    pub(super) part_id: Uuid,
    pub(super) part_name: String,
    pub(super) reason: String,
    /// Of the part, over all its locations.
    pub(super) new_stock_level: i64,
    /// At least one. Of a reversal, the first belongs to the transaction that was named.
    pub(super) movements: Vec<Moved>,
}

/// A movement that was written down.
#[derive(Debug, Deserialize)]
pub(super) struct Moved {
    pub(super) transaction_id: Uuid,
    pub(super) old_quantity: i64,
    pub(super) new_quantity: i64,
    audit_id: Uuid,
    signature: Value,
}

/// The proof a caller is given.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SignedAudit)]
pub(super) struct Audit {
    pub(super) id: Uuid,
    signature: Value,
}

impl Written {
    /// The movement that stands for all.
    pub(super) fn first(&self) -> Result<&Moved, ApiError> {
        self.movements.first().ok_or_else(|| ApiError::internal("the write path moved nothing and did not say why"))
    }
}

impl Moved {
    pub(super) fn audit(&self) -> Audit {
        Audit { id: self.audit_id, signature: self.signature.clone() }
    }
}

impl Deed {
    /// Does it: what was written, and whether that was done before.
    pub(super) async fn run(&self, state: &PartsState, caller: &Caller) -> Result<(Written, bool), ApiError> {
        let (pool, key) = (&state.pools.parts_write, &state.signing);
        let write = |signer| self.write(pool, caller, key, signer);
        told(signer::signed_write(state, caller, &self.signature, write).await?)
    }

    async fn write(&self, pool: &Pool, caller: &Caller, key: &SigningKey, signer: Signer) -> Result<Value, Error> {
        let mut transaction = transaction::begin(pool, &caller.claims).await?;
        let begun = sqlx::query!(
            r#"select public.parts_signed_begin($1, $2, $3, $4, $5, $6) as "answer!", clock_timestamp() as "now!""#,
            self.action.name(),
            self.subject,
            self.quantity,
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
        let answer = sqlx::query_scalar!(
            r#"select public.parts_signed_commit($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) as "answer!""#,
            self.action.name(),
            self.subject,
            self.quantity,
            self.location,
            self.reason,
            self.notes,
            self.signatures(&facts, begun.now, key, vouched),
            facts.previous_signature,
            caller.lens.name(),
            self.key
        )
        .fetch_one(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(answer)
    }

    /// One signature for each movement, each the successor of the one before.
    fn signatures(&self, begun: &Begun, now: Timestamp, key: &SigningKey, vouched: Vouched) -> Value {
        let mut previous = begun.previous_signature.clone();
        let sign = |movement| {
            let sealed = key.seal(self.facts(begun, movement, now), &previous, vouched);
            previous = sealed.hash;
            sealed.payload
        };
        begun.movements.iter().map(sign).collect()
    }

    /// What is signed: who, what, when, and why.
    fn facts(&self, begun: &Begun, movement: &Movement, now: Timestamp) -> Facts {
        let mut facts = Facts::from([
            ("action", self.action.name().into()),
            ("user_id", begun.user_id.to_string().into()),
            ("yacht_id", begun.yacht_id.to_string().into()),
            ("role_at_signing", begun.role.clone().into()),
            ("part_id", begun.part_id.to_string().into()),
            ("stock_id", movement.stock_id.to_string().into()),
            ("old_quantity", movement.old_quantity.into()),
            ("new_quantity", movement.new_quantity.into()),
            ("reason", self.reason.clone().into()),
            ("signed_at", now.to_rfc3339_opts(chrono::SecondsFormat::Micros, true).into()),
        ]);
        if let Some(reversed) = movement.reversed_transaction_id {
            facts.insert("reversed_transaction_id", reversed.to_string().into());
        }
        if let Some(code) = &self.signature.reason_code {
            facts.insert("reason_code", code.clone().into());
        }
        facts
    }

    /// Without PIN and code: who tries again has a new code and means the same.
    fn fingerprint(&self, caller: &Caller) -> String {
        fingerprint(&Facts::from([
            ("user_id", caller.user.to_string().into()),
            ("subject_id", self.subject.to_string().into()),
            ("quantity", self.quantity.into()),
            ("location", self.location.clone().into()),
            ("reason", self.reason.clone().into()),
            ("reason_code", self.signature.reason_code.clone().into()),
            ("notes", self.notes.clone().into()),
        ]))
    }
}
