//! From a file to a scenario.

use super::read_parts::{behaviour, event, outage, traffic, values};
use super::{Behaviour, Cohort, Expectation, Happening, Manners, Scenario, Traffic};
use chrono::DateTime;
use rampart_core::policy::reader::{self, Reader, Value};
use rampart_core::policy::{MAX_DURATION, Mistakes, Policy};
use rampart_core::{Millis, Timestamp};

/// The most entries of a list.
pub(super) const MAX_ENTRIES: usize = 200;
/// The longest sentence, in bytes.
const MAX_TEXT: usize = 500;

const KEYS: [&str; 10] =
    ["about", "seed", "start", "lasts", "traffic", "behaviour", "outages", "events", "checks", "expect"];
/// A Monday morning.
const START: &str = "2026-03-02T08:00:00Z";

const TRAFFIC: Traffic = Traffic { per_second: 20.0, swing: 0.0, busiest: 14.0, users: 1000 };
/// What requests are like where nobody says otherwise: quick, and without a failure.
const AS_USUAL: Manners = Manners {
    errors: Some(0.0),
    timeouts: Some(0.0),
    unavailable: Some(0.0),
    rejections: Some(0.0),
    p50: Some(Millis(80)),
    p95: Some(Millis(220)),
};

/// Reads the scenario `name` for a policy: its checks and stages are the ones that may be named. All mistakes are told
/// at once.
pub fn parse(name: &str, file: &str, text: &str, policy: &Policy) -> Result<Scenario, Mistakes> {
    reader::read(file, text, "scenario", |reader, root| scenario(reader, root, name, policy))
}

fn scenario(reader: &mut Reader, root: Value<'_>, name: &str, policy: &Policy) -> Option<Scenario> {
    let keys = reader.keys(root, "the scenario", &KEYS)?;
    let about = keys.required(reader, "about", "a sentence that says what the scenario shows");
    let about = about.and_then(|value| sentence(reader, value));
    let seed = keys.optional("seed", |value| reader.count(value));
    let start = keys.optional("start", |value| instant(reader, value));
    let lasts = keys.optional("lasts", |value| reader.length(value, Millis::seconds(1), MAX_DURATION));
    let traffic = keys.optional("traffic", |value| traffic(reader, value, TRAFFIC));
    let behaviour = keys.optional("behaviour", |value| {
        let expected = "a list such as `- { cohort: canary, stage: 20%, errors: 1% }`";
        list(reader, value, expected, |reader, value| behaviour(reader, value, policy))
    });
    let outages = keys.optional("outages", |value| {
        list(reader, value, "a list such as `- { from: 2h, for: 10m }`", |reader, value| outage(reader, value, policy))
    });
    let events =
        keys.optional("events", |value| list(reader, value, "a list such as `- { at: 2h, event: report }`", event));
    let values = keys.optional("checks", |value| values(reader, value, policy));
    let expect = keys.optional("expect", |value| {
        let expected = "what should come of it, such as `completed` or `rolled_back by error_rate within 3m`";
        reader.parsed(value, expected, |text| Expectation::parse(text, policy))
    });
    let usual = Behaviour {
        cohort: Cohort::Both,
        stage: None,
        from: Millis::ZERO,
        after: Millis::ZERO,
        lasts: None,
        manners: AS_USUAL,
    };
    let mut events: Vec<Happening> = events?.unwrap_or_default();
    events.sort_by_key(|happening| happening.at);
    Some(Scenario {
        name: name.to_owned(),
        about: about?,
        seed: seed?.unwrap_or(1),
        start: start?.or_else(|| timestamp(START))?,
        lasts: lasts?,
        traffic: traffic?.unwrap_or(TRAFFIC),
        behaviour: std::iter::once(usual).chain(behaviour?.unwrap_or_default()).collect(),
        outages: outages?.unwrap_or_default(),
        events,
        values: values?.unwrap_or_default(),
        expect: expect?,
    })
}

fn sentence(reader: &mut Reader, value: Value<'_>) -> Option<String> {
    let expected = format!("a sentence of at most {MAX_TEXT} bytes");
    reader.parsed(value, &expected.clone(), |text| {
        let fits = !text.is_empty() && text.len() <= MAX_TEXT;
        fits.then(|| text.to_owned()).ok_or(expected)
    })
}

fn instant(reader: &mut Reader, value: Value<'_>) -> Option<Timestamp> {
    let expected = format!("a time such as `{START}`");
    reader.parsed(value, &expected.clone(), |text| timestamp(text).ok_or(expected))
}

fn timestamp(text: &str) -> Option<Timestamp> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc())
}

/// A list, read item by item; nothing where any of them is wrong.
pub(super) fn list<T>(
    reader: &mut Reader,
    value: Value<'_>,
    expected: &str,
    mut read: impl FnMut(&mut Reader, Value<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    let items: Vec<Value<'_>> = reader.items(value, MAX_ENTRIES, expected)?.collect();
    // Every item is read, or only the first wrong one would be told.
    let read: Vec<Option<T>> = items.into_iter().map(|item| read(reader, item)).collect();
    read.into_iter().collect()
}
