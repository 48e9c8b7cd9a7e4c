//! From the first 5xx of the new lens to 0 % in the database.

use crate::Amount;
use crate::daemon::{BREAK, Daemon, FIRST_PERCENT, MEND, sql};
use crate::progress::Progress;
use crate::table::{Table, Target};
use crate::watcher::{Watcher, millis};

pub(crate) async fn measure(daemon: &Daemon, amount: Amount, table: &mut Table) {
    let reads = daemon.low_stock_reads(FIRST_PERCENT as u16).await;
    let (mut reader, mut owner) = (daemon.connect().await, daemon.owner().await);
    let mut watcher = Watcher::new(daemon).await;
    let (mut after_answer, mut after_request) = (Vec::new(), Vec::new());
    let mut progress = Progress::new("rollbacks after a 5xx", amount.trials);
    for trial in 0..amount.trials {
        let read = &reads[trial % reads.len()];
        daemon.begin(&mut reader, read).await;
        watcher.until(FIRST_PERCENT).await;
        sql(&mut owner, BREAK).await;
        let watch = watcher.watch(0.0);
        let answer = reader.send(read).await.unwrap();
        assert_eq!(answer.status, 500, "the new lens is broken");
        let (back, committed) = watch.await.unwrap();
        watcher = back;
        after_answer.push(millis(answer.ended, committed));
        after_request.push(millis(answer.begun, committed));
        sql(&mut owner, MEND).await;
        progress.done(trial);
    }
    table.add("first 5xx read → 0 % committed", "ms", after_answer, Target::P99(20.0));
    table.add("the failing request sent → 0 % committed", "ms", after_request, Target::None);
}

/// What the daemon measured of its own rollbacks: a histogram, so each quantile is the edge it lies under.
pub(crate) async fn add_the_daemons_own_view(daemon: &Daemon, table: &mut Table) {
    let metrics = daemon.metrics().await;
    for step in ["decided", "committed"] {
        let label = format!("step=\"{step}\"");
        let of_step = |line: &&str| line.starts_with("rampart_rollback_seconds") && line.contains(&label);
        let value = |line: &str| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()).unwrap();
        let find = |suffix: &str| metrics.lines().filter(of_step).find(|line| line.contains(suffix)).map(value);
        let (sum, count) = (find("_sum").unwrap(), find("_count").unwrap());
        let under = |share: f64| {
            let buckets = metrics.lines().filter(of_step).filter_map(|line| {
                let edge = line.split("le=\"").nth(1)?.split('"').next()?;
                Some((edge.parse::<f64>().ok()?, value(line)))
            });
            let edge = buckets
                .filter(|(_, below)| *below >= share * count)
                .map(|(edge, _)| edge)
                .fold(f64::INFINITY, f64::min);
            format!("≤ {} ms", edge * 1000.0)
        };
        let figure = format!("the daemon's own view: breach seen → {step} (mean {:.3} ms)", sum / count * 1000.0);
        table.row([figure, count.to_string(), under(0.5), under(0.95), under(0.99), under(1.0), "–".to_owned()]);
    }
}
