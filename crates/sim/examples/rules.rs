//! The table of rules: whole rollouts under polling and under evidence.
//!
//! `cargo run --release -p rampart-sim --example rules [RUNS] [SEED]`
//!
//! Markdown on stdout, progress on stderr; leaves with 1 where our own rule misses a goal.

use indicatif::{ProgressBar, ProgressStyle};
use rampart_sim::rules::{Block, Goals, Setting, field, race, tune};
use std::process::ExitCode;

const RUNS: u32 = 4_000;
const SEED: u16 = 1;
/// The tuned poll learns from other rollouts than those it is judged by.
const SEED_TO_TUNE: u16 = 9_999;
const PER_SECOND: [u16; 3] = [10, 100, 1_000];
const FALSE_ROLLBACKS: f64 = 0.01;
/// Medians to reach at 100 requests a second, for 0.2, 0.5, 1 and 5 %.
const MINUTES_AT_100: [u32; 4] = [11, 3, 2, 1];

const PREFACE: &str = "\
# Rules of rollback, tried on whole rollouts

A ramp of 5, 20, 50 and 100 % with a soak of 1, 2, 4 and 8 hours, looked at once a minute; the canary gets exactly its
share of the requests. Control fails at 0.02 %, the limit is 0.1 %. The first four columns: how many rollouts were rolled
back whose canary is as good as control. The last five: the median minute in which a canary was rolled back that fails
at so much from its first request on. Smaller is better in all of them.

- *day/night errors*: the common error rate swings by ±80 % over a day that begins at any hour. *day/night traffic*: the
  requests do.
- *shared incident*: 1 % more fails for ten minutes on both sides, at some time at which there still is a control. The
  absolute limit really is broken then, so a rule that guards it may act; one that compares should not.
- *0.08 %* is within the limit, and four times as bad as control.
- Errors here are not 5xx: one 5xx rolls back at once, whatever the statistics say.
- The polls are the mechanisms of Argo Rollouts and Flagger with this limit, not those products' defaults for it. The
  tuned one has the smallest limit that rolled back ≤ 1 % of as many other healthy rollouts at the same traffic. The
  z-test is one-sided.
- Nothing is slow in these rollouts: two of the four terms that are averaged count as zero, which can only delay.
";

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let (Ok(runs @ 1..), Ok(seed)) = (number(words.next(), RUNS), number(words.next(), SEED)) else {
        eprintln!("error: expected how many rollouts and a seed below 65536\nhint: rules {RUNS} {SEED}");
        return ExitCode::from(2);
    };
    let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get() as u32);
    let progress = ProgressBar::new(u64::from(runs) * (PER_SECOND.len() * Block::scenarios().len()) as u64);
    if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len} rollouts, {eta} left") {
        progress.set_style(style.progress_chars("=> "));
    }
    eprintln!("seed {seed}, {runs} rollouts a cell, {threads} threads");

    println!("{PREFACE}\n{runs} rollouts a cell, seed {seed}. Made by `make table`.");
    let mut judged = Vec::new();
    for per_second in PER_SECOND {
        progress.set_message(format!("{per_second}/s"));
        let entries = field(tune(per_second, SEED_TO_TUNE, runs));
        let block = Block::fill(per_second, |scenario| {
            race(Setting { per_second, scenario }, &entries, seed, runs, threads, &|| progress.inc(1))
        });
        let minutes = if per_second == 100 { MINUTES_AT_100.to_vec() } else { Vec::new() };
        judged.extend(block.judge(&entries, &Goals { false_rollbacks: FALSE_ROLLBACKS, minutes }));
        println!("\n## {per_second} requests a second\n\n{}", block.markdown(&entries).trim_end());
    }
    progress.finish_and_clear();

    println!("\n## What our rule must reach\n");
    for (sentence, met) in &judged {
        println!("- {sentence}: {}", if *met { "met" } else { "MISSED" });
    }
    ExitCode::from(u8::from(judged.iter().any(|(_, met)| !met)))
}

/// What was said, or the number that stands for nothing said.
fn number<T: std::str::FromStr>(word: Option<String>, otherwise: T) -> Result<T, T::Err> {
    word.map_or(Ok(otherwise), |word| word.parse())
}
