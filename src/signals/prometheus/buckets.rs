//! Classic histograms: what can be said exactly at the edges of their buckets, and on which side to err between them.
//!
//! A classic histogram counts the observations up to each of its edges. Whether at most 5 % of them lie over a limit
//! is therefore a matter of two whole numbers where the limit is an edge. The quantile in between is shown to people
//! and interpolated as `histogram_quantile` does, but never across an edge: compared with a limit that is an edge it
//! says exactly what the counts say. Where the limit is no edge the value errs on the safe side of it.

use super::answer::Series;
use super::counters::{Witness, increase};
use std::collections::{BTreeMap, BTreeSet};

/// A bucket's upper edge is this label.
const EDGE: &str = "le";

/// How many observations there were up to each edge.
#[derive(Clone, Debug, PartialEq)]
pub struct Buckets {
    /// Finite edges, rising, and the observations up to each.
    below: Vec<(f64, f64)>,
    /// All observations.
    total: f64,
}

/// The latency that 95 % of the observations stay within, as far as the buckets tell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct P95 {
    /// Over this surely: what a limit against harm is held against.
    pub at_least: f64,
    /// Not over this: what a promise of health is held against. None where the last bucket has no end.
    pub at_most: Option<f64>,
    /// Between the two, never at the lower one.
    pub about: f64,
}

impl Buckets {
    /// Counts what was observed between the first and the last samples of the series of a `_bucket` metric, over all
    /// other labels. Edges that only some of the histograms have say nothing about their sum and are left out. None
    /// where there is no whole histogram.
    pub fn of(series: &[Series], witness: &Witness) -> Option<Self> {
        let mut histograms: BTreeMap<Vec<(&str, &str)>, BTreeMap<Edge, f64>> = BTreeMap::new();
        for one in series {
            let edge = Edge(edge_of(one)?);
            let others = one.labels.iter().filter(|(label, _)| *label != EDGE);
            let which = others.map(|(label, value)| (label.as_str(), value.as_str())).collect();
            *histograms.entry(which).or_default().entry(edge).or_default() +=
                increase(std::slice::from_ref(one), witness);
        }
        let shared: BTreeSet<Edge> = histograms
            .values()
            .map(|histogram| histogram.keys().copied().collect::<BTreeSet<_>>())
            .reduce(|one, other| &one & &other)?;
        let sum = |edge: &Edge| histograms.values().filter_map(|histogram| histogram.get(edge)).sum::<f64>();
        Self::counted(shared.iter().map(|edge| (edge.0, sum(edge))))
    }

    /// From edges and the observations up to each, the last of them `+Inf`. Buckets that were read while they were
    /// written may fall from one to the next; none is taken for less than the one before it.
    pub fn counted(edges: impl IntoIterator<Item = (f64, f64)>) -> Option<Self> {
        let mut below: Vec<(f64, f64)> = edges.into_iter().collect();
        below.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut most = 0.0_f64;
        for (_, count) in &mut below {
            most = most.max(*count);
            *count = most;
        }
        let (last, total) = below.pop()?;
        (last == f64::INFINITY).then_some(Self { below, total })
    }

    /// All observations.
    pub fn total(&self) -> f64 {
        self.total
    }

    /// How many observations lie over `limit`: exactly, where it is an edge.
    pub fn over(&self, limit: f64) -> Option<f64> {
        self.below.iter().find(|(edge, _)| *edge == limit).map(|(_, count)| self.total - count)
    }

    /// How many observations may lie over `limit`: all that no edge shows to lie within.
    pub fn possibly_over(&self, limit: f64) -> f64 {
        let within = self.below.iter().rev().find(|(edge, _)| *edge <= limit).map_or(0.0, |(_, count)| *count);
        self.total - within
    }

    /// The edge nearest to the 95th percentile from above, where it is finite: a tail to compare two arms by.
    pub fn tail_edge(&self) -> Option<f64> {
        self.below.get(self.p95_bucket()?).map(|(edge, _)| *edge)
    }

    /// The 95th percentile; none of no observations.
    pub fn p95(&self) -> Option<P95> {
        let bucket = self.p95_bucket()?;
        let before = bucket.checked_sub(1).and_then(|before| self.below.get(before));
        let (from, counted) = before.copied().unwrap_or((f64::NEG_INFINITY, 0.0));
        let Some((to, up_to)) = self.below.get(bucket).copied() else {
            // Beyond the last edge, nobody knows where.
            return from.is_finite().then_some(P95 { at_least: from, at_most: None, about: from.next_up() });
        };
        // Latencies are not negative, so the first bucket begins at 0, as histogram_quantile has it.
        let from = if from.is_finite() { from } else { to.min(0.0) };
        let share = (self.total * 19.0 / 20.0 - counted) / (up_to - counted);
        let about = from + (to - from) * share;
        Some(P95 { at_least: from, at_most: Some(to), about: about.max(from.next_up()).min(to) })
    }

    /// The number of the bucket of the 95th percentile: the first with 19 in 20 observations up to its edge, by whole
    /// numbers, for 0.95 is none that a computer has.
    fn p95_bucket(&self) -> Option<usize> {
        (self.total > 0.0).then(|| self.below.partition_point(|(_, count)| count * 20.0 < self.total * 19.0))
    }

    /// The value to hold against a limit that rolls back: over the limit only where the 95th percentile surely is.
    pub fn against_harm(&self, limit: Option<f64>) -> Option<f64> {
        let p95 = self.p95()?;
        let exact = limit.is_none_or(|limit| self.over(limit).is_some());
        Some(if exact { p95.about } else { p95.at_least })
    }

