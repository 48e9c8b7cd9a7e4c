//! The one sentence people read first.

use crate::world::{World, approve_full, build, percent, policy};
use rampart_core::Millis;
use rampart_core::rollout::{Command, Decision, Event, Evidence, Outcome, sentence};

fn said(world: &World, evidence: &Evidence) -> String {
    sentence(&world.policy, Some(&world.rollout), Some(&world.decide(evidence)))
}

/// Twelve minutes into the first stage, all of it served, looked at between two ticks.
fn soaking() -> (World, Evidence) {
    let mut world = World::started();
    world.wait(Millis::minutes(12));
    world.rollout.progress.soak = Millis::minutes(12);
    let mut evidence = world.healthy();
    evidence.since_last_tick = None;
    (world, evidence)
}

#[test]
fn a_flag_without_a_rollout_waits() {
    assert_eq!(sentence(&policy(), None, None), "Waiting at 0 % · a start would begin with 5 %");
}

#[test]
fn before_the_first_judgement_it_is_measuring() {
    let world = World::started();
    let said = sentence(&world.policy, Some(&world.rollout), None);
    assert_eq!(said, "5 % since 02:00 UTC · measuring");
}

#[test]
fn a_soak_says_what_comes_next_and_when() {
    let (world, evidence) = soaking();
    let expected = "5 % since 02:00 UTC · advances to 20 % in 48 min if all checks stay green";
    assert_eq!(said(&world, &evidence), expected);
}

#[test]
fn the_last_soak_says_when_it_completes() {
    let mut world = World::in_stage(3);
    world.rollout.progress.soak = Millis::hours(2);
    let expected = "100 % since 02:03 UTC · completes in 6 h if all checks stay green";
    assert_eq!(said(&world, &world.healthy()), expected);
}

#[test]
fn a_hold_for_few_requests_counts_them() {
    let (world, mut evidence) = soaking();
    evidence.canary_requests = 40;
    assert_eq!(said(&world, &evidence), "Holding at 5 % · 40 of 100 canary requests (and 1 more)");
    let mut served = World::started();
    served.serve_soak();
    let mut evidence = served.healthy();
    evidence.canary_requests = 40;
    assert_eq!(said(&served, &evidence), "Holding at 5 % · 40 of 100 canary requests");
}

#[test]
fn a_hold_for_a_degraded_check_shows_value_and_limit() {
    let (world, _) = soaking();
    let expected = "Holding at 5 % · p95 latency: 700 ms (< 500ms is required) (and 1 more)";
    assert_eq!(said(&world, &world.degraded()), expected);
    let few = world.healthy_but("p95_latency", Outcome::measured(1400.0, 30));
    let expected = "Holding at 5 % · p95 latency: 1400 ms (> 1000ms rolls back), but 30 of 200 samples are too few to act \
                    on (and 1 more)";
    assert_eq!(said(&world, &few), expected);
}

#[test]
fn a_hold_for_a_blind_check_says_why_it_is_blind() {
    let (world, _) = soaking();
    let expected = "Holding at 5 % · p95 latency: cannot be measured: connection refused (and 1 more)";
    assert_eq!(said(&world, &world.blind()), expected);
}

#[test]
fn a_hold_for_approval_names_the_stage() {
    let mut world = World::in_stage(2).with_policy(approve_full);
    world.serve_soak();
    assert_eq!(said(&world, &world.healthy()), "Holding at 50 % · a release owner must approve 100 %");
}

#[test]
fn a_typed_percent_says_that_a_person_must_move_it() {
    let world = World::at_typed_percent(33);
    let expected = "Holding at 33 % · 33 % is no stage of the policy; a person must move it";
    assert_eq!(said(&world, &world.healthy()), expected);
}

#[test]
fn a_paused_rollout_says_how_to_go_on() {
    let world = World::paused(1);
    assert_eq!(said(&world, &world.healthy()), "Paused at 20 % since 02:01 UTC · resume to go on");
}

#[test]
fn what_is_about_to_happen_is_said_while_it_happens() {
    let mut world = World::started();
    world.serve_soak();
    assert_eq!(said(&world, &world.healthy()), "5 % since 02:00 UTC · advancing to 20 %");
    let mut other_build = world.healthy();
    other_build.build = build("build-2");
    assert_eq!(said(&world, &other_build), "5 % since 02:00 UTC · starting this stage again");
    for world in [world, World::paused(0)] {
        let expected = "Rolling back from 5 %: server errors (live.5xx): 1 (> 0 rolls back)";
        assert_eq!(said(&world, &world.breach()), expected);
    }
}

#[test]
fn a_rollback_says_when_to_the_millisecond_and_why() {
    let mut breached = World::in_stage(1);
    breached.wait(Millis(345));
    let slow = breached.healthy_but("p95_latency", Outcome::measured(1203.4, 3000));
    let Decision::Rollback { cause } = breached.decide(&slow).decision else { panic!("no rollback") };
    breached.happens(Event::RolledBack { cause });
    let expected = "Rolled back at 02:02:00.345 UTC: p95 latency (live.p95): 1203 ms (> 1000ms rolls back)";
    assert_eq!(said(&breached, &breached.healthy()), expected);
    assert_eq!(sentence(&breached.policy, Some(&breached.rollout), None), expected);

    let mut ordered = World::in_stage(1);
    ordered.happens(ordered.plan(Command::Rollback, Some("crew complain")).unwrap().unwrap());
    let expected = "Rolled back at 02:02:00.000 UTC: ordered by ops@yacht: crew complain";
    assert_eq!(said(&ordered, &ordered.healthy()), expected);
}

#[test]
fn a_complete_rollout_says_since_when() {
    let mut world = World::completed();
    assert_eq!(said(&world, &world.healthy()), "Complete at 100 % since 10:04 UTC");
    assert_eq!(said(&world, &world.breach()), "Rolling back: server errors (live.5xx): 1 (> 0 rolls back)");
    world.wait(Millis::hours(2));
    assert_eq!(said(&world, &world.breach()), "Complete at 100 % since 10:04 UTC", "behind the watch");
    assert_eq!(world.rollout.percent, percent(100));
}
