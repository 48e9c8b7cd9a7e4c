//! Limits, at both sides of each edge.

use super::{read, report, with, with_check, with_keys};
use rampart_core::policy::{
    MAX_BYTES, MAX_CHECK_NAME_LEN, MAX_CHECKS, MAX_MISTAKES, MAX_NAME_LEN, MAX_NOTIFY, MAX_STAGES, MAX_TARGETS,
};

/// What is refused, and what is taken.
#[track_caller]
fn edge(taken: &str, refused: &str) {
    if let Err(mistakes) = read(taken) {
        panic!("refused:\n{mistakes}");
    }
    assert!(read(refused).is_err(), "taken:\n{refused}");
}

#[test]
fn a_policy_is_at_most_64_kib() {
    let padded = |length: usize| {
        let policy = with_keys("");
        let comment = "#".repeat(length - policy.len());
        policy + &comment
    };
    edge(&padded(MAX_BYTES), &padded(MAX_BYTES + 1));
    assert_eq!(
        report(&padded(MAX_BYTES + 1)),
        "policies/x.yaml:1:1: the policy is 65537 bytes long\nexpected at most 65536 bytes"
    );
}

#[test]
fn lists_and_mappings_are_at_most_eight_deep() {
    let deep = |depth: usize| format!("flag: {}x{}\n", "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert!(!report(&deep(8)).contains("nested too deeply"));
    assert!(report(&deep(9)).contains("nested too deeply"));
    assert!(report(&"[".repeat(60_000)).contains("nested too deeply"));
    assert!(report(&"- ".repeat(30_000)).contains("nested too deeply"));
    assert!(report(&"{a: ".repeat(10_000)).contains("nested too deeply"));
}

#[test]
fn stages_are_one_to_twenty() {
    let stages = |count: usize| {
        let rows: String = (1..=count)
            .map(|n| format!("  - {{ percent: {}, soak: 1m }}\n", if n == count { 100 } else { n }))
            .collect();
        with("  - { percent: 5, soak: 1h }\n  - { percent: 100, soak: 2h }\n", &rows)
    };
    edge(&stages(1), &with("\n  - { percent: 5, soak: 1h }\n  - { percent: 100, soak: 2h }\n", " []\n"));
    edge(&stages(MAX_STAGES), &stages(MAX_STAGES + 1));
}

#[test]
fn percents_are_above_0_up_to_100_with_two_decimals() {
    let first = |percent: &str| with("percent: 5,", &format!("percent: {percent},"));
    edge(&first("0.01"), &first("0"));
    edge(&first("99.99%"), &first("100"));
    edge(&first("0.01"), &first("0.001"));
    let last = |percent: &str| with("percent: 100,", &format!("percent: {percent},"));
    edge(&last("100"), &last("100.01"));
    edge(&last("100.00"), &last("99.99"));
}

#[test]
fn ticks_are_one_second_to_five_minutes() {
    let tick = |tick: &str| with_keys(&format!("tick: {tick}\nstale_after: 10m"));
    edge(&tick("1s"), &tick("999ms"));
    edge(&tick("5m"), &tick("5m1s"));
}

#[test]
fn soaks_are_two_ticks_to_thirty_days() {
    let soak = |soak: &str| with("soak: 1h", &format!("soak: {soak}"));
    edge(&soak("10s"), &soak("9999ms"));
    edge(&soak("30d"), &soak("30d1ms"));
}

#[test]
fn other_durations_are_one_second_to_thirty_days() {
    for key in ["blind_for", "watch_after", "fail_to_zero_after"] {
        let with = |length: &str| with_keys(&format!("{key}: {length}"));
        edge(&with("1s"), &with("999ms"));
        edge(&with("30d"), &with("721h"));
    }
    let stale = |length: &str| with_keys(&format!("stale_after: {length}"));
    edge(&stale("10s"), &stale("9s"));
    edge(&stale("30d"), &stale("31d"));
    edge(&with_keys("tick: 15s"), &with_keys("tick: 16s"));
}

#[test]
fn windows_are_two_ticks_to_thirty_days() {
    let window = |window: &str| with_check(&format!("signal: live.5xx, window: {window}, rollback_if: '> 0'"));
    edge(&window("10s"), &window("9s"));
    edge(&window("30d"), &window("31d"));
}

#[test]
fn checks_are_one_to_fifty() {
    let checks = |count: usize| {
        let rows: String =
            (0..count).map(|n| format!("  c{n}: {{ signal: live.5xx, rollback_if: '> 0' }}\n")).collect();
        with("  server_errors: { signal: live.5xx, rollback_if: \"> 0\" }\n", &rows)
    };
    edge(&checks(1), &with("\n  server_errors: { signal: live.5xx, rollback_if: \"> 0\" }\n", " {}\n"));
    edge(&checks(MAX_CHECKS), &checks(MAX_CHECKS + 1));
    let named = |length: usize| with("server_errors", &"c".repeat(length));
    edge(&named(MAX_CHECK_NAME_LEN), &named(MAX_CHECK_NAME_LEN + 1));
}

#[test]
fn counts_are_whole_and_at_most_a_thousand_millions() {
    let requests = |count: &str| with("soak: 1h", &format!("soak: 1h, min_requests: {count}"));
    edge(&requests("0"), &requests("-1"));
    edge(&requests("1000000000"), &requests("1000000001"));
    let samples = |count: &str| with_check(&format!("signal: live.5xx, min_samples: {count}, rollback_if: '> 0'"));
    edge(&samples("0"), &samples("0.5"));
    edge(&samples("1000000000"), &samples("1000000001"));
}

#[test]
fn targets_are_at_most_ten_thousand_each() {
    // Names as short as these, else the policy would be longer than it may be.
    let name = |n: usize| format!("{}{}", char::from(b'a' + (n / 36 / 36) as u8), base36(n));
    let targets = |key: &str, count: usize| {
        let names: Vec<String> = (0..count).map(name).collect();
        with_keys(&format!("targets: {{ {key}: [{}] }}", names.join(",")))
    };
    for key in ["on", "off"] {
        edge(&targets(key, MAX_TARGETS), &targets(key, MAX_TARGETS + 1));
    }
    let named = |length: usize| with_keys(&format!("targets: {{ on: [{}] }}", "n".repeat(length)));
    edge(&named(MAX_NAME_LEN), &named(MAX_NAME_LEN + 1));
}

fn base36(n: usize) -> String {
    [n / 36 % 36, n % 36].iter().filter_map(|digit| char::from_digit(*digit as u32, 36)).collect()
}

#[test]
fn at_most_twenty_are_notified() {
    let notify = |count: usize| {
        let names: Vec<String> = (0..count).map(|n| format!("n{n}")).collect();
        with_keys(&format!("notify: [{}]", names.join(", ")))
    };
    edge(&notify(MAX_NOTIFY), &notify(MAX_NOTIFY + 1));
    edge(&notify(0), &with_keys("notify: ['']"));
}

#[test]
fn advance_and_rollback_may_touch_and_not_overlap() {
    let p95 = |advance: &str, rollback: &str| {
        with_check(&format!("signal: live.p95, advance_if: '{advance}', rollback_if: '{rollback}'"))
    };
    edge(&p95("< 1s", "> 1000ms"), &p95("< 1001ms", "> 1s"));
    edge(&p95("<= 1s", "> 1s"), &p95("<= 1s", ">= 1s"));
    edge(&p95("< 1s", ">= 1s"), &p95("== 2s", ">= 1s"));
    let count = |advance: &str, rollback: &str| {
        with_check(&format!("signal: report.any, advance_if: '{advance}', rollback_if: '{rollback}'"))
    };
    edge(&count("< 1", "> 0"), &count("< 2", "> 0"));
    edge(&count("== 0", ">= 1"), &count("== 1", ">= 1"));
}

#[test]
fn conditions_that_are_always_or_never_met_are_refused() {
    let share = |condition: &str| with_check(&format!("signal: live.error_rate, rollback_if: '{condition}'"));
    edge(&share("> 99.9%"), &share("> 100%"));
    edge(&share(">= 0.1%"), &share(">= 0"));
    let advance = |condition: &str| {
        with_check(&format!("signal: live.error_rate, advance_if: '{condition}', rollback_if: '>= 100%'"))
    };
    edge(&advance("< 0.01%"), &advance("< 0"));
    edge(&advance("<= 99%"), &advance("<= 1"));
}

#[test]
fn a_hundred_mistakes_are_told_and_the_rest_is_counted() {
    let keys = |count: usize| with_keys(&(0..count).map(|n| format!("zzzz{n}: 0\n")).collect::<String>());
    let Err(all) = read(&keys(MAX_MISTAKES)) else { panic!("taken") };
    assert_eq!((all.iter().count(), all.untold()), (MAX_MISTAKES, 0));
    let Err(more) = read(&keys(MAX_MISTAKES + 1)) else { panic!("taken") };
    assert_eq!((more.iter().count(), more.untold()), (MAX_MISTAKES, 1));
    assert!(more.to_string().ends_with("\n\nand 1 more"));
}

#[test]
fn proofs_of_the_gate_count_a_minute_to_ninety_days() {
    let aged = |age: &str| with_keys(&format!("gate: {{ require: [acceptance], max_age: {age} }}"));
    edge(&aged("1m"), &aged("59s999ms"));
    edge(&aged("90d"), &aged("90d1ms"));
}
