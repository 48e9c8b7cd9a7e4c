//! Rules 5 and 6: what all requests together prove, the budget of harm, and comparisons that mean nothing.

use crate::world::{World, codes, name, needs};
use rampart_core::policy::{Compare, OnSharedIncident, Tolerance};
use rampart_core::rollout::{Bin, BinCounts, Cause, Decision, Evidence, NeedCode, Statistics, Subjects};
use rampart_core::stats::{Arms, Trials};
use rampart_core::{Millis, Timestamp};
use std::collections::BTreeMap;

fn compared(world: World) -> World {
    world.with_policy(|policy| {
        let checks = [("error_rate", 1.1), ("p95_latency", 1.2)];
        let checks = checks.map(|(check, tolerance)| (name(check), Tolerance(tolerance)));
        policy.compare = Some(Compare { checks: checks.into(), bin: Millis::minutes(1) });
    })
}

/// A minute of requests, with errors on both sides and no slow ones.
fn bin(world: &World, start: Timestamp, canary: (u64, u64), control: (u64, u64)) -> Bin {
    let arms = |canary: (u64, u64), control: (u64, u64)| Arms {
        canary: Trials::new(canary.0, canary.1),
        control: Trials::new(control.0, control.1),
    };
    let errors = arms(canary, control);
    let slow = arms((canary.0, 0), (control.0, 0));
    let counts = |arms| BinCounts { limit: Some(arms), compared: Some(arms), tail_edge_ms: None };
    Bin {
        start,
        epoch: world.rollout.epoch,
        share: 0.05,
        canary: canary.0,
        control: control.0,
        counts: BTreeMap::from([(name("error_rate"), counts(errors)), (name("p95_latency"), counts(slow))]),
    }
}

/// Serves the same minute again and again; the decision of every minute.
fn minutes(world: &mut World, count: usize, canary: (u64, u64), control: (u64, u64)) -> Vec<Decision> {
    (0..count)
        .map(|_| {
            let start = world.now;
            world.wait(Millis::minutes(1));
            let evidence = Evidence { bins: vec![bin(world, start, canary, control)], ..world.healthy() };
            world.tick(&evidence).decision
        })
        .collect()
}

fn first_rollback(decisions: &[Decision]) -> Option<(usize, &Cause)> {
    decisions.iter().enumerate().find_map(|(minute, decision)| {
        if let Decision::Rollback { cause } = decision { Some((minute + 1, cause)) } else { None }
    })
}

#[test]
fn a_canary_within_its_limit_is_rolled_back_where_control_does_far_better() {
    let mut world = compared(World::in_stage(0));
    let decisions = minutes(&mut world, 60, (10_000, 8), (190_000, 19));
    let (minute, cause) = first_rollback(&decisions).expect("no rollback");
    assert!(minute <= 5, "only after {minute} minutes");
    assert_eq!((cause.code(), cause.check()), ("proven", Some(&name("error_rate"))));
    assert!(cause.text().contains("worse than control"), "{}", cause.text());
}

#[test]
fn a_limit_that_is_proven_broken_rolls_back_without_a_comparison() {
    let mut world = World::in_stage(0);
    let decisions = minutes(&mut world, 10, (300, 3), (5_700, 1));
    let (minute, cause) = first_rollback(&decisions).expect("no rollback");
    assert!(minute <= 5, "only after {minute} minutes");
    assert!(cause.text().contains("over its limit of 0.1 %"), "{}", cause.text());
}

#[test]
fn suspicion_holds_the_ramp_before_it_rolls_it_back() {
    let mut world = World::in_stage(0);
    let codes: Vec<Vec<NeedCode>> = (0..20)
        .map(|_| {
            let start = world.now;
            world.wait(Millis::minutes(1));
            let evidence = Evidence { bins: vec![bin(&world, start, (300, 1), (5_700, 1))], ..world.healthy() };
            codes(&world.tick(&evidence))
        })
        .take_while(|codes| !codes.is_empty())
        .collect();
    assert!(codes.iter().any(|codes| codes.contains(&NeedCode::Suspected)), "{codes:?}");
    assert!(!codes[0].contains(&NeedCode::Suspected), "one failure is no suspicion");
}

#[test]
fn a_healthy_rollout_is_never_suspected() {
    let mut world = compared(World::in_stage(0));
    for decision in minutes(&mut world, 900, (300, 0), (5_700, 1)) {
        let Decision::Hold { needs } = decision else { continue };
        assert!(needs.iter().all(|need| need.code != NeedCode::Suspected), "{needs:?}");
    }
}

