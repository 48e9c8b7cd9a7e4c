//! What live checks read, second by second.

use super::*;
use crate::flags::StageRef;
use rampart_core::policy;
use rampart_core::policy::Policy;
use rampart_core::rollout::{Actor, Build, Entry, Event, PolicyRevision, Start, apply, fold};
use rampart_core::rollout::{Epoch, Outcome};

const POLICY: &str = r#"
flag: part_lens_v2
stages: [{ percent: 5, soak: 1h }, { percent: 100, soak: 1h }]
checks:
  all_errors:    { signal: live.5xx, scope: all, rollback_if: "> 0" }
  own_errors:    { signal: live.5xx, rollback_if: "> 0" }
  excused:       { signal: live.5xx, rollback_if: "> 0", except: [unavailable] }
  rate:          { signal: live.error_rate, window: 1m, min_samples: 2, advance_if: "< 1%" }
  refused:       { signal: live.rejections, window: 1m, advance_if: "< 5%" }
  p95:           { signal: live.p95, window: 1m, min_samples: 3, advance_if: "< 500ms" }
"#;

pub(super) struct World {
    pub(super) policy: Policy,
    pub(super) rollout: Rollout,
    pub(super) live: Live,
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_timestamp(1_700_000_000 + second, 0).expect("a time")
}

impl World {
    pub(super) fn new() -> Self {
        let policy = policy::parse("test", POLICY).expect("a sound policy");
        let start = Start {
            id: RolloutId(Uuid::nil()),
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
        let rollout = fold([&Entry { at: at(0), event: Event::Started(Box::new(start)) }]).expect("a rollout");
        Self { policy, rollout, live: Live::new(Uuid::nil()) }
    }

    pub(super) fn seen(&self, second: i64, cohort: Cohort, status: u16, millis: u64) {
        self.seen_in(self.rollout.epoch, second, cohort, status, millis, false);
    }

    fn seen_in(&self, epoch: Epoch, second: i64, cohort: Cohort, status: u16, millis: u64, unavailable: bool) {
        let stage = StageRef { rollout: self.rollout.id, epoch };
        self.live.record(
            Observation { stage, cohort, subject: None, status, micros: millis * 1000, unavailable },
            at(second),
        );
    }

    fn read(&self, check: &str, second: i64) -> Outcome {
        let check = self.policy.checks.iter().find(|c| c.name.0 == check).expect("a check");
        self.live.measure(&self.policy, check, &self.rollout, at(second)).expect("a live check").outcome
    }
}

fn window(outcome: &Outcome) -> (f64, u64) {
    match outcome {
        Outcome::Measured { window, .. } => (window.value, window.samples),
        Outcome::NoEvidence(why) | Outcome::Fault(why) => panic!("{why}"),
    }
}

#[test]
fn an_error_of_control_counts_where_the_scope_is_all_and_forced_requests_count_nowhere() {
    let world = World::new();
    world.seen(1, Cohort::Canary, 200, 5);
    world.seen(1, Cohort::Control, 500, 5);
    world.seen(1, Cohort::Forced, 500, 5);
    assert_eq!(window(&world.read("all_errors", 2)), (1.0, 2));
    assert_eq!(window(&world.read("own_errors", 2)), (0.0, 1));
}

#[test]
fn a_request_of_the_stage_before_that_fails_in_this_one_is_not_forgiven() {
    let mut world = World::new();
    let before = world.rollout.epoch;
    let advanced = Event::Advanced { stage: 1, percent: rampart_core::Percent::FULL, proven: true };
    world.rollout = apply(world.rollout.clone(), &advanced, at(10));
    world.seen_in(before, 10, Cohort::Canary, 500, 5, false);
    assert_eq!(window(&world.read("own_errors", 11)).0, 1.0);
    let mut earlier = World::new();
    earlier.seen_in(before, 9, Cohort::Canary, 500, 5, false);
    earlier.rollout = apply(earlier.rollout.clone(), &advanced, at(10));
    assert_eq!(window(&earlier.read("own_errors", 11)).0, 0.0, "what failed before the stage began is not its");
}

#[test]
fn an_excused_outage_is_blind_for_a_while_and_no_error_afterwards() {
    let world = World::new();
    world.seen(1, Cohort::Canary, 200, 5);
    world.seen_in(world.rollout.epoch, 2, Cohort::Canary, 503, 5, true);
    assert!(matches!(world.read("excused", 3), Outcome::NoEvidence(_)));
    assert_eq!(window(&world.read("own_errors", 3)).0, 1.0, "the others do not excuse it");
    assert_eq!(window(&world.read("excused", 60)).0, 0.0);
}

#[test]
fn nothing_of_nothing_is_no_evidence() {
    let world = World::new();
    for check in ["rate", "p95"] {
        assert!(matches!(world.read(check, 1), Outcome::NoEvidence(_)), "{check}");
    }
    world.seen(1, Cohort::Canary, 200, 5);
    assert!(matches!(world.read("rate", 120), Outcome::NoEvidence(_)), "nobody within the window");
}

#[test]
fn health_is_judged_on_the_newest_requests_and_limits_on_the_window() {
    let world = World::new();
    (0..10).for_each(|second| world.seen(second, Cohort::Canary, 200, 900));
    (10..13).for_each(|second| world.seen(second, Cohort::Canary, 200, 100));
    let Outcome::Measured { window, newest } = world.read("p95", 13) else { panic!("measured") };
    assert_eq!((window.samples, newest.samples), (13, 3));
    assert!(window.value > 500.0 && newest.value < 500.0, "{window:?} {newest:?}");
}

#[test]
fn seconds_of_another_replica_count_once() {
    let (here, there) = (World::new(), World::new());
    there.seen(1, Cohort::Canary, 500, 5);
    let rows = Live { replica: Uuid::max(), ..there.live }.unwritten(at(2));
    assert_eq!(rows.len(), 1);
    here.live.merge(&rows);
    here.live.merge(&rows);
    assert_eq!(window(&here.read("own_errors", 2)), (1.0, 1));
    assert!(here.live.unwritten(at(2)).is_empty(), "what others wrote is not ours to write");
}

#[test]
fn a_finished_second_is_written_once_and_the_present_one_not_yet() {
    let world = World::new();
    world.seen(1, Cohort::Canary, 200, 5);
    assert!(world.live.unwritten(at(1)).is_empty());
    let rows = world.live.unwritten(at(2));
    assert_eq!(rows.len(), 1);
    world.live.written(&rows);
    assert!(world.live.unwritten(at(3)).is_empty());
}

#[test]
fn old_seconds_are_forgotten_but_not_the_newest_canary_requests() {
    let world = World::new();
    world.seen(0, Cohort::Canary, 200, 5);
    (0..KEEP_SECONDS + 100).for_each(|second| world.seen(second, Cohort::Control, 200, 5));
    let stories = world.live.lock();
    let story = &stories[&world.rollout.id];
    assert!(story.slots.len() <= KEEP_SECONDS as usize + 2, "{}", story.slots.len());
    assert!(story.slots.iter().any(|slot| slot.cohort == Cohort::Canary));
}
