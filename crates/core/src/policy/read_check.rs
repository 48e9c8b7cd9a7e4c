//! Reading the checks: what may be written depends on the signal.

use super::condition::condition;
use super::draft::{DraftCheck, Read};
use super::duration::{MAX_DURATION, MIN_DURATION, duration};
use super::fields::{Fields, distinct, entries, items, one_of, value, values};
use super::log::{Log, Wrong, listed, quoted};
use super::model::{CheckName, Condition, Exception, Scope, Window};
use super::node::{Entry, Node};
use super::read::a_count;
use super::signal::{Signal, Unit};
use super::span::At;

/// The most checks.
pub const MAX_CHECKS: usize = 50;
/// The longest name of a check, in bytes.
pub const MAX_CHECK_NAME_LEN: usize = 60;
/// Samples below which a share or a quantile says little.
pub const DEFAULT_MIN_SAMPLES: u64 = 100;

const KEYS: [&str; 7] = ["signal", "scope", "window", "advance_if", "rollback_if", "min_samples", "except"];
const SCOPES: [(&str, Scope); 2] = [("canary", Scope::Canary), ("all", Scope::All)];
const EXCEPTIONS: [(&str, Exception); 1] = [("unavailable", Exception::Unavailable)];
const LIVE: [&str; 3] = [Signal::Live5xx.name(), Signal::LiveErrorRate.name(), Signal::LiveP95.name()];

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
    let Some(fields) = Fields::of(log, &entry.value, format!("check {}", quoted(&entry.name)), span, &KEYS) else {
        return DraftCheck::refused(name, span);
    };
    let signal = fields.required(log, "signal", "the source of the values, such as `live.p95`", signal);
    let known = signal.as_ref().map(|signal| &signal.value);
    let min_samples = match known.map(Signal::unit) {
        Some(Unit::Ratio | Unit::Ms | Unit::Seconds) => DEFAULT_MIN_SAMPLES,
        Some(Unit::Count) | None => 0,
    };
    DraftCheck {
        name,
        span,
        scope: fields.optional(log, "scope", Scope::Canary, |log, node| scope(log, node, known)),
        window: fields.optional(log, "window", Window::Stage, |log, node| window(log, node, known)),
        advance_if: fields.optional(log, "advance_if", None, |log, node| limit(log, node, known, "<")),
        rollback_if: fields.optional(log, "rollback_if", None, |log, node| limit(log, node, known, ">")),
        min_samples: fields.optional(log, "min_samples", min_samples, a_count),
        except: fields.optional(log, "except", Vec::new(), |log, node| except(log, node, known)),
        signal,
    }
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

fn signal(log: &mut Log, node: &Node) -> Option<Signal> {
    one_of(log, node, "signal", &Signal::BUILT_IN.map(|signal| (signal.name(), signal)))
}

fn scope(log: &mut Log, node: &Node, signal: Option<&Signal>) -> Option<Scope> {
    let scope = one_of(log, node, "scope", &SCOPES)?;
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
    let Some(signal) = signal.filter(|signal| !signal.is_live() && window != Window::Stage) else {
        return Some(window);
    };
    let wrong = Wrong::new(format!("`{}` looks at the whole stage and has no other window", signal.name()));
    log.add(node.span, wrong.expected(format!("`stage`; a duration only for {}", listed(LIVE))));
    None
}

fn limit(log: &mut Log, node: &Node, signal: Option<&Signal>, sign: &str) -> Option<Option<Condition>> {
    // Without a signal the condition is judged by its form, and nothing comes of it.
    value(log, node, "a condition in quotes, such as `\"> 0\"`", |text| condition(text, signal, sign))?.map(Some)
}

fn except(log: &mut Log, node: &Node, signal: Option<&Signal>) -> Option<Vec<Exception>> {
    let nodes = items(log, node, EXCEPTIONS.len() * 2, "a list such as `[unavailable]`")?;
    let list = distinct(log, nodes, |_| "unavailable", |log, node| one_of(log, node, "exception", &EXCEPTIONS));
    let fits = signal.is_none_or(|signal| matches!(signal, Signal::Live5xx | Signal::LiveErrorRate));
    if let Some(signal) = signal.filter(|_| !fits) {
        let failures = listed([Signal::Live5xx.name(), Signal::LiveErrorRate.name()]);
        let wrong = Wrong::new(format!("`{}` counts no failed requests, so nothing can be left out", signal.name()));
        log.add(node.span, wrong.expected(format!("`except` only for {failures}")));
        return None;
    }
    list.map(values)
}
