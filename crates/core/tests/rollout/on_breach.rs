//! What a check's breach does where the policy takes it less hard, and checks that only watch.

use crate::world::{World, breached, codes, name, needs, verdict_of};
use proptest::prelude::*;
use rampart_core::policy::{Condition, OnBreach, Op, Proof};
use rampart_core::rollout::{Cause, Decision, Event, Evidence, NeedCode, Outcome, Phase, Verdict, proof, sentence};
use rampart_core::stats::Trials;
use rampart_core::{Millis, Percent};

fn answering(stage: usize, answer: OnBreach) -> World {
    World::in_stage(stage).with_policy(|policy| policy.checks[2].on_breach = answer)
}

fn slow(world: &World) -> Evidence {
    world.healthy_but("p95_latency", Outcome::measured(1500.0, 10_000))
}

#[test]
fn a_breach_steps_back_where_the_policy_says_so_and_ends_it_in_the_first_stage() {
    let world = answering(2, OnBreach::StepBack);
    let Decision::StepBack { stage, percent, cause } = world.decide(&slow(&world)).decision else { panic!("no step") };
    assert_eq!((stage, percent), (1, Percent::whole(20)));
    assert_eq!(cause.text(), "p95 latency: 1500 ms, over the limit of 1000 ms");
    let first = answering(0, OnBreach::StepBack);
    assert_eq!(breached(&first.decide(&slow(&first))), Some("p95_latency"));
}

#[test]
fn a_breach_freezes_where_the_policy_says_so_until_a_person_resumes() {
    let mut world = answering(1, OnBreach::Freeze);
    let Decision::Freeze { cause } = world.decide(&slow(&world)).decision else { panic!("no freeze") };
    world.happens(Event::Frozen { cause });
    assert_eq!((world.rollout.phase, world.rollout.percent), (Phase::Paused, Percent::whole(20)));
    let judgement = world.tick(&slow(&world));
    assert_eq!(codes(&judgement), [NeedCode::Frozen, NeedCode::Degraded]);
    assert_eq!(
        sentence(&world.policy, Some(&world.rollout), Some(&judgement)),
        "Frozen at 20 % · p95 latency: 1500 ms, over the limit of 1000 ms; resume to go on"
    );
    world.happens(Event::Resumed);
    assert_eq!(world.rollout.frozen, None);
    assert_eq!(world.decide(&slow(&world)).decision.kind(), "freeze", "the breach is still there");
}

#[test]
fn what_is_frozen_still_rolls_back() {
    let mut world = answering(1, OnBreach::Freeze);
    world.happens(Event::Frozen { cause: Cause::Harm { text: "some".to_owned() } });
    assert_eq!(breached(&world.decide(&world.breach())), Some("server_errors"));
}

#[test]
fn a_rollback_goes_before_a_freeze() {
    let world = answering(1, OnBreach::Freeze);
    let mut both = slow(&world);
    both.readings.extend(world.breach().readings.into_iter().filter(|(check, _)| *check == name("server_errors")));
    assert_eq!(breached(&world.decide(&both)), Some("server_errors"));
}

#[test]
fn a_shadow_check_is_shown_and_decides_nothing() {
    let mut world = World::in_stage(0).with_policy(|policy| policy.checks[0].shadow = true);
    let judgement = world.decide(&world.breach());
    assert_eq!(verdict_of(&judgement, "server_errors"), Verdict::Breach);
    assert!(judgement.credit > Millis::ZERO, "it stopped the soak");
    assert_eq!(codes(&judgement), [NeedCode::Soak]);
    world.serve_soak();
    assert_eq!(world.decide(&world.breach()).decision.kind(), "advance");
}

#[test]
fn a_stage_that_lasts_too_long_pages_once() {
    let mut world = World::in_stage(0);
    let pages = |world: &mut World, minutes: u64| {
        (0..minutes)
            .filter(|_| {
                world.wait(Millis::minutes(1));
                world.tick(&world.degraded()).page_hold
            })
            .count()
    };
    assert_eq!(pages(&mut world, 4 * 60 - 2), 0, "before four soaks");
    assert_eq!(pages(&mut world, 60), 1);
    let mut short = World::in_stage(0).with_policy(|policy| policy.max_hold = Some(Millis::minutes(10)));
    assert_eq!(pages(&mut short, 8), 0);
    assert_eq!(pages(&mut short, 8), 1);
}

