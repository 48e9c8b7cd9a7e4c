//! What a policy will ask of the traffic, told before it is let loose.

use crate::world::policy;
use rampart_core::policy::Proof;
use rampart_core::rollout::{Traffic, preflight};

fn traffic(requests_per_second: f64, server_error_rate: Option<f64>) -> Traffic {
    Traffic { requests_per_second, server_error_rate }
}

#[test]
fn it_says_what_each_stage_can_prove_at_this_traffic() {
    let report = preflight(&policy(), &traffic(10.0, Some(1e-7)));
    assert_eq!(
        report.to_string(),
        [
            "   5 %  about 1800 canary requests within the soak; enough to prove p95 latency (74); too few to prove error rate (3764)",
            "  20 %  about 14400 canary requests within the soak; enough to prove error rate (3764), p95 latency (74)",
            "  50 %  about 72000 canary requests within the soak; enough to prove error rate (3764), p95 latency (74)",
            " 100 %  about 288000 canary requests within the soak; enough to prove error rate (3764), p95 latency (74)",
            "note: a healthy rollout ends without a single 5xx in 94.7 % of the cases",
            "",
        ]
        .join("\n")
    );
}

#[test]
fn five_percent_for_an_hour_takes_twenty_one_requests_a_second_to_prove() {
    let proves = |rate| {
        let report = preflight(&policy(), &traffic(rate, None));
        report.stages[0].unprovable.iter().all(|(check, _)| check.0 != "error_rate")
    };
    assert!(!proves(20.9) && proves(20.92), "3 764 requests in an hour at 5 %");
}

#[test]
fn a_healthy_rollout_survives_any_5xx_as_often_as_its_requests_allow() {
    let mut canary = policy();
    canary.checks[0].scope = rampart_core::policy::Scope::Canary;
    let survival = |q: f64| preflight(&canary, &traffic(100.0, Some(q))).survival.unwrap();
    // 3.8 million canary requests.
    for (q, expected) in [(1e-8, 0.96), (1e-7, 0.69), (1e-6, 0.02)] {
        assert!((survival(q) - expected).abs() < 0.01, "{q}: {}", survival(q));
    }
    assert_eq!(preflight(&canary, &traffic(100.0, None)).survival, None, "not known is not good");
}

#[test]
fn it_warns_of_stages_that_cannot_end() {
    let mut strict = policy();
    strict.stages[0].evidence = Proof::Proven;
    let report = preflight(&strict, &traffic(0.01, None));
    assert!(report.warnings.iter().any(|warning| warning.contains("longer than the soak")), "{:?}", report.warnings);
    assert!(report.warnings.iter().any(|warning| warning.contains("3764 requests to prove")), "{:?}", report.warnings);
    let nobody = preflight(&strict, &traffic(0.0, None));
    assert_eq!(nobody.warnings[0], "5 %: nobody comes, so the stage never ends");
}
