//! The test that a textbook offers: two proportions, over everything seen so far, asked again every minute.
//!
//! Wrong twice: a fixed-sample test that is looked at 900 times, and rates that are pooled over stages with
//! different shares and different hours (Simpson's paradox). It is here because it is what one writes at first.

use super::{Minute, Rule};
use rampart_core::stats::Arms;

/// One-sided 5 %.
const CRITICAL: f64 = 1.644_853_626_951_472_7;

/// The z-test of two proportions.
#[derive(Clone, Default, Debug)]
pub(super) struct ZTest {
    seen: Arms,
}

impl Rule for ZTest {
    fn rolls_back(&mut self, minute: &Minute) -> bool {
        self.seen += minute.arms;
        let Arms { canary, control } = self.seen;
        let (Some(canary_rate), Some(control_rate)) = (canary.rate(), control.rate()) else { return false };
        let (n, m) = (canary.n as f64, control.n as f64);
        let pooled = (canary.k + control.k) as f64 / (n + m);
        let error = (pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)).sqrt();
        error > 0.0 && (canary_rate - control_rate) / error > CRITICAL
    }
}
