//! Sees a percent become committed, over database connections of its own.

use crate::daemon::Daemon;
use rampart::clock::{Stopwatch, monotonic};
use sqlx::postgres::PgListener;
use sqlx::{Connection, PgConnection};
use std::time::{Duration, Instant};

/// Every step of a rollout is announced here when it is committed.
const CHANNEL: &str = "rampart";
/// How long the watcher sleeps without an announcement before it looks all the same.
const NAP: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Watcher {
    listener: PgListener,
    reader: PgConnection,
}

impl Watcher {
    pub(crate) async fn new(daemon: &Daemon) -> Self {
        let mut listener = PgListener::connect(daemon.owner_url()).await.unwrap();
        listener.listen(CHANNEL).await.unwrap();
        Self { listener, reader: PgConnection::connect(daemon.owner_url()).await.unwrap() }
    }

    /// The moment at which `feature_flags` was seen to say `percent`: woken by the announcement, it reads.
    pub(crate) async fn until(&mut self, percent: f64) -> Instant {
        let watch = Stopwatch::start();
        loop {
            let committed: f64 = sqlx::query_scalar(
                "select canary_percentage::float8 from feature_flags where flag_name = 'part_lens_v2'",
            )
            .fetch_one(&mut self.reader)
            .await
            .unwrap();
            if committed == percent {
                return monotonic();
            }
            assert!(watch.elapsed() < PATIENCE, "waited in vain for {percent} %, it is {committed} %");
            // Silence is an answer too: then it looks anyway.
            let _ = tokio::time::timeout(NAP, self.listener.recv()).await;
        }
    }

    /// The same in a task of its own, so that nobody else's work delays it.
    pub(crate) fn watch(mut self, percent: f64) -> tokio::task::JoinHandle<(Self, Instant)> {
        tokio::spawn(async move {
            let seen = self.until(percent).await;
            (self, seen)
        })
    }
}

/// Milliseconds from `from` to `to`; 0 where `to` came first.
pub(crate) fn millis(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64() * 1000.0
}
