//! Points and lengths of time. The core is handed the time; it never asks for it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, Mul};

/// A point in time, UTC. In the daemon it always comes from the database.
pub type Timestamp = chrono::DateTime<chrono::Utc>;

/// A length of time in whole milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// No time at all.
    pub const ZERO: Millis = Millis(0);

    /// Whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Whole minutes.
    pub const fn minutes(minutes: u64) -> Self {
        Self::seconds(minutes.saturating_mul(60))
    }

    /// Whole hours.
    pub const fn hours(hours: u64) -> Self {
        Self::minutes(hours.saturating_mul(60))
    }

    /// From `earlier` to `later`; nothing where the clock stepped back.
    pub fn between(earlier: Timestamp, later: Timestamp) -> Self {
        Self(u64::try_from((later - earlier).num_milliseconds()).unwrap_or(0))
    }

    /// Seconds, with fraction.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// What is left of `self` after `served`; never negative.
    pub const fn minus(self, served: Millis) -> Self {
        Self(self.0.saturating_sub(served.0))
    }

    /// The same length for the standard library.
    pub const fn std(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0)
    }

    /// `at` plus this length; `at` itself where that is beyond the calendar.
    pub fn after(self, at: Timestamp) -> Timestamp {
        i64::try_from(self.0)
            .ok()
            .and_then(chrono::Duration::try_milliseconds)
            .and_then(|d| at.checked_add_signed(d))
            .unwrap_or(at)
    }
}

impl Add for Millis {
    type Output = Millis;

    fn add(self, other: Millis) -> Millis {
        Millis(self.0.saturating_add(other.0))
    }
}

impl Mul<u64> for Millis {
    type Output = Millis;

    fn mul(self, times: u64) -> Millis {
        Millis(self.0.saturating_mul(times))
    }
}

impl fmt::Display for Millis {
    /// As people say it: the two largest units, `1 h 12 min`, `12 min 40 s`, `8 s`, `250 ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 1000 {
            return write!(f, "{} ms", self.0);
        }
        let seconds = self.0 / 1000;
        let units =
            [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
        let largest = units.iter().position(|(count, _)| *count > 0).unwrap_or(units.len() - 1);
        let said: Vec<String> = units
            .iter()
            .skip(largest)
            .take(2)
            .filter(|(count, _)| *count > 0)
            .map(|(count, unit)| format!("{count} {unit}"))
            .collect();
        f.write_str(&said.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_read_as_people_say_them() {
        for (millis, said) in [
            (Millis(250), "250 ms"),
            (Millis::seconds(8), "8 s"),
            (Millis::seconds(760), "12 min 40 s"),
            (Millis::hours(1), "1 h"),
            (Millis::minutes(72), "1 h 12 min"),
            (Millis::hours(26), "1 d 2 h"),
        ] {
            assert_eq!(millis.to_string(), said);
        }
    }

    #[test]
    fn a_clock_that_steps_back_gives_no_time() {
        let now = Timestamp::UNIX_EPOCH + chrono::Duration::hours(5);
        assert_eq!(Millis::between(now, now - chrono::Duration::seconds(9)), Millis::ZERO);
        assert_eq!(Millis::between(now, now + chrono::Duration::seconds(9)), Millis::seconds(9));
    }
}
