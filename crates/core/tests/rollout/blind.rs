//! Rule 2: blindness is neither harm nor health.

use crate::world::{BLIND_FOR, MILLI, TICK, World, codes, needs, verdict_of, why, without_readings};
use rampart_core::policy::OnBlind;
use rampart_core::rollout::{Cause, Decision, Event, NeedCode, Outcome, Phase, Verdict};
use rampart_core::{Millis, Percent};

/// Blind from now on, and judged again after `blind_for`.
fn blind_for_too_long(mut world: World) -> (World, Decision) {
    world.tick(&world.blind());
    world.wait(BLIND_FOR);
    let decision = world.tick(&world.blind()).decision;
    (world, decision)
}

#[test]
fn blindness_holds_and_the_soak_stands_still() {
    let mut world = World::in_stage(0);
    world.tick(&world.healthy());
    let judgement = world.tick(&world.blind());
    assert_eq!(codes(&judgement), [NeedCode::Blind, NeedCode::Soak]);
    assert_eq!((judgement.credit, world.rollout.progress.soak), (Millis::ZERO, TICK));
    assert!(needs(&judgement).iter().all(|need| need.eta.is_none()), "nobody knows when it goes on");
}

#[test]
fn nothing_measured_is_blind_in_every_check() {
    let world = World::in_stage(0);
    let judgement = world.decide(&without_readings(world.healthy()));
    assert!(judgement.checks.iter().all(|report| report.verdict == Verdict::Blind && report.value.is_none()));
    assert_eq!(judgement.decision.kind(), "hold");
}

#[test]
fn a_blind_check_says_why() {
    let world = World::in_stage(0);
    let fault = world.decide(&world.blind());
    assert_eq!(why(&fault, "p95_latency"), "cannot be measured: connection refused");
    let nobody = Outcome::NoEvidence("no canary request yet".to_owned());
    let empty = world.decide(&world.healthy_but("p95_latency", nobody));
    assert_eq!(why(&empty, "p95_latency"), "not enough evidence: no canary request yet");
    assert_eq!(verdict_of(&empty, "p95_latency"), Verdict::Blind);
}

#[test]
fn a_served_soak_does_not_advance_while_blind() {
    let mut world = World::in_stage(0);
    world.serve_soak();
    assert_eq!(codes(&world.decide(&world.blind())), [NeedCode::Blind]);
}

#[test]
fn lasting_blindness_pages_exactly_once_at_blind_for() {
    let mut world = World::in_stage(0);
    assert!(!world.tick(&world.blind()).page_blind);
    world.wait(BLIND_FOR.minus(MILLI));
    assert!(!world.tick(&world.blind()).page_blind, "a millisecond before blind_for");
    world.wait(MILLI);
    assert!(world.tick(&world.blind()).page_blind, "at blind_for");
    for _ in 0..5 {
        world.wait(BLIND_FOR);
        assert!(!world.tick(&world.blind()).page_blind, "paged a second time");
    }
}

#[test]
fn a_page_that_was_not_stored_is_said_again() {
    let mut world = World::in_stage(0);
    world.tick(&world.blind());
    world.wait(BLIND_FOR);
    assert!(world.decide(&world.blind()).page_blind);
    assert!(world.decide(&world.blind()).page_blind, "the tick before was lost, so was its page");
}

#[test]
fn sight_regained_forgets_the_blindness_and_the_next_one_pages_again() {
    let mut world = World::in_stage(0);
    world.tick(&world.blind());
    world.wait(BLIND_FOR);
    assert!(world.tick(&world.blind()).page_blind);
    world.tick(&world.healthy());
    assert_eq!((world.rollout.progress.blind_since, world.rollout.progress.blind_paged), (None, false));
    world.tick(&world.blind());
    world.wait(BLIND_FOR);
    assert!(world.tick(&world.blind()).page_blind);
}

#[test]
fn checks_that_are_blind_in_turn_are_one_blindness() {
    let mut world = World::in_stage(0);
    world.tick(&world.blind());
    world.wait(BLIND_FOR);
    let other = world.healthy_but("error_rate", Outcome::Fault("time-out".to_owned()));
    assert!(world.tick(&other).page_blind);
}

#[test]
fn under_hold_nobody_is_rolled_back_however_long_it_lasts() {
    let (mut world, decision) = blind_for_too_long(World::in_stage(2));
    assert_eq!(decision.kind(), "hold");
    world.wait(Millis::hours(48));
    assert_eq!(world.decide(&world.blind()).decision.kind(), "hold");
}

#[test]
fn before_blind_for_neither_step_back_nor_rollback_moves() {
    for on_blind in [OnBlind::StepBack, OnBlind::Rollback] {
        let mut world = World::in_stage(2).with_policy(|policy| policy.on_blind = on_blind);
        world.tick(&world.blind());
        world.wait(BLIND_FOR.minus(MILLI));
        assert_eq!(world.decide(&world.blind()).decision.kind(), "hold", "{on_blind:?}");
    }
}

#[test]
fn under_rollback_lasting_blindness_rolls_back_and_names_the_blind_checks() {
    for paused in [false, true] {
        let world = if paused { World::paused(2) } else { World::in_stage(2) };
        let (_, decision) = blind_for_too_long(world.with_policy(|policy| policy.on_blind = OnBlind::Rollback));
        let Decision::Rollback { cause: cause @ Cause::Blind { .. } } = decision else { panic!("{decision:?}") };
        assert_eq!(cause.text(), "blind for 10 min: p95 latency");
    }
}

