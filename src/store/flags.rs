//! The flags' rows as people and runbooks see them, and what was typed into them.

use super::{Store, StoreError};
use rampart_core::{FlagKey, Percent, Timestamp};

/// A row of `feature_flags`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlagRow {
    /// The flag.
    pub flag: FlagKey,
    /// What the row says: 0 where disabled.
    pub percent: Percent,
}

/// A statement on a flag's row that was not the daemon's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlChange {
    /// Its number; they are followed in this order.
    pub id: i64,
    /// The flag.
    pub flag: FlagKey,
    /// The exposure it asked for.
    pub percent: Percent,
    /// The database role that typed it.
    pub db_role: String,
    /// When it was typed (not when it was committed).
    pub changed_at: Timestamp,
}

/// The flags and the database's time, read together.
#[derive(Clone, Debug)]
pub struct Sync {
    /// The database's time.
    pub now: Timestamp,
    /// Every flag.
    pub flags: Vec<FlagRow>,
    /// Statements nobody followed yet, oldest first.
    pub sql_changes: Vec<SqlChange>,
}

impl Store {
    /// Reads every flag and every statement that is not followed yet.
    pub async fn read_flags(&self) -> Result<Sync, StoreError> {
        let rows = sqlx::query!(
            r#"select now() as "now!", null::bigint as id, flag_name as "flag!",
                      coalesce(case when enabled then (canary_percentage * 100)::integer end, 0) as "percent!",
                      null::text as db_role, null::timestamptz as changed_at
               from rampart.flags
               union all
               (select now(), id, flag, new_percent, db_role, changed_at
                from rampart.sql_changes where handled_at is null order by id limit 1000)"#
        )
        .fetch_all(&self.pools.guard)
        .await?;
        let now = rows.first().map(|row| row.now).ok_or_else(|| StoreError::Unreadable("no flags".to_owned()))?;
        let mut sync = Sync { now, flags: Vec::new(), sql_changes: Vec::new() };
        for row in rows {
            // A name that is no flag key can have no policy: nobody would ask for it.
            let Ok(flag) = row.flag.parse::<FlagKey>() else { continue };
            let percent = percent(row.percent)?;
            match (row.id, row.db_role, row.changed_at) {
                (Some(id), Some(db_role), Some(changed_at)) => {
                    sync.sql_changes.push(SqlChange { id, flag, percent, db_role, changed_at });
                }
                _ => sync.flags.push(FlagRow { flag, percent }),
            }
        }
        sync.sql_changes.sort_by_key(|change| change.id);
        Ok(sync)
    }

    /// Brings the flag's row in line with its rollout where nobody holds the row locked.
    pub async fn mirror_flag(&self, flag: &FlagKey) -> Result<(), StoreError> {
        sqlx::query!("select rampart.mirror_flag($1)", flag.as_str()).fetch_one(&self.pools.guard).await?;
        Ok(())
    }

    /// Marks statements as seen where following them changes nothing.
    pub async fn settle_sql_changes(&self, ids: &[i64]) -> Result<(), StoreError> {
        sqlx::query!("update rampart.sql_changes set handled_at = now() where id = any($1)", ids)
            .execute(&self.pools.guard)
            .await?;
        Ok(())
    }
}

/// A percent out of the database's basis points.
pub(super) fn percent(basis_points: i32) -> Result<Percent, StoreError> {
    u16::try_from(basis_points)
        .ok()
        .and_then(|basis_points| Percent::from_basis_points(basis_points).ok())
        .ok_or_else(|| StoreError::Unreadable(format!("{basis_points} basis points")))
}
