//! What is stored comes back as it was.

use crate::world::{World, approve_full, percent, start};
use proptest::prelude::*;
use proptest::test_runner::Config;
use rampart_core::policy::GateItem;
use rampart_core::rollout::{
    Cause, Entry, Event, Evidence, Judgement, Outcome, RestartReason, Rollout, Sample, Start, decide,
};
use rampart_core::{Millis, Percent};
use serde::Serialize;
use serde::de::DeserializeOwned;

fn assert_returns<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
    let text = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), value, "through text: {text}");
    let tree = serde_json::to_value(value).unwrap();
    assert_eq!(&serde_json::from_value::<T>(tree).unwrap(), value, "through a value: {text}");
}

fn every_event() -> Vec<Event> {
    let text = "p95 latency: 1203 ms \"beyond\" — ü".to_owned();
    let restarted = Start { restart: true, stage: None, missing_gate: GateItem::ALL.to_vec(), ..start(7) };
    vec![
        Event::Started(Box::new(start(1))),
        Event::Started(Box::new(restarted)),
        Event::Advanced { stage: 1, percent: percent(20), proven: true },
        Event::StageSet { stage: None, percent: Percent::from_basis_points(1234).unwrap() },
        Event::StageSet { stage: Some(2), percent: percent(50) },
        Event::Paused,
        Event::Resumed,
        Event::Approved { stage: 3, by: None },
        Event::Extended { by: Millis::minutes(30) },
        Event::StageRestarted { why: RestartReason::Degraded },
        Event::StageRestarted { why: RestartReason::NewBuild { build: crate::world::build("build-2") } },
        Event::RolledBack { cause: Cause::Breach { check: crate::world::name("p95_latency"), text: text.clone() } },
        Event::RolledBack { cause: Cause::Blind { text: text.clone() } },
        Event::RolledBack { cause: Cause::Ordered { text: text.clone() } },
        Event::RolledBack { cause: Cause::Sql { text: text.clone() } },
        Event::Completed,
        Event::LeaseLapsed { serving: percent(5) },
        Event::LeaseRegained,
        Event::BlindPaged { since: crate::world::t0() },
        Event::SqlIgnored { text },
    ]
}

#[test]
fn every_event_comes_back_as_it_was() {
    for event in every_event() {
        assert_returns(&Entry { at: crate::world::t0() + chrono::Duration::microseconds(123_456), event });
    }
}

#[test]
fn every_rollout_an_event_can_leave_comes_back_as_it_was() {
    for event in every_event() {
        let world = World::in_stage(1);
        assert_returns(&rampart_core::rollout::apply(world.rollout, &event, world.now));
    }
}

#[test]
fn every_kind_of_judgement_comes_back_as_it_was() {
    let mut served = World::in_stage(2).with_policy(approve_full);
    served.serve_soak();
    let mut due = World::in_stage(0);
    due.serve_soak();
    let mut last = World::in_stage(3);
    last.serve_soak();
    for world in
        [World::started(), World::paused(1), World::completed(), World::at_typed_percent(33), served, due, last]
    {
        let mut other_build = world.healthy();
        other_build.build = crate::world::build("build-2");
        for evidence in [world.healthy(), world.thin(), world.degraded(), world.blind(), world.breach(), other_build] {
            assert_returns::<Evidence>(&evidence);
            assert_returns::<Judgement>(&world.decide(&evidence));
            assert_returns::<Rollout>(&world.rollout);
        }
    }
}

#[test]
fn a_percent_comes_back_as_it_was_at_every_hundredth() {
    for basis_points in 0..=10_000 {
        let percent = Percent::from_basis_points(basis_points).unwrap();
        let text = serde_json::to_string(&percent).unwrap();
        assert_eq!(serde_json::from_str::<Percent>(&text).unwrap(), percent, "{text}");
    }
}

#[test]
fn a_value_comes_back_bit_for_bit() {
    for value in [120.97157710359227, 0.1 + 0.2, f64::MIN_POSITIVE, f64::MAX, 5e-324, -0.0] {
        let text = serde_json::to_string(&Sample { value, samples: 0 }).unwrap();
        let sample: Sample = serde_json::from_str(&text).unwrap();
        assert_eq!(sample.value.to_bits(), value.to_bits(), "{text}");
    }
}

/// Around the limits, and anything that is a number.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![0.0..2000.0, any::<f64>().prop_filter("a number", |value| value.is_finite())]
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    /// A judgement replayed from its stored evidence must be the one that was stored.
    #[test]
    fn stored_evidence_gives_the_same_judgement_again(
        window in value(),
        newest in value(),
        samples in any::<u64>(),
        since in proptest::option::of(any::<u64>()),
    ) {
        let world = World::in_stage(1);
        let sample = |value| Sample { value, samples };
        let outcome = Outcome::Measured { window: sample(window), newest: sample(newest) };
        let mut evidence = world.healthy_but("p95_latency", outcome);
        evidence.since_last_tick = since.map(Millis);
        assert_returns(&evidence);
        let stored: Evidence = serde_json::from_str(&serde_json::to_string(&evidence).unwrap()).unwrap();
        let judgement = world.decide(&evidence);
        assert_returns(&judgement);
        prop_assert_eq!(decide(&world.policy, &world.rollout, &stored, world.now), judgement);
    }
}
