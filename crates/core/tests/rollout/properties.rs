//! What holds in every life, however random. The rules themselves are asserted in [`crate::walk`]
//! after each step.

use crate::walk::{Life, Step, short_policy, steps};
use crate::world::policy;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use rampart_core::policy::Policy;
use rampart_core::rollout::{Entry, Rollout};
use std::collections::BTreeSet;

fn live(policy: Policy, steps: &[Step]) -> Life {
    let mut life = Life::born(policy);
    for step in steps {
        life.takes(step);
    }
    life
}

fn config() -> Config {
    Config { cases: 400, failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_history_breaks_a_rule(policy in short_policy(), steps in steps(false)) {
        live(policy, &steps);
    }

    #[test]
    fn no_history_breaks_a_rule_where_the_wall_clock_falls_back(policy in short_policy(), steps in steps(true)) {
        live(policy, &steps);
    }

    #[test]
    fn what_a_history_leaves_comes_back_from_its_stored_form(policy in short_policy(), steps in steps(true)) {
        let life = live(policy, &steps);
        let row = serde_json::to_string(&life.rollout).unwrap();
        prop_assert_eq!(serde_json::from_str::<Rollout>(&row).unwrap(), life.rollout);
        let journal = serde_json::to_string(&life.journal).unwrap();
        prop_assert_eq!(serde_json::from_str::<Vec<Entry>>(&journal).unwrap(), life.journal);
    }
}

/// Properties of lives that never get anywhere would prove nothing.
#[test]
fn random_histories_reach_every_corner() {
    let mut runner = TestRunner::deterministic();
    let strategy = (short_policy(), steps(true));
    let seen: BTreeSet<&str> = (0..400)
        .flat_map(|_| {
            let (policy, steps) = strategy.new_tree(&mut runner).unwrap().current();
            live(policy, &steps).seen
        })
        .collect();
    let corners = [
        "advanced",
        "approved",
        "completed",
        "extended",
        "paused",
        "restarted",
        "resumed",
        "rolled_back",
        "stage_restarted",
        "stage_set",
        "started",
        "stepped_back",
    ];
    for corner in corners {
        assert!(seen.contains(corner), "no history saw {corner}: {seen:?}");
    }
    assert_eq!(policy().stages.len(), 4);
}
