//! The database under test, read as any client would. Whatever it is, nothing of ours is expected to be there:
//! each statement answers rows, or a text that says why not.

use anyhow::Context;
use serde_json::Value;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection};
use std::str::FromStr;
use std::time::Duration;
use tokio::sync::Mutex;
use uuid::Uuid;

/// How long connecting may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// The runner reads, and never for long: a gate must not be the outage it looks for. Set within each
/// transaction, because a pooler may hand every one of them to another connection.
const SETTINGS: &str = "set transaction read only; set local statement_timeout = '60s'";
/// A login that sees only some rows gets an error instead of a proof about those.
const UNFILTERED: &str = "set local row_security = off";
/// As a platform's gateway does it for a user.
const CLAIMS: &str = "select set_config('request.jwt.claims', \
    json_build_object('sub', $1::text, 'role', 'authenticated')::text, true)";

/// A statement whose rows come as JSON objects.
macro_rules! rows {
    ($sql:literal) => {
        concat!("select coalesce(json_agg(t), '[]'::json) from (", $sql, ") t")
    };
}
pub(super) use rows;

/// A connection, or why there is none.
#[derive(Debug)]
pub(crate) struct Database(Result<Mutex<PgConnection>, String>);

impl Database {
    /// No database, and why.
    pub(crate) fn none(why: impl Into<String>) -> Self {
        Self(Err(why.into()))
    }

    /// Connects to `url`. A failure is kept, and told to every check that asks.
    pub(crate) async fn connect(url: &str) -> Self {
        let connecting = async {
            let options = PgConnectOptions::from_str(url).context("DATABASE_URL")?;
            // Poolers that hand out connections by the transaction cannot keep prepared statements.
            let options = options.statement_cache_capacity(0).disable_statement_logging();
            let connected = tokio::time::timeout(PATIENCE, options.connect()).await;
            anyhow::Ok(connected.context("no answer in time")??)
        };
        Self(connecting.await.map(Mutex::new).map_err(|error| format!("no SQL connection: {error:#}")))
    }

    /// The rows of a statement made by [`rows!`], with text parameters.
    pub(super) async fn rows(&self, sql: &'static str, parameters: &[&str]) -> Result<Vec<Value>, String> {
        self.read(None, sql, parameters).await
    }

    /// The rows that `user` sees: as the role `authenticated`, under the policies.
    pub(super) async fn rows_seen_by(
        &self,
        user: Uuid,
        sql: &'static str,
        parameters: &[&str],
    ) -> Result<Vec<Value>, String> {
        self.read(Some(user), sql, parameters).await
    }

    async fn read(&self, user: Option<Uuid>, sql: &'static str, parameters: &[&str]) -> Result<Vec<Value>, String> {
        let mut connection = self.0.as_ref().map_err(Clone::clone)?.lock().await;
        let reading = async {
            let mut transaction = connection.begin().await?;
            transaction.execute(sqlx::raw_sql(SETTINGS)).await?;
            match user {
                None => {
                    transaction.execute(sqlx::raw_sql(UNFILTERED)).await?;
                }
                Some(user) => {
                    sqlx::query(CLAIMS).bind(user.to_string()).execute(&mut *transaction).await?;
                    transaction.execute(sqlx::raw_sql("set local role authenticated")).await?;
                }
            }
            let query = parameters
                .iter()
                .fold(sqlx::query_scalar::<_, Value>(sql), |query, value| query.bind((*value).to_owned()));
            let rows = query.fetch_one(&mut *transaction).await?;
            transaction.rollback().await?;
            Ok::<_, sqlx::Error>(rows)
        };
        match reading.await {
            Ok(Value::Array(rows)) => Ok(rows),
            Ok(_) => Err("SQL: expected rows".to_owned()),
            Err(error) => Err(format!("SQL: {error}")),
        }
    }

    /// The one row of a statement, if there is one.
    pub(super) async fn row(&self, sql: &'static str, parameters: &[&str]) -> Result<Option<Value>, String> {
        Ok(self.rows(sql, parameters).await?.into_iter().next())
    }

    /// The number in column `n` of the first row.
    pub(super) async fn number(&self, sql: &'static str, parameters: &[&str]) -> Result<i64, String> {
        let row = self.row(sql, parameters).await?;
        row.as_ref().and_then(|row| row["n"].as_i64()).ok_or_else(|| "SQL: expected a number".to_owned())
    }

    /// Which database this is: its name, and what tells its cluster from others as far as the login may see.
    pub(super) async fn identity(&self) -> Value {
        let named =
            rows!("select current_database() as name, host(inet_server_addr()) as address, inet_server_port() as port");
        let system = rows!("select system_identifier::text as system from pg_catalog.pg_control_system()");
        let mut identity = self.row(named, &[]).await.ok().flatten().unwrap_or_default();
        let system = self.row(system, &[]).await.ok().flatten().map(|row| row["system"].clone());
        if let (Some(identity), Some(system)) = (identity.as_object_mut(), system) {
            identity.insert("system_identifier".to_owned(), system);
        }
        identity
    }

    /// Whether a yacht is flagged as made for tests. One that is not there, or whose table has no such column,
    /// is not.
    pub(crate) async fn is_for_tests(&self, yacht: Uuid) -> Result<bool, String> {
        let flagged = rows!(
            "select coalesce((to_jsonb(y) ->> 'is_test')::boolean, false) as is_test
             from public.yachts y where y.id = $1::uuid"
        );
        Ok(self.row(flagged, &[&yacht.to_string()]).await?.is_some_and(|row| row["is_test"] == true))
    }
}
