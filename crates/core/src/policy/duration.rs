//! Lengths of time as a policy writes them: `30s`, `5m`, `1h30m`.

use super::log::{Wrong, quoted};
use super::number::Decimal;
use crate::Millis;

/// The shortest length a policy may name.
pub const MIN_DURATION: Millis = Millis::seconds(1);
/// The longest length a policy may name: 30 days.
pub const MAX_DURATION: Millis = Millis::hours(30 * 24);

/// Units, largest first; behind the one to write, others that people use.
const UNITS: [(u64, &str, &[&str]); 5] = [
    (86_400_000, "d", &["day", "days"]),
    (3_600_000, "h", &["hr", "hrs", "hour", "hours"]),
    (60_000, "m", &["min", "mins", "minute", "minutes"]),
    (1000, "s", &["sec", "secs", "second", "seconds"]),
    (1, "ms", &["msec", "msecs", "millis", "millisecond", "milliseconds"]),
];

/// Reads a duration from `least` to `most`.
pub(super) fn duration(text: &str, least: Millis, most: Millis) -> Result<Millis, Wrong> {
    let expected = format!("a duration from {} to {}, such as `30s`, `5m` or `1h30m`", written(least), written(most));
    let Some(length) = strictly(text) else {
        let unitless = Decimal::parse(text).is_some();
        let message =
            if unitless { format!("{} has no unit", quoted(text)) } else { format!("{} is no duration", quoted(text)) };
        let meant = loosely(text).filter(|length| (least..=most).contains(length)).map(written);
        return Err(Wrong::new(message).expected(expected).did_you_mean(meant));
    };
    let message = match length {
        length if length < least => format!("{} is too short", quoted(text)),
        length if length > most => format!("{} is too long", quoted(text)),
        _ => return Ok(length),
    };
    Err(Wrong::new(message).expected(expected))
}

/// Whole numbers with units, largest unit first, each at most once.
fn strictly(text: &str) -> Option<Millis> {
    let mut rest = text;
    let mut total: u64 = 0;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let (number, behind) = Decimal::leading(rest)?;
        let end = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (name, next) = behind.split_at(end);
        let (millis, ..) = units.find(|(_, unit, _)| *unit == name)?;
        total = number.integer()?.checked_mul(*millis)?.checked_add(total)?;
        rest = next;
    }
    (!text.is_empty()).then_some(Millis(total))
}

/// What was probably meant: `1.5h`, `5 min`, `1H`.
fn loosely(text: &str) -> Option<Millis> {
    let plain = text.to_lowercase().replace(' ', "");
    let mut rest = plain.as_str();
    let mut total: f64 = 0.0;
    while !rest.is_empty() {
        let (number, behind) = Decimal::leading(rest)?;
        let end = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (name, next) = behind.split_at(end);
        let (millis, ..) = UNITS.iter().find(|(_, unit, others)| *unit == name || others.contains(&name))?;
        total += number.in_unit(1, 0) * *millis as f64;
        rest = next;
    }
    // Far beyond the longest duration the cast saturates, and the caller drops it.
    Some(Millis(total.round() as u64))
}

/// As a policy writes it: `1h30m`.
pub(super) fn written(length: Millis) -> String {
    parts(length).map(|(count, unit)| format!("{count}{unit}")).collect()
}

/// Counts and units that add up to `length`, largest first; `0 s` for none.
pub(super) fn parts(length: Millis) -> impl Iterator<Item = (u64, &'static str)> {
    let mut rest = length.0;
    let none = (rest == 0).then_some((0, "s"));
    let some = UNITS.iter().filter_map(move |(millis, unit, _)| {
        let count = rest / millis;
        rest %= millis;
        (count > 0).then_some((count, *unit))
    });
    none.into_iter().chain(some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Millis, Wrong> {
        duration(text, MIN_DURATION, MAX_DURATION)
    }

    #[test]
    fn durations_are_read_from_a_second_to_thirty_days() {
        for (text, millis) in [
            ("1s", 1000),
            ("1000ms", 1000),
            ("90s", 90_000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("1d2h3m4s5ms", 93_784_005),
            ("30d", 2_592_000_000),
            ("720h", 2_592_000_000),
        ] {
            assert_eq!(read(text), Ok(Millis(millis)), "{text}");
        }
        for text in [
            "",
            "0s",
            "999ms",
            "30d1ms",
            "31d",
            "5",
            "5x",
            "m5",
            "1h 30m",
            "30m1h",
            "1h1h",
            "1.5h",
            "-5s",
            "99999999999999999999d",
            "999999999999999d",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_was_meant_is_suggested() {
        for (text, meant) in [("1.5h", "1h30m"), ("5 min", "5m"), ("1H", "1h"), ("2 hours", "2h"), ("30m 1h", "1h30m")]
        {
            assert_eq!(read(text).map_err(|wrong| wrong.hint), Err(Some(format!("did you mean `{meant}`?"))), "{text}");
        }
        assert_eq!(read("5").map_err(|wrong| wrong.hint), Err(None));
    }

    #[test]
    fn what_is_written_is_read_again() {
        for millis in [1000, 1001, 5_400_000, 93_784_005, 2_592_000_000] {
            assert_eq!(read(&written(Millis(millis))), Ok(Millis(millis)));
        }
        assert_eq!(written(Millis::ZERO), "0s");
    }
}
