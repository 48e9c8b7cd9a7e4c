//! Reading the checks: what may be written depends on the signal.

use super::calendar::{Schedule, Tz};
use super::condition::condition;
use super::draft::{DraftCheck, Read};
use super::duration::{MAX_DURATION, MIN_DURATION, duration};
use super::fields::{Fields, distinct, entries, items, one_of, value, values};
use super::keys;
use super::log::{Log, Wrong, listed, quoted};
use super::model::{CheckName, Condition, Exception, OnBreach, Scope, Window};
use super::node::{Entry, Node};
use super::query;
use super::read::a_count;
use super::read_signal::signal;
use super::read_windows::cron;
use super::signal::{PrometheusAsk, Signal, Unit};
use super::span::At;
use super::words;

/// The most checks.
pub const MAX_CHECKS: usize = 50;
/// The longest name of a check, in bytes.
pub const MAX_CHECK_NAME_LEN: usize = 60;
/// Samples below which a share or a quantile says little.
pub const DEFAULT_MIN_SAMPLES: u64 = 100;

/// Signals with requests behind them.
const LIVE: [&str; 4] =
    [Signal::Live5xx.name(), Signal::LiveErrorRate.name(), Signal::LiveP95.name(), Signal::LiveRejections.name()];
const PROBES: [&str; 3] = [Signal::ProbeRls.name(), Signal::ProbeRead.name(), Signal::ProbeWrite.name()];

pub(super) fn checks(log: &mut Log, node: &Node) -> Option<Vec<DraftCheck>> {
    let expected = "a mapping such as `server_errors: { signal: live.5xx, rollback_if: \"> 0\" }`";
    let entries = entries(log, node, "`checks`", expected)?;
    let amount = match entries.len() {
        0 => "there are no checks".to_owned(),
        1..=MAX_CHECKS => return Some(entries.iter().map(|entry| check(log, entry)).collect()),
        many => format!("{many} checks are too many"),
    };
    log.add(node.span, Wrong::new(amount).expected(format!("1 to {MAX_CHECKS} checks")));
    None
}

fn check(log: &mut Log, entry: &Entry) -> DraftCheck {
    let span = entry.name_span;
    let name = name(log, entry);
    let what = format!("check {}", quoted(&entry.name));
    let Some(fields) = Fields::keyed(log, &entry.value, what, span, keys::CHECK) else {
        return DraftCheck::refused(name, span);
    };
    let expected = "the source of the values, such as `live.p95`";
    let signal = fields.required(log, "signal", expected, |log, node| signal(log, node, &fields));
    let known = signal.as_ref().map(|signal| &signal.value);
    let samples = known.map_or(0, default_samples);
    DraftCheck {
        name,
        span,
        scope: fields.optional(log, "scope", Scope::Canary, |log, node| scope(log, node, known)),
        window: fields.optional(log, "window", Window::Stage, |log, node| window(log, node, known)),
        advance_if: fields.optional(log, "advance_if", None, |log, node| limit(log, node, known, "<")),
        rollback_if: fields.optional(log, "rollback_if", None, |log, node| limit(log, node, known, ">")),
        min_samples: fields.optional(log, "min_samples", samples, |log, node| min_samples(log, node, known)),
        except: fields.optional(log, "except", Vec::new(), |log, node| except(log, node, known)),
        on_breach: fields.optional(log, "on_breach", OnBreach::default(), |log, node| {
            one_of(log, node, "answer to a breach", &words::ON_BREACH)
        }),
        shadow: fields
            .optional(log, "shadow", false, |log, node| one_of(log, node, "answer to `shadow`", &words::TRUTHS)),
        schedule: fields.optional(log, "schedule", None, |log, node| schedule(log, node, known).map(Some)),
        signal,
    }
}

/// Whether so many observations stand behind a value that their number is known.
fn has_samples(signal: &Signal) -> bool {
    match signal {
        Signal::Prometheus(source) => match &source.ask {
            PrometheusAsk::Value { samples, .. } => samples.is_some(),
            PrometheusAsk::Ratio { .. } | PrometheusAsk::Histogram { .. } => true,
        },
        Signal::Sql(_) => false,
        Signal::Live5xx
        | Signal::LiveErrorRate
        | Signal::LiveP95
        | Signal::LiveRejections
        | Signal::LiveCrashes
        | Signal::AuditViolations
        | Signal::ProbeRls
        | Signal::ProbeRead
        | Signal::ProbeWrite
        | Signal::ReportDataInconsistency
        | Signal::ReportOther
        | Signal::ReportAny => true,
    }
}

fn default_samples(signal: &Signal) -> u64 {
    match signal.unit() {
        Unit::Ratio | Unit::Ms | Unit::Seconds if has_samples(signal) => DEFAULT_MIN_SAMPLES,
        Unit::Ratio | Unit::Ms | Unit::Seconds | Unit::Count => 0,
    }
}

fn min_samples(log: &mut Log, node: &Node, signal: Option<&Signal>) -> Option<u64> {
    let count = a_count(log, node)?;
    let Some(signal) = signal.filter(|signal| count > 0 && !has_samples(signal)) else { return Some(count) };
    let wrong = Wrong::new(format!("this `{}` query says nothing of how many samples it saw", signal.name()));
    let prometheus = matches!(signal, Signal::Prometheus(_));
    let expected =
        if prometheus { "`{ value: \"…\", samples: \"…\" }`, or no `min_samples`" } else { "no `min_samples`" };
    log.add(node.span, wrong.expected(expected));
    None
}

