//! The shipped policy says what it seems to say.

use super::{EVERY_KEY, SHIPPED, SOUND, sound, with_keys};
use rampart_core::flag::Targets;
use rampart_core::policy::{
    Approvals, BucketBy, Check, CheckName, Compare, Condition, Exception, Gate, GateItem, OnBlind, OnBreach,
    OnDegraded, OnSharedIncident, Op, Policy, PrometheusAsk, PrometheusSource, Proof, Scope, Signal, SqlQuery, Stage,
    Tolerance, Unit, Window, show,
};
use rampart_core::{Millis, Percent};

fn condition(op: Op, limit: f64, text: &str) -> Option<Condition> {
    Some(Condition { op, limit, text: text.to_owned() })
}

fn check(name: &str, signal: Signal) -> Check {
    Check {
        name: CheckName(name.to_owned()),
        signal,
        scope: Scope::Canary,
        window: Window::Stage,
        advance_if: None,
        rollback_if: None,
        min_samples: 0,
        except: Vec::new(),
        on_breach: OnBreach::Rollback,
        shadow: false,
        schedule: None,
    }
}

fn stage(percent: u8, hours: u64) -> Stage {
    Stage { percent: Percent::whole(percent), soak: Millis::hours(hours), min_requests: 100, evidence: Proof::Observed }
}

#[test]
fn the_shipped_policy_is_read_as_it_is_written() {
    let any = || condition(Op::Greater, 0.0, "> 0");
    let five_minutes = Window::Last(Millis::minutes(5));
    let Ok(flag) = "part_lens_v2".parse() else { panic!("no flag name") };
    let expected = Policy {
        flag,
        bucket_by: BucketBy::UserId,
        targets: Targets::default(),
        stages: vec![stage(5, 1), stage(20, 2), stage(50, 4), stage(100, 8)],
        tick: Millis::seconds(5),
        checks: vec![
            Check { scope: Scope::All, rollback_if: any(), ..check("server_errors", Signal::Live5xx) },
            Check {
                window: five_minutes,
                advance_if: condition(Op::Less, 0.001, "< 0.1%"),
                min_samples: 100,
                ..check("error_rate", Signal::LiveErrorRate)
            },
            Check {
                window: five_minutes,
                advance_if: condition(Op::Less, 500.0, "< 500ms"),
                rollback_if: condition(Op::Greater, 1000.0, "> 1000ms"),
                min_samples: 200,
                ..check("p95_latency", Signal::LiveP95)
            },
            Check { rollback_if: any(), ..check("null_audit_signatures", Signal::AuditViolations) },
            Check { rollback_if: any(), ..check("rls_bypasses", Signal::ProbeRls) },
            Check { rollback_if: any(), ..check("data_inconsistency", Signal::ReportDataInconsistency) },
            Check { advance_if: condition(Op::Equal, 0.0, "== 0"), ..check("user_reports", Signal::ReportAny) },
        ],
        gate: Gate {
            require: vec![GateItem::Acceptance, GateItem::SqlEvidence, GateItem::RoleSuggestions],
            recommend: vec![GateItem::Stress, GateItem::StorageRls, GateItem::StatusCodes],
            max_age: Millis::hours(7 * 24),
        },
        notify: vec!["ops".to_owned()],
        approvals: None,
        on_degraded: OnDegraded::Pause,
        on_blind: OnBlind::Hold,
        blind_for: Millis::minutes(10),
        stale_after: Millis::seconds(30),
        watch_after: Millis::hours(1),
        fail_to_zero_after: Millis::minutes(10),
        compare: Some(Compare {
            checks: [("error_rate", 1.1), ("p95_latency", 1.2)]
                .map(|(name, ratio)| (CheckName(name.to_owned()), Tolerance(ratio)))
                .into(),
            bin: Millis::seconds(60),
        }),
        harm_budget: None,
        windows: None,
        max_hold: None,
        on_shared_incident: OnSharedIncident::Rollback,
    };
    assert_eq!(sound(SHIPPED), expected);
}

