//! What can be said of a query without asking it. Whether it does harm is not judged here: it is
//! asked as somebody who can only read.

use super::log::{Log, Wrong, listed, nearest, quoted};
use super::node::{Kind, Node};
use super::span::Span;

/// The longest query, in bytes.
pub const MAX_QUERY_LEN: usize = 4000;
/// What stands for what the rollout makes of it.
const VARIABLES: [&str; 3] = ["$window", "$cohort", "$flag"];

/// Whether `text` asks for the window.
pub(super) fn has_window(text: &str) -> bool {
    variables(text).any(|(_, name)| name == "$window")
}

/// Whether `text` asks for one side alone.
pub(super) fn has_cohort(text: &str) -> bool {
    variables(text).any(|(_, name)| name == "$cohort")
}

/// An expression of PromQL that has one number for an answer.
pub(super) fn expression(log: &mut Log, node: &Node) -> Option<String> {
    let text = text(log, node, "an expression of PromQL")?;
    let whole = balanced(log, node, text, &PROMQL);
    if whole && text.ends_with(']') {
        let wrong = Wrong::new("this asks for a range of samples, and a check needs one number");
        log.add(node.span, wrong.expected("an instant, such as `sum(rate(name[$window]))`"));
        return None;
    }
    whole.then(|| text.to_owned())
}

/// A selector of series: a name with labels, and nothing around it.
pub(super) fn selector(log: &mut Log, node: &Node) -> Option<String> {
    let text = text(log, node, "a selector of series")?;
    if !balanced(log, node, text, &PROMQL) {
        return None;
    }
    if let Some((at, sign)) = bare(text, &PROMQL).find(|(_, c)| matches!(c, '(' | '[' | '+' | '/' | '*')) {
        let wrong = Wrong::new(format!("`{sign}` makes this more than a selector: {}", quoted(text)));
        let expected = "the series themselves, such as `name_total{cohort=\"$cohort\"}`; what they grew by is worked out from them";
        log.add(part(node, text, at, 1), wrong.expected(expected));
        return None;
    }
    Some(text.to_owned())
}

/// One statement that reads.
pub(super) fn statement(log: &mut Log, node: &Node) -> Option<String> {
    let text = text(log, node, "a `select` that answers one number")?;
    if !balanced(log, node, text, &SQL) {
        return None;
    }
    let code: Vec<(usize, char)> = bare(text, &SQL).collect();
    let first: String =
        code.iter().map(|(_, c)| *c).skip_while(|c| c.is_whitespace()).take_while(char::is_ascii_alphabetic).collect();
    if !["select", "with"].iter().any(|word| first.eq_ignore_ascii_case(word)) {
        let found = if first.is_empty() { quoted(text) } else { quoted(&first) };
        let wrong = Wrong::new(format!("the statement begins with {found}")).expected("`select` or `with`");
        log.add(node.span, wrong.hint(Some("it is asked as a role that can only read")));
        return None;
    }
    let end = code.iter().position(|(_, c)| *c == ';').unwrap_or(code.len());
    if let Some((at, _)) = code.iter().skip(end + 1).find(|(_, c)| !c.is_whitespace() && *c != ';') {
        log.add(part(node, text, *at, 1), Wrong::new("a second statement begins here").expected("one statement"));
        return None;
    }
    if let Some((at, name)) = variables(text).find(|(_, name)| *name == "$cohort") {
        let wrong = Wrong::new("a statement is asked of the database, which knows of no cohorts");
        log.add(part(node, text, at, name.len()), wrong.expected("`$window` or `$flag`"));
        return None;
    }
    Some(text.trim_end_matches([';', ' ']).to_owned())
}

/// The text of a query, with no variable but those that are known.
fn text<'n>(log: &mut Log, node: &'n Node, expected: &str) -> Option<&'n str> {
    let text = super::fields::text(log, node, expected)?.trim();
    let length = text.len();
    if length == 0 || length > MAX_QUERY_LEN {
        let amount = if length == 0 { "an empty query".to_owned() } else { format!("a query of {length} bytes") };
        let expected = format!("{expected}, at most {MAX_QUERY_LEN} bytes");
        log.add(node.span, Wrong::new(format!("{amount} asks nothing that can be answered")).expected(expected));
        return None;
    }
    let unknown: Vec<(usize, &str)> = variables(text).filter(|(_, name)| !VARIABLES.contains(name)).collect();
    for (at, name) in &unknown {
        let wrong = Wrong::new(format!("unknown variable {}", quoted(name)));
        let meant = nearest(name, VARIABLES);
        let wrong = wrong.expected(format!("one of {}", listed(VARIABLES))).did_you_mean(meant);
        log.add(part(node, text, *at, name.len()), wrong);
    }
    unknown.is_empty().then_some(text)
}

/// Every `$name`, and where it begins. The end of a pattern (`"5..$"`) is none.
fn variables(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.match_indices('$').filter_map(|(at, _)| {
        let name = &text[at + 1..];
        let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(name.len());
        (end > 0).then(|| (at, &text[at..at + 1 + end]))
    })
}

/// The place of a part of a query; the whole of it where escapes move what is behind them.
fn part(node: &Node, text: &str, at: usize, length: usize) -> Span {
    let Kind::Text { text: whole, bare } = &node.kind else { return node.span };
    let quote = usize::from(!bare);
    if node.span.end - node.span.start != whole.len() + 2 * quote {
        return node.span;
    }
    let start = node.span.start + quote + whole.find(text).unwrap_or_default() + at;
    Span { start, end: start + length }
}