#[test]
fn an_incident_that_hits_both_sides_is_called_shared_and_held_where_the_policy_says_so() {
    for (answer, rolls_back) in [(OnSharedIncident::Rollback, true), (OnSharedIncident::Hold, false)] {
        let mut world = compared(World::in_stage(0)).with_policy(|policy| policy.on_shared_incident = answer);
        minutes(&mut world, 30, (300, 0), (5_700, 1));
        let decisions = minutes(&mut world, 10, (300, 3), (5_700, 57));
        let words = match (first_rollback(&decisions), decisions.last()) {
            (Some((_, cause)), _) => cause.text().to_owned(),
            (None, Some(Decision::Hold { needs })) => {
                needs.iter().find(|need| need.code == NeedCode::Suspected).unwrap().text.clone()
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(first_rollback(&decisions).is_some(), rolls_back);
        assert!(words.contains("a shared incident"), "{words}");
    }
}

#[test]
fn failures_beyond_the_budget_roll_back_though_each_minute_is_small() {
    let mut world = World::in_stage(0).with_policy(|policy| {
        policy.harm_budget = Some(5);
        // Only the budget speaks in this story.
        policy.checks[1].advance_if = None;
    });
    // A failure in a thousand is expected, so 1.5 of the two count in each minute; control is clean.
    let decisions = minutes(&mut world, 10, (500, 2), (9_500, 0));
    let (minute, cause) = first_rollback(&decisions).expect("no rollback");
    assert_eq!((minute, cause.code()), (4, "harm"));
    assert_eq!(cause.text(), "6.0 failures beyond what was to be expected, at the budget of 5");
}

#[test]
fn failures_that_control_has_as_well_cost_nothing_of_the_budget() {
    let mut world = World::in_stage(0).with_policy(|policy| {
        policy.harm_budget = Some(5);
        policy.checks[1].advance_if = None;
    });
    assert_eq!(first_rollback(&minutes(&mut world, 20, (500, 2), (9_500, 38))), None);
}

#[test]
fn subjects_split_otherwise_than_the_percent_says_hold_the_ramp() {
    let mut world = World::in_stage(0);
    world.serve_soak();
    let with = |canary, control| Evidence { subjects: Subjects { canary, control }, ..world.healthy() };
    assert_eq!(world.decide(&with(500, 9_500)).decision.kind(), "advance");
    let judgement = world.decide(&with(620, 9_380));
    assert_eq!(codes(&judgement), [NeedCode::SampleRatio]);
    assert_eq!(
        needs(&judgement)[0].text,
        "620 of 10000 subjects have the flag on, which is not 5 %: who gets it is not left to chance"
    );
}

#[test]
fn a_canary_that_falls_silent_holds_the_ramp_and_rolls_nothing_back() {
    let mut world = World::in_stage(0);
    minutes(&mut world, 5, (300, 0), (5_700, 0));
    let decisions = minutes(&mut world, 6, (10, 0), (5_700, 0));
    let Some(Decision::Hold { needs }) = decisions.last() else { panic!("{decisions:?}") };
    let silent = needs.iter().find(|need| need.code == NeedCode::Silent).unwrap();
    assert_eq!(silent.text, "the canary is silent: 50 requests in the last minutes, 1427 were due");
}

#[test]
fn few_requests_are_no_silence() {
    let mut world = World::in_stage(0);
    for decision in minutes(&mut world, 10, (0, 0), (70, 0)) {
        let Decision::Hold { needs } = decision else { continue };
        assert!(needs.iter().all(|need| need.code != NeedCode::Silent), "{needs:?}");
    }
}

#[test]
fn a_bin_is_taken_in_once_and_a_stage_takes_nothing_away() {
    let mut world = compared(World::in_stage(0));
    minutes(&mut world, 10, (300, 1), (5_700, 1));
    let learnt = world.rollout.statistics.clone();
    let old = bin(&world, world.now - chrono::Duration::minutes(3), (300, 200), (5_700, 0));
    world.tick(&Evidence { bins: vec![old], ..world.healthy() });
    assert_eq!(world.rollout.statistics, learnt, "a bin that was taken in counted again");
    let percent = world.policy.stages[1].percent;
    world.happens(rampart_core::rollout::Event::Advanced { stage: 1, percent, proven: true });
    assert_eq!(world.rollout.statistics, learnt, "the next stage forgot");
}

#[test]
fn stored_bins_lead_to_the_same_bits() {
    let mut world = compared(World::in_stage(0));
    let mut bins = Vec::new();
    for minute in 0..200 {
        bins.push(bin(&world, world.now, (300, minute % 7 / 6), (5_700, minute % 3)));
        world.wait(Millis::minutes(1));
    }
    let stored: Vec<Bin> = serde_json::from_str(&serde_json::to_string(&bins).unwrap()).unwrap();
    let mut at_once = Statistics::default();
    at_once.take(&world.policy, &bins);
    let mut one_by_one = Statistics::default();
    for bin in &stored {
        one_by_one.take(&world.policy, std::slice::from_ref(bin));
        one_by_one = serde_json::from_str(&serde_json::to_string(&one_by_one).unwrap()).unwrap();
    }
    assert_eq!(serde_json::to_string(&at_once).unwrap(), serde_json::to_string(&one_by_one).unwrap());
}
