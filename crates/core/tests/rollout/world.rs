//! Builders: a policy like the shipped one, a rollout with its journal and clock, and evidence.

use rampart_core::flag::Targets;
use rampart_core::policy::{
    BucketBy, Check, CheckName, Condition, Gate, OnBlind, OnBreach, OnDegraded, OnSharedIncident, Op, Policy, Proof,
    Scope, Signal, Stage, Window,
};
use rampart_core::rollout::{
    Actor, Build, Command, Entry, Event, Evidence, Judgement, Need, NeedCode, Order, Outcome, PolicyRevision, Reading,
    Refusal, Revision, Rollout, RolloutId, Sample, Start, Verdict, apply, check_step, decide, fold, plan,
};
use rampart_core::rollout::{Decision, Phase};
use rampart_core::{Millis, Percent, Timestamp};
use std::collections::BTreeMap;
use uuid::Uuid;

pub(crate) const TICK: Millis = Millis::seconds(5);
pub(crate) const STALE_AFTER: Millis = Millis::seconds(30);
pub(crate) const BLIND_FOR: Millis = Millis::minutes(10);
pub(crate) const WATCH_AFTER: Millis = Millis::hours(1);
pub(crate) const MILLI: Millis = Millis(1);
pub(crate) const MIN_SAMPLES: u64 = 200;

/// Two in the morning, UTC.
pub(crate) fn t0() -> Timestamp {
    "2026-03-02T02:00:00Z".parse().unwrap()
}

pub(crate) fn percent(whole: u8) -> Percent {
    Percent::whole(whole)
}

pub(crate) fn name(check: &str) -> CheckName {
    CheckName(check.to_owned())
}

pub(crate) fn condition(op: Op, limit: f64, text: &str) -> Option<Condition> {
    Some(Condition { op, limit, text: text.to_owned() })
}

fn check(called: &str, signal: Signal, window: Window) -> Check {
    Check {
        name: name(called),
        signal,
        scope: Scope::Canary,
        window,
        advance_if: None,
        rollback_if: None,
        min_samples: 0,
        except: Vec::new(),
        on_breach: OnBreach::Rollback,
        shadow: false,
        schedule: None,
    }
}

fn stage(of: u8, hours: u64, min_requests: u64) -> Stage {
    Stage { percent: percent(of), soak: Millis::hours(hours), min_requests, evidence: Proof::Observed }
}

/// The shipped table, with `blind_for` of ten minutes and readings that are stale after thirty seconds.
pub(crate) fn policy() -> Policy {
    let five_minutes = Window::Last(Millis::minutes(5));
    Policy {
        flag: "part_lens_v2".parse().unwrap(),
        bucket_by: BucketBy::UserId,
        targets: Targets::default(),
        stages: vec![stage(5, 1, 100), stage(20, 2, 0), stage(50, 4, 0), stage(100, 8, 0)],
        tick: TICK,
        checks: vec![
            Check {
                scope: Scope::All,
                rollback_if: condition(Op::Greater, 0.0, "> 0"),
                ..check("server_errors", Signal::Live5xx, Window::Stage)
            },
            Check {
                advance_if: condition(Op::Less, 0.001, "< 0.1%"),
                min_samples: 100,
                ..check("error_rate", Signal::LiveErrorRate, five_minutes)
            },
            Check {
                advance_if: condition(Op::Less, 500.0, "< 500ms"),
                rollback_if: condition(Op::Greater, 1000.0, "> 1000ms"),
                min_samples: MIN_SAMPLES,
                ..check("p95_latency", Signal::LiveP95, five_minutes)
            },
            Check {
                rollback_if: condition(Op::Greater, 0.0, "> 0"),
                ..check("data_inconsistency", Signal::ReportDataInconsistency, Window::Stage)
            },
            Check {
                advance_if: condition(Op::Equal, 0.0, "== 0"),
                ..check("user_reports", Signal::ReportAny, Window::Stage)
            },
        ],
        gate: Gate::default(),
        notify: vec!["ops".to_owned()],
        approvals: None,
        on_degraded: OnDegraded::Pause,
        on_blind: OnBlind::Hold,
        blind_for: BLIND_FOR,
        stale_after: STALE_AFTER,
        watch_after: WATCH_AFTER,
        fail_to_zero_after: Millis::minutes(5),
        compare: None,
        harm_budget: None,
        windows: None,
        max_hold: None,
        on_shared_incident: OnSharedIncident::Rollback,
    }
}

pub(crate) fn build(name: &str) -> Build {
    Build(name.to_owned())
}

