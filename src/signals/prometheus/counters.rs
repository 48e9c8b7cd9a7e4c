//! How much counters rose, from their raw samples.
//!
//! `increase()` of PromQL extrapolates to the edges of its window, so that three failures may read as 3.4 and a limit
//! cannot be compared with exactly. Here every difference is one that was seen. A counter that fell has started again
//! from 0. The first sample of a series is only where counting begins, unless its target was seen before: then the
//! series is a new one (the first failure, mostly) and all of its value is news.

use super::answer::{Labels, Sample, Series};
use rampart_core::{Millis, Timestamp};
use std::collections::BTreeMap;

/// When each target was first seen, in all answers that were asked for at one moment: the series of failures is born
/// with the first of them, and that its target was there before is known by the series of requests.
#[derive(Clone, Debug, Default)]
pub struct Witness {
    first_seen: BTreeMap<(Option<String>, Option<String>), Timestamp>,
}

impl Witness {
    /// What these series testify to.
    pub fn of<'a>(series: impl IntoIterator<Item = &'a Series>) -> Self {
        let mut first_seen = BTreeMap::new();
        for series in series {
            let first = series.samples.iter().filter(|sample| counted(sample)).map(|sample| sample.at).min();
            if let Some(first) = first {
                let known = first_seen.entry(target(&series.labels)).or_insert(first);
                *known = first.min(*known);
            }
        }
        Self { first_seen }
    }

    /// Whether the series began while its target was being looked at.
    fn saw_the_birth_of(&self, labels: &Labels, first: Timestamp) -> bool {
        self.first_seen.get(&target(labels)).is_some_and(|seen| *seen < first)
    }
}

/// A process that is asked for its counters.
fn target(labels: &Labels) -> (Option<String>, Option<String>) {
    (labels.get("job").cloned(), labels.get("instance").cloned())
}

/// One step of one counter.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Step {
    at: Timestamp,
    by: f64,
}

/// How much all of these counters together rose between their first and their last samples.
pub fn increase(series: &[Series], witness: &Witness) -> f64 {
    series.iter().flat_map(|series| steps(series, witness)).map(|step| step.by).sum()
}

/// The longest pause between two samples that is none: two and a half times the usual one, so that one lost scrape
/// is forgiven and two are not. None where no series has two samples.
pub fn gap_limit(series: &[Series]) -> Option<Millis> {
    let mut pauses: Vec<Millis> = series
        .iter()
        .flat_map(|series| {
            let samples = in_order(&series.samples);
            samples.windows(2).map(pause).collect::<Vec<_>>()
        })
        .collect();
    pauses.sort_unstable();
    let usual = *pauses.get(pauses.len() / 2)?;
    Some(Millis(usual.0.saturating_mul(5) / 2))
}

fn pause(pair: &[Sample]) -> Millis {
    match pair {
        [earlier, later] => Millis::between(earlier.at, later.at),
        _ => Millis::ZERO,
    }
}

/// Bins of one width, one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bins {
    /// Where the first begins.
    pub start: Timestamp,
    /// How long each is.
    pub width: Millis,
    /// How many there are.
    pub count: usize,
}

impl Bins {
    /// Where a bin begins.
    pub fn start_of(&self, bin: usize) -> Timestamp {
        Millis(self.width.0.saturating_mul(u64::try_from(bin).unwrap_or(u64::MAX))).after(self.start)
    }

    /// How much the counters rose in each bin. A step belongs to the bin of its later sample. A bin in which any
    /// series was not looked at for longer than `longest_gap` is none: whoever compares two arms leaves it out in
    /// both.
    pub fn increases(&self, series: &[Series], witness: &Witness, longest_gap: Millis) -> Vec<Option<f64>> {
        let mut found = vec![Some(0.0); self.count];
        for series in series {
            for step in steps(series, witness) {
                // Behind the start and up to the end, as PromQL's ranges are.
                if step.at > self.start
                    && let Some(bin) = found.get_mut(self.bin_of(step.at))
                {
                    *bin = bin.map(|sum| sum + step.by);
                }
            }
            for (from, to) in self.pauses(series, witness) {
                if Millis::between(from, to) > longest_gap {
                    self.strike_out(&mut found, from, to);
                }
            }
        }
        found
    }

    /// The bin that ends at or behind `at`.
    fn bin_of(&self, at: Timestamp) -> usize {
        let behind = Millis::between(self.start, at).0.saturating_sub(1);
        usize::try_from(behind / self.width.0.max(1)).unwrap_or(usize::MAX)
    }

    /// Every stretch of time within the bins in which a series was not looked at.
    fn pauses(&self, series: &Series, witness: &Witness) -> Vec<(Timestamp, Timestamp)> {
        let samples = in_order(&series.samples);
        let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return Vec::new() };
        let mut pauses: Vec<_> =
            samples.windows(2).filter_map(|pair| Some((pair.first()?.at, pair.last()?.at))).collect();
        if !witness.saw_the_birth_of(&series.labels, first.at) {
            pauses.push((self.start.min(first.at), first.at));
        }
        let end = self.start_of(self.count);
        pauses.push((last.at, end.max(last.at)));
        pauses
    }

    fn strike_out(&self, found: &mut [Option<f64>], from: Timestamp, to: Timestamp) {
        for (number, bin) in found.iter_mut().enumerate() {
            if self.start_of(number) < to && self.start_of(number + 1) > from {
                *bin = None;
            }
        }
    }
}