#[test]
fn every_key_can_be_written_out() {
    let policy = sound(EVERY_KEY);
    assert_eq!(policy.bucket_by, BucketBy::Attribute("vessel.class".to_owned()));
    assert_eq!(policy.targets, Targets::new(vec!["ann".into(), "bob".into()], vec!["yacht-7".into()]));
    assert_eq!(policy.stages[0].percent.basis_points(), 50);
    assert_eq!(policy.stages[1].soak, Millis::minutes(90));
    assert_eq!(policy.approvals, Some(Approvals { before: vec![Percent::FULL], two_person: true }));
    assert_eq!((policy.on_degraded, policy.on_blind), (OnDegraded::Restart, OnBlind::StepBack));
    assert_eq!(policy.checks[0].except, [Exception::Unavailable]);
    assert_eq!(
        policy.stages.iter().map(|stage| stage.evidence).collect::<Vec<_>>(),
        [Proof::Observed, Proof::Proven, Proof::Proven]
    );
    let check = |name: &str| policy.check(&CheckName(name.to_owned())).unwrap();
    assert_eq!(check("crashes").on_breach, OnBreach::Freeze);
    assert_eq!(check("reads").schedule.as_ref().unwrap().text(), "*/10 * * * * *");
    assert!(check("load").shadow);
    assert_eq!(policy.compare.as_ref().unwrap().checks[&CheckName("p95_latency".to_owned())], Tolerance(1.125));
    assert_eq!(policy.windows.as_ref().unwrap().freeze.len(), 2);
    assert_eq!((policy.harm_budget, policy.max_hold), (Some(50), Some(Millis::hours(240))));
    assert_eq!(policy.on_shared_incident, OnSharedIncident::Hold);
    insta::assert_snapshot!("show_every_key", show(&policy));
}

#[test]
fn the_shipped_policy_is_shown_as_tables() {
    insta::assert_snapshot!("show_shipped", show(&sound(SHIPPED)));
}

#[test]
fn what_is_left_out_is_as_if_the_default_were_written() {
    let written = with_keys(
        "bucket_by: user_id\ntargets: { on: [], off: [] }\ntick: 5s\ngate: { require: [], recommend: [], max_age: 7d }\nnotify: []\n\
         on_degraded: pause\non_blind: hold\nblind_for: 10m\nstale_after: 30s\nwatch_after: 1h\nfail_to_zero_after: 10m\n\
         evidence: observed\non_shared_incident: rollback",
    );
    assert_eq!(sound(SOUND), sound(&written));
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_change_nothing() {
    let windows = format!("\u{feff}{}", SHIPPED.replace('\n', "\r\n"));
    assert_eq!(sound(&windows), sound(SHIPPED));
}

#[test]
fn a_policy_that_was_stored_before_proofs_grew_old_is_still_read() {
    let mut stored = serde_json::to_value(sound(SHIPPED)).unwrap_or_default();
    if let Some(gate) = stored["gate"].as_object_mut() {
        assert!(gate.remove("max_age").is_some());
    }
    assert_eq!(serde_json::from_value::<Policy>(stored).ok(), Some(sound(SHIPPED)));
}

#[test]
fn queries_are_read_in_every_form_with_the_unit_of_their_conditions() {
    let policy = sound(EVERY_KEY);
    let check = |name: &str| policy.check(&CheckName(name.to_owned())).unwrap();
    let prometheus = |ask: PrometheusAsk, unit: Unit| Signal::Prometheus(PrometheusSource { ask, unit });
    let value = |query: &str, samples: Option<&str>| PrometheusAsk::Value {
        query: query.to_owned(),
        samples: samples.map(str::to_owned),
    };
    let load = value("sum(rate(work_total{flag='$flag'}[$window]))", None);
    assert_eq!(check("load").signal, prometheus(load, Unit::Count));
    assert_eq!(check("load").rollback_if.as_ref().unwrap().limit, 2.5);
    let apdex = value("slow{cohort='$cohort'}", Some("seen"));
    assert_eq!(check("apdex").signal, prometheus(apdex, Unit::Ratio));
    let failures = PrometheusAsk::Ratio {
        failures: "failed_total{cohort='$cohort'}".to_owned(),
        requests: "requests_total{cohort='$cohort'}".to_owned(),
    };
    assert_eq!(check("failures").signal, prometheus(failures, Unit::Ratio));
    assert_eq!((check("failures").min_samples, check("failures").window), (100, Window::Last(Millis::minutes(2))));
    let upstream = PrometheusAsk::Histogram { buckets: "upstream_seconds_bucket".to_owned() };
    assert_eq!(check("upstream").signal, prometheus(upstream, Unit::Seconds));
    assert_eq!(check("upstream").advance_if.as_ref().unwrap().limit, 0.25);
    let text = "select count(*) from jobs where at > now() - interval '$window'".to_owned();
    assert_eq!(check("backlog").signal, Signal::Sql(SqlQuery { text, unit: Unit::Count }));
    assert_eq!((check("load").min_samples, check("backlog").min_samples), (0, 0));
}

#[test]
fn every_policy_is_stored_and_read_again() {
    for text in [SHIPPED, SOUND, EVERY_KEY] {
        let policy = sound(text);
        let stored = serde_json::to_string(&policy).unwrap();
        assert_eq!(serde_json::from_str::<Policy>(&stored).unwrap(), policy);
    }
}
