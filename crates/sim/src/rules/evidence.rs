//! Ours: the evidence of the live detectors, over the whole rollout, against odds agreed on beforehand.

use super::{ERROR_LIMIT, Minute, Rule};
use rampart_core::stats::{Detector, combine};

/// The canary may be 10 % worse than control.
const MARGIN: f64 = 1.1;
/// Metrics that are averaged in the daemon: errors and slow requests, each against the limit and control.
const METRICS: usize = 4;
const ONE_MINUTE: f64 = 1.0;

/// Rolls back at so many to one.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    detectors: Vec<Detector>,
    /// How many e-values are averaged; those without a detector here count as zero, which can only delay.
    metrics: usize,
    ln_odds: f64,
}

impl Evidence {
    /// Errors against control, alone.
    pub(super) fn against_control(odds: f64) -> Self {
        Self { detectors: vec![Detector::two_sample(MARGIN)], metrics: 1, ln_odds: libm::log(odds) }
    }

    /// What the daemon does. Nothing is slow in these rollouts, so two of four terms are zero.
    pub(super) fn averaged(odds: f64) -> Self {
        let detectors = vec![Detector::one_sample(ERROR_LIMIT), Detector::two_sample(MARGIN)];
        Self { detectors, metrics: METRICS, ln_odds: libm::log(odds) }
    }
}

impl Rule for Evidence {
    fn rolls_back(&mut self, minute: &Minute) -> bool {
        for detector in &mut self.detectors {
            detector.take(minute.arms, ONE_MINUTE, minute.stage_began);
        }
        let mut ln_e: Vec<f64> = self.detectors.iter().map(Detector::ln_e).collect();
        ln_e.resize(self.metrics, f64::NEG_INFINITY);
        combine(&ln_e) >= self.ln_odds
    }
}
