//! Rule 7, second half: another build in the middle of a rollout.

use crate::world::{TICK, World, build, codes, verdict_of};
use rampart_core::Millis;
use rampart_core::rollout::{Decision, Event, NeedCode, RestartReason, Verdict};

fn new_build() -> RestartReason {
    RestartReason::NewBuild { build: build("build-2") }
}

#[test]
fn a_new_build_restarts_the_stage() {
    let mut world = World::in_stage(1);
    world.serve_soak();
    let mut evidence = world.healthy();
    evidence.build = build("build-2");
    assert_eq!(world.decide(&evidence).decision, Decision::RestartStage { why: new_build() });
    let (epoch, percent) = (world.rollout.epoch, world.rollout.percent);
    world.happens(Event::StageRestarted { why: new_build() });
    assert_eq!(world.rollout.build, build("build-2"));
    assert_eq!((world.rollout.progress.soak, world.rollout.percent), (Millis::ZERO, percent));
    assert!(world.rollout.epoch > epoch);
}

#[test]
fn what_was_measured_on_the_old_build_proves_nothing_for_the_new_one() {
    let mut world = World::in_stage(1);
    let mut evidence = world.healthy();
    evidence.build = build("build-2");
    world.happens(Event::StageRestarted { why: new_build() });
    world.wait(TICK);
    let judgement = world.decide(&evidence);
    assert!(judgement.checks.iter().all(|report| report.verdict == Verdict::Blind));
    let fresh = world.decide(&world.healthy());
    assert_eq!(verdict_of(&fresh, "p95_latency"), Verdict::Healthy);
    assert_eq!(codes(&fresh), [NeedCode::Soak]);
}

#[test]
fn a_paused_rollout_meets_the_new_build_when_it_is_resumed() {
    let mut world = World::paused(1);
    let mut evidence = world.healthy();
    evidence.build = build("build-2");
    assert_eq!(codes(&world.decide(&evidence)), [NeedCode::Paused]);
    world.happens(Event::Resumed);
    assert_eq!(world.decide(&evidence).decision, Decision::RestartStage { why: new_build() });
}

#[test]
fn a_completed_rollout_does_not_begin_again_for_a_new_build() {
    let world = World::completed();
    let mut evidence = world.healthy();
    evidence.build = build("build-2");
    assert_eq!(codes(&world.decide(&evidence)), [NeedCode::Watching]);
}

#[test]
fn a_typed_percent_keeps_its_percent_through_a_new_build() {
    let mut world = World::at_typed_percent(33);
    world.happens(Event::StageRestarted { why: new_build() });
    assert_eq!((world.rollout.stage, world.rollout.percent), (None, crate::world::percent(33)));
    assert_eq!(codes(&world.decide(&world.healthy())), [NeedCode::ManualPercent]);
}

#[test]
fn a_tick_of_another_build_credits_nothing() {
    let world = World::in_stage(1);
    let mut evidence = world.healthy();
    evidence.build = build("build-2");
    let judgement = world.decide(&evidence);
    assert_eq!((judgement.decision.kind(), judgement.credit), ("restart_stage", Millis::ZERO));
}
