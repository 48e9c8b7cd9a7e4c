//! Rules 5 and 9: what an advance needs, and when a rollout is complete.

use crate::world::{MILLI, TICK, World, approve_full, codes, needs, order, percent, start};
use rampart_core::policy::Approvals;
use rampart_core::rollout::{
    Actor, Command, Decision, Event, NeedCode, Order, Outcome, Phase, Refusal, RestartReason, plan,
};
use rampart_core::{Millis, Percent};

#[test]
fn a_rollout_advances_when_nothing_is_missing() {
    for (stage, next) in [(0, 20), (1, 50), (2, 100)] {
        let mut world = World::in_stage(stage);
        world.serve_soak();
        let decision = world.decide(&world.healthy()).decision;
        assert_eq!(decision, Decision::Advance { stage: stage + 1, percent: percent(next) });
    }
}

#[test]
fn the_tick_that_serves_the_last_of_the_soak_advances() {
    let mut world = World::in_stage(0);
    world.serve_soak();
    world.rollout.progress.soak = Millis::hours(1).minus(TICK).minus(MILLI);
    assert_eq!(codes(&world.decide(&world.healthy())), [NeedCode::Soak], "a millisecond is missing");
    world.rollout.progress.soak = Millis::hours(1).minus(TICK);
    assert_eq!(world.decide(&world.healthy()).decision.kind(), "advance");
}

#[test]
fn min_requests_gates_the_advance_on_both_sides() {
    let mut world = World::in_stage(0);
    world.serve_soak();
    for (requests, kind) in [(0, "hold"), (99, "hold"), (100, "advance"), (101, "advance")] {
        let mut evidence = world.healthy();
        evidence.canary_requests = requests;
        assert_eq!(world.decide(&evidence).decision.kind(), kind, "{requests} requests");
    }
}

#[test]
fn missing_requests_are_counted_and_their_eta_follows_the_pace_so_far() {
    let mut world = World::started();
    world.serve_soak();
    let mut evidence = world.healthy();
    evidence.canary_requests = 75;
    let judgement = world.decide(&evidence);
    assert_eq!(codes(&judgement), [NeedCode::MinRequests]);
    assert_eq!(needs(&judgement)[0].text, "75 of 100 canary requests");
    assert_eq!(needs(&judgement)[0].eta, Some(Millis::minutes(20).after(world.now)), "75 in an hour: 25 in 20 min");
    evidence.canary_requests = 0;
    assert_eq!(needs(&world.decide(&evidence))[0].eta, None, "nobody has come, nobody knows when");
}

#[test]
fn where_two_people_are_asked_for_whoever_started_does_not_approve() {
    let mut world = World::in_stage(2).with_policy(|policy| {
        policy.approvals = Some(Approvals { before: vec![Percent::FULL], two_person: true });
    });
    let own = Err(Refusal::SamePerson { by: world.rollout.started_by.clone() });
    assert_eq!(world.plan(Command::Approve, None), own);
    let another = Order { actor: Actor("captain@yacht".to_owned()), ..order(Command::Approve, None) };
    let approved = plan(&world.policy, Some(&world.rollout), start(2), &another);
    assert_eq!(approved, Ok(Some(Event::Approved { stage: 3, by: Some(another.actor) })));
    // Refused even where another has approved before: nobody is to believe that it was theirs.
    world.happens(Event::Approved { stage: 3, by: None });
    assert_eq!(world.plan(Command::Approve, None), own);
}

#[test]
fn a_stage_that_needs_approval_waits_for_it_and_for_nothing_else() {
    let mut world = World::in_stage(2).with_policy(approve_full);
    world.serve_soak();
    assert_eq!(codes(&world.decide(&world.healthy())), [NeedCode::Approval]);
    let approved = world.plan(Command::Approve, None).unwrap().unwrap();
    assert!(matches!(approved, Event::Approved { stage: 3, by: Some(_) }), "{approved:?}");
    world.happens(approved);
    assert!(world.rollout.approved_by.is_some());
    assert_eq!(world.decide(&world.healthy()).decision.kind(), "advance");
}

#[test]
fn an_approval_replaces_no_other_need() {
    let mut world = World::in_stage(2).with_policy(approve_full);
    world.happens(Event::Approved { stage: 3, by: None });
    assert_eq!(codes(&world.decide(&world.healthy())), [NeedCode::Soak]);
    assert_eq!(codes(&world.decide(&world.degraded())), [NeedCode::Degraded, NeedCode::Soak]);
}

#[test]
fn an_approval_of_one_stage_is_none_of_another() {
    let mut world = World::in_stage(2).with_policy(approve_full);
    world.happens(Event::Approved { stage: 2, by: None });
    world.serve_soak();
    assert_eq!(codes(&world.decide(&world.healthy())), [NeedCode::Approval]);
}

#[test]
fn an_approval_does_not_outlive_the_build_it_was_given_for() {
    let mut world = World::in_stage(2).with_policy(approve_full);
    world.happens(Event::Approved { stage: 3, by: None });
    world.happens(Event::StageRestarted { why: RestartReason::NewBuild { build: crate::world::build("build-2") } });
    world.serve_soak();
    assert_eq!(codes(&world.decide(&world.healthy())), [NeedCode::Approval]);
}

