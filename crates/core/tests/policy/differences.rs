//! What is said about two policies that differ.

use super::{EVERY_KEY, SHIPPED, SOUND, sound, with, with_check, with_keys};
use rampart_core::policy::{Change, Effect, diff};

/// The differences, one a line.
fn said(before: &str, after: &str) -> Vec<String> {
    diff(&sound(before), &sound(after)).iter().map(Change::to_string).collect()
}

#[test]
fn a_policy_does_not_differ_from_itself_however_it_is_written() {
    for text in [SOUND, SHIPPED, EVERY_KEY] {
        assert_eq!(said(text, text), [""; 0]);
    }
    assert_eq!(said(SOUND, &with_keys("tick: 5s\non_blind: hold")), [""; 0]);
    assert_eq!(
        said(
            &with_check(r#"signal: live.p95, rollback_if: "> 1s""#),
            &with_check(r#"signal: live.p95, rollback_if: "> 1000ms""#)
        ),
        [""; 0]
    );
}

#[test]
fn a_shorter_soak_is_laxer_and_a_longer_one_stricter() {
    let shorter = with("percent: 100, soak: 2h", "percent: 100, soak: 1h");
    assert_eq!(said(SOUND, &shorter), ["stage 2 soak: 2 h → 1 h (laxer)"]);
    assert_eq!(said(&shorter, SOUND), ["stage 2 soak: 1 h → 2 h (stricter)"]);
}

#[test]
fn what_comes_and_goes_is_told_both_ways() {
    let tighter = format!(
        "{}{}",
        with(
            "checks:\n",
            "checks:\n  slow: { signal: live.p95, advance_if: \"< 500ms\" }\n  rate: { signal: live.error_rate, advance_if: \"< 1%\", shadow: true }\n"
        )
        .replace("percent: 5, soak: 1h }", "percent: 5, soak: 1h }\n  - { percent: 50, soak: 1h }"),
        "harm_budget: 9\ntargets: { on: [ann] }\ncompare: { slow: no_worse }\nwindows: { timezone: UTC, freeze: [2026-12-24] }\n"
    );
    insta::assert_snapshot!("diff_tighter", said(SOUND, &tighter).join("\n"));
    insta::assert_snapshot!("diff_looser", said(&tighter, SOUND).join("\n"));
    let effects = |before: &str, after: &str| -> Vec<Effect> {
        diff(&sound(before), &sound(after)).into_iter().map(|change| change.effect).collect()
    };
    let turned: Vec<Effect> = effects(SOUND, &tighter)
        .into_iter()
        .map(|effect| match effect {
            Effect::Laxer => Effect::Stricter,
            Effect::Stricter => Effect::Laxer,
            Effect::Other => Effect::Other,
        })
        .collect();
    let mut back = effects(&tighter, SOUND);
    // Checks that went are told where they were, checks that came behind the others.
    let mut forth = turned;
    let order = |effect: &Effect| *effect as u8;
    forth.sort_by_key(order);
    back.sort_by_key(order);
    assert_eq!(forth, back);
}

#[test]
fn limits_and_answers_are_weighed() {
    let check = |text: &str| with_check(&format!("signal: live.error_rate, {text}"));
    for (before, after, line) in [
        (r#"rollback_if: "> 1%""#, r#"rollback_if: "> 2%""#, "rollback_if: > 1% → > 2% (laxer)"),
        (r#"rollback_if: "> 1%""#, r#"rollback_if: ">= 1%""#, "rollback_if: > 1% → >= 1% (stricter)"),
        (r#"rollback_if: "> 1%""#, r#"rollback_if: "> 1%", min_samples: 500"#, "min_samples: 100 → 500 (laxer)"),
        (
            r#"rollback_if: "> 1%""#,
            r#"rollback_if: "> 1%", on_breach: step_back"#,
            "on_breach: rollback → step_back (laxer)",
        ),
        (r#"rollback_if: "> 1%""#, r#"rollback_if: "> 1%", advance_if: "< 1%""#, "advance_if: none → < 1% (stricter)"),
        (r#"rollback_if: "> 1%""#, r#"rollback_if: "> 1%", window: 5m"#, "window: stage → 5 min"),
    ] {
        assert_eq!(said(&check(before), &check(after)), [format!("check server_errors {line}")]);
    }
}

#[test]
fn every_key_of_the_language_shows_up() {
    insta::assert_snapshot!("diff_every_key", said(SHIPPED, EVERY_KEY).join("\n"));
}
