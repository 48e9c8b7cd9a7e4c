//! Rule 3: degraded, thin, and the number of samples behind a verdict.

use crate::world::{MIN_SAMPLES, TICK, World, breached, codes, verdict_of, why};
use rampart_core::Millis;
use rampart_core::policy::OnDegraded;
use rampart_core::rollout::{Decision, Event, NeedCode, Outcome, RestartReason, Sample, Verdict};

#[test]
fn degraded_holds_keeps_the_soak_and_adds_none() {
    let mut world = World::in_stage(0);
    world.tick(&world.healthy());
    let judgement = world.tick(&world.degraded());
    assert_eq!(codes(&judgement), [NeedCode::Degraded, NeedCode::Soak]);
    assert_eq!(why(&judgement, "p95_latency"), "700 ms, must be < 500ms to advance");
    assert_eq!((judgement.credit, world.rollout.progress.soak), (Millis::ZERO, TICK));
    assert_eq!(world.tick(&world.healthy()).progress.soak, TICK * 2, "it goes on where it stood");
}

#[test]
fn a_served_soak_does_not_advance_while_degraded() {
    let mut world = World::in_stage(0);
    world.serve_soak();
    assert_eq!(codes(&world.decide(&world.degraded())), [NeedCode::Degraded]);
}

#[test]
fn under_restart_a_degraded_check_starts_the_stage_again() {
    let mut world = World::in_stage(1).with_policy(|policy| policy.on_degraded = OnDegraded::Restart);
    world.tick(&world.healthy());
    let decision = world.tick(&world.degraded()).decision;
    assert_eq!(decision, Decision::RestartStage { why: RestartReason::Degraded });
    let epoch = world.rollout.epoch;
    world.happens(Event::StageRestarted { why: RestartReason::Degraded });
    assert_eq!((world.rollout.progress.soak, world.rollout.stage), (Millis::ZERO, Some(1)));
    assert!(world.rollout.epoch > epoch);
    assert_eq!(world.rollout.stage_since, world.now);
}

#[test]
fn under_restart_there_is_nothing_to_start_again_before_any_soak_is_served() {
    let world = World::in_stage(1).with_policy(|policy| policy.on_degraded = OnDegraded::Restart);
    assert_eq!(codes(&world.decide(&world.degraded())), [NeedCode::Degraded, NeedCode::Soak]);
}

#[test]
fn under_restart_a_paused_rollout_keeps_its_stage() {
    let mut world = World::in_stage(1).with_policy(|policy| policy.on_degraded = OnDegraded::Restart);
    world.tick(&world.healthy());
    world.happens(Event::Paused);
    assert_eq!(codes(&world.decide(&world.degraded())), [NeedCode::Paused, NeedCode::Degraded]);
}

#[test]
fn thin_lets_the_soak_run_and_may_even_advance() {
    let mut world = World::in_stage(1);
    let judgement = world.tick(&world.thin());
    assert_eq!(verdict_of(&judgement, "p95_latency"), Verdict::Thin);
    assert_eq!((judgement.credit, codes(&judgement)), (TICK, vec![NeedCode::Soak]));
    world.serve_soak();
    assert_eq!(world.decide(&world.thin()).decision.kind(), "advance");
}

#[test]
fn min_samples_divides_thin_from_healthy() {
    let world = World::in_stage(1);
    for (samples, verdict) in [
        (0, Verdict::Thin),
        (MIN_SAMPLES - 1, Verdict::Thin),
        (MIN_SAMPLES, Verdict::Healthy),
        (MIN_SAMPLES + 1, Verdict::Healthy),
    ] {
        let judgement = world.decide(&world.healthy_but("p95_latency", Outcome::measured(212.0, samples)));
        assert_eq!(verdict_of(&judgement, "p95_latency"), verdict, "{samples} samples");
    }
}

#[test]
fn the_rollback_limit_is_armed_from_min_samples_on() {
    let world = World::in_stage(1);
    let few = world.decide(&world.healthy_but("p95_latency", Outcome::measured(5000.0, MIN_SAMPLES - 1)));
    assert_eq!(verdict_of(&few, "p95_latency"), Verdict::Degraded, "seen, but on too few to act");
    assert_eq!((codes(&few), few.credit), (vec![NeedCode::Degraded, NeedCode::Soak], Millis::ZERO));
    assert!(why(&few, "p95_latency").contains("199 of 200 samples"), "{}", why(&few, "p95_latency"));
    let enough = world.decide(&world.healthy_but("p95_latency", Outcome::measured(5000.0, MIN_SAMPLES)));
    assert_eq!(breached(&enough), Some("p95_latency"));
}

