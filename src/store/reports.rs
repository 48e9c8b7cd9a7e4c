//! What people report.

use super::{Store, StoreError};
use rampart_core::{FlagKey, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

/// How many reports of one person on board may wait for somebody to look at them.
pub const CREW_REPORTS_MAX: i64 = 20;

/// For how many minutes the same report by the same reporter is the first one once more: a button pressed twice.
const SAME_MINUTES: i32 = 10;

/// What a report is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum ReportKind {
    /// Somebody saw wrong data: rolls back.
    #[value(name = "data_inconsistency")]
    DataInconsistency,
    /// Anything else: holds.
    Other,
}

impl ReportKind {
    /// The name used on the wire and in the table.
    pub const fn name(self) -> &'static str {
        match self {
            ReportKind::DataInconsistency => "data_inconsistency",
            ReportKind::Other => "other",
        }
    }
}

/// A report.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Report)]
pub struct ReportRow {
    /// Its identity.
    pub id: Uuid,
    /// `data_inconsistency` or `other`.
    #[schema(value_type = ReportKind)]
    pub kind: String,
    /// What was said.
    pub text: String,
    /// Who said it.
    pub reporter: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// When an operator dismissed it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub dismissed_at: Option<Timestamp>,
    /// Who dismissed it.
    pub dismissed_by: Option<String>,
    /// Why.
    pub dismiss_reason: Option<String>,
}

impl Store {
    /// Keeps a report. The same once more by the same reporter, within [`SAME_MINUTES`] and while it is open, is the
    /// first one.
    pub async fn add_report(
        &self,
        flag: &FlagKey,
        kind: ReportKind,
        text: &str,
        reporter: &str,
    ) -> Result<Uuid, StoreError> {
        let mut transaction = self.pools.ops.begin().await?;
        if let Some(same) = same_report(&mut transaction, flag, kind, text, reporter).await? {
            return Ok(same);
        }
        let id = Uuid::now_v7();
        sqlx::query!(
            "insert into rampart.reports (id, flag, kind, text, reporter) values ($1, $2, $3, $4, $5)",
            id,
            flag.as_str(),
            kind.name(),
            text,
            reporter
        )
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(id)
    }

    /// Keeps a report by somebody on board, as [`Store::add_report`] does, unless `user` has filed [`CREW_REPORTS_MAX`]
    /// within an hour that nobody has dismissed yet: then none.
    pub async fn add_crew_report(
        &self,
        flag: &FlagKey,
        kind: ReportKind,
        text: &str,
        user: &str,
        about: &str,
    ) -> Result<Option<Uuid>, StoreError> {
        let mut transaction = self.pools.parts_write.begin().await?;
        if let Some(same) = same_report(&mut transaction, flag, kind, text, &format!("{user}{about}")).await? {
            return Ok(Some(same));
        }
        let filed = sqlx::query_scalar!(
            "insert into rampart.reports (id, flag, kind, text, reporter)
             select $1, $2, $3, $4, $5 || $6
             where $7 > (
                 select count(*) from rampart.reports
                 where flag = $2 and dismissed_at is null and at > now() - interval '1 hour' and starts_with(reporter, $5)
             )
             returning id",
            Uuid::now_v7(),
            flag.as_str(),
            kind.name(),
            text,
            user,
            about,
            CREW_REPORTS_MAX
        )
        .fetch_optional(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(filed)
    }

    /// The newest 200 reports of a flag.
    pub async fn reports(&self, flag: &FlagKey) -> Result<Vec<ReportRow>, StoreError> {
        let rows = sqlx::query_as!(
            ReportRow,
            "select id, kind, text, reporter, at, dismissed_at, dismissed_by, dismiss_reason
             from rampart.reports where flag = $1 order by at desc limit 200",
            flag.as_str()
        )
        .fetch_all(&self.pools.ops)
        .await?;
        Ok(rows)
    }

    /// Takes a report out of the count. False where there is no such open report.
    pub async fn dismiss_report(&self, flag: &FlagKey, id: Uuid, by: &str, reason: &str) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "update rampart.reports set dismissed_at = now(), dismissed_by = $3, dismiss_reason = $4
             where flag = $1 and id = $2 and dismissed_at is null",
            flag.as_str(),
            id,
            by,
            reason
        )
        .execute(&self.pools.ops)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Open reports since `since`: (data inconsistencies, others).
    pub async fn open_reports(&self, flag: &FlagKey, since: Timestamp) -> Result<(i64, i64), StoreError> {
        let row = sqlx::query!(
            r#"select count(*) filter (where kind = 'data_inconsistency') as "inconsistencies!",
                      count(*) filter (where kind = 'other') as "others!"
               from rampart.reports where flag = $1 and at >= $2 and dismissed_at is null"#,
            flag.as_str(),
            since
        )
        .fetch_one(&self.pools.signals)
        .await?;
        Ok((row.inconsistencies, row.others))
    }
}

/// The open report that says the same, where there is one. Whoever files with the same reporter waits for its turn, so
/// that of two at once one is the first.
async fn same_report(
    connection: &mut PgConnection,
    flag: &FlagKey,
    kind: ReportKind,
    text: &str,
    reporter: &str,
) -> Result<Option<Uuid>, StoreError> {
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended('rampart.reports ' || $1, 0))", reporter)
        .fetch_one(&mut *connection)
        .await?;
    let same = sqlx::query_scalar!(
        "select id from rampart.reports
         where flag = $1 and reporter = $2 and kind = $3 and text = $4 and dismissed_at is null
           and at > now() - make_interval(mins => $5)
         order by at limit 1",
        flag.as_str(),
        reporter,
        kind.name(),
        text,
        SAME_MINUTES
    )
    .fetch_optional(&mut *connection)
    .await?;
    Ok(same)
}
