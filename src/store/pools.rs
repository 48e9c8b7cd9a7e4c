//! Connections, in separate pools, so that nothing the canary does can starve the guard.

use super::StoreError;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, Executor, PgConnection};
use std::str::FromStr;
use std::time::Duration;

/// The database role of everything the daemon does: no superuser, and bound by row level security.
const ROLE: &str = "set role rampart_app";

/// One pool for each kind of work.
#[derive(Clone, Debug)]
pub struct Pools {
    /// Decisions: the loop and the brake.
    pub guard: PgPool,
    /// Measurements: sweeps, probes, slots.
    pub signals: PgPool,
    /// The ops API's reads and orders.
    pub ops: PgPool,
    /// Reads of the parts API through the old lens.
    pub parts_v1: PgPool,
    /// Reads of the parts API through the new lens.
    pub parts_v2: PgPool,
    /// Writes of the parts API.
    pub parts_write: PgPool,
    /// Whether the database answers; apart, so that nobody who asks often keeps others waiting.
    health: PgPool,
    /// How to reach the database, for the one connection that listens.
    pub options: PgConnectOptions,
}

/// How long a connection may take to show that it lives when it is given back.
const GIVEN_BACK: Duration = Duration::from_secs(1);

/// How one pool differs from another.
struct Kind {
    connections: u32,
    acquire: Duration,
    statement_timeout: &'static str,
    lock_timeout: &'static str,
    /// Whether a connection is tried before it is used. The guard's are tried when they are given back instead:
    /// its every step is tried again anyway, and a rollback is spared a round trip.
    tried: bool,
}

const GUARD: Kind = Kind {
    connections: 2,
    acquire: Duration::from_secs(1),
    statement_timeout: "2s",
    lock_timeout: "50ms",
    tried: false,
};
const SIGNALS: Kind =
    Kind { connections: 3, acquire: Duration::from_secs(2), statement_timeout: "5s", lock_timeout: "1s", tried: true };
const OPS: Kind = Kind {
    connections: 3,
    acquire: Duration::from_secs(2),
    statement_timeout: "5s",
    lock_timeout: "50ms",
    tried: true,
};
const HEALTH: Kind =
    Kind { connections: 2, acquire: Duration::from_secs(1), statement_timeout: "1s", lock_timeout: "1s", tried: true };
const PARTS: Kind =
    Kind { connections: 8, acquire: Duration::from_secs(5), statement_timeout: "10s", lock_timeout: "5s", tried: true };

impl Pools {
    /// Opens the pools lazily: nothing is connected before it is used.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url)?.application_name("rampart").disable_statement_logging();
        Ok(Self {
            guard: open(&options, &GUARD),
            signals: open(&options, &SIGNALS),
            ops: open(&options, &OPS),
            parts_v1: open(&options, &PARTS),
            parts_v2: open(&options, &PARTS),
            parts_write: open(&options, &PARTS),
            health: open(&options, &HEALTH),
            options,
        })
    }

    /// Closes every pool, waiting for what is under way.
    pub async fn close(&self) {
        let pools =
            [&self.guard, &self.signals, &self.ops, &self.parts_v1, &self.parts_v2, &self.parts_write, &self.health];
        for pool in pools {
            pool.close().await;
        }
    }

    /// Whether the database answers.
    pub async fn answers(&self) -> bool {
        self.health.acquire().await.is_ok()
    }
}

fn open(options: &PgConnectOptions, kind: &Kind) -> PgPool {
    let options = options.clone().options([
        ("statement_timeout", kind.statement_timeout),
        ("lock_timeout", kind.lock_timeout),
        ("idle_in_transaction_session_timeout", "1s"),
        ("tcp_user_timeout", "2s"),
    ]);
    let pool = PgPoolOptions::new()
        .max_connections(kind.connections)
        .acquire_timeout(kind.acquire)
        .test_before_acquire(kind.tried)
        .after_connect(|connection, _| Box::pin(async move { connection.execute(ROLE).await.map(drop) }));
    let pool = if kind.tried { pool } else { pool.after_release(|connection, _| Box::pin(answers(connection))) };
    pool.connect_lazy_with(options)
}

/// A host that vanished never answers; without a limit its connection would never be given back, and the
/// guard has only two.
async fn answers(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let answered = tokio::time::timeout(GIVEN_BACK, connection.ping()).await;
    answered.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map(|()| true)
}
