//! What was counted, second by second: the daemon's live counters in virtual time.

use crate::latency::Cells;
use rampart_core::Millis;
use rampart_core::policy::{Policy, Window};
use std::collections::VecDeque;

/// Seconds older than this are dropped once enough newer canary requests are kept, as the daemon does.
const KEEP_SECONDS: i64 = 3600;
/// So many canary requests are kept, however old.
const KEEP_REQUESTS: u64 = 5_000;

/// Counts of finished requests.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Counts {
    /// All.
    pub(crate) requests: u64,
    /// 5xx, 408 and 429.
    pub(crate) failures: u64,
    /// 5xx.
    pub(crate) server_errors: u64,
    /// 503 because the database was away; each is a server error as well.
    pub(crate) unavailable: u64,
    /// 400, 401, 403, 404, 409.
    pub(crate) rejections: u64,
}

/// The requests of one cohort in one second.
#[derive(Clone, Default, Debug)]
pub(crate) struct Served {
    pub(crate) counts: Counts,
    /// One cell a request.
    pub(crate) latencies: Vec<u16>,
}

/// One second of both cohorts.
#[derive(Clone, Default, Debug)]
pub(crate) struct Slot {
    /// Since the world began.
    pub(crate) second: i64,
    pub(crate) canary: Served,
    pub(crate) control: Served,
}

/// The sum of several seconds of one cohort.
#[derive(Clone, Default, Debug)]
pub(crate) struct Tally {
    pub(crate) counts: Counts,
    pub(crate) cells: Cells,
}

/// Both cohorts.
#[derive(Clone, Default, Debug)]
pub(crate) struct Both {
    pub(crate) canary: Tally,
    pub(crate) control: Tally,
}

/// The seconds of the present epoch.
#[derive(Debug)]
pub(crate) struct Story {
    /// Oldest first; seconds in which nothing happened are left out.
    slots: VecDeque<Slot>,
    /// How many were dropped at the front.
    dropped: usize,
    /// Canary requests in the slots.
    canary_kept: u64,
    /// The whole epoch.
    total: Both,
    /// A sum for each length of window that the policy names.
    windows: Vec<Rolling>,
}

#[derive(Debug)]
struct Rolling {
    seconds: i64,
    /// The first slot inside, counted from the beginning of the story.
    first: usize,
    sum: Both,
}

impl Counts {
    pub(crate) const fn add(&mut self, other: Counts) {
        self.requests += other.requests;
        self.failures += other.failures;
        self.server_errors += other.server_errors;
        self.unavailable += other.unavailable;
        self.rejections += other.rejections;
    }

    const fn remove(&mut self, other: Counts) {
        self.requests -= other.requests;
        self.failures -= other.failures;
        self.server_errors -= other.server_errors;
        self.unavailable -= other.unavailable;
        self.rejections -= other.rejections;
    }

    /// The share of requests that failed; none of none.
    pub(crate) fn failure_rate(self) -> Option<f64> {
        (self.requests > 0).then(|| self.failures as f64 / self.requests as f64)
    }
}

impl Tally {
    pub(crate) fn add(&mut self, served: &Served) {
        self.counts.add(served.counts);
        self.cells.add(&served.latencies);
    }

    fn remove(&mut self, served: &Served) {
        self.counts.remove(served.counts);
        self.cells.remove(&served.latencies);
    }

    pub(crate) fn merge(&mut self, other: &Tally) {
        self.counts.add(other.counts);
        self.cells.merge(&other.cells);
    }
}

impl Both {
    pub(crate) fn add(&mut self, slot: &Slot) {
        self.canary.add(&slot.canary);
        self.control.add(&slot.control);
    }

    fn remove(&mut self, slot: &Slot) {
        self.canary.remove(&slot.canary);
        self.control.remove(&slot.control);
    }
}

impl Story {
    /// An empty story with a sum for every window of `policy`.
    pub(crate) fn of(policy: &Policy) -> Self {
        let mut lengths: Vec<i64> = policy.checks.iter().filter_map(|check| seconds_of(check.window)).collect();
        lengths.sort_unstable();
        lengths.dedup();
        let windows = lengths.into_iter().map(|seconds| Rolling { seconds, first: 0, sum: Both::default() });
        Self { slots: VecDeque::new(), dropped: 0, canary_kept: 0, total: Both::default(), windows: windows.collect() }
    }

    /// An epoch begins: what was seen of the one before proves nothing.
    pub(crate) fn begin_epoch(&mut self) {
        (self.dropped, self.canary_kept) = (0, 0);
        self.slots.clear();
        self.total = Both::default();
        self.windows.iter_mut().for_each(|window| (window.first, window.sum) = (0, Both::default()));
    }

