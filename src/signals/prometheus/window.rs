//! How far back a question looks.
//!
//! The window of a check is cut to the time the stage has lasted, and rounded down to a ladder there: so rollouts that
//! began at different moments ask the very same question, and a server that watches a thousand of them is asked once.

use rampart_core::policy::Window;
use rampart_core::{Millis, Timestamp};

/// The rungs in seconds; each at most a third longer than the one before.
const LADDER: [u64; 48] = [
    1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 75, 90, 120, 150, 180, 240, 300, 360, 480, 600, 750, 900,
    1_200, 1_500, 1_800, 2_400, 3_000, 3_600, 4_500, 5_400, 7_200, 9_000, 10_800, 14_400, 18_000, 21_600, 28_800,
    36_000, 43_200, 57_600, 72_000, 86_400,
];
/// The raw samples of a longer window are thinned, or there were more of them than an answer may hold.
const RAW: Millis = Millis::minutes(10);
/// Samples of a series that are asked for at least, where a window is thinned, times the flags they are asked for.
const SAMPLES: usize = 6_000;
/// So many of them are as good as all.
const MOST_SAMPLES: u64 = 120;

/// The window that ends at `end` and lies within the stage; none where the stage is too young to be seen at all.
pub(super) fn window(wanted: Window, stage_since: Timestamp, end: Timestamp) -> Option<Millis> {
    let in_stage = Millis::between(stage_since, end);
    match wanted {
        Window::Last(length) if length <= in_stage => Some(length),
        Window::Last(_) | Window::Stage => rung_below(in_stage),
    }
}

/// The highest rung not over `length`; beyond the ladder, whole days.
fn rung_below(length: Millis) -> Option<Millis> {
    let seconds = length.0 / 1000;
    let days = seconds / 86_400;
    if days > 1 {
        return Some(Millis::hours(24 * days));
    }
    LADDER.iter().rev().find(|rung| **rung <= seconds).map(|rung| Millis::seconds(*rung))
}

/// A length as PromQL writes it.
pub(super) fn promql(length: Millis) -> String {
    if length.0.is_multiple_of(1000) { format!("{}s", length.0 / 1000) } else { format!("{}ms", length.0) }
}

/// The range of a selector that is asked for so many flags at once, in a window that ends at `end`.
///
/// What counters rose between two samples is exact however many lie between; thinning costs only what lies before the
/// first and behind the last sample of the grid. The grid of a subquery is made of multiples of its step, so among the
/// steps that thin enough that one is taken whose last multiple lies nearest to the end.
pub(super) fn range(window: Millis, flags: usize, end: Timestamp) -> String {
    let samples = samples_for(flags);
    let whole = samples == MOST_SAMPLES && window <= RAW;
    let longest = window.0 / 1000 / samples;
    if whole || longest < 2 {
        return format!("[{}]", promql(window));
    }
    let behind = |step: &u64| end.timestamp().rem_euclid(step.cast_signed());
    let step = (longest / 2 + 1..=longest).rev().min_by_key(behind).unwrap_or(longest);
    format!("[{}:{step}s]", promql(window))
}

/// The same for samples that are counted in bins: what is thinned lies on the edges of the bins, so that the next round
/// goes on exactly where this one ended. Bins begin at multiples of their length, as the grid of a subquery does.
pub(super) fn binned(window: Millis, flags: usize, bin: Millis) -> String {
    if samples_for(flags) == MOST_SAMPLES && window <= RAW {
        return format!("[{}]", promql(window));
    }
    let bin = bin.0 / 1000;
    let step = (bin.div_ceil(4)..bin).find(|step| bin.is_multiple_of(*step)).unwrap_or(bin);
    format!("[{}:{}s]", promql(window), step.max(1))
}

/// The window that ends at `end` and holds the whole stage: what lies before the stage is left out where it is counted.
pub(super) fn covering(stage_since: Timestamp, end: Timestamp) -> Option<Millis> {
    let seconds = Millis::between(stage_since, end).0.div_ceil(1000);
    let days = Millis::hours(24 * seconds.div_ceil(86_400));
    (seconds > 0).then(|| LADDER.iter().find(|rung| **rung >= seconds).map_or(days, |rung| Millis::seconds(*rung)))
}

fn samples_for(flags: usize) -> u64 {
    ((SAMPLES / flags.max(1)) as u64).clamp(6, MOST_SAMPLES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_never_reaches_back_behind_the_stage_and_takes_few_lengths() {
        let start = Timestamp::UNIX_EPOCH;
        let mut lengths = std::collections::BTreeSet::new();
        for seconds in 1..86_400 {
            let end = start + chrono::Duration::seconds(seconds);
            let all = window(Window::Stage, start, end).unwrap();
            assert!(
                all.after(start) <= end && all.0 * 4 >= (end - start).num_milliseconds() as u64 * 3 - 3000,
                "{all}"
            );
            lengths.insert(all);
            let last = window(Window::Last(Millis::minutes(7)), start, end).unwrap();
            assert_eq!(last == Millis::minutes(7), seconds >= 420, "exactly as configured as soon as it fits");
        }
        assert!(lengths.len() <= LADDER.len());
        assert_eq!(window(Window::Stage, start, start + chrono::Duration::milliseconds(999)), None);
        assert_eq!(window(Window::Stage, start, start - chrono::Duration::seconds(9)), None);
    }

    #[test]
    fn bins_are_thinned_on_their_own_edges_and_a_whole_stage_is_covered() {
        assert_eq!(binned(Millis::minutes(3), 50, Millis::seconds(60)), "[180s]");
        assert_eq!(binned(Millis::minutes(3), 51, Millis::seconds(60)), "[180s:15s]");
        assert_eq!(binned(Millis::hours(1), 1, Millis::seconds(17)), "[3600s:17s]", "17 is prime");
        let start = Timestamp::UNIX_EPOCH;
        for seconds in [1, 7, 61, 86_400, 86_401, 300_000] {
            let window = covering(start, start + chrono::Duration::seconds(seconds)).unwrap();
            assert!(window >= Millis::seconds(seconds as u64), "{window} for {seconds} s");
        }
        assert_eq!(covering(start, start), None);
    }

    #[test]
    fn long_windows_and_those_of_many_flags_are_thinned_and_end_where_they_should() {
        let end = Timestamp::from_timestamp(1_700_000_123, 0).unwrap();
        assert_eq!(range(Millis::seconds(300), 1, end), "[300s]");
        assert_eq!(range(Millis::seconds(300), 50, end), "[300s]");
        assert_eq!(range(Millis(1500), 1, end), "[1500ms]");
        assert_eq!(range(Millis::seconds(5), 1000, end), "[5s]");
        let step = |range: String| range.rsplit_once(':').unwrap().1.trim_end_matches("s]").parse::<i64>().unwrap();
        for (window, flags, steps) in [(300, 1000, 26..=50), (28_800, 1, 121..=240), (28_800, 1000, 2401..=4800)] {
            for later in 0..50 {
                let end = end.timestamp() + later;
                let at = Timestamp::from_timestamp(end, 0).unwrap();
                let step = step(range(Millis::seconds(window), flags, at));
                assert!(steps.contains(&step) && end % step <= 8, "{window} {flags}: {step}, {} behind", end % step);
            }
        }
    }
}