#[test]
fn an_approval_does_not_outlive_a_step_down() {
    let mut world = World::in_stage(2).with_policy(approve_full);
    world.happens(Event::Approved { stage: 3, by: None });
    world.happens(Event::StageSet { stage: Some(0), percent: percent(5) });
    world.happens(Event::Advanced { stage: 1, percent: percent(20), proven: true });
    world.happens(Event::Advanced { stage: 2, percent: percent(50), proven: true });
    world.serve_soak();
    assert_eq!(codes(&world.decide(&world.healthy())), [NeedCode::Approval]);
}

#[test]
fn an_approval_outlives_a_pause() {
    let mut world = World::in_stage(2).with_policy(approve_full);
    world.happens(Event::Approved { stage: 3, by: None });
    world.happens(Event::Paused);
    world.happens(Event::Resumed);
    world.serve_soak();
    assert_eq!(world.decide(&world.healthy()).decision.kind(), "advance");
}

#[test]
fn stages_that_need_no_approval_do_not_wait_for_one() {
    let mut world = World::in_stage(1).with_policy(approve_full);
    world.serve_soak();
    assert_eq!(world.decide(&world.healthy()).decision.kind(), "advance");
}

#[test]
fn every_unmet_need_is_a_reason_of_the_hold_in_order_of_weight() {
    let world = World::in_stage(0).with_policy(|policy| {
        approve_full(policy);
        policy.approvals.as_mut().unwrap().before.push(percent(20));
    });
    let mut evidence = world.degraded();
    evidence.readings.insert(crate::world::name("error_rate"), world.reading(Outcome::NoEvidence("0 of 0".to_owned())));
    evidence.canary_requests = 3;
    assert_eq!(
        codes(&world.decide(&evidence)),
        [NeedCode::Blind, NeedCode::Degraded, NeedCode::Soak, NeedCode::MinRequests, NeedCode::Approval]
    );
}

#[test]
fn reaching_100_percent_is_not_completion() {
    let mut world = World::in_stage(2);
    world.serve_soak();
    world.happens(Event::Advanced { stage: 3, percent: Percent::FULL, proven: true });
    world.wait(TICK);
    assert_eq!(world.rollout.phase, Phase::Ramping);
    assert_eq!(codes(&world.decide(&world.healthy())), [NeedCode::Soak]);
}

#[test]
fn completion_counts_only_after_the_last_stages_own_soak() {
    let mut world = World::in_stage(3);
    world.serve_soak();
    world.rollout.progress.soak = Millis::hours(8).minus(TICK).minus(MILLI);
    assert_eq!(codes(&world.decide(&world.healthy())), [NeedCode::Soak]);
    world.rollout.progress.soak = Millis::hours(8).minus(TICK);
    assert_eq!(world.decide(&world.healthy()).decision, Decision::Complete);
    world.happens(Event::Completed);
    assert_eq!((world.rollout.phase, world.rollout.percent), (Phase::Completed, Percent::FULL));
    assert_eq!((world.rollout.proven, world.rollout.ended_at), (Percent::FULL, Some(world.now)));
}

#[test]
fn a_typed_percent_stays_until_a_person_moves_it() {
    let mut world = World::at_typed_percent(33);
    world.wait(Millis::hours(48));
    assert_eq!(codes(&world.decide(&world.healthy())), [NeedCode::ManualPercent]);
}

#[test]
fn an_advance_proves_the_stage_behind_it_only_where_its_soak_was_served() {
    let mut world = World::in_stage(0);
    world.happens(Event::Advanced { stage: 1, percent: percent(20), proven: false });
    assert_eq!(world.rollout.proven, Percent::ZERO);
    world.happens(Event::Advanced { stage: 2, percent: percent(50), proven: true });
    assert_eq!(world.rollout.proven, percent(20));
    world.happens(Event::StageSet { stage: Some(0), percent: percent(5) });
    assert_eq!(world.rollout.proven, percent(5), "never more than is served");
}

#[test]
fn a_whole_rollout_served_tick_by_tick_takes_exactly_its_soaks() {
    let mut world = World::started().with_policy(|policy| policy.tick = Millis::minutes(1));
    let mut moves = vec![];
    for _ in 0..2000 {
        world.wait(Millis::minutes(1));
        let decision = world.tick(&world.healthy()).decision;
        let hours = Millis::between(crate::world::t0(), world.now).as_seconds() / 3600.0;
        match decision {
            Decision::Hold { .. } => {}
            Decision::Advance { stage, percent } => {
                moves.push((hours, percent.to_string()));
                world.happens(Event::Advanced { stage, percent, proven: true });
            }
            Decision::Complete => {
                moves.push((hours, "complete".to_owned()));
                world.happens(Event::Completed);
                break;
            }
            Decision::Rollback { .. }
            | Decision::StepBack { .. }
            | Decision::Freeze { .. }
            | Decision::RestartStage { .. } => {
                panic!("{decision:?}")
            }
        }
    }
    let expected = [(1.0, "20 %"), (3.0, "50 %"), (7.0, "100 %"), (15.0, "complete")];
    assert_eq!(moves, expected.map(|(hours, what)| (hours, what.to_owned())));
}
