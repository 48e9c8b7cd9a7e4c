//! The published order of decisions (`STATISTICS.md` 2.8), held against the decision core itself.

use crate::world::{World, codes, name, needs};
use rampart_core::Millis;
use rampart_core::policy::Proof;
use rampart_core::rollout::{Decision, Evidence, Judgement, NeedCode, Outcome, Reading, Sample, Statistics};
use rampart_core::stats::Trials;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Vectors {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    kind: String,
    input: serde_json::Value,
    expect: serde_json::Value,
}

#[derive(Deserialize)]
struct Input {
    canary_5xx: u64,
    null_audit_signatures: u64,
    window: Window,
    ln_e_harm: f64,
    data_age_s: u64,
    elapsed_min: u64,
    soak_min: u64,
    stage: Stage,
}

#[derive(Deserialize)]
struct Window {
    n: u64,
    over_1000: u64,
}

#[derive(Deserialize)]
struct Stage {
    n: u64,
    errors: u64,
    over_500: u64,
}

#[derive(Deserialize)]
struct Expected {
    action: String,
    reason: String,
    more_requests: Option<u64>,
    blocking: Option<Vec<String>>,
    escalate: Option<bool>,
}

/// A stage that asks for proof, just as the case describes it.
fn judged(input: &Input) -> Judgement {
    let mut world = World::started().with_policy(|policy| {
        policy.stages[0].evidence = Proof::Proven;
        policy.stages[0].soak = Millis::minutes(input.soak_min);
        policy.stages[0].min_requests = 0;
    });
    world.wait(Millis::minutes(input.elapsed_min));
    world.rollout.progress.soak = Millis::minutes(input.elapsed_min.min(input.soak_min));
    world.rollout.statistics = at_odds(input.ln_e_harm);
    let stage = &input.stage;
    let count = |value: u64| Outcome::measured(value as f64, 1);
    let slow = |over: bool, limit: f64| if over { limit + 1.0 } else { limit - 1.0 };
    let none = || Outcome::NoEvidence("0 of 0 requests in the window".to_owned());
    let errors = || Outcome::measured(stage.errors as f64 / stage.n as f64, stage.n);
    let p95 = || Outcome::Measured {
        window: Sample { value: slow(input.window.over_1000 * 20 > input.window.n, 1000.0), samples: input.window.n },
        newest: Sample { value: slow(stage.over_500 * 20 >= stage.n, 500.0), samples: stage.n.min(200) },
    };
    let old = |outcome| Reading {
        observed_at: world.now - chrono::Duration::seconds(input.data_age_s as i64),
        ..world.reading(outcome)
    };
    let mut evidence = Evidence {
        canary_requests: stage.n,
        counts: [
            (name("error_rate"), Trials::new(stage.n, stage.errors)),
            (name("p95_latency"), Trials::new(stage.n, stage.over_500)),
        ]
        .into(),
        ..world.healthy()
    };
    evidence.readings.extend([
        (name("server_errors"), world.reading(count(input.canary_5xx))),
        (name("data_inconsistency"), world.reading(count(input.null_audit_signatures))),
        (name("error_rate"), old(if stage.n > 0 { errors() } else { none() })),
        (name("p95_latency"), old(if input.window.n > 0 { p95() } else { none() })),
    ]);
    world.decide(&evidence)
}

/// Tests that stand at the given odds, each of them, so that all together do.
fn at_odds(ln_e: f64) -> Statistics {
    let test = |test| json!({ "limit": { "test": test, "ln_cash": ln_e, "ln_bets": [] } });
    serde_json::from_value(json!({ "tests": {
        "error_rate": test(json!({ "one_sample": { "p0": 0.001 } })),
        "p95_latency": test(json!({ "one_sample": { "p0": 0.05 } })),
    }}))
    .unwrap()
}

#[test]
fn the_order_of_decisions_is_the_published_one() {
    let vectors: Vectors = serde_json::from_str(include_str!("../stats/vectors.json")).unwrap();
    let mut held = 0;
    for case in vectors.cases.into_iter().filter(|case| case.kind == "decide") {
        let input: Input = serde_json::from_value(case.input).unwrap();
        let expected: Expected = serde_json::from_value(case.expect).unwrap();
        let judgement = judged(&input);
        agrees(&case.id, &judgement, &expected);
        held += 1;
    }
    assert!(held >= 9, "only {held} cases");
}

fn agrees(id: &str, judgement: &Judgement, expected: &Expected) {
    let decision = &judgement.decision;
    let has = |code| codes(judgement).contains(&code);
    let rolled_back = |by: &str| match decision {
        Decision::Rollback { cause } => cause.check().is_some_and(|check| check.0 == by),
        Decision::Hold { .. }
        | Decision::Advance { .. }
        | Decision::Complete
        | Decision::StepBack { .. }
        | Decision::Freeze { .. }
        | Decision::RestartStage { .. } => false,
    };
    let agrees = match (expected.action.as_str(), expected.reason.as_str()) {
        ("ADVANCE", "proved_good") => matches!(decision, Decision::Advance { .. }),
        ("ROLLBACK", "any_5xx") => rolled_back("server_errors"),
        ("ROLLBACK", "null_audit_signature") => rolled_back("data_inconsistency"),
        ("ROLLBACK", "p95_over_1000") => rolled_back("p95_latency"),
        ("ROLLBACK", "proved_harm") => matches!(decision, Decision::Rollback { cause } if cause.code() == "proven"),
        ("HOLD", "stale_data") => has(NeedCode::Blind),
        ("HOLD", "suspected_harm") => has(NeedCode::Suspected),
        ("HOLD", "error_rate_not_below_limit" | "p95_not_below_500") => has(NeedCode::Degraded),
        ("CONTINUE", "soaking") => has(NeedCode::Soak),
        ("HOLD", "not_enough_evidence") => lacks(judgement, expected),
        (action, reason) => panic!("{id}: {action} for {reason} is new"),
    };
    assert!(agrees, "{id}: {} for {} expected, got {decision:?}", expected.action, expected.reason);
    assert_eq!(judgement.page_hold, expected.escalate.unwrap_or(false), "{id}: whether somebody is paged");
}

fn lacks(judgement: &Judgement, expected: &Expected) -> bool {
    let texts: Vec<&str> =
        needs(judgement).iter().filter(|need| need.code == NeedCode::Unproven).map(|need| need.text.as_str()).collect();
    let blocking = expected.blocking.as_ref().unwrap();
    let told = |check: &String| texts.iter().any(|text| text.starts_with(&check.replace('_', " ")));
    let (thousands, rest) = (expected.more_requests.unwrap() / 1000, expected.more_requests.unwrap() % 1000);
    let more = format!("{thousands}\u{202f}{rest:03} more clean");
    texts.len() == blocking.len() && blocking.iter().all(told) && texts.iter().any(|text| text.contains(&more))
}
