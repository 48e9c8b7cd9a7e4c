//! How bins that were counted elsewhere join those that were served here.

use super::*;
use rampart_core::policy;
use rampart_core::rollout::{Actor, Build, Entry, Event, PolicyRevision, Start, fold};
use rampart_core::stats::Arms;
use uuid::Uuid;

const POLICY: &str = r#"
flag: a
stages: [{ percent: 5, soak: 1h }, { percent: 100, soak: 1h }]
tick: 1s
stale_after: 1m
checks:
  errors: { signal: live.error_rate, advance_if: "< 1%" }
  failed: { signal: { prometheus: { failures: 'failed{c="$cohort"}', requests: 'all{c="$cohort"}' } }, rollback_if: "> 50%" }
compare: { failed: no_worse, bin: 15s }
"#;

fn at(second: i64) -> Timestamp {
    Timestamp::from_timestamp(1_700_000_010 + second, 0).unwrap()
}

fn rollout(policy: &Policy) -> Rollout {
    let start = Start {
        id: RolloutId(Uuid::now_v7()),
        flag: policy.flag.clone(),
        policy: PolicyRevision("p".into()),
        build: Build("b".into()),
        attempt: 1,
        follows: Default::default(),
        stage: Some(0),
        percent: policy.stages[0].percent,
        restart: false,
        missing_gate: Vec::new(),
        by: Actor::controller(),
    };
    fold([&Entry { at: at(0), event: Event::Started(Box::new(start)) }]).unwrap()
}

fn told(rollout: &Rollout, until: i64, bins: &[i64]) -> Counted {
    let arms = Arms { canary: Trials::new(10, 2), control: Trials::new(100, 1) };
    let counts = BinCounts { limit: None, compared: Some(arms), tail_edge_ms: None };
    let bins = bins.iter().map(|start| (at(*start), counts)).collect();
    let news = News::Bins { until: at(until), share: 0.05, bins };
    Counted { rollout: rollout.id, epoch: rollout.epoch, check: CheckName("failed".to_owned()), news }
}

fn starts(bins: &[Bin]) -> Vec<Timestamp> {
    bins.iter().map(|bin| bin.start).collect()
}

#[test]
fn a_bin_waits_for_what_is_counted_elsewhere_but_not_for_ever() {
    let policy = policy::parse("test", POLICY).unwrap();
    let (rollout, live, ledger) = (rollout(&policy), Live::new(Uuid::now_v7()), Ledger::default());
    let served = |second: i64| {
        let stage = crate::flags::StageRef { rollout: rollout.id, epoch: rollout.epoch };
        live.record(
            crate::signals::Observation {
                stage,
                cohort: crate::signals::Cohort::Canary,
                status: 200,
                micros: 1000,
                unavailable: false,
                subject: None,
            },
            at(second),
        );
    };
    served(3);
    served(20);
    let bins = |now: i64| ledger.bins(&live, &policy, &rollout, at(now));
    assert!(bins(46).is_empty(), "closed, and nobody knows what Prometheus has counted");
    ledger.note(told(&rollout, 15, &[0]));
    let found = bins(50);
    assert_eq!(starts(&found), [at(0)]);
    let failed = CheckName("failed".to_owned());
    assert_eq!((found[0].canary, found[0].counts[&failed].compared.unwrap().canary), (1, Trials::new(10, 2)));
    assert!(found[0].counts.contains_key(&CheckName("errors".to_owned())), "beside what was served here");
    assert_eq!(starts(&bins(119)), [at(0)], "the next one waits");
    let found = bins(120);
    assert_eq!(starts(&found), [at(0), at(15)], "no longer than readings may be old");
    assert!(!found[1].counts.contains_key(&failed), "nothing known is not nothing failed");
}

#[test]
fn where_nobody_is_served_here_bins_come_all_the_same_and_stages_are_kept_apart() {
    let policy = policy::parse("test", POLICY).unwrap();
    let (mut rollout, live, ledger) = (rollout(&policy), Live::new(Uuid::now_v7()), Ledger::default());
    ledger.note(told(&rollout, 45, &[0, 30]));
    let found = ledger.bins(&live, &policy, &rollout, at(76));
    assert_eq!(starts(&found), [at(0), at(30)]);
    assert_eq!((found[0].canary, found[0].share), (0, 0.05));
    rollout.statistics.take(&policy, &found[..1]);
    assert_eq!(starts(&ledger.bins(&live, &policy, &rollout, at(76))), [at(30)], "each once");
    let trials = |trials, until| Counted {
        rollout: rollout.id,
        epoch: rollout.epoch,
        check: CheckName("failed".to_owned()),
        news: News::Stage { until: at(until), trials },
    };
    ledger.note(trials(Trials::new(10, 0), 20));
    ledger.note(trials(Trials::new(30, 1), 40));
    assert_eq!(ledger.counts(&rollout).into_values().collect::<Vec<_>>(), [Trials::new(30, 1)]);
    rollout.epoch.0 += 1;
    assert!(ledger.counts(&rollout).is_empty(), "what the stage before has shown proves nothing of this one");
}
