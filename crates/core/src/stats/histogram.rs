//! A mergeable latency histogram whose relative error is below 1 %.
//!
//! Log-linear: each doubling of the latency is cut into 128 equal bins, so a bin is at most 1/128
//! (0.79 %) of its value wide. Latencies are counted in units of 2⁻²⁰ s, which makes 1 s, 500 ms and
//! 250 ms exact bin edges: "p95 > 1000 ms" and "p95 < 500 ms" are decided by counting, not by estimate.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const BINS_PER_DOUBLING: u64 = 128;
const UNITS_PER_SECOND: u64 = 1 << 20;
const MICROS_PER_SECOND: u64 = 1_000_000;

/// Counts of latencies by bin. A bin includes its upper edge and excludes its lower one.
#[derive(Clone, Default, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Histogram {
    counts: BTreeMap<u16, u32>,
}

impl Histogram {
    /// The longest latency told apart, in microseconds; longer ones count as this long.
    pub const MAX_MICROS: u64 = 600 * MICROS_PER_SECOND;

    /// Counts one latency, in microseconds.
    pub fn record(&mut self, micros: u64) {
        let count = self.counts.entry(bin_of(micros)).or_default();
        *count = count.saturating_add(1);
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: &Histogram) {
        for (bin, more) in &other.counts {
            let count = self.counts.entry(*bin).or_default();
            *count = count.saturating_add(*more);
        }
    }

    /// How many latencies were counted.
    pub fn count(&self) -> u64 {
        self.counts.values().map(|count| u64::from(*count)).sum()
    }

    /// The latency in milliseconds that the share `quantile` (0..=1) of the counted ones stay within:
    /// the upper edge of the bin of rank ⌈quantile · count⌉. Nothing where nothing was counted.
    pub fn quantile_ms(&self, quantile: f64) -> Option<f64> {
        let rank = ((self.count() as f64 * quantile).ceil() as u64).max(1);
        let mut seen = 0;
        self.counts.iter().find_map(|(bin, count)| {
            seen += u64::from(*count);
            (seen >= rank).then(|| upper_edge_ms(*bin))
        })
    }

    /// How many latencies were surely longer than `ms`: those of bins that begin there or later.
    pub fn certainly_above(&self, ms: f64) -> u64 {
        self.count_where(|bin| bin.checked_sub(1).map_or(0.0, upper_edge_ms) >= ms)
    }

    /// How many latencies may have been longer than `ms`: those of bins that end later. The same as
    /// [`certainly_above`](Self::certainly_above) where a bin ends exactly at `ms`.
    pub fn possibly_above(&self, ms: f64) -> u64 {
        self.count_where(|bin| upper_edge_ms(bin) > ms)
    }

    fn count_where(&self, counts: impl Fn(u16) -> bool) -> u64 {
        self.counts.iter().filter(|(bin, _)| counts(**bin)).map(|(_, count)| u64::from(*count)).sum()
    }
}

/// The bin of a latency: with `u` the units before it, the doublings above 128 give the row and the
/// next seven bits the place in the row.
fn bin_of(micros: u64) -> u16 {
    let micros = micros.clamp(1, Histogram::MAX_MICROS);
    let below = (micros * UNITS_PER_SECOND).div_ceil(MICROS_PER_SECOND) - 1;
    let doublings = (u64::BITS - (below / BINS_PER_DOUBLING).leading_zeros()) as u64;
    let place = if doublings == 0 { below } else { (below >> (doublings - 1)) - BINS_PER_DOUBLING };
    (doublings * BINS_PER_DOUBLING + place) as u16
}

fn upper_edge_ms(bin: u16) -> f64 {
    let (doublings, place) = (u64::from(bin) / BINS_PER_DOUBLING, u64::from(bin) % BINS_PER_DOUBLING);
    let units = if doublings == 0 { place + 1 } else { (place + BINS_PER_DOUBLING + 1) << (doublings - 1) };
    units as f64 * 1000.0 / UNITS_PER_SECOND as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(latencies: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::default();
        latencies.into_iter().for_each(|micros| histogram.record(micros));
        histogram
    }

    #[test]
    fn the_limits_of_the_rollout_rules_are_exact_edges() {
        for (edge_micros, edge_ms) in [(250_000, 250.0), (500_000, 500.0), (1_000_000, 1000.0)] {
            assert_eq!(of([edge_micros]).quantile_ms(0.95), Some(edge_ms));
            assert!(of([edge_micros + 1]).quantile_ms(0.95) > Some(edge_ms));
        }
    }

    #[test]
    fn p95_is_above_a_second_exactly_when_more_than_one_in_twenty_is() {
        let mixed = |slow: usize| of([900_000].repeat(200 - slow).into_iter().chain([1_000_001].repeat(slow)));
        assert!(mixed(10).quantile_ms(0.95) <= Some(1000.0));
        assert!(mixed(11).quantile_ms(0.95) > Some(1000.0));
    }

    #[test]
    fn over_a_limit_that_is_an_edge_is_an_exact_count() {
        let histogram = of([400_000, 500_000, 500_001, 1_000_000, 1_000_001, 30_000_000]);
        for (limit, over) in [(500.0, 4), (1000.0, 2), (250.0, 6)] {
            assert_eq!((histogram.certainly_above(limit), histogram.possibly_above(limit)), (over, over));
        }
    }

    #[test]
    fn over_a_limit_within_a_bin_lies_between_two_counts() {
        let histogram = of([299_000, 300_000, 301_000, 303_000]);
        assert_eq!((histogram.certainly_above(300.0), histogram.possibly_above(300.0)), (2, 4));
    }

    #[test]
    fn nothing_counted_has_no_quantile() {
        assert_eq!(Histogram::default().quantile_ms(0.95), None);
    }

    proptest! {
        #[test]
        fn a_latency_is_told_within_one_percent(micros in 200_u64..=Histogram::MAX_MICROS) {
            let told = of([micros]).quantile_ms(1.0).unwrap() * 1000.0;
            prop_assert!(told >= micros as f64 - 0.01 && told <= micros as f64 * 1.01 + 1.0, "{} told as {}", micros, told);
        }

        #[test]
        fn the_count_over_a_limit_lies_between(latencies in prop::collection::vec(0_u64..2_000_000, 0..50), limit in 0_u64..2_000_000) {
            let over = latencies.iter().filter(|micros| **micros > limit).count() as u64;
            let (histogram, ms) = (of(latencies), limit as f64 / 1000.0);
            prop_assert!(histogram.certainly_above(ms) <= over && over <= histogram.possibly_above(ms));
        }

        #[test]
        fn merging_equals_counting_together(a in prop::collection::vec(0_u64..5_000_000, 0..50), b in prop::collection::vec(0_u64..5_000_000, 0..50)) {
            let mut merged = of(a.clone());
            merged.merge(&of(b.clone()));
            prop_assert_eq!(merged, of(a.into_iter().chain(b)));
        }
    }
}
