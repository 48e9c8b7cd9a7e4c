//! The schema, embedded, and the demo's seeds.

use super::StoreError;
use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor};
use std::str::FromStr;

/// A database may be ahead of us: the release before this one must start on the schema of the next, or nobody could
/// go back. Expand and contract keeps it working there.
static MIGRATIONS: Migrator = Migrator { ignore_missing: true, ..sqlx::migrate!("./migrations") };
const SEEDS: &str = include_str!("../../migrations/seeds/demo.sql");

/// Brings the database at `url` to this version's schema, under a lock so that two daemons may try at
/// once. Needs the rights of the database's owner. Answers how many migrations were new.
pub async fn migrate(url: &str) -> Result<usize, StoreError> {
    let mut connection = PgConnectOptions::from_str(url)?.disable_statement_logging().connect().await?;
    let before = applied(&mut connection).await;
    MIGRATIONS.run(&mut connection).await.map_err(|error| StoreError::Unreadable(format!("migration: {error}")))?;
    let after = applied(&mut connection).await;
    connection.close().await?;
    Ok(after.saturating_sub(before))
}

/// Puts the demo's yachts, people and parts into the database at `url`; twice does no harm.
pub async fn seed(url: &str) -> Result<(), StoreError> {
    let mut connection = PgConnectOptions::from_str(url)?.disable_statement_logging().connect().await?;
    connection.execute(sqlx::raw_sql(SEEDS)).await?;
    connection.close().await?;
    Ok(())
}

/// How many migrations the database has; none where it never had any.
async fn applied(connection: &mut sqlx::PgConnection) -> usize {
    sqlx::query_scalar::<_, i64>("select count(*) from _sqlx_migrations where success")
        .fetch_one(connection)
        .await
        .ok()
        .and_then(|count| usize::try_from(count).ok())
        .unwrap_or(0)
}
