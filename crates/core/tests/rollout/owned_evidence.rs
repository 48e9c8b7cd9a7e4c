//! Rule 8: evidence belongs to a rollout and a stage.

use crate::world::{MILLI, STALE_AFTER, TICK, World, breached, name, verdict_of, why};
use rampart_core::Millis;
use rampart_core::rollout::{Epoch, Evidence, Reading, RolloutId, Verdict};
use uuid::Uuid;

/// The evidence with one reading of a breach and one of health changed in the same way.
fn spoiled(world: &World, spoil: impl Fn(&mut Reading)) -> Evidence {
    let mut evidence = world.breach();
    for check in ["server_errors", "p95_latency"] {
        spoil(evidence.readings.get_mut(&name(check)).unwrap());
    }
    evidence
}

fn assert_blind(world: &World, spoil: impl Fn(&mut Reading), reason: &str) {
    let judgement = world.decide(&spoiled(world, spoil));
    for check in ["server_errors", "p95_latency"] {
        assert_eq!(verdict_of(&judgement, check), Verdict::Blind, "{check}");
        assert!(why(&judgement, check).contains(reason), "{}", why(&judgement, check));
    }
    assert_eq!((breached(&judgement), judgement.credit), (None, Millis::ZERO));
}

#[test]
fn a_reading_of_another_rollout_is_blind() {
    let world = World::in_stage(1);
    assert_blind(&world, |reading| reading.rollout = RolloutId(Uuid::from_u128(99)), "not measured in this stage yet");
}

#[test]
fn a_reading_of_another_epoch_is_blind() {
    let world = World::in_stage(1);
    for epoch in [world.rollout.epoch.0 - 1, world.rollout.epoch.0 + 1] {
        assert_blind(&world, |reading| reading.epoch = Epoch(epoch), "not measured in this stage yet");
    }
}

#[test]
fn a_reading_begun_before_the_stage_proves_no_health_and_one_begun_with_it_does() {
    let world = World::in_stage(1);
    let since = world.rollout.stage_since;
    let begun = |at| {
        let mut evidence = world.healthy();
        evidence.readings.values_mut().for_each(|reading| reading.begun_at = at);
        world.decide(&evidence)
    };
    let before = begun(since - chrono::Duration::milliseconds(1));
    for check in &world.policy.checks {
        assert_eq!(verdict_of(&before, &check.name.0), Verdict::Blind, "{}", check.name);
        assert_eq!(why(&before, &check.name.0), "not measured in this stage yet");
    }
    assert_eq!(before.credit, Millis::ZERO);
    let with = begun(since);
    assert!(with.checks.iter().all(|report| report.verdict == Verdict::Healthy));
    assert_eq!(with.credit, TICK);
}

#[test]
fn a_reading_begun_before_the_stage_is_not_so_much_as_degraded() {
    let world = World::in_stage(1);
    let mut evidence = world.degraded();
    let before = world.rollout.stage_since - chrono::Duration::milliseconds(1);
    evidence.readings.get_mut(&name("p95_latency")).unwrap().begun_at = before;
    assert_eq!(verdict_of(&world.decide(&evidence), "p95_latency"), Verdict::Blind);
}

#[test]
fn a_breach_of_this_epoch_counts_even_where_its_reading_began_before_the_stage() {
    let world = World::in_stage(1);
    let before = world.rollout.stage_since - chrono::Duration::hours(1);
    let judgement = world.decide(&spoiled(&world, |reading| reading.begun_at = before));
    assert_eq!(breached(&judgement), Some("server_errors"));
    assert_eq!(verdict_of(&judgement, "p95_latency"), Verdict::Blind, "health beside it does not");
}

#[test]
fn a_breach_is_seen_while_the_clock_stands_behind_the_start_of_the_stage() {
    let mut world = World::in_stage(1);
    world.now -= chrono::Duration::hours(1);
    assert_eq!(breached(&world.decide(&world.breach())), Some("server_errors"));
}

#[test]
fn a_reading_from_the_future_counts_up_to_stale_after_and_is_blind_beyond() {
    let mut world = World::in_stage(1);
    let (healthy, breach) = (world.healthy(), world.breach());
    world.now -= chrono::Duration::seconds(30);
    assert!(world.now > world.rollout.stage_since);
    assert_eq!(world.decide(&healthy).credit, TICK, "clocks differ by a little");
    assert_eq!(breached(&world.decide(&breach)), Some("server_errors"));
    world.now -= chrono::Duration::milliseconds(1);
    for evidence in [&healthy, &breach] {
        let judgement = world.decide(evidence);
        assert!(judgement.checks.iter().all(|report| report.verdict == Verdict::Blind), "a clock was set");
        assert_eq!((breached(&judgement), judgement.credit), (None, Millis::ZERO));
    }
}

#[test]
fn a_reading_counts_up_to_stale_after_and_is_blind_beyond() {
    let mut world = World::in_stage(1);
    let evidence = world.breach();
    world.wait(STALE_AFTER);
    assert_eq!(breached(&world.decide(&evidence)), Some("server_errors"), "at stale_after");
    world.wait(MILLI);
    let judgement = world.decide(&evidence);
    assert!(judgement.checks.iter().all(|report| report.verdict == Verdict::Blind), "behind stale_after");
    assert_eq!(why(&judgement, "p95_latency"), "no fresh measurement since 02:02:00 UTC");
}

#[test]
fn entering_a_stage_makes_every_earlier_reading_blind() {
    let mut world = World::in_stage(0);
    let evidence = world.healthy();
    let event = rampart_core::rollout::Event::Advanced { stage: 1, percent: crate::world::percent(20), proven: true };
    world.happens(event);
    let judgement = world.decide(&evidence);
    assert!(judgement.checks.iter().all(|report| report.verdict == Verdict::Blind));
}

#[test]
fn pausing_and_resuming_leave_the_evidence_of_the_stage_as_it_is() {
    let mut world = World::in_stage(1);
    let evidence = world.breach();
    world.happens(rampart_core::rollout::Event::Paused);
    assert_eq!(breached(&world.decide(&evidence)), Some("server_errors"));
    world.happens(rampart_core::rollout::Event::Resumed);
    assert_eq!(breached(&world.decide(&evidence)), Some("server_errors"));
}

#[test]
fn a_blind_check_still_says_when_it_was_last_observed() {
    let world = World::in_stage(1);
    let judgement = world.decide(&world.blind());
    let report = judgement.checks.iter().find(|report| report.name == name("p95_latency")).unwrap();
    assert_eq!((report.observed_at, report.value, report.samples), (Some(world.now), None, None));
}
