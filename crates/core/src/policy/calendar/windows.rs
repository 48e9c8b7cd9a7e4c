//! When a rollout may advance. A window only ever holds an advance; nothing here can delay a rollback.

use super::schedule::instant;
use super::{Schedule, Tz};
use crate::{Millis, Timestamp};
use chrono::{NaiveDate, NaiveTime};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// How many openings and freezes are followed in search of an end. A window whose end lies further
/// ahead is said to have none in sight.
const MAX_STEPS: usize = 400;

/// The longest that windows may stay closed.
const A_YEAR: chrono::TimeDelta = chrono::TimeDelta::days(366);

/// Hours in which a rollout may advance, and days on which it may not.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Windows {
    /// The zone of all its times and dates.
    #[serde(serialize_with = "write_zone", deserialize_with = "read_zone")]
    pub timezone: Tz,
    /// When an advance may happen; always where there is none.
    #[serde(default)]
    pub advance: Vec<Opening>,
    /// Days without an advance.
    #[serde(default)]
    pub freeze: Vec<DateSpan>,
}

/// One recurring opening.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Opening {
    /// When it opens.
    pub open: Schedule,
    /// For how long, in elapsed time: nine hours are nine hours on the day the clocks change, too.
    pub lasts: Millis,
}

/// Whole days, the first and the last included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct DateSpan {
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: NaiveDate,
}

/// Whether an advance may happen now, and how long that stays so.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum WindowState {
    /// It may.
    Open {
        /// Until then; nothing where no end is in sight.
        until: Option<Timestamp>,
    },
    /// It may not.
    Closed {
        /// Until then; nothing where no opening is in sight.
        until: Option<Timestamp>,
        /// In words: `frozen from 2026-12-24 to 2027-01-02`.
        why: String,
    },
}

impl Windows {
    /// Whether a rollout may advance at `now`.
    pub fn at(&self, now: Timestamp) -> WindowState {
        if let Some((span, _)) = self.frozen(now) {
            return WindowState::Closed { until: self.opens(now), why: format!("frozen {span}") };
        }
        if !self.within_hours(now) {
            let why = format!("outside the hours of its windows ({})", self.timezone.name());
            return WindowState::Closed { until: self.opens(now), why };
        }
        WindowState::Open { until: self.closes(now) }
    }

    /// The freeze that holds at `at`, and when it ends.
    fn frozen(&self, at: Timestamp) -> Option<(DateSpan, Timestamp)> {
        let mut freezes = self.freeze.iter().filter_map(|span| Some((*span, span.instants(self.timezone)?)));
        freezes.find(|(_, (start, end))| (*start..*end).contains(&at)).map(|(span, (_, end))| (span, end))
    }

    fn within_hours(&self, at: Timestamp) -> bool {
        self.advance.is_empty() || self.advance.iter().any(|opening| opening.covers_until(at).is_some())
    }

    /// The first instant from `from` on at which an advance may happen.
    fn opens(&self, from: Timestamp) -> Option<Timestamp> {
        let mut at = from;
        for _ in 0..MAX_STEPS {
            at = match self.frozen(at) {
                Some((_, end)) => end,
                None if self.within_hours(at) => return Some(at),
                None => self.advance.iter().filter_map(|opening| opening.open.next_after(at)).min()?,
            };
        }
        None
    }

    /// The first instant after `now`, when it is open, at which it no longer is.
    fn closes(&self, now: Timestamp) -> Option<Timestamp> {
        let starts = self.freeze.iter().filter_map(|span| Some(span.instants(self.timezone)?.0));
        let freeze = starts.filter(|start| *start > now).min();
        let hours = if self.advance.is_empty() { None } else { self.hours_end(now) };
        freeze.into_iter().chain(hours).min()
    }

    /// The first day from which on it stays closed for more than a year, among those on which it may begin.
    pub(in super::super) fn shut_for_a_year(&self) -> Option<NaiveDate> {
        let any_day = NaiveDate::from_ymd_opt(2026, 1, 1);
        any_day.into_iter().chain(self.freeze.iter().map(|span| span.from)).find(|day| {
            let start = instant(self.timezone, day.and_time(NaiveTime::MIN));
            start.is_some_and(|start| self.opens(start).is_none_or(|opens| opens - start > A_YEAR))
        })
    }

