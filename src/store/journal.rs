//! The journal as people read it.

use super::Pool;
use super::{Store, StoreError};
use crate::schema::PhaseName;
use rampart_core::rollout::{Actor, Journalled};
use rampart_core::{FlagKey, Timestamp};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// One entry.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Entry)]
pub struct JournalRow {
    /// Grows; a client resumes behind it.
    pub seq: i64,
    /// The flag.
    pub flag: String,
    /// When it was decided, by the database's clock.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What happened.
    pub kind: String,
    /// Who did it.
    pub actor: String,
    /// Why, where a person said so.
    pub reason: Option<String>,
    /// The rollout.
    pub rollout_id: Option<Uuid>,
    /// The phase after it.
    #[schema(value_type = PhaseName)]
    pub phase: String,
    /// The stage after it.
    pub stage: Option<i32>,
    /// The percent after it.
    pub percent: f64,
    /// Why it was rolled back.
    pub cause: Option<String>,
    /// What it rests on.
    #[schema(value_type = Option<Object>)]
    pub evidence: Option<Value>,
    /// The event itself, from which the rollout can be folded.
    #[schema(value_type = Object)]
    pub event: Value,
    /// The hash of the entry before it, hexadecimal.
    pub prev_hash: String,
    /// This entry's hash, hexadecimal.
    pub hash: String,
}

impl JournalRow {
    /// The entry as it can be replayed. What rests on no decision, or on one whose inputs were not kept, is taken as it is.
    pub fn journalled(self) -> Result<Journalled, StoreError> {
        let decided = self.evidence.filter(|evidence| evidence.get("inputs").is_some());
        Ok(Journalled {
            seq: self.seq,
            at: self.at,
            actor: Actor(self.actor),
            event: serde_json::from_value(self.event)?,
            judged: decided.map(serde_json::from_value).transpose()?,
        })
    }
}

/// Which entries are wanted.
#[derive(Clone, Debug, Default)]
pub struct JournalFilter {
    /// Only those behind this number; in descending order, only those before it.
    pub after: Option<i64>,
    /// Only of these kinds; of every kind where none is named.
    pub kinds: Vec<String>,
    /// Only of this rollout.
    pub rollout: Option<Uuid>,
    /// Newest first.
    pub descending: bool,
    /// At most so many.
    pub limit: i64,
}

impl Store {
    /// Entries of a flag's journal; of every flag's where `flag` is none.
    pub async fn journal(&self, flag: Option<&FlagKey>, filter: &JournalFilter) -> Result<Vec<JournalRow>, StoreError> {
        read(&self.pools.ops, flag, filter).await
    }

    /// The same for the loop, which waits for nobody who only reads.
    pub async fn journal_for_guard(
        &self,
        flag: Option<&FlagKey>,
        filter: &JournalFilter,
    ) -> Result<Vec<JournalRow>, StoreError> {
        read(&self.pools.guard, flag, filter).await
    }

    /// The first entry that does not follow from the one before it.
    pub async fn first_broken_entry(&self, flag: &FlagKey) -> Result<Option<i64>, StoreError> {
        let broken = sqlx::query_scalar!("select rampart.first_broken_entry($1)", flag.as_str())
            .fetch_one(&self.pools.ops)
            .await?;
        Ok(broken)
    }
}

async fn read(pool: &Pool, flag: Option<&FlagKey>, filter: &JournalFilter) -> Result<Vec<JournalRow>, StoreError> {
    let rows = sqlx::query_as!(
            JournalRow,
            r#"select seq as "seq!", flag as "flag!", at as "at!", kind as "kind!", actor as "actor!", reason, rollout_id,
                      phase as "phase!", stage, (percent / 100.0)::float8 as "percent!", cause, evidence, event as "event!",
                      encode(prev_hash, 'hex') as "prev_hash!", encode(hash, 'hex') as "hash!"
               from rampart.journal
               where ($1::text is null or flag = $1)
                 and ($2::bigint is null or case when $5 then seq < $2 else seq > $2 end)
                 and (cardinality($3::text[]) = 0 or kind = any($3))
                 and ($4::uuid is null or rollout_id = $4)
               order by case when $5 then -seq else seq end
               limit $6"#,
            flag.map(FlagKey::as_str),
            filter.after,
            &filter.kinds,
            filter.rollout,
            filter.descending,
            filter.limit
        )
        .fetch_all(pool)
        .await?;
    Ok(rows)
}
