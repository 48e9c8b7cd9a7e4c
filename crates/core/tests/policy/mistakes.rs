//! What is said about wrong policies. Every report is one file in `snapshots/`, to be read by a
//! person: would a release owner know what to change?

use super::{report, with, with_check, with_keys};
use miette::Diagnostic;

const MANY: &str = r#"
flag: part lens
bucket: user_id
stages:
  - { percent: 20, soak: 1h, min_request: 10 }
  - { percent: 5, soak: 2 h }
tick: 5s
checks:
  server_errors: { signal: live.5xxx, rollback_if: "> 0" }
  p95_latency: { signal: live.p95, advance_if: "< 2000", rollback_if: "> 1000ms" }
  user_reports: { signal: report.any }
gate: { require: [aceptance] }
"#;

#[test]
fn a_misspelt_key() {
    insta::assert_snapshot!(report(&with_check(r#"signal: live.p95, advnce_if: "< 500ms", rollback_if: "> 1s""#)));
}

#[test]
fn an_unknown_key_at_the_top() {
    insta::assert_snapshot!(report(&with_keys("colour: red\nSoak: 1h")));
}

#[test]
fn an_empty_policy() {
    insta::assert_snapshot!(report("# nothing yet\n"));
}

#[test]
fn a_policy_that_is_a_list() {
    insta::assert_snapshot!(report("- flag: part_lens_v2\n"));
}

#[test]
fn required_keys_that_are_missing() {
    insta::assert_snapshot!(report("tick: 5s\n"));
}

#[test]
fn keys_that_are_missing_further_down() {
    insta::assert_snapshot!(report(
        &with("{ percent: 5, soak: 1h }", "{ percent: 5 }").replace("signal: live.5xx, ", "")
    ));
}

#[test]
fn a_key_that_is_written_twice() {
    insta::assert_snapshot!(report(&with_keys("tick: 5s\ntick: 10s")));
}

#[test]
fn a_check_that_is_written_twice() {
    insta::assert_snapshot!(report(&with_keys("  server_errors: { signal: live.5xx, rollback_if: \"> 1\" }")));
}

#[test]
fn values_that_are_left_empty() {
    insta::assert_snapshot!(report(
        &with("{ percent: 5, soak: 1h }", "{ percent: , soak: 1h }").replace("flag: part_lens_v2", "flag:")
    ));
}

#[test]
fn a_list_where_a_value_belongs() {
    insta::assert_snapshot!(report(&with_keys("tick: [5s]\nnotify: ops\ngate: acceptance")));
}

#[test]
fn a_flag_name_with_a_space() {
    insta::assert_snapshot!(report(&with("part_lens_v2", "part lens")));
}

#[test]
fn durations_that_people_write() {
    insta::assert_snapshot!(report(&with_keys(
        "tick: 5\nblind_for: 10 minutes\nwatch_after: 1.5h\nstale_after: 1ms\nfail_to_zero_after: soon"
    )));
}

#[test]
fn percents_that_are_none() {
    insta::assert_snapshot!(report(&with("percent: 5,", "percent: five,").replace("percent: 100", "percent: 101")));
}

#[test]
fn a_count_with_a_comma() {
    insta::assert_snapshot!(report(&with("soak: 1h }", "soak: 1h, min_requests: \"1,000\" }")));
}

#[test]
fn stages_that_do_not_rise() {
    insta::assert_snapshot!(report(&with(
        "- { percent: 100, soak: 2h }",
        "- { percent: 50, soak: 1h }\n  - { percent: 20, soak: 1h }\n  - { percent: 50, soak: 1h }"
    )));
}

#[test]
fn a_stage_of_nobody() {
    insta::assert_snapshot!(report(&with("percent: 5,", "percent: 0,")));
}

#[test]
fn a_soak_shorter_than_two_ticks() {
    insta::assert_snapshot!(report(&with("soak: 1h", "soak: 7s")));
}

#[test]
fn a_tick_too_slow_for_the_default_of_stale_after() {
    insta::assert_snapshot!(report(&with_keys("tick: 1m")));
}

#[test]
fn a_signal_that_nearly_exists() {
    insta::assert_snapshot!(report(&with_check(r#"signal: live.p99, rollback_if: "> 1s""#)));
}

#[test]
fn a_signal_without_its_family() {
    insta::assert_snapshot!(report(&with_check(r#"signal: error_rate, rollback_if: "> 1%""#)));
}

#[test]
fn a_check_without_a_condition() {
    insta::assert_snapshot!(report(&with_keys("  reports: { signal: report.any }")));
}

#[test]
fn a_policy_that_never_rolls_back() {
    insta::assert_snapshot!(report(&with_check(r#"signal: live.5xx, advance_if: "== 0""#)));
}

#[test]
fn conditions_that_point_the_wrong_way() {
    insta::assert_snapshot!(report(&with_check(r#"signal: live.p95, advance_if: "> 500ms", rollback_if: "< 1s""#)));
}

#[test]
fn advance_if_laxer_than_rollback_if() {
    insta::assert_snapshot!(report(&with_check(r#"signal: live.p95, advance_if: "< 2s", rollback_if: "> 1s""#)));
}

#[test]
fn a_latency_without_a_unit() {
    insta::assert_snapshot!(report(&with_check("signal: live.p95, advance_if: < 500, rollback_if: '> 1000ms'")));
}

#[test]
fn a_count_with_a_unit() {
    insta::assert_snapshot!(report(&with_check("signal: live.5xx, rollback_if: '> 1%'")));
}

#[test]
fn a_share_above_a_hundred_percent() {
    insta::assert_snapshot!(report(&with_check("signal: live.error_rate, advance_if: < 0.1, rollback_if: '> 5'")));
}

#[test]
fn a_condition_without_a_comparison() {
    insta::assert_snapshot!(report(&with_check("signal: live.p95, advance_if: 500ms, rollback_if: '=> 1s'")));
}

#[test]
fn a_condition_that_always_holds() {
    insta::assert_snapshot!(report(&with_check("signal: live.5xx, rollback_if: '>= 0'")));
}

#[test]
fn a_window_shorter_than_two_ticks() {
    insta::assert_snapshot!(report(&with_check("signal: live.5xx, window: 8s, rollback_if: '> 0'")));
}

#[test]
fn a_window_where_there_is_none() {
    insta::assert_snapshot!(report(&with_check("signal: probe.rls, window: 5m, scope: all, rollback_if: '> 0'")));
}

#[test]
fn an_exception_where_there_is_none() {
    insta::assert_snapshot!(report(&with_check("signal: live.p95, except: [unavailable], rollback_if: '> 1s'")));
}

#[test]
fn gate_items_unknown_doubled_and_in_both_lists() {
    insta::assert_snapshot!(
        report(&with_keys("gate:\n  require: [acceptence, stress, stress]\n  recommend: [rls]"))
            + "\n----\n"
            + &report(&with_keys("gate: { require: [stress], recommend: [acceptance, stress] }"))
    );
}

#[test]
fn a_gate_whose_proofs_count_too_long_or_too_short() {
    insta::assert_snapshot!(
        report(&with_keys("gate:\n  require: [acceptance]\n  max_age: 91d"))
            + "\n----\n"
            + &report(&with_keys("gate: { max_age: 59s }"))
            + "\n----\n"
            + &report(&with_keys("gate: { maxage: 7d }"))
    );
}

#[test]
fn an_approval_of_no_stage() {
    insta::assert_snapshot!(
        report(&with_keys("approvals: { before: [5, 20], by: operator }"))
            + "\n----\n"
            + &report(&with_keys("approvals: { before: [5, 20] }"))
    );
}

#[test]
fn two_people_who_are_neither_true_nor_false() {
    insta::assert_snapshot!(
        report(&with_keys("approvals: { before: [100], two_person: yes }"))
            + "\n----\n"
            + &report(&with_keys("approvals: { before: [100], two_persons: true }"))
    );
}

#[test]
fn words_that_nearly_fit() {
    insta::assert_snapshot!(report(&with_keys("on_blind: stepback\non_degraded: stop")));
}

#[test]
fn a_condition_without_quotes() {
    insta::assert_snapshot!(report(&with_check("signal: live.5xx, rollback_if: > 0")));
}

#[test]
fn a_condition_without_quotes_on_its_own_line() {
    insta::assert_snapshot!(
        report(&with("{ signal: live.5xx, rollback_if: \"> 0\" }", "\n    signal: live.5xx\n    rollback_if: > 0"))
            + "\n----\n"
            + &report(&with(
                "{ signal: live.5xx, rollback_if: \"> 0\" }",
                "\n    signal: live.5xx\n    rollback_if: >5"
            ))
    );
}

#[test]
fn a_bracket_that_is_not_closed() {
    insta::assert_snapshot!(
        report(&with("{ percent: 5, soak: 1h }", "{ percent: 5, soak: 1h"))
            + "\n----\n"
            + &report("flag: x\nstages: [")
    );
}

#[test]
fn a_tab_as_indentation() {
    insta::assert_snapshot!(report(&with("  server_errors", "\tserver_errors")));
}

#[test]
fn anchors_aliases_and_tags() {
    insta::assert_snapshot!(report(
        &with("{ percent: 5, soak: 1h }", "{ percent: 5, soak: &long 1h }")
            .replace("soak: 2h", "soak: *long")
            .replace("flag: ", "flag: !!str ")
    ));
}

#[test]
fn a_second_document() {
    insta::assert_snapshot!(report(&with_keys("---\nflag: other")));
}

#[test]
fn a_check_that_is_no_mapping() {
    insta::assert_snapshot!(report(&with("{ signal: live.5xx, rollback_if: \"> 0\" }", "live.5xx > 0")));
}

#[test]
fn many_mistakes_at_once() {
    insta::assert_snapshot!(report(MANY));
}

#[test]
fn a_very_long_line() {
    insta::assert_snapshot!(report(&with_keys(&format!(
        "notify: [{}, ops, ops]",
        (0..19).map(|n| format!("somebody_{n}")).collect::<Vec<_>>().join(", ")
    ))));
}

#[test]
fn a_mistake_is_a_diagnostic_with_its_place() {
    let text = with_keys("tick: 5");
    let Err(mistakes) = super::read(&text) else { panic!("taken") };
    let related: Vec<_> = mistakes.related().into_iter().flatten().collect();
    let [diagnostic] = related[..] else { panic!("{} mistakes", related.len()) };
    let label = diagnostic.labels().and_then(|mut labels| labels.next());
    let told = label.as_ref().map(|label| &text[label.offset()..label.offset() + label.len()]);
    assert_eq!(told, Some("5"));
    let help = diagnostic.help().map(|help| help.to_string());
    assert_eq!(help.as_deref(), Some("expected a duration from 1s to 5m, such as `30s`, `5m` or `1h30m`"));
    let source = diagnostic.source_code().zip(label).and_then(|(code, label)| code.read_span(label.inner(), 0, 0).ok());
    let line = source.as_ref().map(|source| (source.name(), source.line()));
    assert_eq!(line, Some((Some("policies/x.yaml"), 6)));
    let told: Vec<_> = mistakes.iter().map(|mistake| (mistake.file(), mistake.line, mistake.column)).collect();
    assert_eq!(told, [("policies/x.yaml", 7, 7)]);
}