    /// Openings that meet or overlap are one.
    fn hours_end(&self, now: Timestamp) -> Option<Timestamp> {
        let mut end = now;
        for _ in 0..MAX_STEPS {
            match self.advance.iter().filter_map(|opening| opening.covers_until(end)).max() {
                Some(later) => end = later,
                None => return Some(end),
            }
        }
        None
    }
}

impl Opening {
    /// When the opening that covers `at` ends; always later than `at`.
    fn covers_until(&self, at: Timestamp) -> Option<Timestamp> {
        let lasts = chrono::Duration::try_milliseconds(i64::try_from(self.lasts.0).ok()?)?;
        let opened = self.open.next_after(at.checked_sub_signed(lasts)?).filter(|opened| *opened <= at)?;
        opened.checked_add_signed(lasts)
    }
}

impl DateSpan {
    /// From the beginning of the first day up to, not including, the beginning of the day behind the last.
    pub(super) fn instants(self, timezone: Tz) -> Option<(Timestamp, Timestamp)> {
        let midnight = |day: NaiveDate| instant(timezone, day.and_time(NaiveTime::MIN));
        Some((midnight(self.from)?, midnight(self.to.succ_opt()?)?))
    }
}

impl fmt::Display for DateSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from == self.to {
            write!(f, "on {}", self.from)
        } else {
            write!(f, "from {} to {}", self.from, self.to)
        }
    }
}

fn write_zone<S: Serializer>(zone: &Tz, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(zone.name())
}

