//! Canary beside control, in bins: what a comparison takes in.

use super::answer::Series;
use super::buckets::edge_of;
use super::counters::{Bins, Witness, gap_limit};
use rampart_core::Timestamp;
use rampart_core::stats::{Arms, Trials};

/// The raw counters of one arm.
#[derive(Clone, Copy, Debug)]
pub struct Counters<'a> {
    /// Counts what failed.
    pub failures: &'a [Series],
    /// Counts everything.
    pub requests: &'a [Series],
}

/// Both arms in each bin that is whole on both sides, and where that bin begins. A bin in which either arm was not
/// looked at all the time is left out: half of a comparison would be of other requests than the other half. Of an arm
/// that nobody has counters of nothing is known, and nothing is not none.
pub fn arms(bins: &Bins, canary: Counters<'_>, control: Counters<'_>) -> Vec<(Timestamp, Arms)> {
    let all = [canary.requests, control.requests, canary.failures, control.failures];
    if canary.requests.is_empty() || control.requests.is_empty() {
        return Vec::new();
    }
    let witness = Witness::of(all.iter().copied().flatten());
    let Some(gap) = all.iter().filter_map(|series| gap_limit(series)).max() else { return Vec::new() };
    let counted = |arm: Counters<'_>| {
        let requests = bins.increases(arm.requests, &witness, gap);
        let failures = bins.increases(arm.failures, &witness, gap);
        requests.into_iter().zip(failures).map(|(requests, failures)| trials(requests?, failures?)).collect::<Vec<_>>()
    };
    let both = counted(canary).into_iter().zip(counted(control)).enumerate();
    both.filter_map(|(bin, (canary, control))| Some((bins.start_of(bin), Arms { canary: canary?, control: control? })))
        .collect()
}

/// Both arms of a classic histogram: how many observations there were, and how many of them lie over `edge`.
pub fn arms_over(bins: &Bins, canary: &[Series], control: &[Series], edge: f64) -> Vec<(Timestamp, Arms)> {
    let at = |series: &[Series], edge: f64| {
        let bucket = |one: &&Series| edge_of(one) == Some(edge);
        series.iter().filter(bucket).cloned().collect::<Vec<_>>()
    };
    let (canary_all, control_all) = (at(canary, f64::INFINITY), at(control, f64::INFINITY));
    let (canary_within, control_within) = (at(canary, edge), at(control, edge));
    // Instances of which not every one has this edge do not add up.
    if canary_within.len() != canary_all.len() || control_within.len() != control_all.len() {
        return Vec::new();
    }
    let within = arms(
        bins,
        Counters { failures: &canary_within, requests: &canary_all },
        Counters { failures: &control_within, requests: &control_all },
    );
    let over = |trials: Trials| Trials::new(trials.n, trials.n - trials.k);
    within
        .into_iter()
        .map(|(start, arms)| (start, Arms { canary: over(arms.canary), control: over(arms.control) }))
        .collect()
}

/// The lowest finite edge that is not under `limit`: what lies over it lies over the limit surely.
pub fn edge_not_under(series: &[Series], limit: f64) -> Option<f64> {
    let edges = series.iter().filter_map(edge_of).filter(|edge| edge.is_finite() && *edge >= limit);
    edges.min_by(f64::total_cmp)
}

/// Whole numbers, of which no more failed than there were.
pub(super) fn trials(requests: f64, failures: f64) -> Option<Trials> {
    let whole = |number: f64| (0.0..=9e15).contains(&number).then(|| number.round() as u64);
    let (n, k) = (whole(requests)?, whole(failures)?);
    (k <= n).then_some(Trials::new(n, k))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::prometheus::answer::Sample;
    use rampart_core::Millis;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(1_000_000 + second, 0).unwrap()
    }

    /// A counter that rises by `by` every ten seconds, looked at when `seen`.
    fn rising(by: f64, seen: impl Fn(i64) -> bool) -> Vec<Series> {
        let sample = |second: i64| Sample { at: at(second), value: by * (second + 10) as f64 / 10.0 };
        let samples = (-10..=240).step_by(10).filter(|second| seen(*second)).map(sample).collect();
        vec![Series { labels: [("job".to_owned(), "api".to_owned())].into(), samples }]
    }

    #[test]
    fn a_bin_with_a_gap_on_one_side_is_left_out_on_both() {
        let bins = Bins { start: at(0), width: Millis::seconds(60), count: 4 };
        let (requests, failures) = (rising(10.0, |_| true), rising(1.0, |_| true));
        let control = Counters { failures: &[], requests: &requests };
        let whole = arms(&bins, Counters { failures: &failures, requests: &requests }, control);
        let each = Arms { canary: Trials::new(60, 6), control: Trials::new(60, 0) };
        assert_eq!(whole, [0, 60, 120, 180].map(|second| (at(second), each)));
        let holed = rising(10.0, |second| !(70..110).contains(&second));
        let some = arms(&bins, Counters { failures: &failures, requests: &holed }, control);
        assert_eq!(some.iter().map(|(start, _)| *start).collect::<Vec<_>>(), [at(0), at(120), at(180)]);
        assert_eq!(
            arms(&bins, Counters { failures: &[], requests: &[] }, Counters { failures: &[], requests: &[] }),
            []
        );
        assert_eq!(arms(&bins, Counters { failures: &[], requests: &[] }, control), [], "not nothing of nothing");
    }

    #[test]
    fn what_lies_over_an_edge_is_counted_on_both_sides() {
        let bins = Bins { start: at(0), width: Millis::seconds(60), count: 1 };
        let bucket = |edge: &str, by: f64| {
            let mut series = rising(by, |_| true);
            series[0].labels.insert("le".to_owned(), edge.to_owned());
            series.remove(0)
        };
        let canary = [bucket("0.5", 6.0), bucket("1", 8.0), bucket("+Inf", 10.0)];
        let control = [bucket("0.5", 9.0), bucket("1.0", 10.0), bucket("+Inf", 10.0)];
        let over = |edge| arms_over(&bins, &canary, &control, edge);
        let arms =
            |canary, control| [(at(0), Arms { canary: Trials::new(60, canary), control: Trials::new(60, control) })];
        assert_eq!(over(0.5), arms(24, 6));
        assert_eq!(over(1.0), arms(12, 0));
        assert_eq!(over(0.7), [], "nobody has counted there");
        assert_eq!([0.5, 0.7, 1.5].map(|limit| edge_not_under(&canary, limit)), [Some(0.5), Some(1.0), None]);
    }
}
