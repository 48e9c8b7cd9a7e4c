//! Conditions as a policy writes them: `< 0.1%`, `> 1000ms`, `== 0`.

use super::log::{Wrong, quoted};
use super::model::{Condition, Op};
use super::number::{Decimal, MAX_COUNT};
use super::signal::{Signal, Unit};

/// Signs that begin a condition, longer ones before those they begin with.
const SIGNS: [(&str, Op); 5] =
    [("<=", Op::AtMost), (">=", Op::AtLeast), ("==", Op::Equal), ("<", Op::Less), (">", Op::Greater)];

/// Signs people write instead.
const OTHER_SIGNS: [(&str, &str); 6] = [("=<", "<="), ("=>", ">="), ("≤", "<="), ("≥", ">="), ("=", "=="), ("", "<")];

/// The largest latency a condition may name, in milliseconds: an hour.
const MAX_LATENCY_MS: f64 = 3_600_000.0;

/// Reads a condition on `signal`. Without one (it was refused) only the form can be judged, and
/// nothing comes of it; `other_sign` is suggested where the comparison is missing.
pub(super) fn condition(text: &str, signal: Option<&Signal>, other_sign: &str) -> Result<Option<Condition>, Wrong> {
    let text = text.trim();
    let (op, value) = SIGNS
        .iter()
        .find_map(|(sign, op)| text.strip_prefix(sign).map(|value| (*op, value.trim_start())))
        .filter(|(_, value)| !value.starts_with(['<', '>', '=']))
        .ok_or_else(|| unsigned(text, signal, other_sign))?;
    let (number, unit) = Decimal::leading(value).ok_or_else(|| {
        Wrong::new(format!("{} compares with no number", quoted(text))).expected(example(signal, other_sign))
    })?;
    let unit = unit.trim_start();
    let Some(signal) = signal else {
        let known = matches!(unit, "" | "%" | "ms" | "s");
        let unknown =
            || Wrong::new(format!("{} has an unknown unit", quoted(text))).expected(example(None, other_sign));
        return if known { Ok(None) } else { Err(unknown()) };
    };
    let limit = limit(number, unit, signal).map_err(|wrong| Wrong {
        message: format!("{} {}", quoted(text), wrong.message),
        expected: wrong.expected.or_else(|| Some(example(Some(signal), other_sign))),
        hint: wrong.hint.map(|meant| format!("did you mean `{} {meant}`?", sign(op))),
    })?;
    Ok(Some(Condition { op, limit, text: text.to_owned() }))
}

/// What a condition compares, where that can be read off it: a plain number, a share or a time.
pub(super) fn unit(text: &str) -> Option<Unit> {
    let value = text.trim().trim_start_matches(['<', '>', '=']).trim_start();
    match Decimal::leading(value)?.1.trim() {
        "" => Some(Unit::Count),
        "%" => Some(Unit::Ratio),
        "ms" | "s" => Some(Unit::Seconds),
        _ => None,
    }
}

/// The limit in the unit of the signal. The hint is the value alone.
fn limit(number: Decimal, unit: &str, signal: &Signal) -> Result<f64, Wrong> {
    let name = signal.name();
    match (signal.unit(), unit) {
        // What a query answers need not be whole.
        (Unit::Count, "") if signal.query().is_some() => most(number.in_unit(1, 0)),
        (Unit::Count, "") => match number.integer() {
            Some(count) if count <= MAX_COUNT => Ok(count as f64),
            Some(_) => Err(Wrong::new("is too large").expected(format!("a number up to {MAX_COUNT}"))),
            None => Err(Wrong::new(format!("has decimals, and `{name}` counts whole things"))),
        },
        (Unit::Count, _) => Err(Wrong::new(format!("has a unit, and `{name}` is a plain number"))),
        (Unit::Ratio, "%") => share(number.in_unit(1, 2), None),
        (Unit::Ratio, "") => share(number.in_unit(1, 0), number.integer().map(|percent| format!("{percent}%"))),
        (Unit::Ratio, _) => Err(Wrong::new(format!("has a unit that does not fit: `{name}` is a share"))),
        (Unit::Ms, _) => millis(number, unit, name),
        (Unit::Seconds, _) => millis(number, unit, name).map(|millis| millis / 1000.0),
    }
}

fn millis(number: Decimal, unit: &str, name: &str) -> Result<f64, Wrong> {
    match unit {
        "ms" => latency(number.in_unit(1, 0)),
        "s" => latency(number.in_unit(1000, 0)),
        "" => {
            let meant = number.integer().map(|millis| format!("{millis}ms"));
            Err(Wrong::new(format!("has no unit, and `{name}` is a time")).hint(meant))
        }
        _ => Err(Wrong::new(format!("has a unit that does not fit: `{name}` is a time"))),
    }
}

fn most(value: f64) -> Result<f64, Wrong> {
    let expected = || format!("a number up to {MAX_COUNT}");
    if value <= MAX_COUNT as f64 { Ok(value) } else { Err(Wrong::new("is too large").expected(expected())) }
}

