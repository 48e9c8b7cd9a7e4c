//! What a cron expression may say here, and how it is handed to the `cron` crate.
//!
//! The crate counts weekdays from 1 = Sunday and takes several fields out of one word; crontabs
//! count from 0 = Sunday and separate fields by blanks. A release owner knows crontabs.

use std::str::FromStr as _;

/// The fields in their order, with the values each may have.
const FIELDS: [(&str, &str); 6] = [
    ("second", "0 to 59"),
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of the month", "1 to 31"),
    ("month", "1 to 12 or Jan to Dec"),
    ("weekday", "0 to 7 or Sun to Sat, where 0 and 7 are Sunday"),
];
/// As a schedule names them; Sunday is 0 and 7.
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
/// The longest expression, in bytes.
const MAX_LEN: usize = 200;

/// Reads five fields, or six with seconds first. The error goes on behind the quoted text.
pub(super) fn read(text: &str) -> Result<cron::Schedule, String> {
    if text.len() > MAX_LEN {
        return Err(format!("is longer than {MAX_LEN} bytes"));
    }
    let mut words: Vec<&str> = text.split_whitespace().collect();
    match words.len() {
        5 => words.insert(0, "0"),
        6 => {}
        1 if text.starts_with('@') => return Err("is a shorthand; write its five fields, such as `0 8 * * *`".into()),
        many => {
            let expected = "minute, hour, day of the month, month, weekday (and seconds before them where needed)";
            return Err(format!("has {many} {}, not 5: {expected}", if many == 1 { "field" } else { "fields" }));
        }
    }
    let mut fields = Vec::with_capacity(FIELDS.len());
    for ((place, word), (name, values)) in (0..).zip(words).zip(FIELDS) {
        let wrong = || format!("has no {name} `{word}`: {values}, with `*`, `,`, `-` and `/`");
        let translated = if name == "weekday" { weekdays(word) } else { plain(word) }.ok_or_else(wrong)?;
        alone(place, &translated).map_err(|_| wrong())?;
        fields.push(translated);
    }
    let every = |place: usize| fields.get(place).is_some_and(|field| field == "*");
    if !every(3) && !every(5) {
        return Err("names a day of the month and a weekday, which programs take for \"both\" or for \"either\"; \
                    leave one of them `*`"
            .into());
    }
    cron::Schedule::from_str(&fields.join(" ")).map_err(|_| "is no cron expression".to_owned())
}

/// The word, where it has nothing in it but what every crontab knows.
fn plain(word: &str) -> Option<String> {
    word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '*' | ',' | '-' | '/')).then(|| word.to_owned())
}

/// Whether the field stands by itself. With all seven fields written, a word that would be read as
/// two of them is one too many.
fn alone(place: usize, field: &str) -> Result<cron::Schedule, cron::error::Error> {
    let fields: Vec<&str> = (0..7).map(|other| if other == place { field } else { "*" }).collect();
    cron::Schedule::from_str(&fields.join(" "))
}

/// Weekdays by their names, each by itself, so that nothing is left to how they are counted.
fn weekdays(word: &str) -> Option<String> {
    if word == "*" {
        return Some(word.to_owned());
    }
    let mut days = Vec::new();
    for item in word.split(',') {
        let (range, step) = item.split_once('/').map_or((item, Some(1)), |(range, step)| (range, step.parse().ok()));
        let step: usize = step.filter(|step| (1..=7).contains(step))?;
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (weekday(from)? % 7, weekday(to)?),
            None if range == "*" => (0, 6),
            None => {
                let day = weekday(range)? % 7;
                (day, if item.contains('/') { 6 } else { day })
            }
        };
        // `Fri-Mon` goes on behind the end of the week; `Fri-Sun` and `5-7` end with it.
        let to = if to < from { to + 7 } else { to };
        days.extend((from..=to).step_by(step).map(|day| WEEKDAYS[day % 7]));
    }
    Some(days.join(","))
}

/// 0 to 7, or a name of three letters or more.
fn weekday(text: &str) -> Option<usize> {
    let number = text.parse().ok().filter(|day| *day <= 7 && text.len() == 1);
    let full = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
    let name = text.to_ascii_lowercase();
    number.or_else(|| full.iter().position(|day| name.len() >= 3 && day.starts_with(&name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekdays_count_as_in_a_crontab() {
        for (word, days) in [
            ("1-5", "mon,tue,wed,thu,fri"),
            ("Mon-Fri", "mon,tue,wed,thu,fri"),
            ("0", "sun"),
            ("7", "sun"),
            ("5-7", "fri,sat,sun"),
            ("Fri-Mon", "fri,sat,sun,mon"),
            ("sat,Sunday", "sat,sun"),
            ("*/3", "sun,wed,sat"),
            ("*", "*"),
        ] {
            assert_eq!(weekdays(word).as_deref(), Some(days), "{word}");
        }
        for word in ["8", "mo", "Mon-", "-", "", "1/0", "x", "1,", "01"] {
            assert_eq!(weekdays(word), None, "{word}");
        }
    }

    #[test]
    fn five_fields_begin_with_the_minute_and_six_with_the_second() {
        let five = read("0 8 * * Mon-Fri").map(|schedule| schedule.to_string());
        assert_eq!(five.as_deref(), Ok("0 0 8 * * mon,tue,wed,thu,fri"));
        assert_eq!(read("30 0 8 * * *").map(|schedule| schedule.to_string()).as_deref(), Ok("30 0 8 * * *"));
    }

    #[test]
    fn what_is_wrong_is_said_with_the_field() {
        for (text, part) in [
            ("0 8 * *", "has 4 fields, not 5"),
            ("8", "has 1 field, not 5"),
            ("0 25 * * *", "has no hour `25`: 0 to 23"),
            ("60 * * * *", "has no minute `60`"),
            ("0 8 * * Mun", "has no weekday `Mun`"),
            ("0 8 * Jam *", "has no month `Jam`"),
            ("*/0 * * * *", "has no minute `*/0`"),
            ("0 8 ? * *", "has no day of the month `?`"),
            ("@daily", "is a shorthand"),
            ("0 ** 8 * *", "has no hour `**`"),
            ("0 8 13 * Fri", "names a day of the month and a weekday"),
            ("0 0 0 0 0 0 0", "has 7 fields"),
        ] {
            let said = read(text).err().unwrap_or_default();
            assert!(said.contains(part), "{text}: {said}");
        }
        assert!(read(&"1,".repeat(200)).is_err());
    }
}
