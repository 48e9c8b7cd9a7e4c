//! A cron expression in a time zone.
//!
//! It is evaluated on the clock on the wall, and the wall is mapped to instants by a rule of our
//! own: a time that the clocks skip in spring is due at the first instant behind the gap, and a
//! time that they show twice in autumn is due once, the first time. The `cron` crate, asked in the
//! zone itself, leaves out the one and runs the other twice.

use super::{Tz, expression};
use crate::{Millis, Timestamp};
use chrono::{DateTime, LocalResult, NaiveDateTime, TimeZone as _, Utc};
use chrono_tz::GapInfo;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Stored texts name a zone other than UTC in front, as crontabs do.
const ZONE_PREFIX: &str = "CRON_TZ=";
/// How many times on the wall are looked at for one that lies ahead. All of an hour that is shown
/// twice lies behind, at most every second of it; no zone sets its clocks back by more than a day.
const MAX_LOOKED_AT: usize = 86_400;

/// The beginning of 2024, a leap year.
const A_DAY_IN_2024: i64 = 1_704_067_200;
const RUNS_LOOKED_AT: usize = 1000;

/// When something is due: five cron fields, or six with seconds first, in a time zone.
#[derive(Clone)]
pub struct Schedule {
    text: String,
    timezone: Tz,
    on_the_wall: cron::Schedule,
}

impl Schedule {
    /// Reads `text`; the error goes on behind the quoted text. What never fires is refused.
    pub fn parse(text: &str, timezone: Tz) -> Result<Self, String> {
        let text = text.trim();
        let schedule = Self { on_the_wall: expression::read(text)?, text: text.to_owned(), timezone };
        match schedule.next_after(Timestamp::UNIX_EPOCH) {
            Some(_) => Ok(schedule),
            None => Err("never fires: no year has such a day".to_owned()),
        }
    }

    /// The first time it is due after `now`; nothing beyond the year 2100.
    pub fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        let wall = now.with_timezone(&self.timezone).naive_local().and_utc();
        let mut due = self.on_the_wall.after(&wall).take(MAX_LOOKED_AT).filter_map(|wall| self.instant(wall));
        due.find(|instant| *instant > now)
    }

    /// The longest pause between two runs, as far as a year or a thousand of them show it.
    pub(in super::super) fn longest_pause(&self) -> Option<Millis> {
        let any_day = Timestamp::from_timestamp_secs(A_DAY_IN_2024)?;
        let runs = std::iter::successors(self.next_after(any_day), |run| self.next_after(*run)).take(RUNS_LOOKED_AT);
        let within = runs.scan((any_day, None::<Timestamp>), |(start, last), run| {
            let over = last.is_some_and(|last| last - *start > chrono::TimeDelta::days(366));
            let pause = last.map_or(Millis::ZERO, |last| Millis::between(last, run));
            *last = Some(run);
            (!over).then_some(pause)
        });
        within.max()
    }

    /// The expression as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The zone whose clocks it goes by.
    pub const fn timezone(&self) -> Tz {
        self.timezone
    }

    fn instant(&self, wall: DateTime<Utc>) -> Option<Timestamp> {
        instant(self.timezone, wall.naive_utc())
    }
}

/// When the clocks of a zone show `wall`: the first time where they do twice, the first instant
/// behind the gap where they skip it.
pub(super) fn instant(timezone: Tz, wall: NaiveDateTime) -> Option<Timestamp> {
    match timezone.from_local_datetime(&wall) {
        LocalResult::Single(once) => Some(once.to_utc()),
        LocalResult::Ambiguous(first, _) => Some(first.to_utc()),
        LocalResult::None => GapInfo::new(&wall, &timezone)?.end.map(|end| end.to_utc()),
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.timezone == other.timezone
    }
}

impl Eq for Schedule {}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schedule({self})")
    }
}

