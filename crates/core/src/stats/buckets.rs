//! A classic Prometheus histogram: cumulative counts at the edges somebody chose.
//!
//! "p95 < 500 ms" *is* "fewer than one in twenty exceed 500 ms", a count, and exact where there is an edge at
//! the limit. Where there is none, the requests between the two edges around the limit count against whoever
//! asks: they are not over it when harm is to be proved, and over it when health is. So a verdict stays valid
//! and only comes later.

/// Cumulative counts by rising upper edge, in seconds.
#[derive(Clone, PartialEq, Debug)]
pub struct Buckets {
    /// (`le`, requests within it), the infinite one left out.
    edges: Vec<(f64, u64)>,
    total: u64,
}

impl Buckets {
    /// From (`le` in seconds, requests within it), in rising order, and the count of all requests (`le="+Inf"`).
    /// Nothing where the edges do not rise, or the counts fall or exceed the total: that is no histogram.
    pub fn new(edges: impl IntoIterator<Item = (f64, u64)>, total: u64) -> Option<Self> {
        let edges: Vec<(f64, u64)> = edges.into_iter().filter(|(le, _)| *le != f64::INFINITY).collect();
        let rising = edges.windows(2).all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1);
        let finite = edges.iter().all(|(le, _)| le.is_finite());
        let within = edges.last().is_none_or(|(_, count)| *count <= total);
        (rising && finite && within).then_some(Self { edges, total })
    }

    /// How many requests were counted.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// Whether there is an edge at the limit, so that both counts below are the same.
    pub fn has_edge(&self, seconds: f64) -> bool {
        self.edges.iter().any(|(le, _)| *le == seconds)
    }

    /// Requests that were surely over the limit: those beyond the first edge at or above it.
    pub fn certainly_above(&self, seconds: f64) -> u64 {
        self.edges.iter().find(|(le, _)| *le >= seconds).map_or(0, |(_, within)| self.total - within)
    }

    /// Requests that may have been over the limit: those beyond the last edge at or below it.
    pub fn possibly_above(&self, seconds: f64) -> u64 {
        let within = self.edges.iter().rev().find(|(le, _)| *le <= seconds).map_or(0, |(_, within)| *within);
        self.total - within
    }

    /// What Prometheus' `histogram_quantile` makes of it, in seconds: drawn straight through the bucket the
    /// quantile falls in. To give a person an orientation; a decision counts. Nothing of nothing.
    pub fn quantile_seconds(&self, quantile: f64) -> Option<f64> {
        if self.total == 0 {
            return None;
        }
        let rank = quantile * self.total as f64;
        let (mut below, mut count_below) = (0.0, 0);
        for (le, within) in &self.edges {
            if *within as f64 >= rank && *within > count_below {
                let place = (rank - count_below as f64) / (within - count_below) as f64;
                return Some(below + (le - below) * place);
            }
            (below, count_below) = (*le, *within);
        }
        self.edges.last().map(|(le, _)| *le)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_histogram_is_refused() {
        assert!(Buckets::new([(0.5, 3), (0.1, 5)], 9).is_none(), "edges fall");
        assert!(Buckets::new([(0.1, 5), (0.5, 3)], 9).is_none(), "counts fall");
        assert!(Buckets::new([(0.1, 5), (0.5, 10)], 9).is_none(), "more than all");
        assert!(Buckets::new([(f64::NAN, 5)], 9).is_none(), "no edge");
        assert!(Buckets::new([(0.1, 5), (f64::INFINITY, 9)], 9).is_some());
    }

    #[test]
    fn beyond_the_last_edge_nothing_is_sure() {
        let buckets = Buckets::new([(0.1, 5), (0.5, 7)], 9).unwrap();
        assert_eq!((buckets.certainly_above(1.0), buckets.possibly_above(1.0)), (0, 2));
        assert_eq!((buckets.certainly_above(0.05), buckets.possibly_above(0.05)), (4, 9));
        assert_eq!((buckets.certainly_above(0.5), buckets.possibly_above(0.5)), (2, 2));
        assert!(buckets.has_edge(0.5) && !buckets.has_edge(1.0));
    }
}
