//! Questions that policies ask in SQL.

use super::{Store, StoreError};
use sqlx::{Connection, PgConnection};

/// What a question was answered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Asked {
    /// One row of one number.
    Number(f64),
    /// One row of one null.
    Null,
    /// NaN or infinite.
    NotFinite,
    /// Nothing.
    NoRow,
    /// More than one row.
    SeveralRows,
    /// No column, or more than one.
    Columns,
    /// Text, a truth value, a document.
    NotANumber,
}

/// Asks questions, one after the other, over a connection of its own: what a text may leave behind in a session, such
/// as a lock, ends with the round.
#[derive(Debug)]
pub struct Questions {
    connection: PgConnection,
}

impl Store {
    /// Opens a round of questions.
    pub async fn questions(&self) -> Result<Questions, StoreError> {
        let limits =
            [("statement_timeout", "3s"), ("lock_timeout", "1s"), ("idle_in_transaction_session_timeout", "1s")];
        let options = self.pools.options.clone().options(limits);
        let mut connection = PgConnection::connect_with(&options).await?;
        sqlx::query!("select set_config('role', 'rampart_app', false) as role").fetch_one(&mut connection).await?;
        Ok(Questions { connection })
    }
}

impl Questions {
    /// Asks one, in a read-only transaction that is rolled back; see `rampart.ask` in the migrations for whose name it
    /// is asked in.
    pub async fn ask(&mut self, text: &str) -> Result<Asked, StoreError> {
        let mut transaction = self.connection.begin().await?;
        sqlx::query!("select set_config('transaction_read_only', 'on', true) as read_only")
            .fetch_one(&mut *transaction)
            .await?;
        let row = sqlx::query!(r#"select outcome as "outcome!", answer from rampart.ask($1)"#, text)
            .fetch_one(&mut *transaction)
            .await?;
        transaction.rollback().await?;
        Ok(match (row.outcome.as_str(), row.answer) {
            ("number", Some(number)) => Asked::Number(number),
            ("null", _) => Asked::Null,
            ("not_finite", _) => Asked::NotFinite,
            ("no_row", _) => Asked::NoRow,
            ("several_rows", _) => Asked::SeveralRows,
            ("columns", _) => Asked::Columns,
            _ => Asked::NotANumber,
        })
    }

    /// Ends the round.
    pub async fn close(self) -> Result<(), StoreError> {
        Ok(self.connection.close().await?)
    }
}