fn steps(series: &Series, witness: &Witness) -> Vec<Step> {
    let samples = in_order(&series.samples);
    let mut before: Option<Sample> = None;
    let mut steps = Vec::with_capacity(samples.len());
    for sample in samples {
        let by = match before {
            Some(before) if sample.value >= before.value => sample.value - before.value,
            Some(_) => sample.value,
            None if witness.saw_the_birth_of(&series.labels, sample.at) => sample.value,
            None => 0.0,
        };
        steps.push(Step { at: sample.at, by });
        before = Some(sample);
    }
    steps
}

/// The samples that can be those of a counter, oldest first, one a moment. Of two at one moment the greater: a
/// counter does not fall in no time.
fn in_order(samples: &[Sample]) -> Vec<Sample> {
    let mut samples: Vec<Sample> = samples.iter().copied().filter(counted).collect();
    samples.sort_by(|one, other| one.at.cmp(&other.at).then(other.value.total_cmp(&one.value)));
    samples.dedup_by_key(|sample| sample.at);
    samples
}

fn counted(sample: &Sample) -> bool {
    sample.value.is_finite() && sample.value >= 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(1_000_000 + second, 0).unwrap()
    }

    fn series(name: &str, samples: &[(i64, f64)]) -> Series {
        let labels = [("job", "api"), ("instance", "one"), ("status", name)];
        let labels = labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect();
        let samples = samples.iter().map(|(second, value)| Sample { at: at(*second), value: *value }).collect();
        Series { labels, samples }
    }

    fn rise(samples: &[(i64, f64)]) -> f64 {
        let series = [series("500", samples)];
        increase(&series, &Witness::of(&series))
    }

    #[test]
    fn only_differences_that_were_seen_count_and_a_restart_begins_at_nothing() {
        assert_eq!(rise(&[(0, 10.0), (10, 12.0), (20, 15.0)]), 5.0);
        assert_eq!(rise(&[(0, 10.0), (10, 12.0), (20, 3.0), (30, 4.0)]), 6.0, "restarted before the third");
        assert_eq!(rise(&[(0, 10.0)]), 0.0);
        assert_eq!(rise(&[]), 0.0);
    }

    #[test]
    fn order_duplicates_and_what_no_counter_can_say_change_nothing() {
        let samples = [
            (20, 15.0),
            (0, 10.0),
            (10, 12.0),
            (10, 12.0),
            (15, f64::NAN),
            (16, -1.0),
            (17, f64::INFINITY),
            (20, 14.0),
        ];
        assert_eq!(rise(&samples), 5.0);
    }

    #[test]
    fn the_first_failure_of_a_process_that_was_there_before_counts() {
        let requests = [series("200", &[(0, 100.0), (10, 110.0), (20, 120.0)])];
        let failures = [series("500", &[(20, 2.0)])];
        assert_eq!(increase(&failures, &Witness::of(requests.iter().chain(&failures))), 2.0);
        assert_eq!(increase(&failures, &Witness::of(&failures)), 0.0, "it may have failed long ago");
    }

    #[test]
    fn a_bin_with_a_gap_is_none_and_its_neighbours_are_whole() {
        let bins = Bins { start: at(0), width: Millis::seconds(60), count: 4 };
        let every_ten = |from: i64, to: i64| (from..=to).step_by(10).map(|second| (second, second as f64));
        let samples: Vec<_> = every_ten(-10, 70).chain(every_ten(110, 240)).collect();
        let seen = [series("200", &samples)];
        let limit = gap_limit(&seen).unwrap();
        assert_eq!(limit, Millis::seconds(25));
        let found = bins.increases(&seen, &Witness::of(&seen), limit);
        assert_eq!(found, [Some(60.0), None, Some(60.0), Some(60.0)]);
        let ended = [series("200", &every_ten(-10, 130).collect::<Vec<_>>())];
        assert_eq!(bins.increases(&ended, &Witness::of(&ended), limit), [Some(60.0), Some(60.0), None, None]);
        let begun = [series("200", &every_ten(130, 240).collect::<Vec<_>>())];
        assert_eq!(bins.increases(&begun, &Witness::of(&begun), limit), [None, None, None, Some(60.0)]);
        let born = bins.increases(&begun, &Witness::of(seen.iter().chain(&begun)), limit);
        assert_eq!(born, [Some(0.0), Some(0.0), Some(180.0), Some(60.0)], "a new series of an old process");
    }

    proptest! {
        #[test]
        fn whatever_was_counted_is_found_whatever_the_order_and_the_restarts(
            rises in prop::collection::vec((0_u32..50, prop::bool::weighted(0.1)), 1..60),
            turn in any::<prop::sample::Index>(),
        ) {
            let (mut value, mut total) = (100.0, 0.0);
            let mut samples = vec![(0, value)];
            for (second, (by, restarted)) in (1..).zip(&rises) {
                // A restart that nobody can see, because more was counted since than before, is not made.
                let by = f64::from(*by);
                if *restarted && by < value {
                    value = 0.0;
                }
                value += by;
                total += by;
                samples.push((second, value));
            }
            let by = turn.index(samples.len());
            samples.rotate_left(by);
            prop_assert_eq!(rise(&samples), total);
            let bins = Bins { start: at(0), width: Millis::seconds(7), count: 9 };
            let seen = [series("200", &samples)];
            let found = bins.increases(&seen, &Witness::of(&seen), Millis::hours(1));
            prop_assert_eq!(found.into_iter().flatten().sum::<f64>(), total);
        }

        #[test]
        fn no_samples_however_wild_make_a_counter_fall(
            samples in prop::collection::vec((-100_i64..1000, any::<f64>()), 0..40),
        ) {
            prop_assert!(rise(&samples) >= 0.0);
        }
    }
}