impl fmt::Display for Schedule {
    /// As it is stored: `CRON_TZ=Europe/Monaco 0 8 * * Mon-Fri`, without a zone in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.timezone != Tz::UTC {
            write!(f, "{ZONE_PREFIX}{} ", self.timezone.name())?;
        }
        f.write_str(&self.text)
    }
}

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = String::deserialize(deserializer)?;
        let (zone, text) = match stored.strip_prefix(ZONE_PREFIX).and_then(|rest| rest.split_once(' ')) {
            Some((zone, text)) => (zone.parse().map_err(D::Error::custom)?, text),
            None => (Tz::UTC, stored.as_str()),
        };
        Schedule::parse(text, zone).map_err(|wrong| D::Error::custom(format!("`{stored}` {wrong}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The next times behind `from`, as their zone writes them.
    fn due(text: &str, zone: Tz, from: &str, many: usize) -> Vec<String> {
        let schedule = match Schedule::parse(text, zone) {
            Ok(schedule) => schedule,
            Err(wrong) => panic!("{text} {wrong}"),
        };
        std::iter::successors(schedule.next_after(at(from)), |last| schedule.next_after(*last))
            .take(many)
            .map(|due| due.with_timezone(&zone).to_rfc3339())
            .collect()
    }

    #[test]
    fn a_time_that_monaco_skips_in_spring_is_due_behind_the_gap() {
        // On 28 March 2027 the clocks go from 02:00 to 03:00.
        assert_eq!(
            due("30 2 * * *", Tz::Europe__Monaco, "2027-03-27T00:00:00Z", 3),
            ["2027-03-27T02:30:00+01:00", "2027-03-28T03:00:00+02:00", "2027-03-29T02:30:00+02:00",]
        );
        // Every run within the gap is one run, and the one that is due at its end is the same.
        assert_eq!(
            due("*/20 * * * *", Tz::Europe__Monaco, "2027-03-28T00:30:00Z", 4),
            [
                "2027-03-28T01:40:00+01:00",
                "2027-03-28T03:00:00+02:00",
                "2027-03-28T03:20:00+02:00",
                "2027-03-28T03:40:00+02:00",
            ]
        );
    }

    #[test]
    fn a_time_that_monaco_shows_twice_in_autumn_is_due_the_first_time() {
        // On 31 October 2027 the clocks go from 03:00 back to 02:00.
        assert_eq!(
            due("30 2 * * *", Tz::Europe__Monaco, "2027-10-30T00:00:00Z", 3),
            ["2027-10-30T02:30:00+02:00", "2027-10-31T02:30:00+02:00", "2027-11-01T02:30:00+01:00",]
        );
        assert_eq!(
            due("*/30 * * * *", Tz::Europe__Monaco, "2027-10-31T00:15:00Z", 3),
            ["2027-10-31T02:30:00+02:00", "2027-10-31T03:00:00+01:00", "2027-10-31T03:30:00+01:00",]
        );
        // Asked in the middle of the second round, even by the second.
        assert_eq!(due("* * * * * *", Tz::Europe__Monaco, "2027-10-31T01:10:00Z", 1), ["2027-10-31T03:00:00+01:00"]);
    }

    #[test]
    fn utc_has_neither_gap_nor_fold() {
        assert_eq!(
            due("0 */12 * * *", Tz::UTC, "2027-03-28T00:00:00.5Z", 3),
            ["2027-03-28T12:00:00+00:00", "2027-03-29T00:00:00+00:00", "2027-03-29T12:00:00+00:00",]
        );
    }

    #[test]
    fn a_day_that_samoa_never_had_is_due_at_the_beginning_of_the_next() {
        assert_eq!(
            due("0 12 * * *", Tz::Pacific__Apia, "2011-12-29T23:00:00Z", 2),
            ["2011-12-31T00:00:00+14:00", "2011-12-31T12:00:00+14:00",]
        );
    }

    #[test]
    fn what_never_fires_is_refused_and_what_fires_seldom_is_not() {
        for text in ["0 0 31 2 *", "0 0 30 Feb *", "0 0 31 4,6,9,11 *"] {
            let said = Schedule::parse(text, Tz::UTC).err().unwrap_or_default();
            assert!(said.contains("never fires"), "{text}: {said}");
        }
        assert_eq!(due("0 0 29 2 *", Tz::UTC, "2097-01-01T00:00:00Z", 1), [""; 0], "2100 is no leap year");
        assert_eq!(due("0 0 29 2 *", Tz::UTC, "2026-01-01T00:00:00Z", 1), ["2028-02-29T00:00:00+00:00"]);
    }

    #[test]
    fn the_ends_of_the_calendar_are_answered() {
        let Ok(schedule) = Schedule::parse("* * * * *", Tz::Europe__Monaco) else { panic!("refused") };
        assert_eq!(schedule.next_after(at("2101-01-01T00:00:00Z")), None);
        assert!(schedule.next_after(at("1950-01-01T00:00:00Z")).is_some());
        assert_eq!(schedule.next_after(Timestamp::MAX_UTC - chrono::Duration::days(2)), None);
    }

    #[test]
    fn it_is_stored_as_a_text_with_its_zone() {
        for (zone, stored) in
            [(Tz::UTC, "\"*/5 * * * *\""), (Tz::Europe__Monaco, "\"CRON_TZ=Europe/Monaco */5 * * * *\"")]
        {
            let schedule = Schedule::parse(" */5 * * * * ", zone);
            let text = schedule.as_ref().ok().and_then(|schedule| serde_json::to_string(schedule).ok());
            assert_eq!(text.as_deref(), Some(stored));
            assert_eq!(serde_json::from_str(stored).ok(), schedule.ok());
        }
        assert!(serde_json::from_str::<Schedule>("\"CRON_TZ=Mars/Base * * * * *\"").is_err());
    }
}
