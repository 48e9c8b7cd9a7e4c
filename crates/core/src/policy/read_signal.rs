//! Reading the source of a check: one of our own signals, or a query a person wrote.

use super::condition;
use super::fields::{Fields, one_of};
use super::keys;
use super::log::{Log, Wrong, listed, quoted};
use super::node::{Kind, Node};
use super::query;
use super::signal::{PrometheusAsk, PrometheusSource, Signal, SqlQuery, Unit};

/// What a query may look like, for a message.
const QUERY: &str = "`{ prometheus: \"…\" }` or `{ sql: \"select …\" }`";

/// What the conditions of a check say that its value is measured in.
pub(super) enum Spoken {
    /// Nothing can be read off them.
    Nothing,
    One(Unit),
    /// They contradict each other, which has been told.
    Contradiction,
}

/// Reads the unit off the conditions, for a query answers a bare number.
pub(super) fn spoken(log: &mut Log, fields: &Fields<'_>) -> Spoken {
    let mut units = ["advance_if", "rollback_if"].into_iter().filter_map(|key| {
        let entry = fields.get(key)?;
        let Kind::Text { text, .. } = &entry.value.kind else { return None };
        Some((key, entry.value.span, condition::unit(text)?))
    });
    let Some((first, _, unit)) = units.next() else { return Spoken::Nothing };
    match units.next() {
        Some((second, span, other)) if other != unit => {
            let message = format!("`{first}` compares {}, and `{second}` {}", kind(unit), kind(other));
            log.add(span, Wrong::new(message).expected(format!("{} in both", kind(unit))));
            Spoken::Contradiction
        }
        Some(_) | None => Spoken::One(unit),
    }
}

const fn kind(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "a plain number",
        Unit::Ratio => "a share",
        Unit::Ms | Unit::Seconds => "a time",
    }
}

/// A name, or a mapping with a query.
pub(super) fn signal(log: &mut Log, node: &Node, fields: &Fields<'_>) -> Option<Signal> {
    match &node.kind {
        Kind::Map(_) => a_query(log, node, fields),
        Kind::Text { text, .. } if matches!(text.as_str(), "prometheus" | "sql") => {
            let wrong = Wrong::new(format!("{} stands without its query", quoted(text)));
            log.add(node.span, wrong.expected(QUERY));
            None
        }
        Kind::Text { .. } | Kind::List(_) | Kind::Refused => {
            one_of(log, node, "signal", &Signal::BUILT_IN.map(|signal| (signal.name(), signal)))
        }
    }
}

fn a_query(log: &mut Log, node: &Node, check: &Fields<'_>) -> Option<Signal> {
    let fields = Fields::keyed(log, node, "`signal`".to_owned(), node.span, keys::QUERIES)?;
    match (fields.get("prometheus"), fields.get("sql")) {
        (Some(prometheus), None) => Some(Signal::Prometheus(source(log, &prometheus.value, check)?)),
        (None, Some(sql)) => {
            let text = query::statement(log, &sql.value);
            Some(Signal::Sql(SqlQuery { text: text?, unit: unit(log, check)? }))
        }
        (Some(_), Some(sql)) => {
            let wrong = Wrong::new("a check has one source, and this names `prometheus` and `sql`");
            log.add(sql.name_span, wrong.expected("one of them, and a check of its own for the other"));
            None
        }
        (None, None) => {
            if fields.is_empty() {
                log.add(node.span, Wrong::new("`signal` names no source").expected(QUERY));
            }
            None
        }
    }
}

/// The unit the conditions speak of; a plain number where they say nothing.
fn unit(log: &mut Log, check: &Fields<'_>) -> Option<Unit> {
    match spoken(log, check) {
        Spoken::Nothing => Some(Unit::Count),
        Spoken::One(unit) => Some(unit),
        Spoken::Contradiction => None,
    }
}

/// An expression, or a mapping in one of three forms.
fn source(log: &mut Log, node: &Node, check: &Fields<'_>) -> Option<PrometheusSource> {
    let Kind::Map(_) = &node.kind else {
        let query = query::expression(log, node);
        let unit = unit(log, check)?;
        return Some(PrometheusSource { ask: PrometheusAsk::Value { query: query?, samples: None }, unit });
    };
    let fields = Fields::keyed(log, node, "`prometheus`".to_owned(), node.span, keys::PROMETHEUS)?;
    let has = |name: &str| fields.get(name).is_some();
    match (has("value"), has("failures") || has("requests"), has("buckets")) {
        (true, false, false) => {
            let query = fields.required(log, "value", "an expression of PromQL", query::expression);
            let samples = fields.optional(log, "samples", None, |log, node| query::expression(log, node).map(Some));
            let unit = unit(log, check)?;
            let ask = PrometheusAsk::Value { query: query?.value, samples: samples?.value };
            Some(PrometheusSource { ask, unit })
        }
        (false, true, false) => {
            alone(log, &fields, "`failures` and `requests`")?;
            let mut counter = |key: &str| fields.required(log, key, "a selector of a counter", query::selector);
            let (failures, requests) = (counter("failures"), counter("requests"));
            let ask = PrometheusAsk::Ratio { failures: failures?.value, requests: requests?.value };
            Some(PrometheusSource { ask, unit: Unit::Ratio })
        }
        (false, false, true) => {
            alone(log, &fields, "`buckets`")?;
            let buckets = fields.required(log, "buckets", "a selector of the buckets of a histogram", query::selector);
            Some(PrometheusSource { ask: PrometheusAsk::Histogram { buckets: buckets?.value }, unit: Unit::Seconds })
        }
        (false, false, false) if !fields.is_empty() && !has("samples") => None,
        _ => {
            let forms = "`value` (and `samples`), `failures` and `requests`, or `buckets`";
            let known = listed(fields.names().filter(|name| keys::PROMETHEUS.iter().any(|key| key.name == *name)));
            let message = match fields.names().count() {
                0 => "an empty question".to_owned(),
                1 => format!("{known} alone is no question"),
                _ => format!("{known} together are no question"),
            };
            log.add(node.span, Wrong::new(message).expected(forms));
            None
        }
    }
}

/// `samples` belongs to `value` alone: counters and histograms know how much they saw.
fn alone(log: &mut Log, fields: &Fields<'_>, what: &str) -> Option<()> {
    let Some(samples) = fields.get("samples") else { return Some(()) };
    let wrong = Wrong::new(format!("`samples` beside {what}, which know how much they saw"));
    log.add(samples.name_span, wrong.expected("`samples` only beside `value`"));
    None
}