/// What a language quotes with, and whether a backslash escapes there.
struct Language {
    quotes: &'static [char],
    escapes: bool,
    comment: &'static str,
    brackets: &'static [(char, char)],
}

const PROMQL: Language = Language {
    quotes: &['"', '\'', '`'],
    escapes: true,
    comment: "#",
    brackets: &[('(', ')'), ('[', ']'), ('{', '}')],
};
const SQL: Language = Language { quotes: &['\'', '"'], escapes: false, comment: "--", brackets: &[('(', ')')] };

/// Every character outside of quotes and comments. A quote that is not closed hides the rest.
fn bare<'t>(text: &'t str, language: &'static Language) -> impl Iterator<Item = (usize, char)> + 't {
    let mut within: Option<char> = None;
    let mut escaped = false;
    let comment = move |at: usize| text[at..].starts_with(language.comment);
    let mut over = false;
    text.char_indices().filter(move |(at, c)| {
        if over {
            return false;
        }
        if let Some(quote) = within {
            let closes = *c == quote && !escaped;
            escaped = language.escapes && quote != '`' && *c == '\\' && !escaped;
            if closes {
                within = None;
            }
            return false;
        }
        over = comment(*at);
        if language.quotes.contains(c) {
            within = Some(*c);
            return false;
        }
        !over
    })
}

/// Whether every bracket is closed by its own.
fn balanced(log: &mut Log, node: &Node, text: &str, language: &'static Language) -> bool {
    let mut open: Vec<(usize, char)> = Vec::new();
    for (at, c) in bare(text, language) {
        if let Some((_, close)) = language.brackets.iter().find(|(open, _)| *open == c) {
            open.push((at, *close));
        } else if language.brackets.iter().any(|(_, close)| *close == c)
            && open.pop().is_none_or(|(_, expected)| expected != c)
        {
            log.add(
                part(node, text, at, 1),
                Wrong::new(format!("`{c}` closes no bracket that is open")).expected("every bracket closed once"),
            );
            return false;
        }
    }
    if let Some((at, close)) = open.pop() {
        log.add(
            part(node, text, at, 1),
            Wrong::new("this bracket is not closed").expected(format!("`{close}` behind it")),
        );
        return false;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(text: &str) -> Node {
        Node { span: Span { start: 10, end: 12 + text.len() }, kind: Kind::Text { text: text.to_owned(), bare: false } }
    }

    /// What is said, and where in the text.
    fn said(read: fn(&mut Log, &Node) -> Option<String>, text: &str) -> Vec<(usize, String)> {
        let mut log = Log::default();
        let answer = read(&mut log, &node(text));
        assert_eq!(answer.is_none(), !log.is_empty(), "{text}");
        log.into_findings()
            .into_iter()
            .map(|finding| (finding.span.start.saturating_sub(11), finding.wrong.message))
            .collect()
    }

    #[test]
    fn sound_queries_are_taken_as_they_are() {
        for text in [
            "up",
            "sum(rate(http_requests_total{code=~\"5..$\", cohort=\"$cohort\"}[$window])) # a ] comment",
            "histogram_quantile(0.95, sum by (le) (rate(d_bucket{flag='$flag'}[$window])))",
            "count(up{job=\"a\\\"(\"})",
        ] {
            assert_eq!(said(expression, text), [], "{text}");
        }
        assert_eq!(said(selector, "requests_total{cohort=\"$cohort\", path!=\"/a/(b)\"}"), []);
        for text in [
            "select count(*) from parts",
            "with late as (select 1) select count(*) from late;",
            "SELECT count(*) from log where at > now() - interval '$window' and text <> ';('",
            "select 1 -- ; delete",
        ] {
            assert_eq!(said(statement, text), [], "{text}");
        }
    }

    #[test]
    fn what_cannot_be_asked_is_told_where_it_is() {
        for (text, at, part) in [
            ("rate(a[$windw])", 7, "unknown variable `$windw`"),
            ("sum(rate(a[5m])", 3, "not closed"),
            ("sum(a)]", 6, "closes no bracket"),
            ("sum(a]", 5, "closes no bracket"),
        ] {
            let told = said(expression, text);
            assert!(told.len() == 1 && told[0].0 == at && told[0].1.contains(part), "{text}: {told:?}");
        }
        assert!(said(expression, "a[5m]")[0].1.contains("a range"));
        assert!(said(expression, " ")[0].1.contains("empty"));
        assert!(said(selector, "rate(a[5m])")[0].1.contains("more than a selector"));
        assert!(said(statement, "delete from parts")[0].1.contains("begins with `delete`"));
        assert!(said(statement, "select 1; drop table parts")[0].1.contains("second statement"));
        assert!(said(statement, "-- nothing")[0].1.contains("begins with"));
        assert!(said(statement, "select $1")[0].1.contains("unknown variable `$1`"));
        assert!(said(expression, &"a".repeat(MAX_QUERY_LEN + 1))[0].1.contains("bytes"));
    }

    #[test]
    fn the_window_is_found_where_it_is_asked_for() {
        assert!(has_window("rate(a[$window])") && !has_window("rate(a[$windows])") && !has_window("a"));
        assert!(has_cohort("a{cohort=\"$cohort\"}") && !has_cohort("a{cohort=\"canary\"}"));
    }
}
