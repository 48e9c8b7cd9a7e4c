//! What each tick saw, what was decided on it, and the soak it credited.

use super::{Store, StoreError};
use rampart_core::rollout::{Evidence, Judgement, Revision, Rollout, RolloutId, Statistics, Tick};
use rampart_core::{FlagKey, Timestamp};

/// What one check read, tick by tick, in no order.
#[derive(Clone, Debug)]
pub struct ReadingRow {
    /// The check.
    pub check: String,
    /// When, in seconds since 1970.
    pub at: Vec<f64>,
    /// What it read.
    pub values: Vec<Option<f64>>,
    /// What control went through.
    pub controls: Vec<Option<f64>>,
    /// What followed.
    pub verdicts: Vec<String>,
}

/// A tick as it can be decided again, with its place in the chain.
#[derive(Clone, Debug)]
pub struct ChainedTick {
    /// The tick.
    pub tick: Tick,
    /// Whether its hash is the one of what it holds.
    pub whole: bool,
    /// The hash of the tick before it.
    pub prev_hash: Vec<u8>,
    /// Its own hash.
    pub hash: Vec<u8>,
}

impl Store {
    /// Stores a tick with the progress and the statistics it led to, unless the rollout has changed since, or somebody
    /// else has stored a tick; `ticks` is how many there were when it was decided.
    pub async fn tick(
        &self,
        rollout: &Rollout,
        ticks: u64,
        evidence: &Evidence,
        judgement: &Judgement,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut kept = serde_json::to_value(judgement)?;
        let checks = kept.as_object_mut().and_then(|kept| kept.remove("checks")).unwrap_or_default();
        sqlx::query!(
            "select rampart.store_tick($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            rollout.id.0,
            i64::try_from(rollout.revision.0).unwrap_or(i64::MAX),
            i64::try_from(ticks).unwrap_or(i64::MAX),
            at,
            i32::try_from(rollout.epoch.0).unwrap_or(i32::MAX),
            i64::try_from(judgement.credit.0).unwrap_or(i64::MAX),
            checks,
            serde_json::to_value(evidence)?,
            kept
        )
        .execute(&self.pools.guard)
        .await?;
        Ok(())
    }

    /// A page of a rollout's ticks as they can be decided again: at most `limit` behind number `after`, up to `upto`.
    pub async fn chained_ticks(
        &self,
        rollout: RolloutId,
        after: u64,
        upto: u64,
        limit: i64,
    ) -> Result<Vec<ChainedTick>, StoreError> {
        let rows = sqlx::query!(
            r#"select n as "n!", at, revision as "revision!", checks, evidence as "evidence!", judgement as "judgement!",
                      prev_hash as "prev_hash!", hash as "hash!", hash = rampart.tick_hash(t) as "whole!"
               from rampart.ticks t where rollout_id = $1 and n > $2 and n <= $3 order by n limit $4"#,
            rollout.0,
            i64::try_from(after).unwrap_or(i64::MAX),
            i64::try_from(upto).unwrap_or(i64::MAX),
            limit
        )
        .fetch_all(&self.pools.ops)
        .await?;
        let read = rows.into_iter().map(|row| {
            let mut judgement = row.judgement;
            if let Some(judgement) = judgement.as_object_mut() {
                judgement.insert("checks".to_owned(), row.checks);
            }
            let tick = Tick {
                n: u64::try_from(row.n).unwrap_or_default(),
                at: row.at,
                revision: Revision(u64::try_from(row.revision).unwrap_or_default()),
                evidence: serde_json::from_value(row.evidence)?,
                judgement: serde_json::from_value(judgement)?,
            };
            Ok(ChainedTick { tick, whole: row.whole, prev_hash: row.prev_hash, hash: row.hash })
        });
        read.collect()
    }

    /// What the sequential tests knew after a rollout's tick `n`; none before the first bin.
    pub async fn statistics_after(&self, rollout: RolloutId, n: u64) -> Result<Option<Statistics>, StoreError> {
        let known = sqlx::query_scalar!(
            r#"select judgement -> 'statistics' as "statistics!" from rampart.ticks
               where rollout_id = $1 and n <= $2 and judgement ? 'statistics' order by n desc limit 1"#,
            rollout.0,
            i64::try_from(n).unwrap_or(i64::MAX)
        )
        .fetch_optional(&self.pools.ops)
        .await?;
        Ok(known.map(serde_json::from_value).transpose()?)
    }

    /// How many ticks of a rollout are in its chain, and how many were stored by a release that kept no evidence.
    pub async fn ticks_chained_and_not(&self, rollout: RolloutId) -> Result<(u64, u64), StoreError> {
        let counted = sqlx::query!(
            r#"select count(n) as "chained!", count(*) - count(n) as "others!" from rampart.ticks where rollout_id = $1"#,
            rollout.0
        )
        .fetch_one(&self.pools.ops)
        .await?;
        let count = |ticks| u64::try_from(ticks).unwrap_or_default();
        Ok((count(counted.chained), count(counted.others)))
    }

    /// What the checks of a rollout read between two times, a row for each check, or for `check` alone.
    pub async fn readings(
        &self,
        flag: &FlagKey,
        rollout: RolloutId,
        from: Timestamp,
        to: Timestamp,
        check: Option<&str>,
    ) -> Result<Vec<ReadingRow>, StoreError> {
        // Taken apart by the database: what is not drawn would be most of what travels.
        let rows = sqlx::query_as!(
            ReadingRow,
            r#"select c.name as "check!", array_agg(extract(epoch from t.at)::float8) as "at!",
                      array_agg(c.value) as "values!: Vec<Option<f64>>", array_agg(c.control) as "controls!: Vec<Option<f64>>",
                      array_agg(c.verdict) as "verdicts!"
               from rampart.ticks t join rampart.rollouts r on r.id = t.rollout_id,
                    jsonb_to_recordset(t.checks) as c (name text, value float8, control float8, verdict text)
               where r.flag = $1 and t.rollout_id = $2 and t.at between $3 and $4
                 and ($5::text is null or c.name = $5) and c.name is not null and c.verdict is not null
               group by c.name order by c.name"#,
            flag.as_str(),
            rollout.0,
            from,
            to,
            check
        )
        .fetch_all(&self.pools.ops)
        .await?;
        Ok(rows)
    }

    /// The soak that the ticks of one epoch add up to, in milliseconds.
    pub async fn soak_of_epoch(&self, rollout: &Rollout) -> Result<i64, StoreError> {
        let soak = sqlx::query_scalar!(
            r#"select coalesce(sum(credit_ms), 0)::bigint as "soak!" from rampart.ticks where rollout_id = $1 and epoch = $2"#,
            rollout.id.0,
            i32::try_from(rollout.epoch.0).unwrap_or(i32::MAX)
        )
        .fetch_one(&self.pools.ops)
        .await?;
        Ok(soak)
    }
}
