//! What proves an item of the gate, case by case.

use super::*;
use crate::store::{GateArtifact, GateRun};
use rampart_core::Timestamp;

fn at(hours: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + chrono::Duration::hours(hours)
}

fn build() -> Build {
    Build("1.2.3+abc".to_owned())
}

/// A run of this build that ended in hour 100 and left one artifact.
fn recorded() -> Recorded {
    let run = GateRun {
        id: Uuid::from_u128(1),
        item: "acceptance".to_owned(),
        passed: true,
        build: build().0,
        yacht_id: None,
        host: "here".to_owned(),
        started_at: at(99),
        finished_at: at(100),
        recorded_by: "operator#abcdef".to_owned(),
        summary: serde_json::json!({}),
        artifacts: 1,
    };
    let artifact = GateArtifact {
        id: Uuid::from_u128(2),
        run_id: run.id,
        name: "parity.json".to_owned(),
        path: None,
        media_type: "application/json".to_owned(),
        sha256: hex_sha256(b"{}"),
        size: 2,
        whole: true,
    };
    Recorded { run, artifacts: vec![artifact] }
}

/// The verdict on acceptance in hour 101, with a day as the longest age.
fn judged(evidence: Option<Evidence>) -> GateVerdict {
    judged_at(evidence, at(101))
}

fn judged_at(evidence: Option<Evidence>, now: Timestamp) -> GateVerdict {
    let gate =
        Gate { require: vec![GateItem::Acceptance], recommend: vec![GateItem::Stress], max_age: Millis::hours(24) };
    let findings = judge(&gate, evidence.as_ref(), &build(), now);
    assert_eq!(findings.len(), 2);
    assert!(!findings[1].blocks(), "what is only recommended never blocks");
    assert_eq!(findings[0].blocks(), !findings[0].verdict.is_proven());
    findings[0].verdict.clone()
}

fn with(change: impl FnOnce(&mut Recorded)) -> Option<Evidence> {
    let mut recorded = recorded();
    change(&mut recorded);
    Some(Evidence { runs: vec![recorded], ..Evidence::default() })
}

#[test]
fn a_run_of_this_build_proves_its_item_until_it_is_too_old() {
    assert_eq!(judged(with(|_| {})), GateVerdict::Proven { age: Millis::hours(1) });
    assert!(judged_at(with(|_| {}), at(124)).is_proven());
    let late = at(124) + chrono::Duration::milliseconds(1);
    assert_eq!(judged_at(with(|_| {}), late).name(), "too_old");
    assert!(judged_at(with(|_| {}), at(90)).is_proven(), "a clock that stepped back makes nothing old");
}

#[test]
fn nothing_recorded_and_nothing_readable_prove_nothing() {
    assert_eq!(judged(Some(Evidence::default())), GateVerdict::Missing);
    assert_eq!(judged(None), GateVerdict::Unreadable);
    assert_eq!(judged(with(|found| found.run.item = "stress".to_owned())), GateVerdict::Missing);
}

#[test]
fn a_failed_run_and_another_build_say_so() {
    assert_eq!(judged(with(|found| found.run.passed = false)).why(), "the newest run failed, 1 h ago");
    let other = judged(with(|found| found.run.build = "1.2.2+old".to_owned()));
    assert_eq!(other.why(), "evidence of build 1.2.2+old, this is 1.2.3+abc");
}

#[test]
fn altered_bytes_are_named_wherever_they_lie() {
    let in_database = judged(with(|found| found.artifacts[0].whole = false));
    assert_eq!(in_database.why(), "the artifact parity.json in the database does not match its recorded hash");
    let on_disk = with(|_| {}).map(|evidence| Evidence { altered_files: [Uuid::from_u128(2)].into(), ..evidence });
    let why = judged(on_disk).why();
    assert!(why.starts_with("the file of the artifact parity.json does not match its recorded hash"), "{why}");
    assert!(why.ends_with("(altered, or written again by a later run): run and record it again"), "{why}");
    let lost = judged(with(|found| found.artifacts.clear()));
    assert_eq!(lost.why(), "0 of 1 recorded artifacts are left");
}

#[test]
fn a_file_counts_only_where_it_exists_on_the_host_it_was_made_on() {
    let file = std::env::temp_dir().join(format!("rampart-gate-{}", Uuid::now_v7()));
    let path = file.display().to_string();
    let mut found = recorded();
    found.artifacts[0].path = Some(path);
    let runs = [found];
    let altered = |here: &str| altered_files(&runs, &[here.to_owned()]).len();
    assert_eq!(altered("here"), 0, "a file that is gone alters nothing");
    fs::write(&file, "{}").expect("a file");
    assert_eq!(altered("here"), 0);
    fs::write(&file, "[]").expect("a file");
    assert_eq!(altered("here"), 1, "other bytes of the same length");
    assert_eq!(altered("elsewhere"), 0);
    fs::write(&file, "{} ").expect("a file");
    assert_eq!(altered("here"), 1, "another length");
    fs::remove_file(&file).expect("the file is there");
}