fn read_zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tz, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn opening(text: &str, hours: u64) -> Opening {
        match Schedule::parse(text, Tz::Europe__Monaco) {
            Ok(open) => Opening { open, lasts: Millis::hours(hours) },
            Err(wrong) => panic!("{text} {wrong}"),
        }
    }

    fn days(from: &str, to: &str) -> DateSpan {
        let day = |text: &str| text.parse().unwrap_or_default();
        DateSpan { from: day(from), to: day(to) }
    }

    fn windows(advance: &[Opening], freeze: &[DateSpan]) -> Windows {
        Windows { timezone: Tz::Europe__Monaco, advance: advance.to_vec(), freeze: freeze.to_vec() }
    }

    /// `open until 2026-…` or `closed until 2026-… (why)`, in Monaco's time.
    fn said(windows: &Windows, now: &str) -> String {
        let local = |until: Option<Timestamp>| {
            until.map_or("ever".to_owned(), |at| at.with_timezone(&Tz::Europe__Monaco).to_rfc3339())
        };
        match windows.at(at(now)) {
            WindowState::Open { until } => format!("open until {}", local(until)),
            WindowState::Closed { until, why } => format!("closed until {} ({why})", local(until)),
        }
    }

    const OUTSIDE: &str = "outside the hours of its windows (Europe/Monaco)";

    #[test]
    fn office_hours_open_and_close() {
        let office = windows(&[opening("0 8 * * Mon-Fri", 9)], &[]);
        // Friday, 27 November 2026, and the weekend behind it.
        assert_eq!(
            said(&office, "2026-11-27T06:59:59Z"),
            format!("closed until 2026-11-27T08:00:00+01:00 ({OUTSIDE})")
        );
        assert_eq!(said(&office, "2026-11-27T07:00:00Z"), "open until 2026-11-27T17:00:00+01:00");
        assert_eq!(said(&office, "2026-11-27T15:59:59.999Z"), "open until 2026-11-27T17:00:00+01:00");
        assert_eq!(
            said(&office, "2026-11-27T16:00:00Z"),
            format!("closed until 2026-11-30T08:00:00+01:00 ({OUTSIDE})")
        );
    }

    #[test]
    fn hours_are_those_of_the_zone_on_both_sides_of_a_change_of_clocks() {
        let nights = windows(&[opening("0 1 * * *", 4)], &[]);
        // In spring four hours from 01:00 end at 06:00, in autumn at 04:00.
        assert_eq!(said(&nights, "2027-03-28T00:30:00Z"), "open until 2027-03-28T06:00:00+02:00");
        assert_eq!(said(&nights, "2027-10-31T01:30:00Z"), "open until 2027-10-31T04:00:00+01:00");
        let gap = windows(&[opening("30 2 * * *", 1)], &[]);
        assert_eq!(said(&gap, "2027-03-28T00:59:59Z"), format!("closed until 2027-03-28T03:00:00+02:00 ({OUTSIDE})"));
        assert_eq!(said(&gap, "2027-03-28T01:00:00Z"), "open until 2027-03-28T04:00:00+02:00");
        let fold = windows(&[opening("30 2 * * *", 1)], &[]);
        assert_eq!(said(&fold, "2027-10-31T00:45:00Z"), "open until 2027-10-31T02:30:00+01:00");
        assert_eq!(said(&fold, "2027-10-31T01:45:00Z"), format!("closed until 2027-11-01T02:30:00+01:00 ({OUTSIDE})"));
    }

    #[test]
    fn a_freeze_takes_whole_days_of_the_zone() {
        let holidays = windows(&[], &[days("2026-12-24", "2027-01-02")]);
        assert_eq!(said(&holidays, "2026-12-23T22:59:59Z"), "open until 2026-12-24T00:00:00+01:00");
        let frozen = "closed until 2027-01-03T00:00:00+01:00 (frozen from 2026-12-24 to 2027-01-02)";
        assert_eq!(said(&holidays, "2026-12-23T23:00:00Z"), frozen);
        assert_eq!(said(&holidays, "2027-01-02T22:59:59Z"), frozen);
        assert_eq!(said(&holidays, "2027-01-02T23:00:00Z"), "open until ever");
        // The day of the change is 23 hours long.
        let change = windows(&[], &[days("2027-03-28", "2027-03-28")]);
        assert_eq!(
            said(&change, "2027-03-27T23:00:00Z"),
            "closed until 2027-03-29T00:00:00+02:00 (frozen on 2027-03-28)"
        );
    }

    #[test]
    fn a_freeze_closes_open_hours_and_puts_off_the_next() {
        let both = windows(
            &[opening("0 8 * * Mon-Fri", 9)],
            &[days("2026-11-27", "2026-11-27"), days("2026-11-28", "2026-11-30")],
        );
        assert_eq!(said(&both, "2026-11-26T15:00:00Z"), "open until 2026-11-26T17:00:00+01:00");
        assert_eq!(
            said(&both, "2026-11-27T09:00:00Z"),
            "closed until 2026-12-01T08:00:00+01:00 (frozen on 2026-11-27)"
        );
        let night = windows(&[opening("0 20 * * *", 8)], &[days("2026-11-28", "2026-11-28")]);
        assert_eq!(said(&night, "2026-11-27T20:00:00Z"), "open until 2026-11-28T00:00:00+01:00");
        assert_eq!(
            said(&night, "2026-11-28T20:00:00Z"),
            "closed until 2026-11-29T00:00:00+01:00 (frozen on 2026-11-28)"
        );
    }

    #[test]
    fn openings_that_meet_are_one_and_endless_ones_have_no_end() {
        let shifts = windows(&[opening("0 8 * * *", 4), opening("0 12 * * *", 4), opening("0 15 * * *", 3)], &[]);
        assert_eq!(said(&shifts, "2026-11-27T07:30:00Z"), "open until 2026-11-27T18:00:00+01:00");
        let always = windows(&[opening("0 * * * *", 1)], &[days("2027-05-01", "2027-05-01")]);
        assert_eq!(said(&always, "2026-11-27T07:30:00Z"), "open until 2027-05-01T00:00:00+02:00");
    }

    #[test]
    fn what_never_opens_again_says_so() {
        let over = windows(&[opening("0 8 * * *", 1)], &[days("2026-01-01", "2199-12-31")]);
        assert_eq!(said(&over, "2026-11-27T07:30:00Z"), "closed until ever (frozen from 2026-01-01 to 2199-12-31)");
    }

    #[test]
    fn windows_are_stored_and_read_again() {
        let all = windows(&[opening("0 8 * * Mon-Fri", 9)], &[days("2026-12-24", "2027-01-02")]);
        let stored = serde_json::to_value(&all).unwrap_or_default();
        assert_eq!(stored["timezone"], "Europe/Monaco");
        assert_eq!(stored["freeze"][0]["to"], "2027-01-02");
        assert_eq!(serde_json::from_value::<Windows>(stored).ok(), Some(all));
    }
}
