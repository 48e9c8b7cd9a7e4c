//! Latencies on a grid: fine enough to draw, cheap enough for a day of traffic in a moment.
//!
//! A cell is 1/32 of a doubling (2.2 %) wide, and 1 s, 500 ms and 250 ms are exact edges, as in
//! [`rampart_core::stats::Histogram`]; a latency is told as the upper edge of its cell, as there. That histogram is not
//! used itself because windows here shrink as well as grow, a million times a run.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;

/// Cells a doubling is cut into.
const PER_DOUBLING: f64 = 32.0;
/// The cell whose upper edge is one second.
const ONE_SECOND: f64 = 320.0;
/// From 1 ms to a minute.
pub(crate) const CELLS: usize = 512;
/// Entries of a table of quantiles; a share finer than 1/4096 of the requests is lost.
const TABLE: usize = 4096;
/// The standard normal quantile of 0.95.
const Z95: f64 = 1.644_853_626_951_472_7;

/// The upper edge of a cell, in milliseconds.
pub(crate) fn edge_ms(cell: u16) -> f64 {
    // Rounded to the microsecond, so that round limits are met exactly.
    (1e6 * libm::exp2((f64::from(cell) - ONE_SECOND) / PER_DOUBLING)).round() / 1000.0
}

/// Counts of latencies by cell.
#[derive(Clone, Debug)]
pub(crate) struct Cells(Vec<u32>);

impl Default for Cells {
    fn default() -> Self {
        Self(vec![0; CELLS])
    }
}

impl Cells {
    /// Counts latencies.
    pub(crate) fn add(&mut self, cells: &[u16]) {
        cells.iter().for_each(|cell| self.0[usize::from(*cell)] += 1);
    }

    /// Takes back what was counted before.
    pub(crate) fn remove(&mut self, cells: &[u16]) {
        cells.iter().for_each(|cell| self.0[usize::from(*cell)] -= 1);
    }

    /// Adds all of `other`.
    pub(crate) fn merge(&mut self, other: &Cells) {
        self.0.iter_mut().zip(&other.0).for_each(|(sum, more)| *sum += more);
    }

    /// The latency that 95 % stay within; nothing where nothing was counted.
    pub(crate) fn p95_ms(&self) -> Option<f64> {
        let count: u64 = self.0.iter().map(|count| u64::from(*count)).sum();
        let rank = ((count as f64 * 0.95).ceil() as u64).max(1);
        let mut seen = 0;
        self.0.iter().zip(0_u16..).find_map(|(count, cell)| {
            seen += u64::from(*count);
            (seen >= rank).then(|| edge_ms(cell))
        })
    }

    /// How many were longer than `ms`.
    pub(crate) fn above(&self, ms: f64) -> u64 {
        self.0.iter().zip(0_u16..).filter(|(_, cell)| edge_ms(*cell) > ms).map(|(count, _)| u64::from(*count)).sum()
    }
}

/// Lognormal latencies with a given median and p95.
#[derive(Clone, Debug)]
pub(crate) struct Latencies {
    table: Vec<u16>,
}

impl Latencies {
    /// A median and a p95 in milliseconds. The p95 is at least the median.
    pub(crate) fn new(p50: f64, p95: f64) -> Self {
        let (middle, spread) = (libm::log(p50), (libm::log(p95 / p50) / Z95).max(1e-6));
        let below = |cell: u16| {
            let distance = (libm::log(edge_ms(cell)) - middle) / spread;
            0.5 * libm::erfc(-distance / std::f64::consts::SQRT_2)
        };
        let last = (CELLS - 1) as u16;
        let (mut cell, mut reached) = (0, below(0));
        let table = (0..TABLE).map(|entry| {
            let wanted = (entry as f64 + 0.5) / TABLE as f64;
            while reached < wanted && cell < last {
                cell += 1;
                reached = below(cell);
            }
            cell
        });
        Self { table: table.collect() }
    }

    /// The cell of one request.
    pub(crate) fn draw(&self, random: &mut Pcg64Mcg) -> u16 {
        self.table[random.random::<u32>() as usize % TABLE]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rampart_core::stats::Histogram;
    use rand::SeedableRng;

    #[test]
    fn the_limits_people_write_are_exact_edges() {
        for ms in [250.0, 500.0, 1000.0, 2000.0] {
            assert!((0..CELLS as u16).any(|cell| edge_ms(cell) == ms), "{ms}");
        }
    }

    #[test]
    fn latencies_have_the_median_and_p95_they_were_given() {
        let (latencies, mut random) = (Latencies::new(80.0, 240.0), Pcg64Mcg::seed_from_u64(1));
        let mut cells = Cells::default();
        (0..20_000).for_each(|_| cells.add(&[latencies.draw(&mut random)]));
        let p95 = cells.p95_ms().unwrap();
        assert!((p95 / 240.0 - 1.0).abs() < 0.04, "{p95}");
        let above = cells.above(80.0) as f64 / 20_000.0;
        assert!((above - 0.5).abs() < 0.03, "{above}");
    }

    #[test]
    fn the_grid_agrees_with_the_histogram_of_the_daemon() {
        let (latencies, mut random) = (Latencies::new(300.0, 900.0), Pcg64Mcg::seed_from_u64(2));
        let (mut cells, mut histogram) = (Cells::default(), Histogram::default());
        for _ in 0..5_000 {
            let cell = latencies.draw(&mut random);
            cells.add(&[cell]);
            histogram.record((edge_ms(cell) * 1000.0) as u64);
        }
        let (ours, theirs) = (cells.p95_ms().unwrap(), histogram.quantile_ms(0.95).unwrap());
        assert!((ours / theirs - 1.0).abs() < 0.01, "{ours} {theirs}");
        for limit in [250.0, 500.0, 1000.0] {
            assert_eq!(cells.above(limit), histogram.certainly_above(limit), "{limit}");
        }
    }
}
