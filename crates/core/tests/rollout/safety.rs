//! Rule 1: safety runs in every state in which anybody is exposed.

use crate::world::{BLIND_FOR, MILLI, WATCH_AFTER, World, breached, codes, exposed_worlds, split, without_readings};
use rampart_core::policy::{Condition, OnBlind, OnDegraded, Op};
use rampart_core::rollout::{Cause, Decision, Event, Evidence, NeedCode, Outcome, Phase};
use rampart_core::{Millis, Percent};

#[test]
fn a_breach_rolls_back_wherever_anybody_is_exposed() {
    for (standing, world) in exposed_worlds() {
        assert_eq!(breached(&world.decide(&world.breach())), Some("server_errors"), "{standing}");
    }
}

#[test]
fn a_paused_rollout_still_rolls_back() {
    let mut world = World::paused(1);
    let Decision::Rollback { cause } = world.decide(&world.breach()).decision else { panic!("no rollback") };
    world.happens(Event::RolledBack { cause });
    assert_eq!((world.rollout.phase, world.rollout.percent), (Phase::RolledBack, Percent::ZERO));
}

#[test]
fn every_limit_of_the_table_rolls_back_and_is_named_as_the_cause() {
    let world = World::in_stage(0);
    for (check, value) in [("server_errors", 1.0), ("p95_latency", 1000.5), ("data_inconsistency", 1.0)] {
        let judgement = world.decide(&world.healthy_but(check, Outcome::measured(value, 10_000)));
        assert_eq!(breached(&judgement), Some(check));
    }
}

fn cause(world: &World, evidence: &Evidence) -> String {
    let Decision::Rollback { cause: cause @ Cause::Breach { .. } } = world.decide(evidence).decision else {
        panic!("no breach")
    };
    cause.text().to_owned()
}

#[test]
fn the_cause_names_check_value_and_limit() {
    let world = World::in_stage(1);
    let slow = world.healthy_but("p95_latency", Outcome::measured(1203.0, 10_000));
    assert_eq!(cause(&world, &slow), "p95 latency: 1203 ms, over the limit of 1000 ms");
    assert_eq!(cause(&world, &world.breach()), "server errors: 1, over the limit of 0");
}

#[test]
fn the_cause_says_where_the_limit_itself_is_a_breach() {
    let world = World::in_stage(1).with_policy(|policy| {
        let limit = Condition { op: Op::AtLeast, limit: 0.05, text: ">= 5%".to_owned() };
        policy.checks[1].rollback_if = Some(limit);
    });
    let at_limit = world.healthy_but("error_rate", Outcome::measured(0.05, 10_000));
    assert_eq!(cause(&world, &at_limit), "error rate: 5 %, at or over the limit of 5 %");
}

#[test]
fn a_breach_of_the_window_is_not_hidden_by_a_newest_part_that_is_no_number() {
    let world = World::in_stage(1);
    for newest in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let judgement = world.decide(&world.healthy_but("server_errors", split(3.0, newest)));
        assert_eq!(breached(&judgement), Some("server_errors"), "beside {newest}");
    }
}

#[test]
fn a_breach_is_seen_before_the_canary_has_had_a_request() {
    let world = World::in_stage(1);
    let mut evidence = world.breach();
    evidence.canary_requests = 0;
    assert_eq!(breached(&world.decide(&evidence)), Some("server_errors"));
}

#[test]
fn a_value_at_the_limit_is_not_beyond_it() {
    let world = World::in_stage(0);
    let judgement = world.decide(&world.healthy_but("p95_latency", Outcome::measured(1000.0, 10_000)));
    assert_eq!(codes(&judgement), [NeedCode::Degraded, NeedCode::Soak]);
}

#[test]
fn the_window_is_what_rolls_back_and_the_newest_requests_are_what_holds() {
    let world = World::in_stage(0);
    let bad_window = world.decide(&world.healthy_but("p95_latency", split(1200.0, 200.0)));
    assert_eq!(breached(&bad_window), Some("p95_latency"));
    let bad_newest = world.decide(&world.healthy_but("p95_latency", split(200.0, 1200.0)));
    assert_eq!(codes(&bad_newest), [NeedCode::Degraded, NeedCode::Soak]);
}