    /// The value to hold against a limit that must be kept to advance: within the limit only where the 95th percentile
    /// surely is, and so over a limit that lies beyond the end of the histogram.
    pub fn against_health(&self, limit: Option<f64>) -> Option<f64> {
        let p95 = self.p95()?;
        let exact = limit.is_none_or(|limit| self.over(limit).is_some());
        match (exact, p95.at_most) {
            (true, _) => Some(p95.about),
            (false, Some(at_most)) => Some(at_most),
            (false, None) => limit.map(|limit| limit.max(p95.at_least).next_up()),
        }
    }
}

/// The upper edge of the bucket that a series counts.
pub(super) fn edge_of(series: &Series) -> Option<f64> {
    series.labels.get(EDGE)?.parse().ok().filter(|edge: &f64| !edge.is_nan())
}

/// An edge, in order; never NaN.
#[derive(Clone, Copy, Debug)]
struct Edge(f64);

impl Ord for Edge {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Edge {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Edge {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Edge {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::prometheus::answer::Sample;
    use proptest::prelude::*;
    use rampart_core::Timestamp;

    const EDGES: [f64; 6] = [0.1, 0.25, 0.5, 1.0, 2.5, f64::INFINITY];

    fn histogram(observed: &[f64]) -> Buckets {
        let up_to = |edge: f64| observed.iter().filter(|value| **value <= edge).count() as f64;
        Buckets::counted(EDGES.map(|edge| (edge, up_to(edge)))).unwrap()
    }

    /// The 95th percentile by its definition: the smallest observation with 19 in 20 not over it.
    fn true_p95(observed: &[f64]) -> f64 {
        let mut sorted = observed.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted[(observed.len() * 19).div_ceil(20) - 1]
    }

    #[test]
    fn nothing_observed_is_no_percentile() {
        assert_eq!(histogram(&[]).p95(), None);
        assert_eq!(Buckets::counted([(0.5, 1.0), (1.0, 2.0)]), None, "without +Inf nobody knows how many there were");
    }

    #[test]
    fn one_request_more_over_the_limit_makes_the_difference_and_where_it_is_no_edge_we_err_on_the_safe_side() {
        let mut observed = vec![0.3; 190];
        observed.extend([1.2; 10]);
        let good = histogram(&observed);
        assert_eq!((good.total(), good.over(1.0), good.over(0.9)), (200.0, Some(10.0), None));
        assert_eq!([1.0, 0.9, 0.05].map(|limit| good.possibly_over(limit)), [10.0, 10.0, 200.0]);
        assert!(good.against_harm(Some(1.0)).unwrap() <= 1.0, "{good:?}");
        observed[0] = 1.2;
        let bad = histogram(&observed);
        assert!(bad.against_harm(Some(1.0)).unwrap() > 1.0, "11 in 200 are over");
        assert_eq!(bad.against_harm(Some(2.0)), Some(1.0), "it may be over 2 s, but need not");
        assert_eq!(bad.against_health(Some(2.0)), Some(2.5), "it may be under 2 s, but need not");
        assert_eq!(bad.tail_edge(), Some(2.5));
        let beyond = histogram(&[30.0; 20]);
        assert!(beyond.against_harm(Some(2.5)).unwrap() > 2.5);
        assert_eq!(
            (beyond.against_health(Some(2.0)), beyond.against_health(Some(60.0))),
            (Some(2.5_f64.next_up()), Some(60.0_f64.next_up()))
        );
    }

    #[test]
    fn histograms_of_several_series_are_added_up_at_the_edges_that_all_of_them_have() {
        let series = |instance: &str, edge: &str, count: f64| Series {
            labels: [("instance", instance), ("le", edge)].map(|(l, v)| (l.to_owned(), v.to_owned())).into(),
            samples: [(0, 7.0), (10, 7.0 + count)]
                .map(|(at, value)| Sample { at: Timestamp::from_timestamp(at, 0).unwrap(), value })
                .to_vec(),
        };
        let all = [
            series("one", "0.5", 3.0),
            series("one", "1.0", 4.0),
            series("one", "+Inf", 5.0),
            series("two", "1", 10.0),
            series("two", "2", 11.0),
            series("two", "+Inf", 12.0),
        ];
        let found = Buckets::of(&all, &Witness::of(&all));
        assert_eq!(found, Buckets::counted([(1.0, 14.0), (f64::INFINITY, 17.0)]));
        assert_eq!(Buckets::of(&all[..2], &Witness::default()), None);
        let unlabelled = Series { labels: [].into(), samples: vec![] };
        assert_eq!(Buckets::of(&[unlabelled], &Witness::default()), None);
    }

    proptest! {
        #[test]
        fn against_a_limit_that_is_an_edge_the_value_says_what_the_counts_say(
            observed in prop::collection::vec(0.001_f64..4.0, 1..300),
        ) {
            let buckets = histogram(&observed);
            for limit in &EDGES[..5] {
                let truly_over = true_p95(&observed) > *limit;
                prop_assert_eq!(buckets.over(*limit).unwrap() * 20.0 > buckets.total(), truly_over);
                prop_assert_eq!(buckets.against_harm(Some(*limit)).unwrap() > *limit, truly_over);
                prop_assert_eq!(buckets.against_health(Some(*limit)).unwrap() > *limit, truly_over);
            }
        }

        #[test]
        fn against_any_other_limit_no_harm_is_made_up_and_no_health_either(
            observed in prop::collection::vec(0.001_f64..4.0, 1..300),
            limit in 0.01_f64..4.0,
        ) {
            let (buckets, truly) = (histogram(&observed), true_p95(&observed));
            if buckets.against_harm(Some(limit)).unwrap() > limit {
                prop_assert!(truly > limit);
            }
            if buckets.against_health(Some(limit)).is_some_and(|value| value <= limit) {
                prop_assert!(truly <= limit);
            }
        }
    }
}
