//! How many requests pass, whether a rollout runs or not: what a preflight reckons with.

use rampart_core::Timestamp;
use rampart_core::rollout::Traffic;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// The stretch over which traffic is told.
const SECONDS: i64 = 300;

/// Requests of the last minutes, counted by this process.
#[derive(Debug, Default)]
pub struct Passing {
    /// Oldest first.
    seconds: Mutex<VecDeque<Second>>,
}

#[derive(Clone, Copy, Debug)]
struct Second {
    at: i64,
    requests: u64,
    server_errors: u64,
}

impl Passing {
    /// Counts an answered request.
    pub fn count(&self, status: u16, now: Timestamp) {
        let (at, failed) = (now.timestamp(), u64::from(status >= 500));
        let mut seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        match seconds.back_mut().filter(|newest| newest.at >= at) {
            Some(newest) => {
                newest.requests += 1;
                newest.server_errors += failed;
            }
            None => seconds.push_back(Second { at, requests: 1, server_errors: failed }),
        }
        while seconds.front().is_some_and(|oldest| oldest.at < at - SECONDS) {
            seconds.pop_front();
        }
    }

    /// The traffic of the last five minutes, or since the first request where that is less.
    pub fn traffic(&self, now: Timestamp) -> Traffic {
        let seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        // The present second is not over yet.
        let whole =
            || seconds.iter().filter(|second| (now.timestamp() - SECONDS..now.timestamp()).contains(&second.at));
        let requests: u64 = whole().map(|second| second.requests).sum();
        let errors: u64 = whole().map(|second| second.server_errors).sum();
        let stretch = whole().next().map_or(1, |first| (now.timestamp() - first.at).max(1));
        Traffic {
            requests_per_second: requests as f64 / stretch as f64,
            server_error_rate: (requests > 0).then(|| errors as f64 / requests as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    #[test]
    fn nothing_is_known_before_anybody_came() {
        let traffic = Passing::default().traffic(at(0));
        assert_eq!(traffic, Traffic { requests_per_second: 0.0, server_error_rate: None });
    }

    #[test]
    fn traffic_is_told_over_what_was_seen_and_forgets_after_five_minutes() {
        let passing = Passing::default();
        for second in 0..10 {
            (0..5).for_each(|_| passing.count(200, at(second)));
        }
        passing.count(503, at(9));
        let young = passing.traffic(at(10));
        assert_eq!((young.requests_per_second, young.server_error_rate), (5.1, Some(1.0 / 51.0)));
        passing.count(200, at(400));
        assert_eq!(passing.traffic(at(401)).requests_per_second, 1.0);
    }
}
