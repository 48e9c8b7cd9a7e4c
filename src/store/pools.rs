//! Connections, in separate pools, so that nothing the canary does can starve the guard.

use super::StoreError;
use super::pool::Pool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};
use std::str::FromStr;
use std::time::Duration;

/// The database role of everything the daemon does: no superuser, and bound by row level security.
const ROLE: &str = "rampart_app";
/// How long a transaction may wait for us.
const IDLE_IN_TRANSACTION: &str = "1s";

/// What stands between the daemon and the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Pooler {
    /// Nothing, or something that gives every connection a session of its own.
    #[default]
    None,
    /// A pooler that gives out sessions by the transaction, such as PgBouncer's transaction mode.
    Transaction,
}

/// How the database is reached.
#[derive(Clone, Debug)]
pub struct Reach {
    /// Where most connections go.
    pub url: String,
    /// Straight to the server, for what needs sessions: listening, and the guard, whom a full pooler must not stop.
    pub direct: String,
    /// What `url` leads through.
    pub pooler: Pooler,
}

/// One pool for each kind of work.
#[derive(Clone, Debug)]
pub struct Pools {
    /// Decisions: the loop and the brake.
    pub guard: Pool,
    /// Measurements: sweeps, probes, slots.
    pub signals: Pool,
    /// The ops API's reads and orders.
    pub ops: Pool,
    /// Reads of the parts API through the old lens.
    pub parts_v1: Pool,
    /// Reads of the parts API through the new lens.
    pub parts_v2: Pool,
    /// Writes of the parts API.
    pub parts_write: Pool,
    /// Whether the database answers; apart, so that nobody who asks often keeps others waiting.
    health: Pool,
    /// Straight to the database, for the one connection that listens.
    pub options: PgConnectOptions,
}

/// How long a connection may take to show that it lives when it is given back.
const GIVEN_BACK: Duration = Duration::from_secs(1);

/// How long a connection that was given back is taken to live. Trying each costs every request a round trip.
const FRESH: Duration = Duration::from_millis(250);

/// How one pool differs from another.
struct Kind {
    connections: u32,
    acquire: Duration,
    statement_timeout: &'static str,
    lock_timeout: &'static str,
    /// Whether a connection that has lain idle is tried before it is used. The guard's are tried when they are given
    /// back instead: its every step is tried again anyway, and a rollback is spared a round trip.
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
/// Connections of each pool of the parts API.
pub(crate) const PARTS_CONNECTIONS: u32 = 8;
const PARTS: Kind = Kind {
    connections: PARTS_CONNECTIONS,
    acquire: Duration::from_secs(5),
    statement_timeout: "10s",
    lock_timeout: "5s",
    tried: true,
};

impl Pools {
    /// Opens the pools lazily: nothing is connected before it is used.
    pub fn open(reach: &Reach) -> Result<Self, StoreError> {
        let options = |url: &str| -> Result<PgConnectOptions, StoreError> {
            Ok(PgConnectOptions::from_str(url)?.application_name("rampart").disable_statement_logging())
        };
        let (direct, usual) = (options(&reach.direct)?, options(&reach.url)?);
        let open = |kind: &Kind| match reach.pooler {
            Pooler::None => open_direct(&usual, kind),
            Pooler::Transaction => open_pooled(&usual, kind),
        };
        Ok(Self {
            guard: open_direct(&direct, &GUARD),
            signals: open(&SIGNALS),
            ops: open(&OPS),
            parts_v1: open(&PARTS),
            parts_v2: open(&PARTS),
            parts_write: open(&PARTS),
            health: open_direct(&direct, &HEALTH),
            options: direct,
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
        self.health.answers().await
    }
}

/// Sessions of our own: role and limits are set once, when one is opened.
fn open_direct(options: &PgConnectOptions, kind: &Kind) -> Pool {
    let options = options.clone().options([
        ("statement_timeout", kind.statement_timeout),
        ("lock_timeout", kind.lock_timeout),
        ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION),
        ("tcp_user_timeout", "2s"),
    ]);
    let pool = kind.pool().after_connect(|connection, _| {
        Box::pin(async move { connection.execute(AssertSqlSafe(format!("set role {ROLE}"))).await.map(drop) })
    });
    let pool = if kind.tried { pool } else { pool.after_release(|connection, _| Box::pin(answers(connection))) };
    Pool::direct(pool.connect_lazy_with(options))
}

/// Sessions that are ours for one transaction: nothing is asked for when connecting, because a pooler refuses what it
/// does not know, and no statement is kept for later.
fn open_pooled(options: &PgConnectOptions, kind: &Kind) -> Pool {
    let options = options.clone().extra_float_digits(None).statement_cache_capacity(0);
    Pool::pooled(
        kind.pool().connect_lazy_with(options),
        &[
            ("role", ROLE),
            ("statement_timeout", kind.statement_timeout),
            ("lock_timeout", kind.lock_timeout),
            ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION),
        ],
    )
}

impl Kind {
    fn pool(&self) -> PgPoolOptions {
        PgPoolOptions::new()
            .max_connections(self.connections)
            .acquire_timeout(self.acquire)
            .test_before_acquire(false)
            .before_acquire({
                let tried = self.tried;
                move |connection, about| {
                    Box::pin(async move {
                        if tried && about.idle_for > FRESH {
                            connection.ping().await?;
                        }
                        Ok(true)
                    })
                }
            })
    }
}

/// A host that vanished never answers; without a limit its connection would never be given back, and the
/// guard has only two.
async fn answers(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let answered = tokio::time::timeout(GIVEN_BACK, connection.ping()).await;
    answered.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map(|()| true)
}
