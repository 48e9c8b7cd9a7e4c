//! Rule 4: what a tick adds to the soak.

use crate::world::{MILLI, TICK, World, codes, needs, without_readings};
use rampart_core::Millis;
use rampart_core::rollout::{Event, MAX_TICKS_CREDITED, NeedCode, Outcome, RestartReason};

fn credit(world: &World, since_last_tick: Option<Millis>) -> Millis {
    let mut evidence = world.healthy();
    evidence.since_last_tick = since_last_tick;
    world.decide(&evidence).credit
}

#[test]
fn a_healthy_tick_adds_its_own_length() {
    let mut world = World::in_stage(0);
    for ticks in 1..=10 {
        world.wait(TICK);
        assert_eq!(world.tick(&world.healthy()).progress.soak, TICK * ticks);
    }
}

#[test]
fn the_first_tick_of_a_holder_adds_nothing() {
    assert_eq!(credit(&World::in_stage(0), None), Millis::ZERO);
}

#[test]
fn a_tick_counts_up_to_two_tick_lengths_and_not_at_all_beyond() {
    let world = World::in_stage(0);
    let two = TICK * MAX_TICKS_CREDITED;
    assert_eq!(two, Millis::seconds(10));
    for (length, counted) in [
        (Millis::ZERO, Millis::ZERO),
        (MILLI, MILLI),
        (TICK, TICK),
        (two.minus(MILLI), two.minus(MILLI)),
        (two, two),
        (two + MILLI, Millis::ZERO),
        (Millis::hours(9), Millis::ZERO),
        (Millis(u64::MAX), Millis::ZERO),
    ] {
        assert_eq!(credit(&world, Some(length)), counted, "a tick of {length}");
    }
}

#[test]
fn no_time_before_the_stage_is_counted() {
    let mut world = World::in_stage(0);
    world.happens(Event::Advanced { stage: 1, percent: crate::world::percent(20), proven: true });
    assert_eq!(credit(&world, Some(TICK)), Millis::ZERO, "the stage has only just begun");
    world.wait(Millis::seconds(2));
    assert_eq!(credit(&world, Some(TICK)), Millis::seconds(2));
}

#[test]
fn a_clock_that_stepped_back_behind_the_stage_adds_nothing() {
    let mut world = World::in_stage(0);
    world.now -= chrono::Duration::hours(3);
    assert_eq!(credit(&world, Some(TICK)), Millis::ZERO);
}

#[test]
fn soak_never_exceeds_the_time_in_the_stage_after_the_clock_fell_back_and_caught_up() {
    let mut world = World::started();
    world.wait(TICK);
    world.tick(&world.healthy());
    world.now -= chrono::Duration::seconds(5);
    world.wait(TICK);
    assert_eq!(world.tick(&world.healthy()).credit, Millis::ZERO, "this time was served before the clock fell back");
    assert_eq!(world.rollout.progress.soak, Millis::between(world.rollout.stage_since, world.now));
    world.wait(TICK);
    assert_eq!(world.tick(&world.healthy()).credit, TICK, "and this one was not");
}

#[test]
fn soak_served_before_the_clock_fell_back_is_kept() {
    let mut world = World::started();
    world.wait(TICK);
    world.tick(&world.healthy());
    world.now -= chrono::Duration::hours(3);
    assert_eq!(world.tick(&world.healthy()).progress.soak, TICK);
}

#[test]
fn a_stage_nobody_has_come_to_serves_no_soak() {
    let world = World::in_stage(1);
    let mut evidence = world.healthy();
    for reading in evidence.readings.values_mut() {
        reading.outcome = Outcome::measured(0.0, 0);
    }
    evidence.canary_requests = 0;
    let judgement = world.decide(&evidence);
    assert_eq!(judgement.credit, Millis::ZERO);
    let blind = [NeedCode::Blind; 3];
    assert_eq!(codes(&judgement), [&blind[..], &[NeedCode::Soak]].concat(), "the three live checks");
    evidence.canary_requests = 1;
    assert_eq!(world.decide(&evidence).credit, TICK, "the first one to come starts it");
}

