//! What all statistics of one tick of one rollout cost: four detectors take a closed bin, their evidence is
//! combined, the cohorts are held against their share, and both good gates are asked.
//!
//! `cargo bench -p rampart-core --bench statistics`
//!
//! Each sample is the mean over a batch, because a clock that is read takes as long as a logarithm.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock; the core itself never does")]

#[path = "../../../benches/shared/table.rs"]
mod table;

use rampart_core::stats::{Arms, Detector, Trials, combine, one_sample, srm};
use std::hint::black_box;
use std::time::Instant;
use table::{Table, Target};

const BUDGET_MICROS: f64 = 20.0;
/// Ticks timed together.
const BATCH: u64 = 100;
const BATCHES: u64 = 2_000;
/// Batches before the first that counts.
const WARM_UP: u64 = 50;
const LN_20: f64 = 2.995_732_273_553_991;

fn main() {
    let mut table = Table::default();
    // A healthy stage of 5 % at 100 requests a second; and one of eight hours at 1 000 whose rate lies exactly at
    // the limit, which is the longest sum there is.
    for (requests, stage) in [(300, Trials::new(18_000, 4)), (60_000, Trials::new(28_800_000, 28_800))] {
        let mut rollout = Rollout::new(requests, stage);
        let name = format!("a tick, {} failures in {} requests", stage.k, stage.n);
        table.add(&name, "µs", micros(|| rollout.tick()), Target::P95(BUDGET_MICROS));
    }
    // Asked for where somebody looks, not in each tick.
    let seen = Trials::new(18_000, 4);
    table.add("bounds of a rate", "µs", micros(|| one_sample::bounds(black_box(seen), 0.05).1), Target::None);
    let plan = || one_sample::requests_to_good(black_box(4), 0.001, LN_20).unwrap_or(0) as f64;
    table.add("requests until good", "µs", micros(plan), Target::None);
    table.print();
}

/// The statistics of a rollout in the middle of a stage.
struct Rollout {
    detectors: [Detector; 4],
    number: u64,
    bin_requests: u64,
    stage: Trials,
}

impl Rollout {
    fn new(bin_requests: u64, stage: Trials) -> Self {
        let detectors = [
            Detector::one_sample(0.001),
            Detector::two_sample(1.1),
            Detector::one_sample(0.05),
            Detector::two_sample(1.1),
        ];
        Self { detectors, number: 0, bin_requests, stage }
    }

    /// Everything one tick asks; the sum of the answers, so that none is left out.
    fn tick(&mut self) -> f64 {
        self.number += 1;
        let canary = Trials::new(self.bin_requests, self.number % 3);
        let control = Trials::new(self.bin_requests * 19, self.number % 5);
        for detector in &mut self.detectors {
            detector.take(black_box(Arms { canary, control }), 1.0, self.number % 60 == 1);
        }
        let harm = combine(&self.detectors.each_ref().map(Detector::ln_e));
        let slow = Trials::new(self.stage.n, self.stage.n / 50);
        harm + srm::ln_e(black_box(510), 9_490, 0.05)
            + one_sample::ln_e_good(black_box(self.stage), 0.001)
            + one_sample::ln_e_good(black_box(slow), 0.05)
    }
}

/// What one call takes, batch by batch.
fn micros(mut call: impl FnMut() -> f64) -> Vec<f64> {
    let mut samples = Vec::new();
    for number in 0..WARM_UP + BATCHES {
        let begun = Instant::now();
        for _ in 0..BATCH {
            black_box(call());
        }
        if number >= WARM_UP {
            samples.push(begun.elapsed().as_secs_f64() * 1e6 / BATCH as f64);
        }
    }
    samples
}
