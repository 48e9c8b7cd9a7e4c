//! Reading when a stage may be entered.

use super::calendar::{DateSpan, Schedule, Tz, zone_names};
use super::draft::{DraftOpening, DraftWindows, Read};
use super::duration::MIN_DURATION;
use super::fields::{Fields, items, value};
use super::keys;
use super::log::{Log, Wrong, nearest, quoted};
use super::node::{Kind, Node};
use super::read::length;
use super::span::At;
use crate::Millis;
use chrono::NaiveDate;

/// The most recurring openings.
pub const MAX_OPENINGS: usize = 20;
/// The most freezes.
pub const MAX_FREEZES: usize = 50;
/// The longest opening: a week.
pub const MAX_OPENING: Millis = Millis::hours(7 * 24);
/// The longest time for which a stage may be said to last: 120 days.
pub const MAX_HOLD: Millis = Millis::hours(120 * 24);

pub(super) fn windows(log: &mut Log, node: &Node) -> Option<DraftWindows> {
    let fields = Fields::keyed(log, node, "`windows`".to_owned(), node.span, keys::WINDOWS)?;
    let timezone = fields.required(log, "timezone", "an IANA name such as `Europe/Monaco`", zone);
    // In a zone that is wrong the rest is still judged by its form.
    let zone = timezone.map_or(Tz::UTC, |zone| zone.value);
    let advance = fields.optional(log, "advance", Vec::new(), |log, node| {
        let expected = "a list such as `[{ open: \"0 8 * * Mon-Fri\", for: 9h }]`";
        let nodes = items(log, node, MAX_OPENINGS, expected)?;
        if nodes.is_empty() {
            let wrong = Wrong::new("`advance` names no opening, so no stage could ever be entered");
            log.add(node.span, wrong.expected(format!("{expected}; left out, it is always open")));
            return None;
        }
        Some(nodes.iter().map(|node| opening(log, node, zone)).collect())
    });
    let freeze = fields.optional(log, "freeze", Vec::new(), |log, node| {
        let nodes = items(log, node, MAX_FREEZES, "a list such as `[{ from: 2026-12-24, to: 2027-01-02 }]`")?;
        Some(nodes.iter().map(|node| freeze(log, node).map(|span| At::written(span, node.span))).collect())
    });
    Some(DraftWindows { timezone, advance, freeze })
}

fn zone(log: &mut Log, node: &Node) -> Option<Tz> {
    let expected = "an IANA name such as `Europe/Monaco` or `UTC`";
    value(log, node, expected, |text| {
        text.parse().map_err(|_| {
            // Names are compared as people type them; `nearest` wants them in small letters.
            let names: Vec<(String, &str)> = zone_names().map(|name| (name.to_lowercase(), name)).collect();
            let near = nearest(text, names.iter().map(|(small, _)| small.as_str()));
            let city = text.to_lowercase().replace(' ', "_");
            let meant =
                names.iter().find(|(small, _)| Some(small.as_str()) == near || small.rsplit('/').next() == Some(&city));
            Wrong::new(format!("{} is no time zone", quoted(text)))
                .expected(expected)
                .did_you_mean(meant.map(|(_, name)| name))
        })
    })
}

fn opening(log: &mut Log, node: &Node, zone: Tz) -> DraftOpening {
    let Some(fields) = Fields::keyed(log, node, "this opening".to_owned(), node.span, keys::OPENING) else {
        return DraftOpening { open: None, lasts: None };
    };
    DraftOpening {
        open: fields.required(log, "open", "a cron expression such as `\"0 8 * * Mon-Fri\"`", |log, node| {
            cron(log, node, zone)
        }),
        lasts: fields
            .required(log, "for", "a duration such as `9h`", |log, node| length(log, node, MIN_DURATION, MAX_OPENING)),
    }
}

/// A cron expression.
pub(super) fn cron(log: &mut Log, node: &Node, zone: Tz) -> Option<Schedule> {
    let expected = "a cron expression in quotes, such as `\"0 8 * * Mon-Fri\"`";
    value(log, node, expected, |text| {
        Schedule::parse(text, zone).map_err(|wrong| Wrong::new(format!("{} {wrong}", quoted(text))).expected(expected))
    })
}

/// One day, or the first and the last.
fn freeze(log: &mut Log, node: &Node) -> Option<DateSpan> {
    let Kind::Map(_) = &node.kind else {
        return date(log, node).map(|day| DateSpan { from: day, to: day });
    };
    let fields = Fields::keyed(log, node, "this freeze".to_owned(), node.span, keys::DATES)?;
    let mut day = |key: &str| -> Read<NaiveDate> { fields.required(log, key, "a date such as `2026-12-24`", date) };
    let (from, to) = (day("from")?, day("to")?);
    if to.value < from.value {
        let wrong = Wrong::new(format!("this freeze ends on {}, before it begins on {}", to.value, from.value));
        log.add(to.span.unwrap_or(node.span), wrong.expected("the first day, then the last"));
        return None;
    }
    Some(DateSpan { from: from.value, to: to.value })
}

fn date(log: &mut Log, node: &Node) -> Option<NaiveDate> {
    let expected = "a date such as `2026-12-24`";
    value(log, node, expected, |text| {
        let written = text.len() == 10;
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()
            .filter(|_| written)
            .ok_or_else(|| Wrong::new(format!("{} is no date", quoted(text))).expected(expected))
    })
}
