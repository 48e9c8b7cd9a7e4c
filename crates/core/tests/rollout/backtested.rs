//! What a policy would have made of a recording.

use crate::replayed::{Recorder, quick};
use crate::world::{World, condition, name, percent};
use rampart_core::policy::{Op, Policy, Signal};
use rampart_core::rollout::{Backtest, Event, Head, Line, Outcome, Retrospect, consequence};
use rampart_core::{Millis, Percent};

fn lines(run: &Recorder) -> Vec<Line> {
    let mut lines = Vec::new();
    let (mut ticks, mut revision) = (run.ticks.iter().peekable(), 0);
    for entry in &run.entries {
        while let Some(tick) = ticks.next_if(|tick| tick.revision.0 <= revision) {
            lines.push(Line::Tick(Box::new(tick.clone())));
        }
        revision += u64::from(!entry.event.is_note());
        lines.push(Line::Entry(Box::new(entry.clone())));
    }
    lines.extend(ticks.map(|tick| Line::Tick(Box::new(tick.clone()))));
    lines
}

fn backtest(run: &Recorder, policy: &Policy) -> Retrospect {
    let ticks = run.ticks.len() as u64;
    let head = Head { rollout: run.world.rollout.clone(), policy: run.world.policy.clone(), ticks };
    let mut backtest = Backtest::new(policy, &head, false);
    lines(run).iter().for_each(|line| backtest.take(line));
    backtest.finish()
}

/// Ramps to 100 % and completes, with a slow stretch at 20 % that holds and passes.
fn completed() -> Recorder {
    let mut run = Recorder::started(quick());
    while run.world.rollout.percent < percent(20) {
        run.tick(World::healthy);
    }
    run.happens(Event::Paused, None);
    run.tick(World::healthy);
    run.happens(Event::Resumed, None);
    for _ in 0..3 {
        run.tick(World::degraded);
    }
    while run.world.rollout.ended_at.is_none() {
        run.tick(World::healthy);
    }
    run
}

/// At 50 % p95 turns bad for a quarter of a minute, then breaks.
fn rolled_back() -> Recorder {
    let mut run = Recorder::started(quick());
    while run.world.rollout.percent < percent(50) {
        run.tick(World::healthy);
    }
    for _ in 0..3 {
        run.tick(World::degraded);
    }
    run.world.wait(Millis::seconds(2));
    let judged = run.judge(run.world.healthy_but("p95_latency", Outcome::measured(1200.0, 10_000)));
    let event = consequence(&judged.judgement.decision).unwrap();
    run.happens(event, Some(judged));
    run
}

#[test]
fn under_its_own_policy_a_recording_agrees_with_what_happened() {
    for run in [completed(), rolled_back()] {
        let found = backtest(&run, &run.world.policy);
        assert!(found.agrees == Some(true) && found.same_policy, "{found}");
        assert_eq!(
            found.moves.iter().map(|made| made.at).collect::<Vec<_>>(),
            found.recorded.iter().map(|made| made.at).collect::<Vec<_>>()
        );
        assert_eq!((found.false_alarms, found.missed), (0, false));
        assert_eq!(found.stands, found.stood);
    }
    assert_eq!(backtest(&completed(), &quick()).advances, 3);
}

#[test]
fn the_delay_of_a_detection_counts_from_the_first_bad_reading() {
    let run = rolled_back();
    let found = backtest(&run, &run.world.policy);
    // Two ticks between the first slow reading and the last, two seconds to the breach, 7 ms to write it down.
    assert_eq!(found.detection_delay, Some(Millis(12_007)), "{found}");
    let mut stricter = quick();
    let latency = stricter.checks.iter_mut().find(|check| check.name == name("p95_latency")).unwrap();
    latency.rollback_if = condition(Op::Greater, 600.0, "> 600ms");
    let earlier = backtest(&run, &stricter);
    assert_eq!((earlier.rollbacks, earlier.false_alarms, earlier.missed), (1, 0, false), "{earlier}");
    assert_eq!(earlier.detection_delay, Some(Millis::ZERO));
    assert!(earlier.to_string().contains("rolled back 12 s earlier"), "{earlier}");
}

#[test]
fn a_stricter_policy_gives_a_false_alarm_and_a_laxer_one_misses() {
    let mut stricter = quick();
    let latency = stricter.checks.iter_mut().find(|check| check.name == name("p95_latency")).unwrap();
    latency.rollback_if = condition(Op::Greater, 600.0, "> 600ms");
    let found = backtest(&completed(), &stricter);
    assert_eq!((found.rollbacks, found.false_alarms, found.agrees), (1, 1, Some(false)), "{found}");

    let mut laxer = quick();
    let latency = laxer.checks.iter_mut().find(|check| check.name == name("p95_latency")).unwrap();
    latency.rollback_if = condition(Op::Greater, 5000.0, "> 5000ms");
    let found = backtest(&rolled_back(), &laxer);
    assert!(found.missed && found.rollbacks == 0, "{found}");
    assert!(found.stands.unwrap().phase.is_live());
}

#[test]
fn other_stages_are_served_on_the_evidence_of_then() {
    let mut fewer = quick();
    fewer.stages.remove(1);
    fewer.stages.remove(1);
    let found = backtest(&completed(), &fewer);
    assert_eq!(found.advances, 1, "{found}");
    assert_eq!(found.moves.last().map(|made| (made.kind, made.percent)), Some(("completed", Percent::FULL)), "{found}");
    let mut longer = quick();
    longer.stages.iter_mut().for_each(|stage| stage.soak = Millis::hours(1));
    let found = backtest(&completed(), &longer);
    assert_eq!((found.advances, found.stands.unwrap().percent), (0, percent(5)), "{found}");
}

#[test]
fn what_was_not_recorded_is_blind_unless_it_is_taken_for_healthy() {
    let mut policy = quick();
    let mut crashes = policy.checks[0].clone();
    (crashes.name, crashes.signal) = (name("crashes"), Signal::LiveCrashes);
    policy.checks.push(crashes);
    let run = completed();
    let found = backtest(&run, &policy);
    assert_eq!((found.advances, found.unrecorded.clone()), (0, vec![name("crashes")]), "{found}");
    let head = Head { rollout: run.world.rollout.clone(), policy: run.world.policy.clone(), ticks: 0 };
    let mut healthy = Backtest::new(&policy, &head, true);
    lines(&run).iter().for_each(|line| healthy.take(line));
    let found = healthy.finish();
    assert_eq!(found.agrees, Some(true), "{found}");
    assert!(found.to_string().contains("not recorded, counted as healthy: crashes"), "{found}");
}

#[test]
fn the_report_as_people_read_it() {
    let mut stricter = quick();
    let latency = stricter.checks.iter_mut().find(|check| check.name == name("p95_latency")).unwrap();
    latency.rollback_if = condition(Op::Greater, 600.0, "> 600ms");
    insta::assert_snapshot!(backtest(&completed(), &stricter).to_string());
}
