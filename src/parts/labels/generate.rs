//! Making a sheet of labels.
//!
//! Drawing takes longer than a transaction should last, so it happens between two of them: the first reads
//! what is to be printed, the second enters the stored sheet, its document and its audit row together.

use super::sheet::{self, Label};
use crate::digest::hex_sha256;
use crate::parts::canonical::{Facts, fingerprint};
use crate::parts::command::{IDEMPOTENCY_KEY_MAX_CHARS, Outcome, is_replayed, told};
use crate::parts::errors::ApiError;
use crate::parts::fields::Fields;
use crate::parts::gate::Caller;
use crate::parts::state::PartsState;
use crate::parts::storage::{Object, Placed, ROOT};
use crate::parts::transaction;
use crate::store::{self, Pool};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::Error;
use utoipa::ToSchema;
use uuid::Uuid;

/// Labels on one sheet at most: a little over eight pages.
const LABELS_MAX: usize = 200;

/// What is to be printed.
#[derive(Clone, Debug)]
pub(in crate::parts) struct Generate {
    parts: Vec<Uuid>,
    key: Option<String>,
}

/// What the first transaction answers.
#[derive(Debug, Deserialize)]
struct Begun {
    yacht: String,
    labels: Vec<Label>,
}

/// What the second answers.
#[derive(Debug, Deserialize)]
struct Written {
    audit_id: Uuid,
    document_id: Uuid,
    label_count: i64,
    bucket: String,
    storage_path: String,
    filename: String,
    size_bytes: i64,
}

/// What the caller is told.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LabelSheet)]
pub(in crate::parts) struct Generated {
    document_id: Uuid,
    label_count: i64,
    storage_path: String,
    bucket: String,
    download_url: String,
    filename: String,
    size_bytes: i64,
    message: String,
}

impl Generate {
    /// Takes it from a payload.
    pub(in crate::parts) fn parse(mut fields: Fields<'_>) -> Result<Self, ApiError> {
        let parts = match fields.given("part_ids") {
            None => {
                fields.miss("part_ids");
                Vec::new()
            }
            Some(ids) => part_ids(ids).unwrap_or_else(|| {
                fields.refuse("part_ids", format!("a list of 1 to {LABELS_MAX} UUIDs"));
                Vec::new()
            }),
        };
        let key = fields.optional_text("idempotency_key", IDEMPOTENCY_KEY_MAX_CHARS);
        fields.done(Self { parts, key })
    }

    /// Makes it.
    pub(in crate::parts) async fn run(&self, state: &PartsState, caller: &Caller) -> Result<Outcome, ApiError> {
        let pool = &state.pools.parts_write;
        let begun = transaction::retry_write(|| self.begin(pool, caller)).await?;
        if is_replayed(&begun) {
            return outcome(begun);
        }
        let (begun, _) = told::<Begun>(begun)?;
        // Drawing is work for the processor, not for a thread that others wait on.
        let drawing = tokio::task::spawn_blocking(move || sheet::pdf(&begun.yacht, &begun.labels)).await;
        let pdf = drawing.map_err(|error| ApiError::internal(format!("drawing labels: {error}")))?;
        let pdf = pdf.map_err(|error| ApiError::internal(format!("drawing labels: {error}")))?;

        let document = Uuid::new_v4();
        let placed =
            state.storage.place(&state.pools, caller, Object::label_sheet(caller.yacht, document), &pdf).await?;
        match transaction::retry_write(|| self.record(pool, caller, document, &pdf, &placed)).await {
            Ok(answer) => {
                if is_replayed(&answer) {
                    state.storage.withdraw(caller, placed).await;
                }
                outcome(answer)
            }
            Err(error) => {
                // Nobody knows how a lost commit has ended: a sheet too many does no harm, a missing one does.
                if !store::is_unavailable(&error) {
                    state.storage.withdraw(caller, placed).await;
                }
                Err(error.into())
            }
        }
    }

    async fn begin(&self, pool: &Pool, caller: &Caller) -> Result<Value, Error> {
        let mut transaction = transaction::begin(pool, &caller.claims).await?;
        let answer = sqlx::query_scalar!(
            r#"select public.parts_labels_begin($1, $2, $3) as "answer!""#,
            &self.parts,
            self.key,
            self.fingerprint(caller)
        )
        .fetch_one(&mut *transaction)
        .await?;
        transaction.rollback().await?;
        Ok(answer)
    }

    async fn record(
        &self,
        pool: &Pool,
        caller: &Caller,
        document: Uuid,
        pdf: &[u8],
        placed: &Placed,
    ) -> Result<Value, Error> {
        let mut transaction = transaction::begin(pool, &caller.claims).await?;
        let answer = sqlx::query_scalar!(
            r#"select public.parts_labels_commit($1, $2, $3, $4, $5, $6, $7) as "answer!""#,
            document,
            &self.parts,
            i64::try_from(pdf.len()).unwrap_or(i64::MAX),
            hex_sha256(pdf),
            caller.lens.name(),
            self.key,
            self.fingerprint(caller)
        )
        .fetch_one(&mut *transaction)
        .await?;
        if is_replayed(&answer) {
            transaction.rollback().await?;
            return Ok(answer);
        }
        placed.enter(&mut transaction).await?;
        placed.settle();
        transaction.commit().await?;
        Ok(answer)
    }

    fn fingerprint(&self, caller: &Caller) -> String {
        let parts: Vec<String> = self.parts.iter().map(Uuid::to_string).collect();
        fingerprint(&Facts::from([("user_id", caller.user.to_string().into()), ("part_ids", parts.join(" ").into())]))
    }
}

fn part_ids(ids: &Value) -> Option<Vec<Uuid>> {
    let ids = ids.as_array().filter(|ids| (1..=LABELS_MAX).contains(&ids.len()))?;
    ids.iter().map(|id| id.as_str()?.trim().parse().ok()).collect()
}

fn outcome(answer: Value) -> Result<Outcome, ApiError> {
    let (written, replayed) = told::<Written>(answer)?;
    let labels = if written.label_count == 1 { "label" } else { "labels" };
    let body = Generated {
        document_id: written.document_id,
        label_count: written.label_count,
        download_url: download_url(&written.bucket, &written.storage_path),
        storage_path: written.storage_path,
        bucket: written.bucket,
        filename: written.filename,
        size_bytes: written.size_bytes,
        message: format!("Generated {} {labels}", written.label_count),
    };
    Ok(Outcome::changed(written.audit_id, replayed, body))
}

/// Where a sheet can be had, with the user's token.
pub(super) fn download_url(bucket: &str, path: &str) -> String {
    format!("{ROOT}{bucket}/{path}")
}
