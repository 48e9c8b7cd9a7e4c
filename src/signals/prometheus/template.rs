//! The text of a question, and how one question is asked for many flags at once.

use super::window::{binned, promql, range};
use rampart_core::{FlagKey, Millis, Timestamp};

/// The longest text: VictoriaMetrics takes 16 KiB.
const LONGEST_TEXT: usize = 12 * 1024;
/// Where a flag stands in a matcher.
const QUOTED_FLAG: &str = "\"$flag\"";

/// A question with everything filled in but the flag.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Template {
    text: String,
    /// The label by which an answer for many flags comes apart; none where only one flag can be asked for.
    pub(super) label: Option<String>,
    /// The window whose raw samples are asked for; none where an expression is.
    samples: Option<Millis>,
    /// The edges that thinned samples must lie on, where they are counted in bins.
    edges: Option<Millis>,
}

impl Template {
    /// An expression that answers a number.
    pub(super) fn expression(query: &str, window: Millis, cohort: &str) -> Self {
        let text = filled(query, window, cohort);
        // Series of several flags stay apart only where each aggregation keeps their label.
        let label = flag_label(&text).filter(|label| kept(&text, label) >= text.matches(QUOTED_FLAG).count());
        Self { text, label, samples: None, edges: None }
    }

    /// The raw samples of a selector.
    pub(super) fn samples(selector: &str, window: Millis, cohort: &str) -> Self {
        let text = filled(selector.trim(), window, cohort);
        let label = flag_label(&text);
        Self { text, label, samples: Some(window), edges: None }
    }

    /// The raw samples of a selector, to be counted in bins of this length.
    pub(super) fn binned(selector: &str, window: Millis, cohort: &str, bin: Millis) -> Self {
        Self { edges: Some(bin), ..Self::samples(selector, window, cohort) }
    }

    /// Whether the text is another for each flag.
    pub(super) fn names_flag(&self) -> bool {
        self.text.contains("$flag")
    }

    /// Whether raw samples are asked for.
    pub(super) fn is_raw(&self) -> bool {
        self.samples.is_some()
    }

    /// The question, where it is the same for every flag.
    pub(super) fn for_all(&self, end: Timestamp) -> String {
        self.ranged(self.text.clone(), 1, end)
    }

    /// The question for one flag.
    pub(super) fn for_one(&self, flag: &FlagKey, end: Timestamp) -> String {
        self.ranged(self.text.replace("$flag", flag.as_str()), 1, end)
    }

    fn ranged(&self, text: String, flags: usize, end: Timestamp) -> String {
        match (self.samples, self.edges) {
            (Some(window), Some(bin)) => text + &binned(window, flags, bin),
            (Some(window), None) => text + &range(window, flags, end),
            (None, _) => text,
        }
    }

    /// As few questions as the limit on their length allows, each with the flags it is for.
    pub(super) fn for_many<'f>(&self, flags: &[&'f FlagKey], end: Timestamp) -> Vec<(String, Vec<&'f FlagKey>)> {
        let spare = LONGEST_TEXT.saturating_sub(self.text.len());
        let room = spare / self.text.matches(QUOTED_FLAG).count().max(1);
        let mut batches: Vec<(usize, Vec<&FlagKey>)> = Vec::new();
        for flag in flags {
            // A dot in a name is written as \\. in the text.
            let length = flag.as_str().len() * 2 + 1;
            match batches.last_mut() {
                Some((taken, batch)) if *taken + length <= room => {
                    *taken += length;
                    batch.push(flag);
                }
                _ => batches.push((length, vec![flag])),
            }
        }
        let text = |batch: &[&FlagKey]| self.ranged(self.matching(batch), batch.len(), end);
        batches.into_iter().map(|(_, batch)| (text(&batch), batch)).collect()
    }

    fn matching(&self, flags: &[&FlagKey]) -> String {
        let names: Vec<String> = flags.iter().map(|flag| flag.as_str().replace('.', "\\\\.")).collect();
        let any = format!("=~\"{}\"", names.join("|"));
        let mut pieces = self.text.split(QUOTED_FLAG).peekable();
        let mut text = String::with_capacity(self.text.len() + any.len());
        while let Some(piece) = pieces.next() {
            if pieces.peek().is_none() {
                text.push_str(piece);
            } else {
                text.push_str(piece.trim_end().trim_end_matches('='));
                text.push_str(&any);
            }
        }
        text
    }
}

