//! The one sentence people read first.

use crate::world::{BLIND_FOR, World, approve_full, build, name, percent, policy};
use rampart_core::Millis;
use rampart_core::policy::{OnBlind, OnDegraded};
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
fn a_stage_with_few_requests_counts_them() {
    let (world, mut evidence) = soaking();
    evidence.canary_requests = 40;
    let expected = "5 % since 02:00 UTC · 48 min of soak left (12 min of 1 h served) and 40 of 100 canary requests before \
                    it advances to 20 %";
    assert_eq!(said(&world, &evidence), expected);
    let mut served = World::started();
    served.serve_soak();
    let mut evidence = served.healthy();
    evidence.canary_requests = 40;
    let expected = "5 % since 02:00 UTC · 40 of 100 canary requests before it advances to 20 %";
    assert_eq!(said(&served, &evidence), expected);
    let mut last = World::in_stage(3).with_policy(|policy| policy.stages[3].min_requests = 100);
    last.serve_soak();
    let mut evidence = last.healthy();
    evidence.canary_requests = 40;
    assert_eq!(said(&last, &evidence), "100 % since 02:03 UTC · 40 of 100 canary requests before it completes");
}

#[test]
fn a_hold_for_a_degraded_check_shows_value_and_limit() {
    let (world, _) = soaking();
    let expected = "Holding at 5 % · p95 latency: 700 ms, must be < 500ms to advance";
    assert_eq!(said(&world, &world.degraded()), expected);
    let few = world.healthy_but("p95_latency", Outcome::measured(1400.0, 30));
    let expected = "Holding at 5 % · p95 latency: 1400 ms, but 30 of 200 samples are too few to act on";
    assert_eq!(said(&world, &few), expected);
}

#[test]
fn a_hold_for_a_blind_check_says_why_it_is_blind() {
    let (world, _) = soaking();
    let expected = "Holding at 5 % · p95 latency: cannot be measured: connection refused";
    assert_eq!(said(&world, &world.blind()), expected);
}

#[test]
fn a_hold_for_an_empty_canary_says_that_nobody_has_come() {
    let (world, mut evidence) = soaking();
    evidence.canary_requests = 0;
    let expected = "Holding at 5 % · server errors: not enough evidence: nobody has been in this stage's canary yet (and 2 \
                    more)";
    assert_eq!(said(&world, &evidence), expected);
}

#[test]
fn a_hold_for_stale_readings_says_since_when_nothing_was_measured() {
    let (mut world, _) = soaking();
    let evidence = world.healthy();
    world.wait(Millis::minutes(1));
    let expected = "Holding at 5 % · server errors: no fresh measurement since 02:12:00 UTC (and 4 more)";
    assert_eq!(said(&world, &evidence), expected);
}

#[test]
fn what_only_takes_time_is_not_counted_among_what_is_in_the_way() {
    let (world, _) = soaking();
    let mut evidence = world.degraded();
    evidence.canary_requests = 40;
    let expected = "Holding at 5 % · p95 latency: 700 ms, must be < 500ms to advance";
    assert_eq!(said(&world, &evidence), expected, "soak and requests come by themselves");
    let one_report = world.reading(Outcome::measured(1.0, 1));
    evidence.readings.insert(name("user_reports"), one_report);
    assert_eq!(said(&world, &evidence), format!("{expected} (and 1 more)"));
}

#[test]
fn a_hold_for_approval_names_the_stage() {
    let mut world = World::in_stage(2).with_policy(approve_full);
    world.serve_soak();
    assert_eq!(said(&world, &world.healthy()), "Holding at 50 % · a release owner must approve 100 %");
    world.rollout.progress.soak = Millis::hours(1);
    assert_eq!(said(&world, &world.healthy()), "Holding at 50 % · a release owner must approve 100 %", "the soak runs");
}

#[test]
fn a_typed_percent_says_that_a_person_must_move_it() {
    let world = World::at_typed_percent(33);
    let expected = "Holding at 33 % · typed by hand; set a stage to go on";
    assert_eq!(said(&world, &world.healthy()), expected);
    assert_eq!(said(&world, &world.blind()), format!("{expected} (and 1 more)"));
}

#[test]
fn a_paused_rollout_says_how_to_go_on() {
    let world = World::paused(1);
    assert_eq!(said(&world, &world.healthy()), "Paused at 20 % · resume to go on");
}

#[test]
fn a_paused_rollout_says_so_before_its_first_judgement() {
    let world = World::paused(1);
    let said = sentence(&world.policy, Some(&world.rollout), None);
    assert_eq!(said, "Paused at 20 % · resume to go on");
}

