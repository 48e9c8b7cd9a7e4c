//! No text makes the parser panic, and what is refused is refused with a place.

use super::{EVERY_KEY, SHIPPED, read, with_keys};
use proptest::prelude::*;
use rampart_core::policy::show;

/// Every text is either a policy that can be shown, or mistakes that point into the text.
fn answered(text: &str) {
    match read(text) {
        Ok(policy) => assert!(show(&policy).contains(policy.flag.as_str())),
        Err(mistakes) => {
            assert!(mistakes.iter().count() > 0, "refused without a mistake: {text:?}");
            let lines = text.split('\n').count();
            assert!(mistakes.iter().all(|mistake| (1..=lines).contains(&mistake.line) && mistake.column > 0));
            assert!(!mistakes.to_string().is_empty());
        }
    }
}

/// A sound policy with a few pieces cut out and others put in.
fn mutated() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just(String::new()),
        Just("\n".to_owned()),
        Just("\t".to_owned()),
        Just("é".to_owned()),
        "[-{}\\[\\],:&*!|>'\"%@`#?<=.]{1,3}",
        "[0-9]{1,20}(%|ms|s|m|h|d)?",
        "\\PC{0,8}",
    ];
    let good = prop_oneof![Just(SHIPPED), Just(EVERY_KEY)];
    let edits = proptest::collection::vec((0..EVERY_KEY.len(), 0..12usize, pieces), 1..6);
    (good, edits).prop_map(|(good, edits)| {
        edits.into_iter().fold(good.to_owned(), |text, (at, cut, piece)| {
            let start = text.floor_char_boundary(at.min(text.len()));
            let end = text.ceil_char_boundary((start + cut).min(text.len()));
            format!("{}{piece}{}", &text[..start], &text[end..])
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_answered(text in "(?s).{0,200}") {
        answered(&text);
    }

    #[test]
    fn anything_that_looks_like_yaml_is_answered(text in "[ \n\t\\-{}\\[\\],:&*!|>'\"%a-c0-2#?<=.]{0,80}") {
        answered(&text);
    }

    #[test]
    fn a_mutated_policy_is_answered(text in mutated()) {
        answered(&text);
    }

    #[test]
    fn any_query_and_any_calendar_is_answered(
        query in "[ a-z0-9$_(){}\\[\\]\"'`;#=~/*+.-]{0,60}|\\PC{0,40}",
        cron in "([0-9a-zA-Z*/,-]{1,6} ){3,6}[0-9a-zA-Z*/,-]{1,6}|\\PC{0,20}",
        date in "[0-9]{4}-[0-9]{2}-[0-9]{2}|\\PC{0,12}",
    ) {
        // A text in JSON is one in YAML.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let (query, cron, date) = (quoted(&query), quoted(&cron), quoted(&date));
        answered(&with_keys(&format!(
            "  a: {{ signal: {{ prometheus: {query} }}, rollback_if: \"> 1\" }}\n  \
               b: {{ signal: {{ prometheus: {{ buckets: {query} }} }}, rollback_if: \"> 1s\" }}\n  \
               c: {{ signal: {{ sql: {query} }}, rollback_if: \"> 1\" }}\n  \
               d: {{ signal: probe.read, schedule: {cron}, rollback_if: \"> 0\" }}\n\
             windows: {{ timezone: Europe/Monaco, advance: [{{ open: {cron}, for: 1h }}], freeze: [{date}] }}",
        )));
    }
}