fn schedule(log: &mut Log, node: &Node, signal: Option<&Signal>) -> Option<Schedule> {
    // No clock is set forward or back in UTC, so probes run day and night alike.
    let schedule = cron(log, node, Tz::UTC)?;
    let Some(signal) = signal.filter(|signal| !PROBES.contains(&signal.name())) else { return Some(schedule) };
    let wrong = Wrong::new(format!("`{}` is read at every tick and has no schedule", signal.name()));
    log.add(node.span, wrong.expected(format!("`schedule` only for {}", listed(PROBES))));
    None
}

impl DraftCheck {
    /// A check that is no mapping.
    fn refused(name: Read<CheckName>, span: super::span::Span) -> Self {
        Self {
            name,
            span,
            signal: None,
            scope: None,
            window: None,
            advance_if: None,
            rollback_if: None,
            min_samples: None,
            except: None,
            on_breach: None,
            shadow: None,
            schedule: None,
        }
    }
}

fn name(log: &mut Log, entry: &Entry) -> Read<CheckName> {
    let name = &entry.name;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if (1..=MAX_CHECK_NAME_LEN).contains(&name.len()) && name.chars().all(allowed) {
        return Some(At::written(CheckName(name.clone()), entry.name_span));
    }
    let wrong = Wrong::new(format!("{} is no name for a check", quoted(name)));
    log.add(entry.name_span, wrong.expected(format!("1 to {MAX_CHECK_NAME_LEN} letters, digits, `_` or `-`")));
    None
}

fn scope(log: &mut Log, node: &Node, signal: Option<&Signal>) -> Option<Scope> {
    let scope = one_of(log, node, "scope", &words::SCOPES)?;
    let Some(signal) = signal.filter(|signal| !signal.is_live()) else { return Some(scope) };
    let wrong = Wrong::new(format!("`{}` has no scope: it is not measured on requests", signal.name()));
    log.add(node.span, wrong.expected(format!("`scope` only for {}", listed(LIVE))));
    None
}

fn window(log: &mut Log, node: &Node, signal: Option<&Signal>) -> Option<Window> {
    let expected = "`stage` or a duration such as `5m`";
    let window = value(log, node, expected, |text| match text {
        "stage" => Ok(Window::Stage),
        text => duration(text, MIN_DURATION, MAX_DURATION).map(Window::Last).map_err(|wrong| {
            let meant = super::log::nearest(text, ["stage"]);
            let expected =
                wrong.expected.as_ref().map_or(expected.to_owned(), |expected| format!("`stage` or {expected}"));
            let wrong = wrong.expected(expected);
            if meant.is_some() { wrong.did_you_mean(meant) } else { wrong }
        }),
    })?;
    let stands_still = |signal: &&Signal| !signal.is_live() && signal.query().is_none() && window != Window::Stage;
    if let Some(signal) = signal.filter(stands_still) {
        let wrong = Wrong::new(format!("`{}` looks at the whole stage and has no other window", signal.name()));
        log.add(node.span, wrong.expected(format!("`stage`; a duration only for {} and queries", listed(LIVE))));
        return None;
    }
    if let Some(signal) = signal.filter(|signal| window != Window::Stage && asks_for_no_window(signal)) {
        let wrong = Wrong::new(format!("this `{}` query does not ask for `$window`, so it has none", signal.name()));
        log.add(node.span, wrong.expected("`$window` in the query, or no `window` here"));
        return None;
    }
    Some(window)
}

/// Counters and histograms are read at both ends of the window; an expression has to ask for it.
fn asks_for_no_window(signal: &Signal) -> bool {
    let at_both_ends =
        matches!(signal, Signal::Prometheus(source) if !matches!(source.ask, PrometheusAsk::Value { .. }));
    !at_both_ends && signal.query().is_some_and(|query| !query::has_window(query))
}

fn limit(log: &mut Log, node: &Node, signal: Option<&Signal>, sign: &str) -> Option<Option<Condition>> {
    // Without a signal the condition is judged by its form, and nothing comes of it.
    value(log, node, "a condition in quotes, such as `\"> 0\"`", |text| condition(text, signal, sign))?.map(Some)
}

fn except(log: &mut Log, node: &Node, signal: Option<&Signal>) -> Option<Vec<Exception>> {
    let nodes = items(log, node, words::EXCEPTIONS.len() * 2, "a list such as `[unavailable]`")?;
    let list = distinct(log, nodes, |_| "unavailable", |log, node| one_of(log, node, "exception", &words::EXCEPTIONS));
    let fits = signal.is_none_or(|signal| matches!(signal, Signal::Live5xx | Signal::LiveErrorRate));
    if let Some(signal) = signal.filter(|_| !fits) {
        let failures = listed([Signal::Live5xx.name(), Signal::LiveErrorRate.name()]);
        let wrong = Wrong::new(format!("`{}` counts no failed requests, so nothing can be left out", signal.name()));
        log.add(node.span, wrong.expected(format!("`except` only for {failures}")));
        return None;
    }
    list.map(values)
}
