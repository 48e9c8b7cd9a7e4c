//! Rollouts: reading the newest of each flag, and committing a step.

use super::{Store, StoreError};
use rampart_core::policy::Policy;
use rampart_core::rollout::{
    Actor, Cause, Event, Fence, PolicyRevision, Progress, Revision, Rollout, RolloutId, Statistics,
};
use rampart_core::{FlagKey, Timestamp};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

/// A rollout with what was stored beside it when it started.
#[derive(Clone, Debug)]
pub struct StoredRollout {
    /// The rollout, progress and statistics included.
    pub rollout: Rollout,
    /// How many of its ticks are stored.
    pub ticks: u64,
    /// The hash of the newest of them; empty before the first.
    pub tick_hash: Vec<u8>,
    /// The policy it is pinned to.
    pub policy: Policy,
    /// The database snapshot at its start: what was committed before it is not its doing.
    pub audit_baseline: String,
    /// When its newest step was written, by the database's clock.
    pub committed_at: Timestamp,
}

/// One step: everything that is committed together.
#[derive(Clone, Debug)]
pub struct Step {
    /// The revision the step was decided on; none where it begins a rollout.
    pub expected: Option<Revision>,
    /// The lease's fence, where the step raises exposure.
    pub fence: Option<Fence>,
    /// The rollout after the step.
    pub after: Rollout,
    /// The database snapshot a new rollout starts from.
    pub audit_baseline: Option<String>,
    /// What the journal keeps.
    pub entries: Vec<NewEntry>,
    /// Whom to tell.
    pub notices: Vec<Notice>,
    /// The order's idempotency key.
    pub command: Option<CommandKey>,
    /// Statements this step follows.
    pub sql_changes: Vec<i64>,
}

/// A journal entry about to be written.
#[derive(Clone, Debug, Serialize)]
pub struct NewEntry {
    at: Timestamp,
    kind: &'static str,
    actor: Actor,
    reason: Option<String>,
    event: Event,
    phase: &'static str,
    stage: Option<usize>,
    percent: u16,
    cause: Option<String>,
    evidence: Option<Value>,
}

impl NewEntry {
    /// An entry that says what `event` made of the rollout, with the evidence it rests on.
    pub fn new(
        event: Event,
        after: &Rollout,
        at: Timestamp,
        actor: Actor,
        reason: Option<String>,
        evidence: Option<Value>,
    ) -> Self {
        let cause = if let Event::RolledBack { cause } = &event { Some(cause.text().to_owned()) } else { None };
        Self {
            at,
            kind: event.kind(),
            actor,
            reason,
            phase: after.phase.name(),
            stage: after.stage,
            percent: after.percent.basis_points(),
            cause,
            evidence,
            event,
        }
    }
}

/// A notification about to be written.
#[derive(Clone, Debug, Serialize)]
pub struct Notice {
    /// Stable: whoever receives it twice can tell.
    pub id: Uuid,
    /// The journal's name of what happened.
    pub kind: &'static str,
    /// What to tell.
    pub body: Value,
}

/// An order's idempotency key and a digest of what it asked for.
#[derive(Clone, Debug, Serialize)]
pub struct CommandKey {
    /// As the client chose it.
    pub key: String,
    /// Equal for equal orders.
    pub fingerprint: String,
}

impl Store {
    /// The newest rollout of each flag, as far as this version can read it.
    pub async fn newest_rollouts(&self) -> Result<Vec<StoredRollout>, StoreError> {
        let rows = sqlx::query!(
            r#"select distinct on (r.flag) r.state, r.progress, r.statistics, r.ticks, r.tick_hash, r.audit_baseline, r.committed_at, p.policy
               from rampart.rollouts r join rampart.policies p on p.revision = r.policy_revision
               order by r.flag, r.attempt desc"#
        )
        .fetch_all(&self.pools.guard)
        .await?;
        let read = rows.into_iter().map(|row| {
            let ticked = (row.progress, row.statistics, row.ticks, row.tick_hash);
            stored(row.state, ticked, row.audit_baseline, row.committed_at, row.policy)
        });
        // One that this version cannot read must not keep the others unguarded; its own flag is served to nobody.
        Ok(read
            .filter_map(|rollout| rollout.inspect_err(|error| tracing::error!(%error, "a rollout is passed over")).ok())
            .collect())
    }

    /// The newest rollout of one flag.
    pub async fn newest_rollout(&self, flag: &FlagKey) -> Result<Option<StoredRollout>, StoreError> {
        let row = sqlx::query!(
            r#"select r.state, r.progress, r.statistics, r.ticks, r.tick_hash, r.audit_baseline, r.committed_at, p.policy
               from rampart.rollouts r join rampart.policies p on p.revision = r.policy_revision
               where r.flag = $1 order by r.attempt desc limit 1"#,
            flag.as_str()
        )
        .fetch_optional(&self.pools.guard)
        .await?;
        row.map(|row| {
            let ticked = (row.progress, row.statistics, row.ticks, row.tick_hash);
            stored(row.state, ticked, row.audit_baseline, row.committed_at, row.policy)
        })
        .transpose()
    }

