//! Bins, and the trials of an epoch.

use super::bins::MAX_BINS;
use super::tests::{World, at};
use super::*;
use rampart_core::Percent;
use rampart_core::policy::CheckName;
use rampart_core::rollout::{Bin, Event, apply};
use rampart_core::stats::{Arms, Trials};

/// Begins a minute, some seconds behind the start of the world's rollout.
const MINUTE: i64 = 40;

fn bins(world: &World, second: i64) -> Vec<Bin> {
    world.live.bins(&world.policy, &world.rollout, at(second))
}

fn name(check: &str) -> CheckName {
    CheckName(check.to_owned())
}

fn arms(canary: (u64, u64), control: (u64, u64)) -> Option<Arms> {
    let trials = |(n, k)| Trials { n, k };
    Some(Arms { canary: trials(canary), control: trials(control) })
}

#[test]
fn a_bin_is_handed_out_half_a_minute_after_its_end_and_once() {
    let mut world = World::new();
    world.seen(MINUTE, Cohort::Canary, 200, 5);
    world.seen(MINUTE + 59, Cohort::Control, 500, 5);
    world.seen(MINUTE + 60, Cohort::Control, 200, 5);
    world.seen(MINUTE + 1, Cohort::Forced, 500, 5);
    assert!(bins(&world, MINUTE + 89).is_empty());
    let [bin] = bins(&world, MINUTE + 90).try_into().expect("one bin");
    assert_eq!((bin.start, bin.epoch, bin.share), (at(MINUTE), world.rollout.epoch, 0.05));
    assert_eq!((bin.canary, bin.control), (1, 1));
    assert_eq!(bin.counts[&name("rate")].limit, arms((1, 0), (1, 1)));
    assert_eq!(bin.counts[&name("rate")].compared, bin.counts[&name("rate")].limit);
    world.rollout.statistics.last_bin = Some(bin.start);
    assert!(bins(&world, MINUTE + 90).is_empty());
    assert_eq!(bins(&world, MINUTE + 150).len(), 1, "the next minute");
}

#[test]
fn the_requests_of_two_stages_never_share_a_bin() {
    let mut world = World::new();
    world.seen(MINUTE + 1, Cohort::Control, 200, 5);
    bins(&world, MINUTE + 1);
    let advanced = Event::Advanced { stage: 1, percent: Percent::FULL, proven: true };
    world.rollout = apply(world.rollout.clone(), &advanced, at(MINUTE + 30));
    world.seen(MINUTE + 30, Cohort::Canary, 200, 5);
    let [before, after] = bins(&world, MINUTE + 90).try_into().expect("two bins");
    assert_eq!((before.start, before.share, before.canary, before.control), (at(MINUTE), 0.05, 0, 1));
    assert_eq!((after.start, after.share, after.canary, after.control), (at(MINUTE), 1.0, 1, 0));
    assert_eq!(after.epoch, world.rollout.epoch);
}

#[test]
fn a_stage_nobody_here_saw_has_the_share_its_requests_made() {
    let mut world = World::new();
    world.seen(MINUTE + 1, Cohort::Canary, 200, 5);
    (0..3).for_each(|_| world.seen(MINUTE + 1, Cohort::Control, 200, 5));
    let advanced = Event::Advanced { stage: 1, percent: Percent::FULL, proven: true };
    world.rollout = apply(world.rollout.clone(), &advanced, at(MINUTE + 30));
    assert_eq!(bins(&world, MINUTE + 90)[0].share, 0.25);
}

#[test]
fn after_an_outage_the_bins_come_a_few_at_a_time_and_none_is_missed() {
    let mut world = World::new();
    let minutes = MAX_BINS as i64 - 5;
    (0..minutes * 2).for_each(|half| world.seen(MINUTE + half * 30, Cohort::Control, 200, 5));
    world.policy.compare =
        Some(rampart_core::policy::Compare { checks: Default::default(), bin: rampart_core::Millis::seconds(30) });
    let first = bins(&world, MINUTE + 3600);
    assert_eq!(first.len(), MAX_BINS);
    world.rollout.statistics.last_bin = first.last().map(|bin| bin.start);
    let second = bins(&world, MINUTE + 3600);
    assert_eq!(first.len() + second.len(), minutes as usize * 2);
}

