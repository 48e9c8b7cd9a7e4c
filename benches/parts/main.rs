//! How much of the raw database's speed the parts API passes on.
//!
//! `cargo bench --bench parts`, or a few figures: `cargo bench --bench parts -- low-stock details writes`. With the word
//! `quick` each round takes two seconds instead of ten: to try it out, not to quote.
//!
//! In one run, on one private PostgreSQL with fsync on, ten clients at a time: first over HTTP, then `pgbench` with the
//! statements the API sends, taken from its own query cache, in a transaction as the user, as the API does. Rounds take
//! turns, so that whatever else the machine does befalls both; the median of each is compared.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot go on ends")]

#[expect(dead_code, reason = "shared with the benchmark of the guard")]
#[path = "../guard/daemon.rs"]
mod daemon;
mod http;
mod pgbench;
#[expect(dead_code, reason = "shared with the benchmark of the guard")]
#[path = "../guard/process.rs"]
mod process;
mod statements;
#[path = "../guard/wire.rs"]
mod wire;

use daemon::Daemon;
use http::Load;
use std::time::Duration;

/// Clients at a time, here and there.
const CLIENTS: usize = 10;
const ROUNDS: usize = 3;

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let quick = words.iter().any(|word| word == "quick");
    let only: Vec<&String> = words.iter().filter(|word| *word != "quick").collect();
    let wanted = |group: &str| only.is_empty() || only.iter().any(|word| *word == group);
    let time = Duration::from_secs(if quick { 2 } else { 10 });

    let daemon = Daemon::fresh().await;
    let stage = http::prepare(&daemon).await;
    let mut rows = Vec::new();
    for (group, figure, aim, load, script) in [
        ("low-stock", "low-stock, old lens", 0.5, Load::LowStock(false), statements::low_stock(false)),
        ("low-stock", "low-stock, new lens", 0.5, Load::LowStock(true), statements::low_stock(true)),
        ("details", "part details, old lens", 0.5, Load::Details(false), statements::details(false, &stage.parts)),
        ("details", "part details, new lens", 0.5, Load::Details(true), statements::details(true, &stage.parts)),
        ("writes", "consume", 0.4, Load::Consume, statements::consume(&stage.parts)),
        ("writes", "receive", 0.4, Load::Receive, statements::receive(&stage.parts)),
    ] {
        if !wanted(group) {
            continue;
        }
        let (mut ours, mut theirs, mut p95, mut failed) = (Vec::new(), Vec::new(), Vec::new(), 0);
        for round in 0..ROUNDS {
            eprintln!("  {figure}: round {} of {ROUNDS}", round + 1);
            let outcome = http::run(&daemon, &stage, load, time).await;
            ours.push(outcome.rate);
            p95.push(outcome.p95_millis);
            failed += outcome.failed;
            theirs.push(pgbench::run(daemon.owner_url(), &script, time));
        }
        let (ours, theirs) = (median(ours), median(theirs));
        let ratio = ours / theirs;
        let verdict = if ratio >= aim { "met" } else { "MISSED" };
        rows.push(format!(
            "| {figure} | {ours:.0} | {theirs:.0} | {ratio:.2} | ≥ {aim}: {verdict} | {:.1} ms | {failed} |",
            median(p95)
        ));
    }
    println!("\n| figure | API a second | pgbench a second | ratio | target | p95 over HTTP | not 2xx |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    println!("{}", rows.join("\n"));
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
