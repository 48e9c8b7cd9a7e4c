//! When a delivery is tried again, and when it is dead.

use aws_lc_rs::rand;
use std::time::Duration;

/// How long a delivery is tried.
pub(super) const EXPIRY: Duration = Duration::from_secs(24 * 3600);
/// Refusals in a row, at the end of which the letter is dead: trying for a day would not make a wrong address right.
pub(super) const MAX_REFUSALS: u32 = 5;
/// The pause after the first failure; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause of our own.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// The longest pause a receiver may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

/// Why an attempt failed.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Failure {
    /// It may be different next time: no answer, a late one, 408, 425, 429, 5xx.
    Passing {
        /// How long the receiver asked to be left alone.
        retry_after: Option<Duration>,
    },
    /// It will most likely be the same next time: any other answer that is no success.
    Refused,
    /// The receiver wants nothing any more: 410.
    Gone,
}

/// What has been tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tried {
    /// Attempts, the one that just failed included.
    pub(super) attempts: u32,
    /// Refusals in a row before it.
    pub(super) refusals: u32,
    /// For how long.
    pub(super) age: Duration,
}

/// Until the next attempt; none where the letter is dead. `jitter` is from 0 to 1.
pub(super) fn pause(failure: &Failure, tried: Tried, jitter: f64) -> Option<Duration> {
    let asked = match failure {
        Failure::Gone => return None,
        Failure::Refused if tried.refusals + 1 >= MAX_REFUSALS => return None,
        Failure::Refused => None,
        Failure::Passing { retry_after } => *retry_after,
    };
    let doubled = FIRST_PAUSE.saturating_mul(1_u32.checked_shl(tried.attempts.saturating_sub(1)).unwrap_or(u32::MAX));
    // Half of it is by chance, so that those that failed together do not come back together.
    let own = doubled.min(LONGEST_PAUSE).mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0));
    let pause = own.max(asked.unwrap_or_default().min(LONGEST_ASKED));
    (tried.age + pause < EXPIRY).then_some(pause)
}

/// A number from 0 to 1 that differs each time; the middle where the system has no randomness to give.
pub(super) fn jitter() -> f64 {
    let mut byte = [128];
    // What is left unfilled is the middle.
    let _ = rand::fill(&mut byte);
    f64::from(byte[0]) / 255.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSING: Failure = Failure::Passing { retry_after: None };

    fn after(failure: &Failure, attempts: u32) -> Option<Duration> {
        pause(failure, Tried { attempts, refusals: attempts - 1, age: Duration::ZERO }, 1.0)
    }

    #[test]
    fn pauses_double_up_to_ten_minutes_and_half_of_each_is_chance() {
        let pauses: Vec<u128> = (1..=4).filter_map(|n| Some(after(&PASSING, n)?.as_millis())).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000]);
        for many in [12, 33, 34, u32::MAX] {
            assert_eq!(after(&PASSING, many), Some(LONGEST_PAUSE), "{many}");
        }
        let first = Tried { attempts: 1, refusals: 0, age: Duration::ZERO };
        assert_eq!(pause(&PASSING, first, 0.0), Some(Duration::from_millis(250)));
    }

    #[test]
    fn a_refusal_is_dead_after_a_few_tries_and_trouble_after_a_day() {
        assert_eq!(after(&Failure::Gone, 1), None);
        assert!(after(&Failure::Refused, MAX_REFUSALS - 1).is_some());
        assert_eq!(after(&Failure::Refused, MAX_REFUSALS), None);
        let tried = |age| Tried { attempts: 200, refusals: 0, age };
        assert!(pause(&PASSING, tried(EXPIRY - LONGEST_PAUSE * 2), 1.0).is_some());
        assert_eq!(pause(&PASSING, tried(EXPIRY), 1.0), None);
        assert!(pause(&Failure::Refused, tried(Duration::ZERO), 1.0).is_some(), "refused once, after a long outage");
    }

    #[test]
    fn a_receiver_may_ask_for_a_longer_pause_within_an_hour() {
        let asks = |seconds| Failure::Passing { retry_after: Some(Duration::from_secs(seconds)) };
        assert_eq!(after(&asks(30), 1), Some(Duration::from_secs(30)));
        assert_eq!(after(&asks(1), 4), Some(Duration::from_secs(4)), "never sooner than by ourselves");
        assert_eq!(after(&asks(1_000_000), 1), Some(LONGEST_ASKED));
    }
}
