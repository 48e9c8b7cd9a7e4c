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
/// Into so many.
const THINNED: u64 = 120;

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

/// The range of a selector of raw samples.
pub(super) fn range(window: Millis) -> String {
    if window <= RAW {
        return format!("[{}]", promql(window));
    }
    let step = Millis::seconds((window.0 / 1000).div_ceil(THINNED));
    format!("[{}:{}]", promql(window), promql(step))
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
    fn long_windows_are_thinned() {
        assert_eq!(range(Millis::seconds(300)), "[300s]");
        assert_eq!(range(Millis(1500)), "[1500ms]");
        assert_eq!(range(Millis::hours(8)), "[28800s:240s]");
    }
}
