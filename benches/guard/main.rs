//! How quickly the real daemon guards, starts and serves, on a private PostgreSQL with fsync on.
//!
//! `cargo bench --bench guard`, or a few figures: `cargo bench --bench guard -- start idle reads errors brake
//! viewers runbook audit`. With the word `quick` it takes a tenth of the samples: to try it out, not to quote.
//!
//! Client, daemon and PostgreSQL share this machine, and talk over loopback alone.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot go on ends")]

mod audit;
mod brake;
#[expect(dead_code, reason = "shared with the benchmark of the parts API")]
mod daemon;
mod errors;
mod process;
mod progress;
mod reads;
mod runbook;
mod start;
#[path = "../shared/table.rs"]
mod table;
mod viewers;
mod watcher;
mod wire;

use daemon::Daemon;
use table::Table;

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Amount {
    /// Rollbacks, brakes and statements of each kind.
    pub(crate) trials: usize,
    /// Reads through the old lens.
    pub(crate) v1_reads: usize,
    /// Reads through the new lens.
    pub(crate) v2_reads: usize,
}

const FULL: Amount = Amount { trials: 250, v1_reads: 100_000, v2_reads: 20_000 };
const QUICK: Amount = Amount { trials: 25, v1_reads: 10_000, v2_reads: 2_000 };

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let quick = words.iter().any(|word| word == "quick");
    let only: Vec<&String> = words.iter().filter(|word| *word != "quick").collect();
    let wanted = |figure: &str| only.is_empty() || only.iter().any(|word| *word == figure);
    let amount = if quick { QUICK } else { FULL };

    let mut table = Table::default();
    if wanted("start") {
        start::measure(&mut table).await;
    }
    if wanted("idle") {
        start::measure_idle(&mut table).await;
    }
    let daemon = Daemon::fresh().await;
    if wanted("reads") {
        reads::measure(&daemon, amount, &mut table).await;
    }
    if wanted("errors") {
        errors::measure(&daemon, amount, &mut table).await;
    }
    if wanted("brake") {
        brake::measure(&daemon, amount, &mut table).await;
    }
    if wanted("errors") || wanted("brake") {
        errors::add_the_daemons_own_view(&daemon, &mut table).await;
    }
    if wanted("viewers") {
        viewers::measure(&daemon, &mut table).await;
    }
    if wanted("runbook") {
        runbook::measure(&daemon, amount, &mut table).await;
    }
    // Last, because it leaves an audit log without its constraints.
    if wanted("audit") {
        audit::measure(&daemon, amount, &mut table).await;
    }
    drop(daemon);
    table.print();
}