#[test]
fn seconds_of_which_control_was_dropped_make_no_bin() {
    let world = World::new();
    world.seen(MINUTE, Cohort::Canary, 500, 5);
    world.seen(MINUTE, Cohort::Control, 500, 5);
    world.seen(MINUTE + KEEP_SECONDS + 10, Cohort::Control, 200, 5);
    assert!(bins(&world, MINUTE + KEEP_SECONDS + 10).is_empty());
}

#[test]
fn the_tail_to_compare_with_is_that_of_enough_requests_of_control() {
    let world = World::new();
    (0..199).for_each(|_| world.seen(MINUTE, Cohort::Control, 200, 100));
    world.seen(MINUTE, Cohort::Canary, 200, 2000);
    assert_eq!(bins(&world, MINUTE + 90)[0].counts[&name("p95")].tail_edge_ms, None);
    world.seen(MINUTE + 60, Cohort::Control, 200, 100);
    (0..200).for_each(|_| world.seen(MINUTE + 120, Cohort::Control, 200, 900));
    let [first, second, third] = bins(&world, MINUTE + 210).try_into().expect("three bins");
    let edge = |bin: &Bin| bin.counts[&name("p95")].tail_edge_ms;
    assert_eq!((edge(&first), edge(&third)), (None, None), "told once");
    let told = edge(&second).expect("an edge");
    assert!((100.0..=101.0).contains(&told), "what came later has no part in it: {told}");
    // No rollback limit: what is over the advance limit counts.
    assert_eq!(first.counts[&name("p95")].limit, arms((1, 1), (199, 0)));
    assert_eq!(first.counts[&name("p95")].compared, None);
}

#[test]
fn the_trials_of_an_epoch_are_its_canary_against_what_an_advance_asks_for() {
    let mut world = World::new();
    for (status, millis) in [(200, 500), (200, 501), (503, 3), (404, 3)] {
        world.seen(1, Cohort::Canary, status, millis);
    }
    world.seen(1, Cohort::Control, 500, 900);
    let counts = world.live.counts(&world.policy, &world.rollout);
    assert_eq!(counts[&name("rate")], Trials { n: 4, k: 1 });
    assert_eq!(counts[&name("p95")], Trials { n: 4, k: 1 });
    assert_eq!(counts[&name("refused")], Trials { n: 4, k: 1 });
    assert!(!counts.contains_key(&name("own_errors")), "a tripwire has no share");
    let advanced = Event::Advanced { stage: 1, percent: Percent::FULL, proven: true };
    world.rollout = apply(world.rollout.clone(), &advanced, at(10));
    assert_eq!(world.live.counts(&world.policy, &world.rollout)[&name("rate")], Trials::default());
}

#[test]
fn a_life_that_begins_in_the_middle_takes_in_the_bins_its_predecessor_left() {
    let mut before = World::new();
    before.seen(MINUTE, Cohort::Control, 200, 5);
    before.seen(MINUTE + 1, Cohort::Canary, 500, 5);
    let advanced = Event::Advanced { stage: 1, percent: Percent::FULL, proven: true };
    before.rollout = apply(before.rollout.clone(), &advanced, at(MINUTE + 30));
    before.seen(MINUTE + 40, Cohort::Canary, 200, 5);
    let rows = before.live.unwritten(at(MINUTE + 50));
    let after = World { live: Live::new(Uuid::max()), rollout: before.rollout.clone(), ..World::new() };
    assert!(first_unbinned(&after.policy, &after.rollout) <= at(MINUTE).timestamp(), "so far back it must read");
    after.live.merge(&rows);
    let kept = |bins: Vec<Bin>| bins.into_iter().map(|bin| (bin.epoch, bin.canary, bin.control)).collect::<Vec<_>>();
    assert_eq!(kept(bins(&after, MINUTE + 90)), kept(bins(&before, MINUTE + 90)));
    assert_eq!(kept(bins(&after, MINUTE + 90)).len(), 2);
}