/// What attempt number `attempt` is born from: stage 0 of the policy, by a person.
pub(crate) fn start(attempt: u32) -> Start {
    Start {
        id: RolloutId(Uuid::from_u128(u128::from(attempt))),
        flag: "part_lens_v2".parse().unwrap(),
        policy: PolicyRevision("policy-1".to_owned()),
        build: build("build-1"),
        attempt,
        follows: Revision(u64::from(attempt - 1) * 100),
        stage: Some(0),
        percent: percent(5),
        restart: false,
        missing_gate: Vec::new(),
        by: Actor("ops@yacht".to_owned()),
    }
}

pub(crate) fn order(command: Command, reason: Option<&str>) -> Order {
    Order { command, actor: Actor("ops@yacht".to_owned()), reason: reason.map(str::to_owned) }
}

/// A rollout with its policy, its journal and a clock that only the test moves.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) policy: Policy,
    pub(crate) rollout: Rollout,
    pub(crate) now: Timestamp,
    pub(crate) journal: Vec<Entry>,
}

impl World {
    /// Just started, at 5 %.
    pub(crate) fn started() -> Self {
        Self::born(policy(), start(1))
    }

    pub(crate) fn born(policy: Policy, start: Start) -> Self {
        let journal = vec![Entry { at: t0(), event: Event::Started(Box::new(start)) }];
        let rollout = fold(&journal).unwrap();
        Self { policy, rollout, now: t0(), journal }
    }

    /// Ramping in the given stage, entered a minute ago.
    pub(crate) fn in_stage(stage: usize) -> Self {
        let mut world = Self::started();
        for next in 1..=stage {
            let percent = world.policy.stages[next].percent;
            world.wait(Millis::minutes(1));
            world.happens(Event::Advanced { stage: next, percent, proven: true });
        }
        world.wait(Millis::minutes(1));
        world
    }

    /// At a percent that somebody typed and that is no stage.
    pub(crate) fn at_typed_percent(whole: u8) -> Self {
        let mut world = Self::started();
        world.wait(Millis::minutes(1));
        world.happens(Event::StageSet { stage: None, percent: percent(whole) });
        world.wait(Millis::minutes(1));
        world
    }

    pub(crate) fn paused(stage: usize) -> Self {
        let mut world = Self::in_stage(stage);
        world.happens(Event::Paused);
        world
    }

    pub(crate) fn completed() -> Self {
        let mut world = Self::in_stage(3);
        world.serve_soak();
        world.happens(Event::Completed);
        world
    }

    pub(crate) fn with_policy(mut self, change: impl FnOnce(&mut Policy)) -> Self {
        change(&mut self.policy);
        self
    }

    pub(crate) fn wait(&mut self, length: Millis) {
        self.now = length.after(self.now);
    }

    /// Applies an event now, and lets every invariant speak.
    pub(crate) fn happens(&mut self, event: Event) {
        let after = apply(self.rollout.clone(), &event, self.now);
        assert_eq!(check_step(&self.policy, &self.rollout, &event, &after, self.now), vec![], "{event:?}");
        self.rollout = after;
        self.journal.push(Entry { at: self.now, event });
    }

    /// As long as this stage's soak is, and all of it healthy.
    pub(crate) fn serve_soak(&mut self) {
        let required = self.rollout.soak_required(&self.policy).unwrap();
        self.wait(required);
        self.rollout.progress.soak = required;
    }

    /// Decides without storing anything.
    pub(crate) fn decide(&self, evidence: &Evidence) -> Judgement {
        decide(&self.policy, &self.rollout, evidence, self.now)
    }

    /// Decides and stores the progress, as a tick on which nothing else happens does.
    pub(crate) fn tick(&mut self, evidence: &Evidence) -> Judgement {
        let judgement = self.decide(evidence);
        self.rollout.progress = judgement.progress;
        if let Some(statistics) = judgement.statistics.clone() {
            self.rollout.statistics = statistics;
        }
        judgement
    }

    pub(crate) fn plan(&self, command: Command, reason: Option<&str>) -> Result<Option<Event>, Refusal> {
        plan(&self.policy, Some(&self.rollout), start(2), &order(command, reason))
    }

    /// A reading of this stage, taken now.
    pub(crate) fn reading(&self, outcome: Outcome) -> Reading {
        Reading {
            rollout: self.rollout.id,
            epoch: self.rollout.epoch,
            begun_at: self.now,
            observed_at: self.now,
            outcome,
            control: None,
        }
    }

