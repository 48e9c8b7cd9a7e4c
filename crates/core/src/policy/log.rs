//! The mistakes found so far. Reading goes on after each, so that all are told at once.

use super::excerpt::printable;
use super::span::Span;

/// What is wrong, wherever that is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) expected: Option<String>,
    pub(super) hint: Option<String>,
}

impl Wrong {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), expected: None, hint: None }
    }

    pub(super) fn expected(self, expected: impl Into<String>) -> Self {
        Self { expected: Some(expected.into()), ..self }
    }

    pub(super) fn hint(self, hint: Option<impl Into<String>>) -> Self {
        Self { hint: hint.map(Into::into), ..self }
    }

    pub(super) fn did_you_mean(self, meant: Option<impl AsRef<str>>) -> Self {
        self.hint(meant.map(|meant| format!("did you mean `{}`?", meant.as_ref())))
    }
}

/// What is wrong, and where.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) span: Span,
    pub(super) wrong: Wrong,
}

/// All findings.
#[derive(Debug, Default)]
pub(super) struct Log {
    findings: Vec<Finding>,
}

impl Log {
    pub(super) fn add(&mut self, span: Span, wrong: Wrong) {
        self.findings.push(Finding { span, wrong });
    }

    /// Keeps what is sound; notes what is not, and goes on without it.
    pub(super) fn keep<T>(&mut self, span: Span, outcome: Result<T, Wrong>) -> Option<T> {
        outcome.map_err(|wrong| self.add(span, wrong)).ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }
}

/// The longest piece of a policy that is repeated in a message, in characters.
const MAX_QUOTED: usize = 60;

/// A piece of the policy inside a message: between backticks, short, and harmless to a terminal.
pub(super) fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(MAX_QUOTED).map(printable).collect();
    if text.chars().nth(MAX_QUOTED).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// Names between backticks with commas: `` `a`, `b` ``.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// The known name nearest to `text`, where one is near enough to have been meant.
pub(super) fn nearest<'a>(text: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = text.trim().to_lowercase().replace(['-', ' '], "_");
    let length = plain.chars().count();
    if length == 0 || length > MAX_QUOTED {
        return None;
    }
    let tolerance = (length / 3).max(1);
    let distance = |name: &str| if is_part(&plain, name) { 1 } else { strsim::osa_distance(&plain, name) };
    known
        .into_iter()
        .map(|name| (distance(name), name))
        .filter(|(far, _)| *far <= tolerance)
        .min()
        .map(|(_, name)| name)
}

/// Whether `part` is the first or last words of `name`: `bucket` of `bucket_by`, `rls` of `probe.rls`.
fn is_part(part: &str, name: &str) -> bool {
    let joint = |c: char| matches!(c, '_' | '.');
    let first = name.strip_prefix(part).is_some_and(|rest| rest.starts_with(joint));
    let last = name.strip_suffix(part).is_some_and(|rest| rest.ends_with(joint));
    part.len() >= 3 && (first || last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_miss_is_recognised_and_a_far_one_is_not() {
        let keys = ["advance_if", "rollback_if", "window"];
        assert_eq!(nearest("advnce_if", keys), Some("advance_if"));
        assert_eq!(nearest("Advance-If", keys), Some("advance_if"));
        assert_eq!(nearest("colour", keys), None);
        assert_eq!(nearest("", keys), None);
        assert_eq!(nearest("error_rate", ["live.p95", "live.error_rate"]), Some("live.error_rate"));
        assert_eq!(nearest("rollback", keys), Some("rollback_if"));
        assert_eq!(nearest("on", ["on_blind"]), None);
        assert_eq!(nearest("of", ["off", "on"]), Some("off"));
    }

    #[test]
    fn what_is_repeated_is_short_and_harmless() {
        assert_eq!(quoted("a\u{1b}[31m"), "`a\u{fffd}[31m`");
        assert_eq!(quoted(&"x".repeat(100)).chars().count(), MAX_QUOTED + 3);
    }
}
