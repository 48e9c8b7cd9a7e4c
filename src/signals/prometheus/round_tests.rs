//! What a round asks, and what each check is told.

use super::*;
use crate::signals::prometheus::answer::{Data, Labels, Point, Sample as At, Series};
use rampart_core::policy::{self, Unit};
use rampart_core::rollout::{Actor, Build, Entry, Event, PolicyRevision, RolloutId, Sample, Start, fold};
use uuid::Uuid;

/// Three checks of numbers; their signals are put in by each test.
const POLICY: &str = r#"
flag: FLAG
stages: [{ percent: 5, soak: 1h }, { percent: 100, soak: 1h }]
stale_after: 1m
checks:
  one: { signal: report.any, rollback_if: "> 1" }
"#;

fn at(second: i64) -> Timestamp {
    Timestamp::from_timestamp(1_700_000_000 + second, 0).expect("a time")
}

fn value(query: &str) -> PrometheusAsk {
    PrometheusAsk::Value { query: query.to_owned(), samples: None }
}

/// A rollout of `flag` whose stage began at `since`, with a check for each of the questions.
fn watched(flag: &str, since: i64, asks: &[PrometheusAsk]) -> Arc<Watched> {
    let mut policy = policy::parse("test", &POLICY.replace("FLAG", flag)).expect("a sound policy");
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
    let rollout = fold([&Entry { at: at(since), event: Event::Started(Box::new(start)) }]).expect("a rollout");
    let check = |(number, ask): (usize, &PrometheusAsk)| Check {
        name: CheckName(format!("check_{number}")),
        signal: Signal::Prometheus(PrometheusSource { ask: ask.clone(), unit: Unit::Count }),
        window: policy::Window::Last(Millis::minutes(5)),
        ..policy.checks[0].clone()
    };
    policy.checks = asks.iter().enumerate().map(check).collect();
    Arc::new(Watched { policy, rollout, ticks: 0, audit_baseline: String::new() })
}

fn pulse(second: i64) -> Pulse {
    Pulse { sent_at: at(second), lag: Millis::seconds(10) }
}

fn vector(found: &[(&str, f64)], second: i64) -> Answer {
    let point = |(flag, value): &(&str, f64)| Point {
        labels: Labels::from([("flag".to_owned(), (*flag).to_owned())]),
        sample: At { at: at(second), value: *value },
    };
    let data = Data::Vector(found.iter().map(point).collect());
    Answer { data, warnings: vec![], infos: vec![], partial: false }
}

/// Labels and samples.
type Counter<'a> = (&'a [(&'a str, &'a str)], &'a [(i64, f64)]);

fn counters(found: &[Counter<'_>]) -> Answer {
    let series = |(labels, samples): &Counter<'_>| Series {
        labels: labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect(),
        samples: samples.iter().map(|(second, value)| At { at: at(*second), value: *value }).collect(),
    };
    let data = Data::Matrix(found.iter().map(series).collect());
    Answer { data, warnings: vec![], infos: vec![], partial: false }
}

fn measured(told: &[Told]) -> Vec<(&str, &str, Sample)> {
    let sample = |told: &Told| match &told.reading.outcome {
        Outcome::Measured { window, .. } => *window,
        Outcome::NoEvidence(why) | Outcome::Fault(why) => panic!("{why}"),
    };
    told.iter().map(|told| (told.flag.as_str(), told.check.0.as_str(), sample(told))).collect()
}