    /// Keeps the policy under its revision, so that a rollout can be pinned to it.
    pub async fn keep_policy(
        &self,
        revision: &PolicyRevision,
        policy: &Policy,
        source: &str,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "insert into rampart.policies (revision, flag, policy, source) values ($1, $2, $3, $4) on conflict do nothing",
            revision.0,
            policy.flag.as_str(),
            serde_json::to_value(policy)?,
            source
        )
        .execute(&self.pools.guard)
        .await?;
        Ok(())
    }

    /// Commits a step whole or not at all, in one round trip. Answers the fence the flag has then.
    pub async fn commit(&self, step: &Step) -> Result<Option<Fence>, StoreError> {
        let fence = sqlx::query_scalar!(
            "select rampart.commit_step($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            step.expected.map_or(0, |revision| i64::try_from(revision.0).unwrap_or(i64::MAX)),
            step.fence.map(|fence| fence.0),
            serde_json::to_value(&step.after)?,
            serde_json::to_value(step.after.progress)?,
            step.audit_baseline,
            serde_json::to_value(&step.entries)?,
            serde_json::to_value(&step.notices)?,
            step.command.as_ref().map(serde_json::to_value).transpose()?,
            &step.sql_changes
        )
        .fetch_one(&self.pools.guard)
        .await?;
        Ok(fence.map(Fence))
    }

    /// The digest an idempotency key was used with, if it was used.
    pub async fn used_command(&self, flag: &FlagKey, key: &str) -> Result<Option<String>, StoreError> {
        let used = sqlx::query_scalar!(
            "select fingerprint from rampart.commands where flag = $1 and key = $2",
            flag.as_str(),
            key
        )
        .fetch_optional(&self.pools.ops)
        .await?;
        Ok(used)
    }

    /// Writes a note about a rollout into the journal; the rollout stays as it is.
    pub async fn note(&self, rollout: &Rollout, entry: &NewEntry, notice: Option<&Notice>) -> Result<(), StoreError> {
        sqlx::query!(
            r#"with noted as (
                   insert into rampart.journal (flag, rollout_id, at, kind, actor, reason, event, phase, stage, percent, evidence)
                   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
               ), told as (
                   insert into rampart.outbox (id, flag, rollout_id, kind, body)
                   select $12, $1, $2, $4, $13 where $12::uuid is not null
               )
               select pg_notify('rampart', $1)"#,
            rollout.flag.as_str(),
            rollout.id.0,
            entry.at,
            entry.kind,
            entry.actor.0,
            entry.reason,
            serde_json::to_value(&entry.event)?,
            entry.phase,
            entry.stage.and_then(|stage| i32::try_from(stage).ok()),
            i32::from(entry.percent),
            entry.evidence,
            notice.map(|notice| notice.id),
            notice.map_or(Value::Null, |notice| notice.body.clone())
        )
        .execute(&self.pools.guard)
        .await?;
        Ok(())
    }

    /// How many subjects fall into a cohort cannot be asked of the database: it does not bucket. This
    /// lists at most `limit` of them, as (user, yacht).
    pub async fn active_subjects(&self, limit: i32) -> Result<Vec<(Uuid, Uuid)>, StoreError> {
        let rows = sqlx::query!(
            r#"select user_id as "user_id!", yacht_id as "yacht_id!" from rampart.active_subjects($1)"#,
            limit
        )
        .fetch_all(&self.pools.ops)
        .await?;
        Ok(rows.into_iter().map(|row| (row.user_id, row.yacht_id)).collect())
    }
}

pub(super) fn stored(
    state: Value,
    (progress, statistics, ticks, tick_hash): (Value, Value, i64, Vec<u8>),
    audit_baseline: String,
    committed_at: Timestamp,
    policy: Value,
) -> Result<StoredRollout, StoreError> {
    let mut rollout: Rollout = serde_json::from_value(state)?;
    rollout.progress = serde_json::from_value::<Progress>(progress)?;
    rollout.statistics = serde_json::from_value::<Statistics>(statistics)?;
    let ticks = u64::try_from(ticks).unwrap_or_default();
    let policy = serde_json::from_value(policy)?;
    Ok(StoredRollout { rollout, ticks, tick_hash, policy, audit_baseline, committed_at })
}

/// What a notice says of a rollout.
pub(crate) fn notice(id: Uuid, kind: &'static str, rollout: &Rollout, text: &str) -> Notice {
    let RolloutId(rollout_id) = rollout.id;
    let cause = rollout.cause.as_ref().map(Cause::text);
    let body = serde_json::json!({
        "flag": rollout.flag, "rollout_id": rollout_id, "kind": kind, "percent": rollout.percent,
        "phase": rollout.phase, "cause": cause, "text": text,
    });
    Notice { id, kind, body }
}

/// The same where nobody has to be told: it only ends alerts that were raised before.
pub(crate) fn quiet_notice(id: Uuid, kind: &'static str, rollout: &Rollout, text: &str) -> Notice {
    let mut notice = notice(id, kind, rollout, text);
    if let Value::Object(members) = &mut notice.body {
        members.insert("quiet".to_owned(), Value::Bool(true));
    }
    notice
}
