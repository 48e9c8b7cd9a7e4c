//! Canary beside control, in bins: what a comparison takes in.

use super::answer::Series;
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
/// looked at all the time is left out: half of a comparison would be of other requests than the other half.
pub fn arms(bins: &Bins, canary: Counters<'_>, control: Counters<'_>) -> Vec<(Timestamp, Arms)> {
    let all = [canary.requests, control.requests, canary.failures, control.failures];
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

/// Whole numbers, of which no more failed than there were.
fn trials(requests: f64, failures: f64) -> Option<Trials> {
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
    }
}