fn share(value: f64, meant: Option<String>) -> Result<f64, Wrong> {
    let expected = "a share up to 100 %, such as `0.1%` or `0.001`";
    let meant = meant.filter(|_| value <= 100.0);
    if value <= 1.0 { Ok(value) } else { Err(Wrong::new("is more than 100 %").expected(expected).hint(meant)) }
}

fn latency(millis: f64) -> Result<f64, Wrong> {
    let expected = "a time up to an hour, such as `500ms` or `1.5s`";
    if millis <= MAX_LATENCY_MS { Ok(millis) } else { Err(Wrong::new("is too long").expected(expected)) }
}

fn unsigned(text: &str, signal: Option<&Signal>, other_sign: &str) -> Wrong {
    let meant = OTHER_SIGNS.iter().find_map(|(wrong, right)| {
        let value = text.strip_prefix(wrong)?.trim_start();
        let right = if wrong.is_empty() { other_sign } else { right };
        Decimal::leading(value).map(|_| format!("{right} {value}"))
    });
    Wrong::new(format!("{} does not begin with a comparison", quoted(text)))
        .expected(format!("`<`, `<=`, `>`, `>=` or `==` and a limit: {}", example(signal, other_sign)))
        .did_you_mean(meant)
}

fn sign(op: Op) -> &'static str {
    SIGNS.iter().find(|(_, known)| *known == op).map_or("", |(sign, _)| sign)
}

/// A condition that fits the signal.
fn example(signal: Option<&Signal>, sign: &str) -> String {
    let count = if sign == "<" { "`== 0`" } else { "`> 0`" };
    match signal.map(Signal::unit) {
        Some(Unit::Count) => format!("a number without a unit, such as {count}"),
        Some(Unit::Ratio) => format!("a share, such as `{sign} 0.1%` or `{sign} 0.001`"),
        Some(Unit::Ms | Unit::Seconds) => format!("a time, such as `{sign} 500ms` or `{sign} 1.5s`"),
        None => format!("a condition such as {count}, `{sign} 0.1%` or `{sign} 500ms`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit_of(text: &str, signal: Signal) -> Option<(Op, f64)> {
        condition(text, Some(&signal), "<").ok().flatten().map(|condition| (condition.op, condition.limit))
    }

    #[test]
    fn limits_are_in_the_unit_of_the_signal() {
        assert_eq!(limit_of("> 0", Signal::Live5xx), Some((Op::Greater, 0.0)));
        assert_eq!(limit_of("==3", Signal::ReportAny), Some((Op::Equal, 3.0)));
        assert_eq!(limit_of("< 0.1%", Signal::LiveErrorRate), Some((Op::Less, 0.001)));
        assert_eq!(limit_of("<= 0.7 %", Signal::LiveErrorRate), Some((Op::AtMost, 0.007)));
        assert_eq!(limit_of(">= 0.001", Signal::LiveErrorRate), Some((Op::AtLeast, 0.001)));
        assert_eq!(limit_of("< 500ms", Signal::LiveP95), Some((Op::Less, 500.0)));
        assert_eq!(limit_of(" > 1.5s ", Signal::LiveP95), Some((Op::Greater, 1500.0)));
    }

    #[test]
    fn limits_end_where_the_unit_ends() {
        assert!(limit_of("> 100%", Signal::LiveErrorRate).is_some());
        assert!(limit_of("> 1", Signal::LiveErrorRate).is_some());
        assert!(limit_of("> 100.1%", Signal::LiveErrorRate).is_none());
        assert!(limit_of("> 1.01", Signal::LiveErrorRate).is_none());
        assert!(limit_of("> 3600s", Signal::LiveP95).is_some());
        assert!(limit_of("> 3600001ms", Signal::LiveP95).is_none());
        assert!(limit_of("> 1000000000", Signal::Live5xx).is_some());
        assert!(limit_of("> 1000000001", Signal::Live5xx).is_none());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (text, signal) in [
            ("> 5%", Signal::Live5xx),
            ("> 0.5", Signal::Live5xx),
            ("< 5ms", Signal::LiveErrorRate),
            ("< 500", Signal::LiveP95),
            ("< 5m", Signal::LiveP95),
            ("< 5%", Signal::LiveP95),
            ("", Signal::LiveP95),
            ("<", Signal::LiveP95),
            ("<< 5ms", Signal::LiveP95),
            ("=== 5", Signal::Live5xx),
            ("< -5", Signal::Live5xx),
            ("!= 5", Signal::Live5xx),
            ("> 0 or so", Signal::Live5xx),
        ] {
            assert_eq!(limit_of(text, signal), None, "{text}");
        }
    }

    #[test]
    fn the_text_is_kept_as_it_was_written() {
        let kept =
            condition("  <  0.10 % ", Some(&Signal::LiveErrorRate), "<").ok().flatten().map(|condition| condition.text);
        assert_eq!(kept, Some("<  0.10 %".to_owned()));
    }
}
