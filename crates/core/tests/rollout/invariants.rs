//! The catalogue of invariants speaks when a step breaks one, and not before.

use crate::world::{World, percent};
use rampart_core::rollout::{Cause, Event, Invariant, Rollout, apply, check_step};
use rampart_core::{Millis, Percent};

/// What the catalogue says of a step by `event` whose result was tampered with.
fn broken(world: &World, event: &Event, tamper: impl FnOnce(&mut Rollout)) -> Vec<Invariant> {
    let mut after = apply(world.rollout.clone(), event, world.now);
    tamper(&mut after);
    let violations = check_step(&world.policy, &world.rollout, event, &after, world.now);
    assert!(violations.iter().all(|violation| !violation.text.is_empty()));
    violations.into_iter().map(|violation| violation.invariant).collect()
}

fn rolled_back() -> World {
    let mut world = World::in_stage(1);
    world.happens(Event::RolledBack { cause: Cause::Ordered { text: "ordered by ops".to_owned() } });
    world
}

#[test]
fn exposure_that_rises_by_an_event_that_does_not_say_so_is_seen() {
    let world = World::at_typed_percent(33);
    let harmless = [
        Event::Paused,
        Event::Extended { by: Millis::seconds(1) },
        Event::StageRestarted { why: rampart_core::rollout::RestartReason::Degraded },
        Event::LeaseRegained,
    ];
    for event in harmless {
        assert_eq!(broken(&world, &event, |after| after.percent = percent(34)), [Invariant::I3], "{event:?}");
    }
    let typed = Event::StageSet { stage: None, percent: percent(40) };
    assert_eq!(broken(&world, &typed, |_| {}), []);
    assert_eq!(broken(&world, &typed, |after| after.percent = percent(41)), [Invariant::I3], "to more than it says");
}

#[test]
fn a_stage_with_another_percent_than_its_own_is_seen() {
    let world = World::in_stage(1);
    assert_eq!(broken(&world, &Event::Paused, |after| after.percent = percent(19)), [Invariant::I3]);
    assert_eq!(broken(&world, &Event::Paused, |after| after.stage = Some(9)), [Invariant::I3]);
}

#[test]
fn soak_beyond_the_time_in_the_stage_is_seen() {
    let world = World::in_stage(1);
    let in_stage = Millis::between(world.rollout.stage_since, world.now);
    assert_eq!(broken(&world, &Event::Paused, |after| after.progress.soak = in_stage), []);
    let beyond = in_stage + Millis(1);
    assert_eq!(broken(&world, &Event::Paused, |after| after.progress.soak = beyond), [Invariant::I4]);
}

#[test]
fn a_clock_that_falls_back_breaks_no_rule() {
    let mut world = World::in_stage(0);
    world.tick(&world.healthy());
    world.now -= chrono::Duration::hours(3);
    assert_eq!(broken(&world, &Event::Paused, |_| {}), [], "the soak was served before it fell back");
    let grows = |after: &mut Rollout| after.progress.soak = after.progress.soak + Millis(1);
    assert_eq!(broken(&world, &Event::Paused, grows), [Invariant::I4], "and grows by nothing since");
}

#[test]
fn a_completed_rollout_that_stirs_is_seen() {
    let world = World::completed();
    let late = Event::StageSet { stage: Some(0), percent: percent(5) };
    assert_eq!(broken(&world, &late, |_| {}), []);
    assert_eq!(broken(&world, &late, |after| after.revision.0 += 1), [Invariant::I7]);
    let elsewhere = |after: &mut Rollout| after.percent = percent(5);
    assert_eq!(broken(&world, &late, elsewhere), [Invariant::I3], "its stage is the last one");
    let rolled_back = Event::RolledBack { cause: Cause::Ordered { text: "ordered by ops".to_owned() } };
    assert_eq!(broken(&world, &rolled_back, |_| {}), []);
}

#[test]
fn a_start_after_a_rollback_breaks_no_rule_and_one_with_more_than_it_says_does() {
    let world = rolled_back();
    let start = Event::Started(Box::new(crate::world::start(2)));
    assert_eq!(broken(&world, &start, |_| {}), []);
    let more = |after: &mut Rollout| (after.stage, after.percent) = (Some(1), percent(20));
    assert_eq!(broken(&world, &start, more), [Invariant::I3]);
}

#[test]
fn a_rolled_back_rollout_that_stirs_is_seen() {
    let world = rolled_back();
    assert_eq!(broken(&world, &Event::LeaseRegained, |_| {}), []);
    let stirs = |after: &mut Rollout| after.extended = Millis(1);
    assert_eq!(broken(&world, &Event::LeaseRegained, stirs), [Invariant::I6]);
    let rises = broken(&world, &Event::LeaseRegained, |after| after.percent = percent(5));
    assert!(rises.contains(&Invariant::I3) && rises.contains(&Invariant::I6), "{rises:?}");
}

#[test]
fn a_rollback_that_leaves_somebody_exposed_is_seen() {
    let world = World::in_stage(1);
    let event = Event::RolledBack { cause: Cause::Ordered { text: "ordered by ops".to_owned() } };
    assert_eq!(broken(&world, &event, |_| {}), []);
    let exposed = Percent::from_basis_points(1).unwrap();
    assert_eq!(broken(&world, &event, |after| after.percent = exposed), [Invariant::I6]);
}

#[test]
fn a_revision_that_stands_still_jumps_or_moves_by_a_note_is_seen() {
    let world = World::in_stage(1);
    for wrong in [world.rollout.revision.0, world.rollout.revision.0 + 2] {
        assert_eq!(broken(&world, &Event::Paused, |after| after.revision.0 = wrong), [Invariant::I7]);
    }
    assert_eq!(broken(&world, &Event::LeaseRegained, |after| after.revision.0 += 1), [Invariant::I7]);
    assert_eq!(broken(&world, &Event::Paused, |after| after.epoch.0 -= 1), [Invariant::I7]);
}