#[test]
fn a_stage_that_asks_for_proof_waits_for_it_and_says_how_much_is_missing() {
    let mut world = World::in_stage(0).with_policy(|policy| policy.stages[0].evidence = Proof::Proven);
    world.serve_soak();
    let with = |n, k| Evidence {
        counts: [(name("error_rate"), Trials::new(n, k)), (name("p95_latency"), Trials::new(n, 0))].into(),
        ..world.healthy()
    };
    let judgement = world.decide(&with(1_800, 0));
    assert_eq!(codes(&judgement), [NeedCode::Unproven]);
    assert_eq!(
        needs(&judgement)[0].text,
        "error rate: < 0.1% not proven by 1\u{202f}800 clean of 1\u{202f}800 requests; 1\u{202f}964 more clean ones would do"
    );
    assert_eq!(world.decide(&with(3_763, 0)).decision.kind(), "hold");
    assert_eq!(world.decide(&with(3_764, 0)).decision.kind(), "advance");
    assert_eq!(codes(&world.decide(&with(3_764, 1))), [NeedCode::Unproven]);
}

#[test]
fn what_is_proven_so_far_is_told_with_its_bound_and_its_outlook() {
    let mut world = World::in_stage(0);
    world.wait(Millis::minutes(59));
    let evidence = Evidence {
        counts: [(name("error_rate"), Trials::new(1_800, 0))].into(),
        canary_requests: 1_800,
        ..world.healthy()
    };
    let report = proof(&world.policy.checks[1], &world.rollout, &evidence, world.now).unwrap();
    assert_eq!(
        report.text,
        "observed 0 of 1\u{202f}800 failed; proven below 0.21 %; 1\u{202f}964 more clean requests, about 1 h 5 min, would prove < 0.1%"
    );
    assert!(!report.proven);
    assert_eq!(proof(&world.policy.checks[0], &world.rollout, &evidence, world.now), None, "5xx has no share to prove");
}

fn answers() -> impl Strategy<Value = Vec<(OnBreach, bool, bool)>> {
    let answer = prop_oneof![Just(OnBreach::Rollback), Just(OnBreach::StepBack), Just(OnBreach::Freeze)];
    prop::collection::vec((answer, any::<bool>(), any::<bool>()), 5)
}

proptest! {
    /// The hardest answer of all checks that are breached and not in the shadow is the one that is given.
    #[test]
    fn the_hardest_answer_wins(answers in answers(), stage in 0_usize..4) {
        let mut world = World::in_stage(stage);
        for (check, (answer, shadow, _)) in world.policy.checks.iter_mut().zip(&answers) {
            (check.on_breach, check.shadow) = (*answer, *shadow);
            check.rollback_if = Some(Condition { op: Op::Greater, limit: 10.0, text: "> 10".to_owned() });
        }
        let mut evidence = world.healthy();
        let broken: Vec<bool> = answers.iter().map(|(_, _, broken)| *broken).collect();
        for (check, broken) in world.policy.checks.iter().zip(&broken) {
            let value = if *broken { 2000.0 } else { 0.0 };
            evidence.readings.insert(check.name.clone(), world.reading(Outcome::measured(value, 10_000)));
        }
        let given = |wanted: OnBreach| answers.iter().any(|(answer, shadow, broken)| *answer == wanted && !shadow && *broken);
        let expected = match (given(OnBreach::Rollback), given(OnBreach::StepBack), given(OnBreach::Freeze)) {
            (true, _, _) => "rollback",
            (false, true, _) if stage == 0 => "rollback",
            (false, true, _) => "step_back",
            (false, false, true) => "freeze",
            (false, false, false) => "hold",
        };
        prop_assert_eq!(world.decide(&evidence).decision.kind(), expected);
    }
}
