//! What one evaluation of a flag costs, next to the naive way: murmur3 over a text formatted for the occasion.
//!
//! `cargo bench --bench evaluate`
//!
//! Each sample is the mean over a batch, because a clock that is read takes as long as an evaluation. Both
//! ways take turns, batch by batch, so that whatever else the machine does slows both.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]

#[path = "shared/table.rs"]
mod table;

use rampart::clock::Stopwatch;
use rampart::flags::{Flags, Known, KnownRollout, StageRef, Subject};
use rampart_core::flag::Targets;
use rampart_core::policy::BucketBy;
use rampart_core::rollout::{Epoch, Phase, RolloutId};
use rampart_core::{FlagKey, Millis, Percent};
use std::hint::black_box;
use std::io::Cursor;
use table::{Table, Target, quantile};

const FLAG: &str = "part_lens_v2";
const PERCENT: u8 = 20;
const USERS: usize = 10_000;
/// Evaluations timed together.
const BATCH: usize = 1_000;
const BATCHES: usize = 5_000;
/// Batches before the first that counts.
const WARM_UP: usize = 200;

fn main() {
    let flags = flags();
    let users: Vec<String> = (0..USERS).map(|_| uuid::Uuid::new_v4().to_string()).collect();
    let yacht = uuid::Uuid::new_v4().to_string();
    let ours = |user: &str| flags.evaluate(FLAG, Subject { user: Some(user), yacht: Some(&yacht) }).evaluation.on;

    let on = users.iter().filter(|user| ours(user)).count();
    assert!(users.iter().all(|user| ours(user) == naive(user)), "both ways must answer the same");
    eprintln!("{on} of {USERS} users are on at {PERCENT} %");

    let (mut fast, mut slow) = (Vec::with_capacity(BATCHES), Vec::with_capacity(BATCHES));
    for number in 0..WARM_UP + BATCHES {
        let batch: Vec<&str> =
            users.iter().cycle().skip(number * BATCH % USERS).take(BATCH).map(String::as_str).collect();
        let samples = (nanos_each(&batch, ours), nanos_each(&batch, naive));
        if number >= WARM_UP {
            fast.push(samples.0);
            slow.push(samples.1);
        }
    }
    let ratio = median(&slow) / median(&fast);

    let mut table = Table::default();
    table.add("evaluate a flag (mean of 1 000)", "ns", fast, Target::P50(50.0));
    table.add("the naive way (mean of 1 000)", "ns", slow, Target::None);
    table.add("allocations of an evaluation", "", allocations(&users, ours), Target::Max(0.0));
    table.add("allocations of the naive way", "", allocations(&users, naive), Target::None);
    table.print();
    println!("the naive way takes {ratio:.1} times as long");
}

/// One flag at 20 %, as the daemon holds it while a rollout ramps.
fn flags() -> Flags {
    let flag: FlagKey = FLAG.parse().expect("a flag key");
    let percent = Percent::whole(PERCENT);
    let stage = StageRef { rollout: RolloutId(uuid::Uuid::now_v7()), epoch: Epoch(1) };
    let known = Known {
        flag: flag.clone(),
        row: percent,
        rollout: Some(KnownRollout { stage, phase: Phase::Ramping, percent, proven: Percent::whole(5), watched: true }),
        bucket_by: BucketBy::UserId,
        targets: Targets::default(),
        tick: Millis::seconds(5),
        fail_to_zero_after: Millis::minutes(10),
    };
    let flags = Flags::default();
    flags.install(vec![known], &[flag]);
    flags
}

/// What one would write at first: no snapshot, no reasons, a text for every question.
fn naive(user: &str) -> bool {
    let hash = murmur3::murmur3_32(&mut Cursor::new(format!("{FLAG}:{user}")), 0).expect("memory can be read");
    hash % 100 < u32::from(PERCENT)
}

fn nanos_each(users: &[&str], evaluate: impl Fn(&str) -> bool) -> f64 {
    let watch = Stopwatch::start();
    for user in users {
        black_box(evaluate(black_box(user)));
    }
    watch.elapsed().as_nanos() as f64 / users.len() as f64
}

/// How often each evaluation asked for memory.
fn allocations(users: &[String], evaluate: impl Fn(&str) -> bool) -> Vec<f64> {
    let count = |user: &String| {
        allocation_counter::measure(|| {
            black_box(evaluate(black_box(user)));
        })
    };
    users.iter().map(|user| count(user).count_total as f64).collect()
}

fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    quantile(&sorted, 0.5)
}
