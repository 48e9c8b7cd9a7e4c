//! Whether anybody is served by the new lens after its first 5xx has been read, under load.

use crate::Amount;
use crate::daemon::{BREAK, Daemon, FIRST_PERCENT, MEND, sql};
use crate::progress::Progress;
use crate::table::{Table, Target};
use crate::watcher::{Watcher, millis};
use crate::wire::{Answer, Connection};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// People of the canary who read without a pause.
const CLIENTS: usize = 10;
/// How long they read before the new lens breaks.
const BEFORE: Duration = Duration::from_millis(30);
/// How long they go on after the rollback was committed.
const AFTER: Duration = Duration::from_millis(30);

type Log = Arc<Mutex<Vec<Answer>>>;

pub(crate) async fn measure(daemon: &Daemon, amount: Amount, table: &mut Table) {
    let reads = daemon.low_stock_reads(FIRST_PERCENT as u16).await;
    let (log, stop) = (Log::default(), CancellationToken::new());
    for client in 0..CLIENTS {
        let (connection, read) = (daemon.connect().await, reads[client % reads.len()].clone());
        tokio::spawn(read_on(connection, read, log.clone(), stop.clone()));
    }
    let (mut reader, mut owner) = (daemon.connect().await, daemon.owner().await);
    let mut watcher = Watcher::new(daemon).await;
    let mut seen = Seen::default();
    let mut progress = Progress::new("brakes under load", amount.trials);
    for trial in 0..amount.trials {
        daemon.begin(&mut reader, &reads[0]).await;
        watcher.until(FIRST_PERCENT).await;
        tokio::time::sleep(BEFORE).await;
        log.lock().unwrap().clear();
        let watch = watcher.watch(0.0);
        sql(&mut owner, BREAK).await;
        let (back, committed) = watch.await.unwrap();
        watcher = back;
        tokio::time::sleep(AFTER).await;
        let answers = std::mem::take(&mut *log.lock().unwrap());
        sql(&mut owner, MEND).await;
        seen.take_in(&answers, committed);
        progress.done(trial);
    }
    stop.cancel();
    let requests = format!("requests begun after that 5xx and answered by v2 (of {})", seen.requests);
    table.add("first 5xx read under load → last request begun that v2 answered", "ms", seen.last, Target::Max(1.0));
    table.add(&requests, "", seen.late, Target::Max(0.0));
    table.add("5xx answered in all until the brake held (10 clients)", "", seen.failed, Target::None);
    table.add("first 5xx read under load → 0 % committed", "ms", seen.committed, Target::P99(20.0));
}

/// Of each trial.
#[derive(Default)]
struct Seen {
    /// From the first 5xx to the begin of the last request that the new lens answered, in ms.
    last: Vec<f64>,
    /// How many requests were begun after the first 5xx was read and yet answered by the new lens.
    late: Vec<f64>,
    /// How many 5xx there were: requests that were already under way.
    failed: Vec<f64>,
    /// From the first 5xx to 0 % in the database, in ms.
    committed: Vec<f64>,
    /// Requests begun after the first 5xx was read, over all trials.
    requests: usize,
}

impl Seen {
    fn take_in(&mut self, answers: &[Answer], committed: std::time::Instant) {
        let failed = || answers.iter().filter(|answer| answer.status >= 500);
        let first = failed().map(|answer| answer.ended).min().expect("the broken lens was asked");
        let after: Vec<&Answer> = answers.iter().filter(|answer| answer.begun > first).collect();
        let late: Vec<f64> =
            after.iter().filter(|answer| answer.v2).map(|answer| millis(first, answer.begun)).collect();
        self.last.push(late.iter().copied().fold(0.0, f64::max));
        self.late.push(late.len() as f64);
        self.failed.push(failed().count() as f64);
        self.committed.push(millis(first, committed));
        self.requests += after.len();
    }
}

async fn read_on(mut connection: Connection, read: Vec<u8>, log: Log, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let answer = connection.send(&read).await.unwrap();
        log.lock().unwrap().push(answer);
    }
}
