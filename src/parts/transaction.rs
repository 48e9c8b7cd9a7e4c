//! Transactions as the user, and what is tried again.

use crate::store::{PARTS_CONNECTIONS, Pool};
use serde_json::Value;
use sqlx::postgres::{PgArguments, PgTransaction};
use sqlx::query::QueryScalar;
use sqlx::{Error, Postgres};
use std::time::Duration;

/// How often a write is tried that loses against others.
const WRITE_TRIES: u32 = 4;
/// The pause before the second try of a write; the third waits twice as long, and so on.
const WRITE_PAUSE: Duration = Duration::from_millis(5);

/// Begins a transaction as the database role `authenticated` with the user's claims: row level security
/// decides what its statements see.
pub(super) async fn begin(pool: &Pool, claims: &str) -> Result<PgTransaction<'static>, Error> {
    on_a_living_connection(|| begin_as_user(pool, claims)).await
}

/// Begins with another connection where one turns out to be dead, as often as the pool may hold dead ones. Until a
/// transaction has begun nothing is asked for and nothing written.
pub(super) async fn on_a_living_connection<T, F: Future<Output = Result<T, Error>>>(
    begin: impl Fn() -> F,
) -> Result<T, Error> {
    for _ in 0..PARTS_CONNECTIONS {
        match begin().await {
            Err(error) if is_lost(&error) => {}
            outcome => return outcome,
        }
    }
    begin().await
}

async fn begin_as_user(pool: &Pool, claims: &str) -> Result<PgTransaction<'static>, Error> {
    let mut transaction = pool.begin().await?;
    sqlx::query!(
        "select set_config('role', 'authenticated', true) as role, set_config('request.jwt.claims', $1, true) as claims",
        claims
    )
    .fetch_one(&mut *transaction)
    .await?;
    Ok(transaction)
}

/// One call of the write path, in a transaction of its own; again where it lost against another.
pub(super) async fn write<'q>(
    pool: &Pool,
    claims: &str,
    call: impl Fn() -> QueryScalar<'q, Postgres, Value, PgArguments>,
) -> Result<Value, Error> {
    let call = &call;
    retry_write(|| async move {
        let mut transaction = begin(pool, claims).await?;
        let answer = call().fetch_one(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(answer)
    })
    .await
}

/// Runs a read, and once more where its connection was lost.
pub(super) async fn retry_read<T, F: Future<Output = Result<T, Error>>>(run: impl Fn() -> F) -> Result<T, Error> {
    match run().await {
        Err(error) if is_lost(&error) => run().await,
        outcome => outcome,
    }
}

/// Runs a write, and again where it lost against another transaction: then it has changed nothing.
pub(super) async fn retry_write<T, F: Future<Output = Result<T, Error>>>(run: impl Fn() -> F) -> Result<T, Error> {
    for tried in 1..WRITE_TRIES {
        match run().await {
            Err(error) if is_conflict(&error) => tokio::time::sleep(WRITE_PAUSE * tried).await,
            outcome => return outcome,
        }
    }
    run().await
}

/// Whether the connection broke, rather than that none could be had.
fn is_lost(error: &Error) -> bool {
    !matches!(error, Error::PoolTimedOut | Error::PoolClosed) && crate::store::is_unavailable(error)
}

/// Serialization failure or deadlock.
fn is_conflict(error: &Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()).unwrap_or_default();
    code == "40001" || code == "40P01"
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn broken() -> Error {
        Error::Io(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
    }

    #[tokio::test]
    async fn a_read_is_tried_once_more_on_a_lost_connection_and_never_twice() {
        let tries = AtomicU32::new(0);
        let run = || async { if tries.fetch_add(1, Ordering::Relaxed) == 0 { Err(broken()) } else { Ok(7) } };
        assert_eq!(retry_read(run).await.expect("the second try"), 7);
        let tries = AtomicU32::new(0);
        let run = || async {
            tries.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(broken())
        };
        assert!(retry_read(run).await.is_err());
        assert_eq!(tries.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn what_is_no_conflict_is_not_tried_again() {
        let tries = AtomicU32::new(0);
        let run = || async {
            tries.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(broken())
        };
        assert!(retry_write(run).await.is_err());
        assert_eq!(tries.load(Ordering::Relaxed), 1);
    }
}