    /// Takes in a finished second.
    pub(crate) fn take(&mut self, slot: Slot) {
        let now = slot.second + 1;
        if slot.canary.counts.requests + slot.control.counts.requests > 0 {
            self.total.add(&slot);
            self.windows.iter_mut().for_each(|window| window.sum.add(&slot));
            self.canary_kept += slot.canary.counts.requests;
            self.slots.push_back(slot);
        }
        for window in &mut self.windows {
            while let Some(slot) = self.slots.get(window.first - self.dropped)
                && slot.second < now - window.seconds
            {
                window.sum.remove(slot);
                window.first += 1;
            }
        }
        self.prune(now);
    }

    fn prune(&mut self, now: i64) {
        while let Some(oldest) = self.slots.front()
            && oldest.second < now - KEEP_SECONDS
            && self.canary_kept - oldest.canary.counts.requests >= KEEP_REQUESTS
        {
            self.canary_kept -= oldest.canary.counts.requests;
            self.slots.pop_front();
            self.dropped += 1;
        }
        // No window is longer than what is kept, so nothing dropped is still inside one.
        self.windows.iter_mut().for_each(|window| window.first = window.first.max(self.dropped));
    }

    /// Canary requests of this epoch.
    pub(crate) const fn canary_requests(&self) -> u64 {
        self.total.canary.counts.requests
    }

    /// The whole epoch.
    pub(crate) const fn total(&self) -> &Both {
        &self.total
    }

    /// The sum over a window of the policy.
    pub(crate) fn window(&self, window: Window) -> &Both {
        let rolling = seconds_of(window).and_then(|seconds| self.windows.iter().find(|sum| sum.seconds == seconds));
        rolling.map_or(&self.total, |rolling| &rolling.sum)
    }

    /// The newest canary requests: at least `least`, in whole seconds.
    pub(crate) fn newest(&self, least: u64) -> Tally {
        let mut sum = Tally::default();
        for slot in self.slots.iter().rev() {
            sum.add(&slot.canary);
            if sum.counts.requests >= least.max(1) {
                break;
            }
        }
        sum
    }

    /// Requests that failed because the database was away, of both cohorts, in the last so long.
    pub(crate) fn unavailable_within(&self, length: Millis) -> u64 {
        let newest = self.slots.back().map_or(0, |slot| slot.second);
        let recent = self.slots.iter().rev().take_while(|slot| slot.second + (length.0 / 1000) as i64 > newest);
        recent.map(|slot| slot.canary.counts.unavailable + slot.control.counts.unavailable).sum()
    }
}

fn seconds_of(window: Window) -> Option<i64> {
    match window {
        Window::Stage => None,
        // Nothing older than the daemon keeps can be looked at.
        Window::Last(length) => Some(((length.0 / 1000) as i64).min(KEEP_SECONDS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rampart_core::policy::parse;

    const POLICY: &str = "flag: a\nstages: [{ percent: 100, soak: 1h }]\nchecks:\n  p95: { signal: live.p95, window: 5m, rollback_if: \"> 1s\" }\n";

    fn second(second: i64, canary: u64, failures: u64) -> Slot {
        let counts = Counts { requests: canary, failures, ..Counts::default() };
        Slot {
            second,
            canary: Served { counts, latencies: vec![100; canary as usize] },
            control: Served { counts: Counts { requests: 1, ..Counts::default() }, latencies: vec![90] },
        }
    }

    #[test]
    fn a_window_forgets_and_the_epoch_does_not() {
        let mut story = Story::of(&parse("p", POLICY).unwrap());
        (0..7200).for_each(|at| story.take(second(at, 2, u64::from(at < 60))));
        let last = story.window(Window::Last(Millis::minutes(5)));
        assert_eq!(last.canary.counts, Counts { requests: 600, ..Counts::default() });
        assert_eq!(story.total().canary.counts.failures, 60);
        assert_eq!(story.canary_requests(), 14_400);
        assert_eq!(story.newest(199).counts.requests, 200);
        assert!(story.slots.len() <= 3601, "{}", story.slots.len());
        story.begin_epoch();
        assert_eq!((story.canary_requests(), story.newest(10).counts.requests), (0, 0));
        story.take(second(7200, 3, 0));
        assert_eq!(story.window(Window::Last(Millis::minutes(5))).canary.counts.requests, 3);
    }

    #[test]
    fn few_requests_are_kept_however_old_they_are() {
        let mut story = Story::of(&parse("p", POLICY).unwrap());
        (0..200).for_each(|hour| story.take(second(hour * 3600, 1, 0)));
        assert_eq!(story.newest(100).counts.requests, 100);
        assert_eq!(story.window(Window::Last(Millis::minutes(5))).canary.counts.requests, 1);
    }
}
