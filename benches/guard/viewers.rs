//! What a thousand open pages cost: memory and processor while nothing happens, and how soon each hears of a change.

use crate::daemon::Daemon;
use crate::table::{Table, Target};
use futures_util::StreamExt;
use rampart::clock::Stopwatch;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Barrier, watch};

const VIEWERS: usize = 1_000;
/// How long the daemon is left alone while they watch.
const IDLE: Duration = Duration::from_secs(20);
const CHANGES: usize = 10;

pub(crate) async fn measure(daemon: &Daemon, table: &mut Table) {
    daemon
        .order(if daemon.phase().await == "waiting" { "start" } else { "restart" }, json!({ "reason": "bench" }))
        .await;
    let before = daemon.process.resident_megabytes();
    let alone = used(daemon).await;
    let open = Arc::new(Barrier::new(VIEWERS + 1));
    // What each has heard last: the revision. The order that is waited for is told by its number.
    let mut heard = Vec::with_capacity(VIEWERS);
    for _ in 0..VIEWERS {
        let (tell, told) = watch::channel((0_u64, Duration::ZERO));
        heard.push(told);
        let (mut stream, open) = (Box::pin(daemon.events().await), open.clone());
        tokio::spawn(async move {
            let (mut pending, mut opened) = (Vec::new(), false);
            while let Some(Ok(bytes)) = stream.next().await {
                pending.extend_from_slice(bytes.as_ref());
                while let Some(end) = pending.windows(2).position(|pair| pair == b"\n\n") {
                    let event: Vec<u8> = pending.drain(..end + 2).collect();
                    if let Some(revision) = revision(&event) {
                        tell.send_replace((revision, clock()));
                        if !opened {
                            opened = true;
                            open.wait().await;
                        }
                    }
                }
            }
        });
    }
    open.wait().await;
    let watched = used(daemon).await;
    table.add("processor of the daemon, nobody watches", "% of a core", vec![alone], Target::None);
    table.add("processor of the daemon, 1000 pages watch", "% of a core", vec![watched], Target::Max(5.0));
    let more = daemon.process.resident_megabytes() - before;
    table.add("memory that 1000 watching pages take", "MB", vec![more], Target::Max(60.0));

    let mut latencies = Vec::new();
    for change in 0..CHANGES {
        let revision = heard.iter().map(|told| told.borrow().0).max().unwrap_or_default();
        daemon.order(if change % 2 == 0 { "pause" } else { "resume" }, json!({ "reason": "bench" })).await;
        // Answered once it is committed; who hears sooner than the answer arrives has waited for nothing.
        let committed = clock();
        for told in &mut heard {
            let (_, at) = *told.wait_for(|(seen, _)| *seen > revision).await.unwrap();
            latencies.push(at.saturating_sub(committed).as_secs_f64() * 1000.0);
        }
    }
    table.add("order answered → each of 1000 pages has the change", "ms", latencies, Target::Max(100.0));
}

/// The share of a core that the daemon takes, in percent.
async fn used(daemon: &Daemon) -> f64 {
    let (began, watch) = (daemon.process.processor_seconds(), Stopwatch::start());
    tokio::time::sleep(IDLE).await;
    (daemon.process.processor_seconds() - began) / watch.elapsed().as_secs_f64() * 100.0
}

/// The revision that an event of the rollout tells of.
fn revision(event: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(event).ok()?;
    let (_, rest) = text.split_once("event: status")?.1.split_once("\"revision\":")?;
    rest.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

/// Time since the first call.
fn clock() -> Duration {
    static BEGAN: std::sync::OnceLock<Stopwatch> = std::sync::OnceLock::new();
    BEGAN.get_or_init(Stopwatch::start).elapsed()
}
