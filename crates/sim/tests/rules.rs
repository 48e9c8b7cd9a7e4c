//! The table of rules in small: fewer rollouts, the same machinery.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use rampart_sim::rules::{Block, Entry, Goals, Scenario, Setting, Tally, field, race, tune};

const SEED: u16 = 7;

fn at_100(scenario: Scenario) -> Setting {
    Setting { per_second: 100, scenario }
}

fn run(scenario: Scenario, entries: &[Entry], runs: u32) -> Vec<Tally> {
    race(at_100(scenario), entries, SEED, runs, 2, &|| ())
}

fn ours(entries: &[Entry]) -> usize {
    entries.iter().position(|entry| entry.ours).unwrap()
}

#[test]
fn evidence_leaves_healthy_rollouts_alone_where_polling_does_not() {
    let entries = field(14);
    for scenario in [Scenario::Healthy, Scenario::SwingingErrors, Scenario::SwingingTraffic] {
        let tallies = run(scenario, &entries, 40);
        assert_eq!(tallies[ours(&entries)].rolled_back(), 0.0, "{scenario:?}");
        assert_eq!(tallies[0].rolled_back(), 1.0, "the first window over the limit comes to everyone: {scenario:?}");
    }
}

#[test]
fn evidence_finds_a_bad_canary_in_minutes() {
    let entries = field(14);
    for (rate, most) in [(0.002, 14), (0.005, 4), (0.01, 2), (0.05, 1)] {
        let median = run(Scenario::Bad(rate), &entries, 101)[ours(&entries)].median().unwrap();
        assert!(median <= most, "{rate}: {median} min");
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let entries = field(14);
    let with = |threads| race(at_100(Scenario::Bad(0.01)), &entries, SEED, 9, threads, &|| ());
    assert_eq!(with(1), with(4));
    assert!(with(4).iter().all(|tally| tally.minutes.len() == 9));
}

#[test]
fn a_tuned_poll_keeps_what_it_was_tuned_to_on_the_rollouts_it_was_tuned_on() {
    let entries = field(tune(1_000, SEED, 30));
    let tallies = race(Setting { per_second: 1_000, scenario: Scenario::Healthy }, &entries[4..5], SEED, 30, 1, &|| ());
    assert_eq!(tallies[0].rolled_back(), 0.0);
}

#[test]
fn a_goal_that_is_missed_is_told() {
    let entries = field(14);
    let block = Block::fill(100, |_| vec![Tally { minutes: vec![Some(5), Some(7), None] }; entries.len()]);
    let judged = block.judge(&entries, &Goals { false_rollbacks: 0.01, minutes: vec![7, 6] });
    let met: Vec<bool> = judged.iter().map(|(_, met)| *met).collect();
    assert_eq!(met, [false, false, false, true, false]);
    assert_eq!(judged[3].0, "100/s, 0.2 %: found in 7 min, at most 7");
    assert!(block.markdown(&entries).contains("| 67 % | 67 % | 67 % | 67 % | 7 | 7 | 7 | 7 | 7 |"));
}