#[test]
fn a_paused_rollout_says_what_is_unhealthy() {
    let world = World::paused(1);
    let expected = "Paused at 20 % · p95 latency: cannot be measured: connection refused · resume to go on";
    assert_eq!(said(&world, &world.blind()), expected);
    let expected = "Paused at 20 % · p95 latency: 700 ms, must be < 500ms to advance · resume to go on";
    assert_eq!(said(&world, &world.degraded()), expected);
}

#[test]
fn a_step_back_says_where_to_and_why_also_while_paused() {
    for (paused, expected) in [
        (false, "50 % since 02:02 UTC · stepping back to 20 %: blind for 10 min: p95 latency"),
        (true, "Paused at 50 % · stepping back to 20 %: blind for 10 min: p95 latency"),
    ] {
        let world = if paused { World::paused(2) } else { World::in_stage(2) };
        let mut world = world.with_policy(|policy| policy.on_blind = OnBlind::StepBack);
        world.tick(&world.blind());
        world.wait(BLIND_FOR);
        assert_eq!(said(&world, &world.blind()), expected);
    }
}

#[test]
fn a_rollback_for_blindness_names_what_is_blind() {
    let mut world = World::in_stage(2).with_policy(|policy| policy.on_blind = OnBlind::Rollback);
    world.tick(&world.blind());
    world.wait(BLIND_FOR);
    assert_eq!(said(&world, &world.blind()), "Rolling back from 50 % · blind for 10 min: p95 latency");
}

#[test]
fn what_is_about_to_happen_is_said_while_it_happens() {
    let mut world = World::started();
    world.serve_soak();
    assert_eq!(said(&world, &world.healthy()), "5 % since 02:00 UTC · advancing to 20 %");
    let mut other_build = world.healthy();
    other_build.build = build("build-2");
    assert_eq!(
        said(&world, &other_build),
        "5 % since 02:00 UTC · starting this stage again because build-2 now serves"
    );
    let strict = world.clone().with_policy(|policy| policy.on_degraded = OnDegraded::Restart);
    let expected = "5 % since 02:00 UTC · starting this stage again because a check is degraded";
    assert_eq!(said(&strict, &strict.degraded()), expected);
    for world in [world, World::paused(0)] {
        let expected = "Rolling back from 5 % · server errors: 1, over the limit of 0";
        assert_eq!(said(&world, &world.breach()), expected);
    }
    let mut last = World::in_stage(3);
    last.serve_soak();
    assert_eq!(said(&last, &last.healthy()), "100 % since 02:03 UTC · completing");
}

#[test]
fn a_rollback_says_when_to_the_millisecond_and_why() {
    let mut breached = World::in_stage(1);
    breached.wait(Millis(345));
    let slow = breached.healthy_but("p95_latency", Outcome::measured(1203.4, 3000));
    let Decision::Rollback { cause } = breached.decide(&slow).decision else { panic!("no rollback") };
    let judgement = breached.decide(&slow);
    breached.happens(Event::RolledBack { cause });
    let expected = "Rolled back to 0 % on 2 Mar at 02:02:00.345 UTC · p95 latency: 1203 ms, over the limit of 1000 ms";
    assert_eq!(said(&breached, &breached.healthy()), expected);
    assert_eq!(sentence(&breached.policy, Some(&breached.rollout), None), expected);
    let done = sentence(&breached.policy, Some(&breached.rollout), Some(&judgement));
    assert_eq!(done, expected, "the judgement that rolled it back is carried out");

    let mut ordered = World::in_stage(1);
    ordered.happens(ordered.plan(Command::Rollback, Some("crew complain")).unwrap().unwrap());
    let expected = "Rolled back to 0 % on 2 Mar at 02:02:00.000 UTC · ordered by ops@yacht: crew complain";
    assert_eq!(said(&ordered, &ordered.healthy()), expected);
}

#[test]
fn a_complete_rollout_says_since_when_and_how_long_it_is_guarded() {
    let mut world = World::completed();
    let guarded = "Complete at 100 % since 10:04 UTC · still guarded until 11:04 UTC";
    assert_eq!(said(&world, &world.healthy()), guarded);
    assert_eq!(said(&world, &world.blind()), guarded);
    let rolling_back = "Rolling back from 100 % · server errors: 1, over the limit of 0";
    assert_eq!(said(&world, &world.breach()), rolling_back);
    let unseen = sentence(&world.policy, Some(&world.rollout), None);
    assert_eq!(unseen, "Complete at 100 % since 10:04 UTC");
    world.wait(Millis::hours(2));
    assert_eq!(said(&world, &world.breach()), "Complete at 100 % since 10:04 UTC", "behind the watch");
    assert_eq!(world.rollout.percent, percent(100));
}