    /// Evidence of one tick of which every check is healthy.
    pub(crate) fn healthy(&self) -> Evidence {
        let readings = self.policy.checks.iter().map(|check| {
            let value = if check.signal == Signal::LiveP95 { 212.0 } else { 0.0 };
            (check.name.clone(), self.reading(Outcome::measured(value, 10_000)))
        });
        Evidence {
            readings: readings.collect(),
            canary_requests: 10_000,
            since_last_tick: Some(self.policy.tick),
            ..Evidence::of(self.rollout.build.clone())
        }
    }

    /// Healthy but for one check.
    pub(crate) fn healthy_but(&self, check: &str, outcome: Outcome) -> Evidence {
        let mut evidence = self.healthy();
        evidence.readings.insert(name(check), self.reading(outcome));
        evidence
    }

    /// One answer with a 5xx.
    pub(crate) fn breach(&self) -> Evidence {
        self.healthy_but("server_errors", Outcome::measured(1.0, 10_000))
    }

    /// p95 of 700 ms: neither good enough to advance nor bad enough to roll back.
    pub(crate) fn degraded(&self) -> Evidence {
        self.healthy_but("p95_latency", Outcome::measured(700.0, 10_000))
    }

    /// p95 cannot be measured.
    pub(crate) fn blind(&self) -> Evidence {
        self.healthy_but("p95_latency", Outcome::Fault("connection refused".to_owned()))
    }

    /// p95 is good, on fewer samples than it wants.
    pub(crate) fn thin(&self) -> Evidence {
        self.healthy_but("p95_latency", Outcome::measured(212.0, MIN_SAMPLES - 1))
    }
}

/// A measurement whose window and newest part differ.
pub(crate) fn split(window: f64, newest: f64) -> Outcome {
    let sample = |value| Sample { value, samples: 10_000 };
    Outcome::Measured { window: sample(window), newest: sample(newest) }
}

pub(crate) fn without_readings(mut evidence: Evidence) -> Evidence {
    evidence.readings = BTreeMap::new();
    evidence
}

pub(crate) fn verdict_of(judgement: &Judgement, check: &str) -> Verdict {
    judgement.checks.iter().find(|report| report.name == name(check)).unwrap().verdict
}

pub(crate) fn why(judgement: &Judgement, check: &str) -> String {
    judgement.checks.iter().find(|report| report.name == name(check)).unwrap().why.clone()
}

/// The needs of a hold; empty where the decision is another.
pub(crate) fn needs(judgement: &Judgement) -> &[Need] {
    match &judgement.decision {
        Decision::Hold { needs } => needs,
        Decision::Advance { .. }
        | Decision::Complete
        | Decision::Rollback { .. }
        | Decision::StepBack { .. }
        | Decision::Freeze { .. }
        | Decision::RestartStage { .. } => &[],
    }
}

pub(crate) fn codes(judgement: &Judgement) -> Vec<NeedCode> {
    needs(judgement).iter().map(|need| need.code).collect()
}

/// The check whose breach is the cause of a rollback.
pub(crate) fn breached(judgement: &Judgement) -> Option<&str> {
    match &judgement.decision {
        Decision::Rollback { cause } => cause.check().map(|check| check.0.as_str()),
        Decision::Hold { .. }
        | Decision::Advance { .. }
        | Decision::Complete
        | Decision::StepBack { .. }
        | Decision::Freeze { .. }
        | Decision::RestartStage { .. } => None,
    }
}

/// One world for every standing in which somebody is exposed and the checks decide.
pub(crate) fn exposed_worlds() -> Vec<(&'static str, World)> {
    let mut awaiting = World::in_stage(2).with_policy(approve_full);
    awaiting.serve_soak();
    let mut extended = World::in_stage(1);
    extended.happens(Event::Extended { by: Millis::hours(3) });
    let worlds = vec![
        ("ramping at 5 %", World::in_stage(0)),
        ("ramping at 20 %", World::in_stage(1)),
        ("ramping at 50 %", World::in_stage(2)),
        ("ramping at 100 %", World::in_stage(3)),
        ("paused at 5 %", World::paused(0)),
        ("paused at 100 %", World::paused(3)),
        ("waiting for approval", awaiting),
        ("extended", extended),
        ("at a typed percent", World::at_typed_percent(33)),
        ("just completed", World::completed()),
    ];
    assert!(
        worlds
            .iter()
            .all(|(_, world)| world.rollout.percent > Percent::ZERO && world.rollout.phase != Phase::RolledBack)
    );
    worlds
}

/// Asks for approval of the last stage.
pub(crate) fn approve_full(policy: &mut Policy) {
    policy.approvals = Some(rampart_core::policy::Approvals { before: vec![Percent::FULL], two_person: false });
}