#[test]
fn under_step_back_each_blind_for_costs_one_stage_and_the_first_one_ends_it() {
    let mut world = World::in_stage(2).with_policy(|policy| policy.on_blind = OnBlind::StepBack);
    for (stage, percent) in [(1, 20), (0, 5)] {
        let percent = Percent::whole(percent);
        let (blinded, decision) = blind_for_too_long(world);
        world = blinded;
        let Decision::StepBack { stage: back, percent: to, cause } = decision else { panic!("{decision:?}") };
        assert_eq!((back, to, cause.code()), (stage, percent, "blind"));
        world.happens(Event::StageSet { stage: Some(stage), percent });
        assert_eq!(world.decide(&world.blind()).decision.kind(), "hold", "blindness counts anew");
    }
    let (_, decision) = blind_for_too_long(world);
    assert_eq!(decision.kind(), "rollback");
}

#[test]
fn under_step_back_a_typed_percent_has_no_stage_before_it_and_goes_to_zero() {
    let world = World::at_typed_percent(33).with_policy(|policy| policy.on_blind = OnBlind::StepBack);
    assert_eq!(blind_for_too_long(world).1.kind(), "rollback");
}

#[test]
fn lasting_blindness_pages_in_a_paused_and_in_a_watched_completed_rollout() {
    for mut world in [World::paused(1), World::completed()] {
        world.tick(&world.blind());
        world.wait(BLIND_FOR);
        let judgement = world.tick(&world.blind());
        assert!(judgement.page_blind, "{:?}", world.rollout.phase);
        assert_eq!(judgement.decision.kind(), "hold");
    }
}

#[test]
fn behind_the_watch_blindness_is_nobodys_business() {
    let mut world = World::completed();
    world.wait(Millis::hours(2));
    world.tick(&world.blind());
    world.wait(BLIND_FOR);
    let judgement = world.tick(&world.blind());
    assert!(!judgement.page_blind);
    assert_eq!((world.rollout.phase, judgement.progress.blind_since), (Phase::Completed, None));
}

#[test]
fn a_new_holder_looks_before_it_acts_for_blindness() {
    for on_blind in [OnBlind::Hold, OnBlind::StepBack, OnBlind::Rollback] {
        let mut world = World::in_stage(2).with_policy(|policy| policy.on_blind = on_blind);
        world.tick(&world.blind());
        world.wait(Millis::minutes(30));
        let mut first_look = without_readings(world.healthy());
        first_look.since_last_tick = None;
        let judgement = world.tick(&first_look);
        assert_eq!((judgement.decision.kind(), judgement.page_blind), ("hold", false), "{on_blind:?}");
        assert_eq!(world.rollout.progress.blind_since, Some(world.now));
        world.wait(BLIND_FOR);
        let judgement = world.decide(&world.blind());
        assert_eq!((judgement.decision.kind() == "hold", judgement.page_blind), (on_blind == OnBlind::Hold, true));
    }
}

#[test]
fn blindness_runs_on_through_a_tick_of_two_lengths_and_begins_again_beyond() {
    let mut world = World::in_stage(2).with_policy(|policy| policy.on_blind = OnBlind::Rollback);
    world.tick(&world.blind());
    let since = world.rollout.progress.blind_since;
    world.wait(BLIND_FOR);
    let mut evidence = world.blind();
    evidence.since_last_tick = Some(TICK * 2);
    assert_eq!(world.decide(&evidence).decision.kind(), "rollback");
    assert_eq!(world.decide(&evidence).progress.blind_since, since);
    evidence.since_last_tick = Some(TICK * 2 + MILLI);
    let after_an_outage = world.decide(&evidence);
    assert_eq!((after_an_outage.decision.kind(), after_an_outage.page_blind), ("hold", false));
    assert_eq!(after_an_outage.progress.blind_since, Some(world.now));
}

#[test]
fn a_new_holder_does_not_page_again_for_what_was_paged_already() {
    let mut world = World::in_stage(0);
    world.tick(&world.blind());
    world.wait(BLIND_FOR);
    assert!(world.tick(&world.blind()).page_blind);
    let mut first_look = world.blind();
    first_look.since_last_tick = None;
    world.tick(&first_look);
    world.wait(BLIND_FOR);
    assert!(!world.tick(&world.blind()).page_blind);
}

#[test]
fn step_back_does_not_take_a_completed_rollout_to_zero() {
    let world = World::completed().with_policy(|policy| policy.on_blind = OnBlind::StepBack);
    let (world, decision) = blind_for_too_long(world);
    assert_eq!(decision.kind(), "hold");
    assert!(world.rollout.progress.blind_paged, "but somebody is told");
    let early = World::completed().with_policy(|policy| policy.on_blind = OnBlind::Rollback);
    assert_eq!(blind_for_too_long(early).1.kind(), "rollback", "where the policy says so, it goes");
}

#[test]
fn nobody_in_the_canary_is_blind_in_the_live_checks_and_in_no_other() {
    let world = World::in_stage(1);
    let mut evidence = world.healthy();
    evidence.canary_requests = 0;
    let judgement = world.decide(&evidence);
    for check in &world.policy.checks {
        let verdict = if check.signal.is_live() { Verdict::Blind } else { Verdict::Healthy };
        assert_eq!(verdict_of(&judgement, &check.name.0), verdict, "{}", check.name);
    }
    assert_eq!(why(&judgement, "p95_latency"), "not enough evidence: nobody has been in this stage's canary yet");
    assert_eq!(judgement.progress.blind_since, Some(world.now));
}
