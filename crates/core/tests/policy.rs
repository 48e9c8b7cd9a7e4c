//! The policy language, as a release owner meets it.

#[path = "policy/differences.rs"]
mod differences;
#[path = "policy/limits.rs"]
mod limits;
#[path = "policy/mistakes.rs"]
mod mistakes;
#[path = "policy/readme.rs"]
mod readme;
#[path = "policy/robust.rs"]
mod robust;
#[path = "policy/shipped.rs"]
mod shipped;
#[path = "policy/wrong.rs"]
mod wrong;

use rampart_core::policy::{Mistakes, Policy, parse};

/// The policy that is shipped with Rampart.
const SHIPPED: &str = include_str!("../../../policies/part_lens_v2.yaml");

/// A policy with every key there is.
const EVERY_KEY: &str = include_str!("policy/every_key.yaml");

/// Stages and checks that are sound, to put other keys before.
const SOUND: &str = r#"
flag: part_lens_v2
stages:
  - { percent: 5, soak: 1h }
  - { percent: 100, soak: 2h }
checks:
  server_errors: { signal: live.5xx, rollback_if: "> 0" }
"#;

fn read(text: &str) -> Result<Policy, Mistakes> {
    parse("policies/x.yaml", text)
}

/// A policy that has to be sound.
#[track_caller]
fn sound(text: &str) -> Policy {
    match read(text) {
        Ok(policy) => policy,
        Err(mistakes) => panic!("refused:\n{mistakes}"),
    }
}

/// The report on a wrong policy.
fn report(text: &str) -> String {
    match read(text.trim_start_matches('\n')) {
        Ok(policy) => panic!("this is sound: {policy:?}"),
        Err(mistakes) => mistakes.to_string(),
    }
}

/// [`SOUND`] with one of its parts replaced.
fn with(part: &str, other: &str) -> String {
    assert!(SOUND.contains(part), "{part}");
    SOUND.replacen(part, other, 1).trim_start_matches('\n').to_owned()
}

/// [`SOUND`] with this check.
fn with_check(check: &str) -> String {
    with(r#"signal: live.5xx, rollback_if: "> 0""#, check)
}

/// [`SOUND`] with these keys behind it.
fn with_keys(keys: &str) -> String {
    format!("{}{keys}\n", SOUND.trim_start_matches('\n'))
}