fn filled(query: &str, window: Millis, cohort: &str) -> String {
    query.replace("$window", &promql(window)).replace("$cohort", cohort)
}

/// The label that every matcher of the flag is on: `flag` in `flag="$flag"`. None where the flag stands elsewhere, too.
fn flag_label(text: &str) -> Option<String> {
    let mut pieces: Vec<&str> = text.split(QUOTED_FLAG).collect();
    let rest = pieces.pop()?;
    let mut label = None;
    for piece in &pieces {
        let before = piece.trim_end().strip_suffix('=')?.trim_end();
        let name = before.rsplit(|letter: char| !is_name(letter)).next().filter(|name| !name.is_empty())?;
        if label.is_some_and(|label| label != name) {
            return None;
        }
        label = Some(name);
    }
    let elsewhere = rest.contains("$flag") || pieces.iter().any(|piece| piece.contains("$flag"));
    label.filter(|_| !elsewhere).map(str::to_owned)
}

/// How many aggregations keep the label.
fn kept(text: &str, label: &str) -> usize {
    let groups = text.split(')').filter_map(|piece| piece.rsplit_once('('));
    let by = groups.filter(|(before, _)| {
        let before = before.trim_end().to_ascii_lowercase();
        before.strip_suffix("by").is_some_and(|before| !before.ends_with(is_name))
    });
    by.filter(|(_, labels)| labels.split(',').any(|name| name.trim() == label)).count()
}

fn is_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Millis = Millis::minutes(1);
    const END: Timestamp = Timestamp::UNIX_EPOCH;

    fn label(query: &str) -> Option<String> {
        Template::expression(query, MINUTE, "canary").label
    }

    fn flags(names: &[&str]) -> Vec<FlagKey> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn a_question_for_many_flags_matches_them_all() {
        let query = r#"sum by (flag, job) (rate(failed{flag = "$flag",cohort="$cohort"}[$window]))"#;
        let template = Template::expression(query, MINUTE, "canary");
        assert_eq!(template.label.as_deref(), Some("flag"));
        let flags = flags(&["a.b", "c"]);
        assert_eq!(
            template.for_one(&flags[0], END),
            r#"sum by (flag, job) (rate(failed{flag = "a.b",cohort="canary"}[60s]))"#
        );
        let many = template.for_many(&flags.iter().collect::<Vec<_>>(), END);
        assert_eq!(many.len(), 1);
        assert_eq!(many[0].0, r#"sum by (flag, job) (rate(failed{flag =~"a\\.b|c",cohort="canary"}[60s]))"#);
    }

    #[test]
    fn only_what_keeps_the_flags_apart_is_asked_for_many() {
        assert_eq!(label(r#"sum(rate(a{flag="$flag"}[1m]))"#), None, "the sum would be of all flags");
        assert_eq!(label(r#"sum by (flag) (a{flag="$flag"}) / sum(b{flag="$flag"})"#), None);
        assert_eq!(
            label(r#"sum by (flag) (a{flag="$flag"}) / sum by(flag)(b{flag="$flag"})"#).as_deref(),
            Some("flag")
        );
        assert_eq!(label(r#"sum by (flag) (a{flag!="$flag"})"#), None);
        assert_eq!(label(r#"sum by (flag) (a{flag=~"$flag"})"#), None);
        assert_eq!(label(r#"sum by (flag) (a{flag="$flag"}) or $flag_b"#), None);
        assert_eq!(label(r#"sum by (f, g) (a{f="$flag",g="$flag"})"#), None);
        assert_eq!(label("sum(up)"), None);
        let raw = Template::samples(r#"failed{feature="$flag"}"#, MINUTE, "canary");
        assert_eq!(raw.label.as_deref(), Some("feature"));
        assert_eq!(raw.for_one(&flags(&["x"])[0], END), r#"failed{feature="x"}[60s]"#);
    }

    #[test]
    fn no_text_is_longer_than_a_server_takes_and_no_flag_is_left_out() {
        let names: Vec<String> = (0..1000).map(|number| format!("flag.with.a.name.{number}")).collect();
        let flags = flags(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let template = Template::samples(r#"failed{flag="$flag"}"#, MINUTE, "canary");
        let many = template.for_many(&flags.iter().collect::<Vec<_>>(), END);
        assert!(many.len() < 6 && many.iter().all(|(text, _)| text.len() <= LONGEST_TEXT + 20), "{}", many.len());
        assert_eq!(many.iter().map(|(_, flags)| flags.len()).sum::<usize>(), 1000);
    }
}
