//! The shipped policy, hurried: an hour lasts seconds, and the limits on samples match.

use super::Signals;
use anyhow::{Context, ensure};
use std::path::Path;

const SHIPPED: &str = include_str!("../../../policies/part_lens_v2.yaml");

/// What differs from the shipped policy beside the soaks.
const HURRIED: [(&str, &str); 7] = [
    ("min_requests: 100", "min_requests: 20"),
    ("tick: 5s", "tick: 1s"),
    ("window: 5m,    advance_if: \"< 0.1%\"", "window: 20s,   advance_if: \"< 0.1%\", min_samples: 20"),
    ("window: 5m,    advance_if: \"< 500ms\"", "window: 20s,   advance_if: \"< 500ms\""),
    ("min_samples: 200", "min_samples: 20"),
    ("require:   [acceptance, sql_evidence, role_suggestions]", "require:   []"),
    ("recommend: [stress, storage_rls, status_codes]", "recommend: []"),
];

/// Where requests are measured by Prometheus: the signal of the same check.
const BY_PROMETHEUS: [(&str, &str); 4] = [
    (
        "signal: live.5xx, scope: all,",
        "signal: { prometheus: 'sum(increase(rampart_http_requests_total{cohort=~\"canary|control\",status=~\"5..\"}[$window]))' },",
    ),
    (
        "signal: live.error_rate, ",
        "signal: { prometheus: { \
             failures: 'rampart_http_requests_total{cohort=\"$cohort\",status=~\"5..|408|429|499\"}', \
             requests: 'rampart_http_requests_total{cohort=\"$cohort\"}' } }, ",
    ),
    (
        "signal: live.p95, ",
        "signal: { prometheus: { buckets: 'rampart_http_request_duration_seconds_bucket{cohort=\"$cohort\"}' } }, ",
    ),
    // A quantile has no failures to compare.
    ("p95_latency: { no_worse_than: 20% }, ", ""),
];

/// Writes it into `folder`; an hour of the shipped policy lasts `hour` seconds.
pub(super) fn write(folder: &Path, hour: u64, signals: Signals) -> anyhow::Result<()> {
    let text = hurried(hour, signals)?;
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(folder.join("part_lens_v2.yaml"), text))
        .context("cannot write the demo's policy")
}

/// The hours that the soaks of the shipped policy take together.
pub(super) const HOURS: u64 = 15;

fn hurried(hour: u64, signals: Signals) -> anyhow::Result<String> {
    let soak = |hours: u64| format!("soak: {}s", hours * hour);
    let soaks = [
        ("soak: 1h", soak(1)),
        ("soak: 2h", format!("{}, min_requests: 40", soak(2))),
        ("soak: 4h", format!("{}, min_requests: 40", soak(4))),
        ("soak: 8h", format!("{}, min_requests: 40", soak(8))),
    ];
    let mut text = SHIPPED.to_owned();
    for (shipped, other) in soaks {
        replace(&mut text, shipped, &other)?;
    }
    let measured: &[(&str, &str)] = match signals {
        Signals::Live => &[],
        Signals::Prometheus => &BY_PROMETHEUS,
    };
    for (shipped, other) in HURRIED.iter().chain(measured) {
        replace(&mut text, shipped, other)?;
    }
    Ok(text)
}

fn replace(text: &mut String, shipped: &str, other: &str) -> anyhow::Result<()> {
    ensure!(text.contains(shipped), "the shipped policy no longer says {shipped:?}");
    *text = text.replace(shipped, other);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rampart_core::Millis;
    use rampart_core::policy::{Policy, Signal};

    fn policy(hour: u64, signals: Signals) -> Policy {
        let text = hurried(hour, signals).expect("every replaced text is there");
        rampart_core::policy::parse("demo", &text).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}"))
    }

    #[test]
    fn the_hurried_policy_is_still_the_shipped_one_and_sound() {
        for hour in [super::super::SHORTEST_HOUR, 8] {
            let policy = policy(hour, Signals::Live);
            let soaks = policy.stages.iter().fold(Millis::ZERO, |sum, stage| sum + stage.soak);
            assert_eq!(soaks, Millis::seconds(HOURS * hour));
        }
    }

    #[test]
    fn by_prometheus_only_the_signals_of_requests_differ_and_the_limits_are_the_same() {
        for hour in [super::super::SHORTEST_HOUR, 8] {
            let (live, by_prometheus) = (policy(hour, Signals::Live), policy(hour, Signals::Prometheus));
            for (live, other) in live.checks.iter().zip(&by_prometheus.checks) {
                let differs = matches!(other.signal, Signal::Prometheus(_));
                assert_eq!(differs, live.signal.is_live(), "{}", live.name);
                let limits = |check: &rampart_core::policy::Check| {
                    [&check.advance_if, &check.rollback_if].map(|limit| limit.as_ref().map(|limit| limit.text.clone()))
                };
                assert_eq!(limits(live), limits(other), "{}", live.name);
                assert_eq!((&live.name, live.window), (&other.name, other.window));
            }
        }
    }
}
