//! The shipped scenarios on the shipped policy, as a release owner sees them.

use rampart_core::policy::{Policy, parse};
use rampart_sim::run::Run;
use rampart_sim::scenario::{self, SHIPPED};
use rampart_sim::timeline::{Style, draw};
use rampart_sim::world;

const POLICY: &str = include_str!("../../../policies/part_lens_v2.yaml");
const WIDE: Style = Style { width: 100, unicode: true, colour: false };
const PHONE: Style = Style { width: 44, unicode: false, colour: false };

fn policy() -> Policy {
    parse("policies/part_lens_v2.yaml", POLICY).unwrap()
}

fn tried(name: &str) -> Run {
    let policy = policy();
    let text = scenario::shipped(name).unwrap();
    let scenario = scenario::parse(name, name, text, &policy).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    world::run(&policy, &scenario, scenario.seed, &mut |_| {}).unwrap()
}

#[test]
fn every_shipped_scenario_goes_as_it_says() {
    for (name, _) in SHIPPED {
        let run = tried(name);
        println!("{}", draw(&run, WIDE));
        let met = run.expectation.as_ref().unwrap_or_else(|| panic!("{name} expects nothing"));
        assert!(met.met, "{name}: {met:?}\n{}", draw(&run, WIDE));
    }
}
