//! The shipped scenarios on the shipped policy, as a release owner sees them.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use rampart_core::policy::{Policy, parse};
use rampart_core::rollout::{Phase, Verdict};
use rampart_sim::run::{MarkKind, Run};
use rampart_sim::scenario::{self, SHIPPED};
use rampart_sim::timeline::{Style, draw};
use rampart_sim::{report, world};

const POLICY: &str = include_str!("../../../policies/part_lens_v2.yaml");
const WIDE: Style = Style { width: 100, unicode: true, colour: false };
const PHONE: Style = Style { width: 44, unicode: false, colour: false };

fn policy() -> Policy {
    parse("policies/part_lens_v2.yaml", POLICY).unwrap()
}

/// A policy of minutes in place of hours, with `keys` behind it.
fn short(keys: &str) -> Policy {
    let text = format!(
        "flag: part_lens_v2\nstages:\n  - {{ percent: 20, soak: 5m }}\n  - {{ percent: 100, soak: 5m }}\nchecks:\n  \
         server_errors: {{ signal: live.5xx, scope: all, rollback_if: \"> 0\" }}\n  \
         null_audit_signatures: {{ signal: audit.violations, rollback_if: \"> 0\" }}\n  \
         user_reports: {{ signal: report.any, advance_if: \"== 0\" }}\n{keys}"
    );
    parse("short.yaml", &text).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn on(policy: &Policy, name: &str, text: &str) -> Run {
    let scenario = scenario::parse(name, name, text, policy).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    world::run(policy, &scenario, scenario.seed, &mut |_| {}).unwrap()
}

/// The run of a shipped scenario: its timeline is golden, and it goes as it says.
fn golden(name: &str) -> Run {
    let run = on(&policy(), name, scenario::shipped(name).unwrap());
    insta::assert_snapshot!(name, draw(&run, WIDE));
    assert!(run.expectation.as_ref().unwrap().met, "{:?}", run.expectation);
    run
}

#[test]
fn a_healthy_ramp_completes() {
    let run = golden("healthy");
    assert_eq!((run.phase, run.harm.canary_failures), (Phase::Completed, 0));
    insta::assert_snapshot!("healthy_on_a_phone", draw(&run, PHONE));
}

#[test]
fn errors_at_20_percent_pull_the_flag_back_within_seconds() {
    let run = golden("errors_at_20");
    let trouble = run.trouble.unwrap();
    assert!(run.ended.unwrap().minus(trouble).as_seconds() < 60.0);
    assert!(run.harm.canary_failures <= 3, "{:?}", run.harm);
}

#[test]
fn a_slow_service_is_held_and_goes_on_when_it_is_well() {
    let run = golden("slow_then_well");
    let held = run.marks.iter().find(|mark| mark.kind == MarkKind::Held).unwrap();
    assert!(held.text.contains("p95 latency"), "{}", held.text);
}

#[test]
fn a_lens_that_is_slower_than_control_is_pulled_back_within_its_limits() {
    let run = golden("slow_canary");
    assert!(run.caused_by("proven") && run.caused_by("p95_latency"), "{}", run.summary);
}

#[test]
fn an_outage_of_the_metrics_holds_and_rolls_nobody_back() {
    let run = golden("metrics_outage");
    assert!(run.marks.iter().all(|mark| mark.kind != MarkKind::RolledBack));
    assert!(run.marks.iter().any(|mark| mark.kind == MarkKind::Paged));
    let blind = |lane: &rampart_sim::run::Lane| lane.spans.iter().any(|span| span.verdict == Verdict::Blind);
    assert!(run.lanes.iter().all(blind));
}

#[test]
fn a_shared_incident_is_answered_as_the_policy_says() {
    golden("shared_incident");
}

#[test]
fn a_quiet_night_is_ramped_in_the_morning() {
    golden("quiet_night");
}

#[test]
fn a_new_build_begins_its_stage_again() {
    golden("new_build");
}

#[test]
fn every_shipped_scenario_is_golden() {
    let snapshots = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots");
    for (name, _) in SHIPPED {
        assert!(std::path::Path::new(&format!("{snapshots}/scenarios__{name}.snap")).exists(), "{name}");
    }
}

#[test]
fn the_same_seed_makes_the_same_run_and_another_does_not() {
    let (policy, text) = (short(""), "about: x\nseed: 3\nbehaviour: [{ timeouts: 1% }]\n");
    assert_eq!(on(&policy, "x", text), on(&policy, "x", text));
    assert_ne!(on(&policy, "x", text).samples, on(&policy, "x", &text.replace("3", "4")).samples);
}

#[test]
fn what_people_and_probes_do_is_followed() {
    let policy = short("");
    let ends = |events: &str| on(&policy, "x", &format!("about: x\nevents: [{events}]\n"));
    let signature = ends("{ at: 2m, event: null_signature }");
    assert!(signature.caused_by("null_audit_signatures"), "{}", signature.summary);
    assert_eq!(signature.ended.unwrap().as_seconds(), 120.0, "at once, not at the next tick");
    let reported = ends("{ at: 2m, event: report }, { at: 4m, event: dismiss }");
    assert_eq!((reported.phase, reported.ended.unwrap().as_seconds()), (Phase::Completed, 720.0));
    let paused = ends("{ at: 1m, order: pause }, { at: 3m, order: resume }, { at: 3m, order: restart }");
    assert!(paused.marks.iter().any(|mark| mark.kind == MarkKind::Refused), "{:?}", paused.marks);
    assert!(paused.ended.unwrap().as_seconds() >= 720.0);
    let again = ends("{ at: 1m, order: rollback }, { at: 2m, order: restart }");
    assert_eq!(again.phase, Phase::Completed, "{}", again.summary);
    let crashed = ends("{ at: 2m, event: crash, for: 1m }");
    assert_eq!(crashed.phase, Phase::Completed);
    assert!(crashed.ended.unwrap().as_seconds() >= 660.0, "no soak is served by a dead daemon");
}

#[test]
fn an_expectation_that_is_not_met_says_what_came_instead() {
    let run = on(&short(""), "x", "about: x\nexpect: rolled_back by server_errors within 3m\n");
    let met = run.expectation.as_ref().unwrap();
    assert!(!met.met && met.instead.contains("Completed at 100 %"), "{met:?}");
    assert!(draw(&run, WIDE).contains("Expectation NOT met"));
}

#[test]
fn the_report_is_one_page_that_fetches_nothing_and_escapes_everything() {
    let run = on(&short(""), "<b>", "about: \"<script>alert(1)</script> & so on\"\n");
    let page = report::html(&run, "policies/<i>.yaml");
    assert!(!page.contains("<script") && !page.contains("<i>") && !page.contains("<b>"));
    for outward in ["http:", "https:", "src=", "@import", "href="] {
        assert!(!page.contains(outward), "{outward}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; so on"));
}

#[test]
fn mistakes_in_a_scenario_are_told_all_at_once_with_their_places() {
    let text = "about: x\nsed: 3\ntraffic: { requests_per_second: many, swing: 200% }\nbehaviour:\n  \
                - { cohort: canery, stage: 30%, errors: 1% }\n  - { after: 5m, p95: 700 }\n  - { p50: 2s, p95: 1s }\n\
                outages:\n  - { for: 5m, checks: [server_erors] }\nevents:\n  - { at: 1h, event: crash, build: v2 }\n  \
                - { at: 1h, order: stage }\nchecks:\n  server_errors: [{ value: 1 }]\n  queue: [{ value: 1 }]\n\
                expect: exploded within 3m\n";
    let mistakes = scenario::parse("wrong", "wrong.yaml", text, &policy()).unwrap_err();
    insta::assert_snapshot!("mistakes", mistakes);
}