#[test]
fn a_completed_rollout_is_watched_until_watch_after_and_not_longer() {
    let mut world = World::completed();
    world.wait(WATCH_AFTER.minus(MILLI));
    assert_eq!(breached(&world.decide(&world.breach())), Some("server_errors"), "in the last millisecond of the watch");
    assert_eq!(codes(&world.decide(&world.healthy())), [NeedCode::Watching]);
    world.wait(MILLI);
    assert_eq!(codes(&world.decide(&world.breach())), [NeedCode::Over], "the watch is over");
}

#[test]
fn the_watch_behind_completion_says_until_when() {
    let world = World::completed();
    let judgement = world.decide(&world.healthy());
    let Decision::Hold { needs } = &judgement.decision else { panic!("no hold") };
    assert_eq!(needs[0].eta, Some(WATCH_AFTER.after(world.now)));
}

#[test]
fn a_rollout_completed_by_order_is_watched_as_well() {
    let mut world = World::in_stage(0);
    world.happens(Event::Completed);
    assert_eq!(breached(&world.decide(&world.breach())), Some("server_errors"));
}

#[test]
fn a_rolled_back_rollout_is_over_whatever_is_measured() {
    let mut world = World::in_stage(2);
    world.happens(Event::RolledBack { cause: Cause::Ordered { text: "ordered by ops".to_owned() } });
    for evidence in [world.healthy(), world.breach(), world.degraded(), without_readings(world.healthy())] {
        let judgement = world.decide(&evidence);
        assert_eq!(codes(&judgement), [NeedCode::Over]);
        assert_eq!((judgement.credit, judgement.page_blind), (Millis::ZERO, false));
    }
}

#[test]
fn a_breach_needs_no_tick_before_it_and_survives_an_outage() {
    let world = World::in_stage(0);
    for since_last_tick in [None, Some(Millis::ZERO), Some(Millis::hours(9))] {
        let mut evidence = world.breach();
        evidence.since_last_tick = since_last_tick;
        assert_eq!(breached(&world.decide(&evidence)), Some("server_errors"), "{since_last_tick:?}");
    }
}

#[test]
fn a_breach_is_seen_while_every_other_check_is_blind() {
    let world = World::in_stage(0);
    let mut evidence = world.breach();
    evidence.readings.retain(|check, _| check.0 == "server_errors");
    assert_eq!(breached(&world.decide(&evidence)), Some("server_errors"));
}

#[test]
fn a_breach_outranks_a_step_back_for_blindness() {
    let mut world = World::in_stage(2).with_policy(|policy| policy.on_blind = OnBlind::StepBack);
    world.tick(&world.blind());
    world.wait(BLIND_FOR);
    let mut evidence = world.blind();
    assert_eq!(world.decide(&evidence).decision.kind(), "step_back");
    evidence.readings.extend(world.breach().readings.into_iter().filter(|(check, _)| check.0 == "server_errors"));
    assert_eq!(breached(&world.decide(&evidence)), Some("server_errors"));
}

#[test]
fn a_breach_outranks_a_new_build_and_a_degraded_restart() {
    let mut world = World::in_stage(1).with_policy(|policy| policy.on_degraded = OnDegraded::Restart);
    world.tick(&world.healthy());
    let mut evidence = world.degraded();
    evidence.readings.extend(world.breach().readings.into_iter().filter(|(check, _)| check.0 == "server_errors"));
    evidence.build = crate::world::build("build-2");
    assert_eq!(breached(&world.decide(&evidence)), Some("server_errors"));
}

#[test]
fn a_breach_outranks_an_advance_that_is_due() {
    let mut world = World::in_stage(0);
    world.serve_soak();
    assert_eq!(world.decide(&world.healthy()).decision.kind(), "advance");
    assert_eq!(breached(&world.decide(&world.breach())), Some("server_errors"));
}

#[test]
fn of_two_breaches_the_first_of_the_policy_is_the_cause_and_both_are_reported() {
    let world = World::in_stage(0);
    let mut evidence = world.breach();
    evidence.readings.insert(crate::world::name("p95_latency"), world.reading(Outcome::measured(5000.0, 10_000)));
    let judgement = world.decide(&evidence);
    assert_eq!(breached(&judgement), Some("server_errors"));
    let both = judgement.checks.iter().filter(|report| report.verdict.name() == "breach").count();
    assert_eq!(both, 2);
}
