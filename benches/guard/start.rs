//! How long a start takes, and what an idle daemon occupies.

use crate::process::{Folder, Process};
use crate::table::{Table, Target};
use std::time::Duration;

const STARTS: usize = 5;
/// How long the daemon is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(10);
const READINGS: usize = 5;

pub(crate) async fn measure(table: &mut Table) {
    let (mut fresh, mut existing) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let folder = Folder::make();
        fresh.push(Process::start(&folder.path).await.took.as_secs_f64());
        existing.push(Process::start(&folder.path).await.took.as_secs_f64());
    }
    table.add("start on a fresh data directory → ready", "s", fresh, Target::Max(6.0));
    table.add("start on an existing one → ready", "s", existing, Target::Max(1.0));
}

pub(crate) async fn measure_idle(table: &mut Table) {
    let folder = Folder::make();
    let mut readings = Vec::new();
    for figure in ["memory of the idle daemon, first start", "memory of the idle daemon, later start"] {
        let process = Process::start(&folder.path).await;
        tokio::time::sleep(IDLE).await;
        for _ in 0..READINGS {
            readings.push(process.resident_megabytes());
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        table.add(figure, "MB", std::mem::take(&mut readings), Target::Max(40.0));
    }
}
