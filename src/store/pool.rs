//! One pool of connections, straight to the server or through a pooler.
//!
//! Behind a pooler in transaction mode, the next transaction may run in another session of the server. What a session
//! would remember is therefore said anew at the beginning of every transaction: the role, the limits of time. And no
//! statement stands outside of a transaction, because sqlx parses it in one exchange and binds it in the next; between
//! the two, the pooler would hand the session to somebody else. Statements have names, which a session keeps when its
//! client has moved on, so a transaction begins by forgetting them; see docs/decisions/0007-pooler.md.

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use sqlx::postgres::{PgPool, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{AssertSqlSafe, Describe, Either, Error, Execute, Executor, PgTransaction, Postgres, SqlStr};
use std::sync::Arc;

/// A pool whose statements run as the application's role, within the pool's limits of time.
///
/// An executor of sqlx. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Pool {
    connections: PgPool,
    /// How a transaction begins where sessions are not our own.
    begin: Option<Arc<str>>,
}

impl Pool {
    /// Connections that are sessions of our own, prepared when they were opened.
    pub(super) fn direct(connections: PgPool) -> Self {
        Self { connections, begin: None }
    }

    /// Connections to a pooler in transaction mode; `settings` are (name, value) pairs of each transaction.
    pub(super) fn pooled(connections: PgPool, settings: &[(&str, &str)]) -> Self {
        let begin = settings.iter().fold("begin; deallocate all".to_owned(), |begin, (name, value)| {
            begin + &format!("; set local {name} = '{value}'")
        });
        Self { connections, begin: Some(begin.into()) }
    }

    /// Begins a transaction.
    pub async fn begin(&self) -> Result<PgTransaction<'static>, Error> {
        match &self.begin {
            None => self.connections.begin().await,
            // One message, so one round trip; it is made of the constants of `pools` alone.
            Some(begin) => self.connections.begin_with(AssertSqlSafe(begin.clone())).await,
        }
    }

    /// Whether a connection can be had, and answers.
    pub(super) async fn answers(&self) -> bool {
        self.connections.acquire().await.is_ok()
    }

    /// Waits for what is under way, and closes every connection.
    pub(super) async fn close(&self) {
        self.connections.close().await;
    }
}

impl<'p> Executor<'p> for &'_ Pool {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(self, query: E) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        if self.begin.is_none() {
            return (&self.connections).fetch_many(query);
        }
        let pool = self.clone();
        // Nobody hears of a row before its transaction is committed.
        let committed = async move {
            let mut transaction = pool.begin().await?;
            let steps: Vec<_> = transaction.fetch_many(query).try_collect().await?;
            transaction.commit().await?;
            Ok::<_, Error>(stream::iter(steps.into_iter().map(Ok)))
        };
        stream::once(committed).try_flatten().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        if self.begin.is_none() {
            return (&self.connections).fetch_optional(query);
        }
        let pool = self.clone();
        Box::pin(async move {
            let mut transaction = pool.begin().await?;
            let row = transaction.fetch_optional(query).await?;
            transaction.commit().await?;
            Ok(row)
        })
    }

    fn prepare_with<'e>(self, sql: SqlStr, parameters: &'e [PgTypeInfo]) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        'p: 'e,
    {
        (&self.connections).prepare_with(sql, parameters)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, Error>>
    where
        'p: 'e,
    {
        (&self.connections).describe(sql)
    }
}
