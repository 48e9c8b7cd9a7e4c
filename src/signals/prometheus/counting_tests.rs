//! What is asked for comparisons and proofs, and what the answers come to.

use super::super::answer::Data;
use super::*;
use rampart_core::policy;
use rampart_core::rollout::{Actor, Build, Entry, Event, PolicyRevision, RolloutId, Start, fold};
use uuid::Uuid;

const POLICY: &str = r#"
flag: FLAG
stages: [{ percent: 5, soak: 1h }, { percent: 100, soak: 1h }]
tick: 1s
stale_after: 1m
checks:
  failed:
    signal: { prometheus: { failures: 'failed{flag="$flag",c="$cohort"}', requests: 'all{flag="$flag",c="$cohort"}' } }
    advance_if: "< 10%"
    rollback_if: "> 50%"
  took: { signal: { prometheus: { buckets: 'took_bucket{flag="$flag",c="$cohort"}' } }, advance_if: "< 0.4s" }
compare: { failed: no_worse, took: no_worse, bin: 15s }
"#;

fn at(second: i64) -> Timestamp {
    Timestamp::from_timestamp(1_700_000_010 + second, 0).unwrap()
}

fn watched(flag: &str, since: i64) -> Arc<Watched> {
    let policy = policy::parse("test", &POLICY.replace("FLAG", flag)).unwrap();
    let start = Start {
        id: RolloutId(Uuid::now_v7()),
        flag: policy.flag.clone(),
        policy: PolicyRevision("p".into()),
        build: Build("b".into()),
        attempt: 1,
        follows: Default::default(),
        stage: Some(0),
        percent: policy.stages[0].percent,
        restart: false,
        missing_gate: Vec::new(),
        by: Actor::controller(),
    };
    let rollout = fold([&Entry { at: at(since), event: Event::Started(Box::new(start)) }]).unwrap();
    Arc::new(Watched { policy, rollout, ticks: 0, audit_baseline: String::new() })
}

fn pulse(second: i64) -> Pulse {
    Pulse { sent_at: at(second), lag: Millis::seconds(2) }
}

/// A counter that rises by `by` every five seconds from -60 to `to`.
fn rising(labels: &[(&str, &str)], by: f64, to: i64) -> Series {
    let labels = labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect();
    let sample = |second: i64| Sample { at: at(second), value: by * (second + 60) as f64 / 5.0 };
    Series { labels, samples: (-60..=to).step_by(5).map(sample).collect() }
}

/// What a server that has seen 100 requests a bin, and 15 or 3 failures, answers.
fn answer(query: &str, to: i64) -> Answer {
    let canary = query.contains("canary");
    let series = if query.starts_with("failed") {
        vec![rising(&[], if canary { 5.0 } else { 1.0 }, to)]
    } else if query.starts_with("all") {
        vec![rising(&[], 100.0, to)]
    } else {
        let within = if canary { [10.0, 60.0] } else { [50.0, 96.0] };
        vec![
            rising(&[("le", "0.25")], within[0], to),
            rising(&[("le", "0.5")], within[1], to),
            rising(&[("le", "+Inf")], 100.0, to),
        ]
    };
    Answer { data: Data::Matrix(series), warnings: vec![], infos: vec![], partial: false }
}

fn count(watched: &Arc<Watched>, second: i64, board: &Board) -> Vec<Counted> {
    let mut counting = Counting::plan(std::slice::from_ref(watched), &pulse(second), board);
    for (place, query) in counting.queries().into_iter().enumerate() {
        counting.answered(place, Ok(answer(&query, second)));
    }
    counting.counted()
}

fn bins(counted: &[Counted], check: &str) -> Option<(Timestamp, Vec<(Timestamp, BinCounts)>)> {
    counted.iter().find_map(|counted| match &counted.news {
        News::Bins { until, bins, .. } if counted.check.0 == check => Some((*until, bins.clone())),
        News::Bins { .. } | News::Stage { .. } => None,
    })
}

fn stage(counted: &[Counted], check: &str) -> Option<Trials> {
    counted.iter().find_map(|counted| match &counted.news {
        News::Stage { trials, .. } if counted.check.0 == check => Some(*trials),
        News::Bins { .. } | News::Stage { .. } => None,
    })
}

#[test]
fn both_sides_are_counted_in_closed_bins_of_the_stage_each_once() {
    let (one, board) = (watched("a", 4), Board::default());
    let found = count(&one, 62, &board);
    let (until, ratio) = bins(&found, "failed").unwrap();
    assert_eq!(until, at(30), "half a minute later they are closed");
    let arms = Arms { canary: Trials::new(300, 15), control: Trials::new(300, 3) };
    let counts = BinCounts { limit: Some(arms), compared: Some(arms), tail_edge_ms: None };
    assert_eq!(ratio, [(at(15), counts)], "the first bin is not of this stage alone");
    let (_, took) = bins(&found, "took").unwrap();
    let limit = Arms { canary: Trials::new(300, 120), control: Trials::new(300, 12) };
    assert_eq!(took, [(at(15), BinCounts { limit: Some(limit), compared: None, tail_edge_ms: Some(500.0) })]);
    found.into_iter().for_each(|counted| board.note(counted));
    assert_eq!(bins(&count(&one, 70, &board), "failed"), None);
    let found = count(&one, 77, &board);
    assert_eq!(bins(&found, "failed").unwrap().1, [(at(30), counts)]);
}

#[test]
fn the_canary_of_the_whole_stage_is_counted_and_what_may_be_slow_is_slow() {
    let found = count(&watched("a", 4), 62, &Board::default());
    // From the first sample of the stage, at 5 s, to the last, at 60 s.
    assert_eq!(stage(&found, "failed"), Some(Trials::new(1100, 55)));
    assert_eq!(stage(&found, "took"), Some(Trials::new(1100, 990)), "0.4 s is no edge; 0.25 s is");
}

#[test]
fn what_is_not_answered_or_not_there_is_nothing_and_is_asked_again() {
    let (one, board) = (watched("a", 4), Board::default());
    let mut counting = Counting::plan(std::slice::from_ref(&one), &pulse(62), &board);
    let queries = counting.queries();
    for (place, query) in queries.iter().enumerate() {
        let empty = Answer { data: Data::Matrix(vec![]), warnings: vec![], infos: vec![], partial: false };
        let lost = query.starts_with("failed");
        counting.answered(place, if lost { Err(Trouble::Late(Millis::seconds(4))) } else { Ok(empty) });
    }
    let found = counting.counted();
    assert_eq!((bins(&found, "failed"), stage(&found, "failed"), stage(&found, "took")), (None, None, None));
    assert_eq!(bins(&found, "took"), Some((at(30), vec![])), "the server works, and has counted nothing");
    found.into_iter().for_each(|counted| board.note(counted));
    let again = Counting::plan(std::slice::from_ref(&one), &pulse(63), &board).queries();
    assert!(again.iter().any(|query| query.starts_with("failed{flag=\"a\",c=\"control\"}")), "{again:?}");
}

#[test]
fn a_thousand_rollouts_ask_little_more_than_one() {
    let asked = |rollouts: i64| {
        let all: Vec<_> = (0..rollouts).map(|number| watched(&format!("f{number}"), number % 7)).collect();
        Counting::plan(&all, &pulse(2_062), &Board::default()).queries().len()
    };
    assert_eq!(asked(1), 9, "four and two of each side, three of the stage");
    assert_eq!(asked(10), 9);
    assert!(asked(1000) <= 18, "{}: texts are split where they grow too long", asked(1000));
}