#[test]
fn a_limit_without_min_samples_is_armed_whatever_the_denominator() {
    let world = World::in_stage(1);
    let judgement = world.decide(&world.healthy_but("server_errors", Outcome::measured(1.0, 0)));
    assert_eq!(breached(&judgement), Some("server_errors"));
}

#[test]
fn the_samples_of_the_window_arm_the_rollback_and_those_of_the_newest_part_do_not() {
    let world = World::in_stage(1);
    let sample = |value, samples| Sample { value, samples };
    let armed = Outcome::Measured { window: sample(5000.0, MIN_SAMPLES), newest: sample(200.0, 1) };
    assert_eq!(breached(&world.decide(&world.healthy_but("p95_latency", armed))), Some("p95_latency"));
    let unarmed = Outcome::Measured { window: sample(5000.0, MIN_SAMPLES - 1), newest: sample(200.0, MIN_SAMPLES) };
    assert_eq!(verdict_of(&world.decide(&world.healthy_but("p95_latency", unarmed)), "p95_latency"), Verdict::Degraded);
}

#[test]
fn a_few_bad_requests_are_degraded_and_not_thin() {
    let world = World::in_stage(1);
    let judgement = world.decide(&world.healthy_but("p95_latency", Outcome::measured(700.0, 1)));
    assert_eq!(verdict_of(&judgement, "p95_latency"), Verdict::Degraded);
}

#[test]
fn an_advance_limit_is_met_below_it_and_not_at_it() {
    let world = World::in_stage(1);
    for (value, verdict) in [(499.9, Verdict::Healthy), (500.0, Verdict::Degraded), (500.1, Verdict::Degraded)] {
        let judgement = world.decide(&world.healthy_but("p95_latency", Outcome::measured(value, 10_000)));
        assert_eq!(verdict_of(&judgement, "p95_latency"), verdict, "{value} ms");
    }
}

#[test]
fn one_user_report_holds() {
    let mut world = World::in_stage(1);
    world.serve_soak();
    assert_eq!(
        codes(&world.decide(&world.healthy_but("user_reports", Outcome::measured(1.0, 1)))),
        [NeedCode::Degraded]
    );
}

#[test]
fn a_value_that_is_no_number_is_blind_in_every_check_and_in_either_sample() {
    let world = World::in_stage(1);
    for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for check in &world.policy.checks {
            for outcome in
                [Outcome::measured(wrong, 10_000), crate::world::split(0.0, wrong), crate::world::split(wrong, 0.0)]
            {
                let judgement = world.decide(&world.healthy_but(&check.name.0, outcome));
                assert_eq!(verdict_of(&judgement, &check.name.0), Verdict::Blind, "{wrong} in {}", check.name);
                assert_eq!(judgement.credit, Millis::ZERO);
                assert!(judgement.checks.iter().all(|report| report.value.is_none_or(f64::is_finite)));
            }
        }
    }
}

#[test]
fn a_paused_hold_names_what_is_unhealthy_after_the_pause() {
    let world = World::paused(1);
    assert_eq!(codes(&world.decide(&world.healthy())), [NeedCode::Paused]);
    assert_eq!(codes(&world.decide(&world.thin())), [NeedCode::Paused], "thin is nothing to mend");
    assert_eq!(codes(&world.decide(&world.blind())), [NeedCode::Paused, NeedCode::Blind]);
    assert_eq!(codes(&world.decide(&world.degraded())), [NeedCode::Paused, NeedCode::Degraded]);
}

#[test]
fn health_is_not_hidden_behind_a_typed_percent() {
    let world = World::at_typed_percent(33);
    assert_eq!(codes(&world.decide(&world.healthy())), [NeedCode::ManualPercent]);
    assert_eq!(codes(&world.decide(&world.blind())), [NeedCode::ManualPercent, NeedCode::Blind]);
    assert_eq!(codes(&world.decide(&world.degraded())), [NeedCode::ManualPercent, NeedCode::Degraded]);
}

#[test]
fn several_unhealthy_checks_are_several_needs_in_the_order_of_the_policy() {
    let world = World::in_stage(1);
    let mut evidence = world.degraded();
    evidence.readings.insert(crate::world::name("error_rate"), world.reading(Outcome::Fault("time-out".to_owned())));
    assert_eq!(codes(&world.decide(&evidence)), [NeedCode::Blind, NeedCode::Degraded, NeedCode::Soak]);
}
