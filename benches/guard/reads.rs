//! The low-stock report, read by ten at a time, through either lens.

use crate::Amount;
use crate::daemon::Daemon;
use crate::progress::Progress;
use crate::table::{Table, Target};
use crate::watcher::millis;
use crate::wire::Connection;
use rampart::clock::Stopwatch;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const CLIENTS: usize = 10;
/// Read before the first that counts: connections are made, plans and people are remembered.
const WARM_UP: usize = 500;

pub(crate) async fn measure(daemon: &Daemon, amount: Amount, table: &mut Table) {
    let reads = Arc::new(daemon.low_stock_reads(100).await);
    read(daemon, &reads, WARM_UP, false).await;
    let old = read(daemon, &reads, amount.v1_reads, false).await;
    old.add_to(table, "low-stock read, 10 at a time, at 0 %: old lens");

    daemon.begin(&mut daemon.connect().await, &daemon.low_stock_reads(5).await[0]).await;
    daemon.order("stage", json!({ "percent": 100, "reason": "bench" })).await;
    read(daemon, &reads, WARM_UP, true).await;
    let new = read(daemon, &reads, amount.v2_reads, true).await;
    new.add_to(table, "low-stock read, 10 at a time, at 100 %: new lens");
    daemon.order("rollback", json!({ "reason": "bench" })).await;
    let resident = vec![daemon.process.resident_megabytes()];
    table.add("memory of the daemon after these reads", "MB", resident, Target::None);
}

struct Outcome {
    millis: Vec<f64>,
    failed: usize,
    took: Duration,
}

impl Outcome {
    fn add_to(self, table: &mut Table, figure: &str) {
        let rate = self.millis.len() as f64 / self.took.as_secs_f64();
        let failed = vec![self.failed as f64];
        let count = self.millis.len();
        table.add(&format!("{figure} ({rate:.0} a second)"), "ms", self.millis, Target::P95(10.0));
        table.add(&format!("5xx among these {count} reads"), "", failed, Target::Max(0.0));
    }
}

/// Reads `count` times, everybody in turn, and expects the lens.
async fn read(daemon: &Daemon, reads: &Arc<Vec<Vec<u8>>>, count: usize, v2: bool) -> Outcome {
    let (next, watch) = (Arc::new(AtomicUsize::new(0)), Stopwatch::start());
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let client = client(daemon.connect().await, reads.clone(), next.clone(), count, v2);
        clients.push(tokio::spawn(client));
    }
    let mut progress = Progress::new("low-stock reads", count);
    while next.load(Ordering::Relaxed) < count {
        tokio::time::sleep(Duration::from_millis(100)).await;
        progress.done(next.load(Ordering::Relaxed));
    }
    let mut outcome = Outcome { millis: Vec::new(), failed: 0, took: Duration::ZERO };
    for client in clients {
        let (millis, failed) = client.await.unwrap();
        outcome.millis.extend(millis);
        outcome.failed += failed;
    }
    outcome.took = watch.elapsed();
    outcome
}

async fn client(
    mut connection: Connection,
    reads: Arc<Vec<Vec<u8>>>,
    next: Arc<AtomicUsize>,
    count: usize,
    v2: bool,
) -> (Vec<f64>, usize) {
    let (mut samples, mut failed) = (Vec::new(), 0);
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= count {
            return (samples, failed);
        }
        let answer = connection.send(&reads[number % reads.len()]).await.unwrap();
        samples.push(millis(answer.begun, answer.ended));
        if answer.status >= 500 {
            failed += 1;
        } else {
            assert_eq!((answer.status, answer.v2), (200, v2), "expected the one lens");
        }
    }
}
