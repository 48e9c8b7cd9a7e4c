//! What people read when they ask why.

use crate::replayed::{Recorder, quick};
use crate::world::{World, condition, name};
use rampart_core::Percent;
use rampart_core::policy::{Op, PrometheusAsk, PrometheusSource, Signal, Unit};
use rampart_core::rollout::{Judged, Outcome, Rule, Sample, Upon, explain};
use rampart_core::stats::Trials;

fn of_last_tick(run: &Recorder) -> String {
    let tick = run.ticks.last().unwrap().clone();
    let judged = Judged {
        upon: Upon { revision: tick.revision, ticks: tick.n - 1 },
        judgement: tick.judgement,
        inputs: tick.evidence,
        decided_at: tick.at,
    };
    let rollout = rampart_core::rollout::at_revision(&run.entries, tick.revision).unwrap();
    explain(&run.world.policy, &rollout, &run.world.rollout.statistics, &judged).to_string()
}

#[test]
fn a_hold() {
    let mut policy = quick();
    let asked = policy.checks.iter_mut().find(|check| check.name == name("error_rate")).unwrap();
    let query = "sum(rate(errors{cohort=\"$cohort\"}[$window]))".to_owned();
    asked.signal =
        Signal::Prometheus(PrometheusSource { ask: PrometheusAsk::Value { query, samples: None }, unit: Unit::Ratio });
    let mut run = Recorder::started(policy);
    run.tick(World::healthy);
    let measured = |value| Sample { value, samples: 10_000 };
    let outcome = Outcome::Measured { window: measured(0.004), newest: measured(0.002) };
    run.tick(|world| {
        let mut evidence = world.healthy_but("error_rate", outcome);
        evidence.counts.insert(name("p95_latency"), Trials { n: 400, k: 3 });
        evidence
    });
    insta::assert_snapshot!(of_last_tick(&run));
}

#[test]
fn an_advance() {
    let mut run = Recorder::started(quick());
    while run.world.rollout.percent < Percent::whole(20) {
        run.tick(World::healthy);
    }
    insta::assert_snapshot!(of_last_tick(&run));
}

#[test]
fn a_rollback() {
    let mut policy = quick();
    let latency = policy.checks.iter_mut().find(|check| check.name == name("p95_latency")).unwrap();
    latency.rollback_if = condition(Op::Greater, 1000.0, "> 1000ms");
    let mut run = Recorder::started(policy);
    run.tick(|world| world.healthy_but("p95_latency", Outcome::measured(1275.0, 340)));
    insta::assert_snapshot!(of_last_tick(&run));
}

#[test]
fn blindness() {
    let mut run = Recorder::started(quick());
    run.tick(World::blind);
    insta::assert_snapshot!(of_last_tick(&run));
}

#[test]
fn every_rule_has_a_name_and_a_sentence() {
    for (place, rule) in Rule::ALL.into_iter().enumerate() {
        assert!(rule.text().ends_with('.') && !rule.text().contains("  "), "{}", rule.text());
        assert!(Rule::ALL.iter().skip(place + 1).all(|other| other.name() != rule.name()), "{}", rule.name());
    }
}
