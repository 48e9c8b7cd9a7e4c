//! Statements typed into `feature_flags`, until the evaluators obey.

use crate::Amount;
use crate::daemon::{Daemon, sql, until_answer};
use crate::progress::Progress;
use crate::table::{Table, Target};
use crate::watcher::millis;
use crate::wire::{Connection, request};
use rampart::clock::{Stopwatch, monotonic};
use serde_json::Value;
use std::time::{Duration, Instant};

const TO_FIVE: &str = "update feature_flags set enabled = true, canary_percentage = 5, updated_at = now()
                       where flag_name = 'part_lens_v2'";
const TO_ZERO: &str = "update feature_flags set canary_percentage = 0 where flag_name = 'part_lens_v2'";
const PATIENCE: Duration = Duration::from_secs(20);
/// A person types no faster than this.
const PAUSE: Duration = Duration::from_millis(20);

pub(crate) async fn measure(daemon: &Daemon, amount: Amount, table: &mut Table) {
    let reads = daemon.low_stock_reads(5).await;
    let (mut reader, mut owner) = (daemon.connect().await, daemon.owner().await);
    let (mut raised, mut lowered) = (Vec::new(), Vec::new());
    let mut progress = Progress::new("statements of the runbook", amount.trials);
    for trial in 0..amount.trials {
        let read = &reads[trial % reads.len()];
        sql(&mut owner, TO_FIVE).await;
        let typed = monotonic();
        raised.push(millis(typed, until_served(&mut reader, 5.0).await));
        until_answer(&mut reader, read, |answer| answer.v2).await;
        daemon.until_phase("ramping").await;
        tokio::time::sleep(PAUSE).await;
        sql(&mut owner, TO_ZERO).await;
        let typed = monotonic();
        lowered.push(millis(typed, until_served(&mut reader, 0.0).await));
        let answer = reader.send(read).await.unwrap();
        assert!(answer.status == 200 && !answer.v2, "what /health says is what is served");
        daemon.until_phase("rolled_back").await;
        tokio::time::sleep(PAUSE).await;
        progress.done(trial);
    }
    table.add("UPDATE to 0 committed → evaluators obey", "ms", lowered, Target::P99(50.0));
    table.add("UPDATE to 5 committed → served", "ms", raised, Target::P99(50.0));
}

/// The moment at which `/health` said that evaluators serve `percent`.
async fn until_served(reader: &mut Connection, percent: f64) -> Instant {
    let (health, watch) = (request("/health", None), Stopwatch::start());
    loop {
        let answer = reader.send(&health).await.unwrap();
        let served =
            serde_json::from_slice::<Value>(reader.body()).unwrap()["flag"]["part_lens_v2"]["percent"].as_f64();
        if served == Some(percent) {
            return answer.ended;
        }
        assert!(watch.elapsed() < PATIENCE, "waited in vain for {percent} %, {served:?} % is served");
    }
}
