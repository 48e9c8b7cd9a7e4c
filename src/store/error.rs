//! What can go wrong between the daemon and its database.

use sqlx::postgres::{PgDatabaseError, PgSeverity};

/// Why a statement had no effect.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another replica holds the lease now, or a rollback took the next fence.
    #[error("the lease was lost")]
    LeaseLost,
    /// The rollout changed since it was read; read again and decide again.
    #[error("the rollout changed meanwhile")]
    Stale,
    /// Somebody holds a lock for longer than we wait.
    #[error("somebody holds the row locked")]
    Locked,
    /// A stored value does not mean anything to this version.
    #[error("cannot read what is stored: {0}")]
    Unreadable(String),
    /// The database cannot be reached, or refused the statement.
    #[error("database: {0}")]
    Database(sqlx::Error),
}

impl StoreError {
    /// Whether the database could not be reached at all.
    pub fn is_unavailable(&self) -> bool {
        match self {
            StoreError::Database(error) => is_unavailable(error),
            StoreError::LeaseLost | StoreError::Stale | StoreError::Locked | StoreError::Unreadable(_) => false,
        }
    }
}

/// Whether an error means that the database is away rather than that it refused the statement.
pub fn is_unavailable(error: &sqlx::Error) -> bool {
    let lost = matches!(
        error,
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed
    );
    // FATAL and PANIC end or refuse the connection itself: shut down, starting up, too many, closed to all.
    let refusal = error.as_database_error().and_then(|refusal| refusal.try_downcast_ref::<PgDatabaseError>());
    lost || refusal.is_some_and(|refusal| matches!(refusal.severity(), PgSeverity::Fatal | PgSeverity::Panic))
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let code = error.as_database_error().and_then(|refusal| refusal.code()).unwrap_or_default();
        match code.as_ref() {
            "RP001" => StoreError::LeaseLost,
            // A unique violation is the same story told by an index: somebody was there first.
            "RP002" | "23505" => StoreError::Stale,
            // 55P03: the lock was not to be had in time; 57014: the statement took too long.
            "55P03" | "57014" => StoreError::Locked,
            _ => StoreError::Database(error),
        }
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        StoreError::Unreadable(error.to_string())
    }
}