#[test]
fn only_ramping_serves_soak() {
    for world in [World::paused(1), World::completed(), World::at_typed_percent(33)] {
        assert_eq!(credit(&world, Some(TICK)), Millis::ZERO, "{:?}", world.rollout.phase);
    }
}

#[test]
fn a_pause_keeps_the_soak_served_before_it() {
    let mut world = World::in_stage(1);
    world.tick(&world.healthy());
    world.happens(Event::Paused);
    world.wait(Millis::hours(1));
    world.tick(&world.healthy());
    world.happens(Event::Resumed);
    assert_eq!(world.rollout.progress.soak, TICK);
    world.wait(TICK);
    assert_eq!(world.tick(&world.healthy()).progress.soak, TICK * 2);
}

#[test]
fn one_check_without_a_reading_stops_the_soak() {
    let world = World::in_stage(1);
    for check in &world.policy.checks {
        let mut evidence = world.healthy();
        evidence.readings.remove(&check.name);
        assert_eq!(world.decide(&evidence).credit, Millis::ZERO, "without {}", check.name);
    }
    assert_eq!(world.decide(&without_readings(world.healthy())).credit, Millis::ZERO);
}

#[test]
fn readings_of_checks_the_policy_does_not_have_change_nothing() {
    let world = World::in_stage(1);
    let mut evidence = world.healthy();
    let harm = world.reading(rampart_core::rollout::Outcome::measured(9e9, 10_000));
    evidence.readings.insert(crate::world::name("of_another_policy"), harm);
    assert_eq!(world.decide(&evidence), world.decide(&world.healthy()));
}

#[test]
fn a_policy_without_checks_never_serves_soak() {
    let world = World::in_stage(1).with_policy(|policy| policy.checks.clear());
    assert_eq!(world.decide(&world.healthy()).credit, Millis::ZERO);
}

#[test]
fn the_need_for_soak_says_what_is_left_and_when_it_is_served() {
    let mut world = World::in_stage(0);
    world.wait(Millis::minutes(30));
    world.rollout.progress.soak = Millis::minutes(12).minus(TICK);
    let judgement = world.decide(&world.healthy());
    assert_eq!(codes(&judgement), [NeedCode::Soak]);
    assert_eq!(needs(&judgement)[0].text, "48 min of soak left (12 min of 1 h served)");
    assert_eq!(needs(&judgement)[0].eta, Some(Millis::minutes(48).after(world.now)));
}

#[test]
fn an_extension_is_soak_that_must_be_served_too() {
    let mut world = World::in_stage(0);
    world.serve_soak();
    world.happens(Event::Extended { by: Millis::minutes(30) });
    world.happens(Event::Extended { by: Millis::minutes(15) });
    assert_eq!(world.rollout.soak_required(&world.policy), Some(Millis::minutes(105)));
    assert_eq!(codes(&world.decide(&world.healthy())), [NeedCode::Soak]);
    world.serve_soak();
    assert_eq!(world.decide(&world.healthy()).decision.kind(), "advance");
}

#[test]
fn an_extension_is_of_one_stage_and_not_carried_into_the_next() {
    let mut world = World::in_stage(0);
    world.happens(Event::Extended { by: Millis::minutes(30) });
    world.happens(Event::Advanced { stage: 1, percent: crate::world::percent(20), proven: false });
    assert_eq!(world.rollout.soak_required(&world.policy), Some(Millis::hours(2)));
}

#[test]
fn an_extension_survives_the_restart_of_its_stage() {
    for why in [RestartReason::Degraded, RestartReason::NewBuild { build: crate::world::build("build-2") }] {
        let mut world = World::in_stage(1);
        world.happens(Event::Extended { by: Millis::hours(1) });
        world.happens(Event::StageRestarted { why });
        assert_eq!(world.rollout.soak_required(&world.policy), Some(Millis::hours(3)));
    }
}