#[test]
fn a_thousand_rollouts_ask_as_much_as_one_per_signal_and_length_of_window() {
    let asks = [
        value("sum(rate(failed_total[$window]))"),
        value(r#"max by (flag) (lag_seconds{flag="$flag"})"#),
        PrometheusAsk::Ratio {
            failures: r#"failed_total{flag="$flag"}"#.to_owned(),
            requests: r#"requests_total{flag="$flag"}"#.to_owned(),
        },
        PrometheusAsk::Histogram { buckets: r#"took_seconds_bucket{flag="$flag"}"#.to_owned() },
    ];
    let asked = |rollouts: i64| {
        let all: Vec<_> = (0..rollouts).map(|number| watched(&format!("flag_{number}"), number * 7, &asks)).collect();
        let (round, told) = Round::plan(&all, &pulse(20_000), at(20_010));
        assert_eq!(told, []);
        round.queries().len()
    };
    assert_eq!(asked(1), 5);
    assert_eq!(asked(10), 5);
    let thousand = asked(1000);
    assert!(thousand <= 10, "{thousand}: texts are split where they grow too long");
}

#[test]
fn each_flag_is_told_its_own_part_as_soon_as_it_is_there() {
    let asks = [value(r#"max by (flag) (lag{flag="$flag"})"#), value("up_total")];
    let all = [watched("a", 0, &asks), watched("b", 0, &asks), watched("c", 0, &asks)];
    let (mut round, _) = Round::plan(&all, &pulse(400), at(410));
    assert_eq!(round.queries(), [r#"max by (flag) (lag{flag=~"a|b|c"})"#, "up_total"]);
    let told = round.answered(0, Ok(vector(&[("a", 1.0), ("b", 2.0)], 400)));
    assert_eq!(told.len(), 3, "the other question is still open");
    let one = |value| Sample { value, samples: 1 };
    assert_eq!(measured(&told[..2]), [("a", "check_0", one(1.0)), ("b", "check_0", one(2.0))]);
    assert_eq!(told[2].reading.outcome, Trouble::Empty.outcome(), "of c the answer says nothing");
    assert_eq!((told[0].reading.begun_at, told[0].reading.observed_at), (at(100), at(400)));
    let told = round.answered(1, Err(Trouble::Late(Millis::seconds(4))));
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|told| told.reading.outcome == Outcome::Fault("no whole answer within 4 s".to_owned())));
}

#[test]
fn a_ratio_is_counted_and_nothing_of_nothing_is_none() {
    let ask = PrometheusAsk::Ratio { failures: "failed".to_owned(), requests: "requests".to_owned() };
    let told = |failures: Answer, requests: Answer| {
        let (mut round, _) = Round::plan(&[watched("a", 0, std::slice::from_ref(&ask))], &pulse(400), at(410));
        assert_eq!(round.queries(), ["failed[300s]", "requests[300s]"]);
        assert_eq!(round.answered(0, Ok(failures)), [], "half an answer is none");
        round.answered(1, Ok(requests))
    };
    let requests = counters(&[(&[("job", "x")], &[(100, 10.0), (400, 210.0)])]);
    let failures = counters(&[(&[("job", "x")], &[(300, 3.0)])]);
    assert_eq!(measured(&told(failures, requests.clone()))[0].2, Sample { value: 0.015, samples: 200 });
    assert_eq!(measured(&told(counters(&[]), requests))[0].2, Sample { value: 0.0, samples: 200 });
    let still = counters(&[(&[], &[(100, 10.0), (400, 10.0)])]);
    assert_eq!(told(counters(&[]), still)[0].reading.outcome, Trouble::NothingCounted.outcome());
    let gone = counters(&[(&[("job", "x")], &[(100, 10.0), (330, 210.0)])]);
    let stale = Trouble::Stale(Millis::seconds(70));
    assert_eq!(told(counters(&[]), gone)[0].reading.outcome, stale.outcome(), "its process is not looked at any more");
    assert_eq!(told(counters(&[]), counters(&[]))[0].reading.outcome, Trouble::Empty.outcome());
}

#[test]
fn a_histogram_is_held_against_the_limits_of_the_check() {
    let ask = PrometheusAsk::Histogram { buckets: "took_bucket".to_owned() };
    let (mut round, _) = Round::plan(&[watched("a", 0, &[ask])], &pulse(400), at(410));
    let answer = counters(&[
        (&[("le", "0.5")], &[(100, 0.0), (400, 90.0)]),
        (&[("le", "1")], &[(100, 0.0), (400, 94.0)]),
        (&[("le", "+Inf")], &[(100, 0.0), (400, 100.0)]),
    ]);
    let told = round.answered(0, Ok(answer));
    let (_, _, sample) = measured(&told)[0];
    assert!(sample.value > 1.0 && sample.samples == 100, "{sample:?}");
}

#[test]
fn what_cannot_be_seen_yet_or_is_too_old_is_not_even_asked() {
    let ask = [value("up")];
    let (young, old) = (watched("young", 400, &ask), watched("old", 0, &ask));
    let (round, told) = Round::plan(&[young, old.clone()], &pulse(400), at(410));
    assert_eq!((round.queries().len(), told.len()), (1, 1));
    assert_eq!(told[0].reading.outcome, Trouble::TooYoung.outcome());
    let late = Pulse { sent_at: at(400), lag: Millis::seconds(61) };
    let (round, told) = Round::plan(&[old], &late, at(461));
    assert_eq!((round.queries().len(), told.len()), (0, 1));
    assert_eq!(told[0].reading.outcome, Trouble::Lagging(Millis::seconds(61)).outcome());
}
