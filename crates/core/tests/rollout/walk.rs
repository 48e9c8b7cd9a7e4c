//! A random life of one flag: ticks with random evidence, orders, notes, and two clocks. The wall
//! clock may step; the clock that measures the length of a tick may not.

use crate::world::{build, name, percent, policy, start, t0};
use proptest::prelude::*;
use rampart_core::policy::{Approvals, Check, OnBlind, OnDegraded, Policy, Signal};
use rampart_core::rollout::{
    Actor, Command, Decision, Entry, Event, Evidence, Judgement, Order, Outcome, Phase, Reading, Rollout, RolloutId,
    Sample, Start, Verdict, apply, check_step, decide, fold, plan,
};
use rampart_core::{Millis, Percent, Timestamp};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What kind of reading a check is given.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Class {
    Healthy,
    Thin,
    Degraded,
    /// Beyond the rollback limit, on too few samples.
    Unarmed,
    Breach,
    NoEvidence,
    Fault,
    NotANumber(f64),
    /// Beyond the rollback limit over the window, and no number in its newest part.
    BreachBesideNotANumber,
    Stale,
    Future,
    OtherRollout,
    OtherEpoch,
    BeforeStage,
    /// Beyond the rollback limit, and begun before the stage.
    BreachBeforeStage,
    Missing,
}

impl Class {
    /// What the core must say of it; where a check has no such limit, the reading is a healthy one.
    fn verdict(self, check: &Check) -> Verdict {
        match self {
            Class::Healthy => Verdict::Healthy,
            Class::Thin if check.min_samples > 0 => Verdict::Thin,
            Class::Unarmed if check.min_samples > 0 && check.rollback_if.is_some() => Verdict::Degraded,
            Class::Degraded if check.advance_if.is_some() => Verdict::Degraded,
            Class::Breach | Class::BreachBesideNotANumber | Class::BreachBeforeStage if check.rollback_if.is_some() => {
                Verdict::Breach
            }
            Class::Thin | Class::Unarmed | Class::Degraded | Class::Breach => Verdict::Healthy,
            Class::NoEvidence
            | Class::Fault
            | Class::NotANumber(_)
            | Class::BreachBesideNotANumber
            | Class::Stale
            | Class::Future
            | Class::OtherRollout
            | Class::OtherEpoch
            | Class::BeforeStage
            | Class::BreachBeforeStage
            | Class::Missing => Verdict::Blind,
        }
    }

    fn reading(self, policy: &Policy, check: &Check, rollout: &Rollout, now: Timestamp) -> Option<Reading> {
        let (good, bad, awful) = match check.signal {
            Signal::LiveErrorRate | Signal::LiveRejections => (0.0, 0.5, 0.9),
            Signal::LiveP95 => (212.0, 700.0, 2000.0),
            Signal::Live5xx
            | Signal::LiveCrashes
            | Signal::AuditViolations
            | Signal::ProbeRls
            | Signal::ProbeRead
            | Signal::ProbeWrite
            | Signal::ReportDataInconsistency
            | Signal::ReportOther
            | Signal::ReportAny
            | Signal::Prometheus(_)
            | Signal::Sql(_) => (0.0, 1.0, 3.0),
        };
        let value = |value| Sample { value, samples: 10_000 };
        let both = |sample| Outcome::Measured { window: sample, newest: sample };
        let too_few = check.min_samples.saturating_sub(1);
        let outcome = match (self, self.verdict(check)) {
            (Class::NoEvidence, _) => Outcome::NoEvidence("0 of 0".to_owned()),
            (Class::Fault, _) => Outcome::Fault("time-out".to_owned()),
            (Class::NotANumber(wrong), _) => both(value(wrong)),
            (Class::BreachBesideNotANumber, _) => Outcome::Measured { window: value(awful), newest: value(f64::NAN) },
            // Harm of before the stage is acted on, health of before the stage is not.
            (Class::BeforeStage, _) => both(value(good)),
            (Class::Thin, Verdict::Thin) => both(Sample { value: good, samples: too_few }),
            (Class::Unarmed, Verdict::Degraded) => both(Sample { value: awful, samples: too_few }),
            (_, Verdict::Degraded) => Outcome::Measured { window: value(good), newest: value(bad) },
            (_, Verdict::Breach) => Outcome::Measured { window: value(awful), newest: value(good) },
            // Spoiled readings show harm, so that believing one of them would be seen.
            (_, Verdict::Blind) => both(value(awful)),
            (_, Verdict::Healthy | Verdict::Thin) => both(value(good)),
        };
        let mut reading = Reading {
            rollout: rollout.id,
            epoch: rollout.epoch,
            begun_at: now,
            observed_at: now,
            outcome,
            control: None,
        };
        match self {
            Class::Missing => return None,
            Class::Stale => {
                reading.observed_at = now - chrono::Duration::milliseconds(policy.stale_after.0.cast_signed() + 1);
                reading.begun_at = rollout.stage_since;
            }
            Class::Future => {
                reading.observed_at = now + chrono::Duration::milliseconds(policy.stale_after.0.cast_signed() + 1);
            }
            Class::OtherRollout => reading.rollout = RolloutId(Uuid::from_u128(u128::MAX)),
            Class::OtherEpoch => reading.epoch.0 += 1,
            Class::BeforeStage | Class::BreachBeforeStage => {
                reading.begun_at = rollout.stage_since - chrono::Duration::milliseconds(1)
            }
            Class::Healthy
            | Class::Thin
            | Class::Degraded
            | Class::Unarmed
            | Class::Breach
            | Class::NoEvidence
            | Class::Fault
            | Class::NotANumber(_)
            | Class::BreachBesideNotANumber => {}
        }
        Some(reading)
    }
}

/// One step of a life.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// The loop looks.
    Tick {
        /// How long after the tick before.
        after: Millis,
        /// What each check is given.
        classes: Vec<Class>,
        canary_requests: u64,
        /// The holder is a new one, which does not know of a tick before.
        new_holder: bool,
        /// Which build serves.
        build: u8,
        /// The transaction fails, nothing is stored.
        lost: bool,
    },
    /// A person orders.
    Order { command: Command, reason: Option<&'static str> },
    /// Somebody types a percent by SQL.
    Typed(Percent),
    /// The wall clock steps by so many milliseconds.
    WallJumps(i64),
    /// Something is journalled that changes nothing.
    Note,
}

/// The shipped table with stages of seconds, so that sixty steps may live through a whole rollout.
pub(crate) fn short_policy() -> impl Strategy<Value = Policy> {
    let on_blind = prop_oneof![Just(OnBlind::Hold), Just(OnBlind::StepBack), Just(OnBlind::Rollback)];
    let on_degraded = prop_oneof![Just(OnDegraded::Pause), Just(OnDegraded::Restart)];
    let approvals = prop_oneof![2 => Just(vec![]), 1 => Just(vec![percent(20)]), 1 => Just(vec![percent(100)])];
    (on_blind, on_degraded, approvals).prop_map(|(on_blind, on_degraded, before)| {
        let mut short = policy();
        for (stage, soak) in short.stages.iter_mut().zip([5, 10, 10, 15]) {
            stage.soak = Millis::seconds(soak);
            stage.min_requests = 10;
        }
        short.on_blind = on_blind;
        short.on_degraded = on_degraded;
        short.approvals = (!before.is_empty()).then_some(Approvals { before, two_person: false });
        short.stale_after = Millis::seconds(15);
        short.blind_for = Millis::seconds(20);
        short.watch_after = Millis::seconds(30);
        short
    })
}

fn class() -> impl Strategy<Value = Class> {
    prop_oneof![
        8 => Just(Class::Healthy),
        3 => Just(Class::Thin),
        2 => Just(Class::Degraded),
        1 => Just(Class::Unarmed),
        1 => Just(Class::Breach),
        1 => Just(Class::NoEvidence),
        1 => Just(Class::Fault),
        1 => prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY)].prop_map(Class::NotANumber),
        1 => Just(Class::BreachBesideNotANumber),
        1 => Just(Class::Stale),
        1 => Just(Class::Future),
        1 => Just(Class::OtherRollout),
        1 => Just(Class::OtherEpoch),
        1 => Just(Class::BeforeStage),
        1 => Just(Class::BreachBeforeStage),
        1 => Just(Class::Missing),
    ]
}

fn tick(checks: usize) -> impl Strategy<Value = Step> {
    let calm = proptest::collection::vec(prop_oneof![4 => Just(Class::Healthy), 1 => Just(Class::Thin)], checks);
    let rough = proptest::collection::vec(class(), checks);
    let after = prop_oneof![
        6 => Just(Millis::seconds(5)),
        2 => (0..12_000_u64).prop_map(Millis),
        1 => (10_000..600_000_u64).prop_map(Millis),
    ];
    let requests = prop_oneof![12 => 10..1000_u64, 1 => 1..10_u64, 1 => Just(0_u64)];
    let rare = |one_in: u32| prop::bool::weighted(1.0 / f64::from(one_in));
    (after, prop_oneof![9 => calm, 1 => rough], requests, rare(12), rare(40), rare(12)).prop_map(
        |(after, classes, canary_requests, new_holder, other_build, lost)| Step::Tick {
            after,
            classes,
            canary_requests,
            new_holder,
            build: u8::from(other_build),
            lost,
        },
    )
}

fn command() -> impl Strategy<Value = Command> {
    let percents = prop_oneof![Just(5), Just(20), Just(50), Just(100), 0..=100_u8].prop_map(Percent::whole);
    prop_oneof![
        2 => Just(Command::Start),
        2 => Just(Command::Pause),
        4 => Just(Command::Resume),
        1 => Just(Command::Advance),
        2 => percents.prop_map(|percent| Command::SetStage { percent }),
        3 => Just(Command::Approve),
        1 => (0..20_000_u64).prop_map(|by| Command::Extend { by: Millis(by) }),
        1 => Just(Command::Rollback),
        3 => Just(Command::Restart),
        1 => Just(Command::Complete),
    ]
}

pub(crate) fn steps(clock_may_fall_back: bool) -> impl Strategy<Value = Vec<Step>> {
    let backwards: i64 = if clock_may_fall_back { -60_000 } else { 0 };
    let reason = prop_oneof![4 => Just(Some("a reason")), 1 => Just(None), 1 => Just(Some("  "))];
    let step = prop_oneof![
        30 => tick(policy().checks.len()),
        4 => (command(), reason).prop_map(|(command, reason)| Step::Order { command, reason }),
        1 => (0..=10_000_u16).prop_map(|points| Step::Typed(Percent::from_basis_points(points).unwrap())),
        2 => (backwards..=60_000).prop_map(Step::WallJumps),
        1 => Just(Step::Note),
    ];
    proptest::collection::vec(step, 1..=60)
}

/// One flag, and everything a second opinion needs to know about it.
pub(crate) struct Life {
    policy: Policy,
    pub(crate) rollout: Rollout,
    pub(crate) journal: Vec<Entry>,
    wall: Timestamp,
    /// How many rollouts this flag has had.
    attempts: u32,
    /// The highest percent any event of this rollout granted.
    granted: Percent,
    /// Lengths of the healthy ticks of this epoch.
    healthy_time: Millis,
    /// What the ticks of this epoch were credited.
    credited: Millis,
    /// The phases this life has seen, for a test that the walks go everywhere.
    pub(crate) seen: Vec<&'static str>,
}

impl Life {
    pub(crate) fn born(policy: Policy) -> Self {
        let entry = Entry { at: t0(), event: Event::Started(Box::new(start(1))) };
        let rollout = fold([&entry]).unwrap();
        Self {
            policy,
            granted: rollout.percent,
            rollout,
            journal: vec![entry],
            wall: t0(),
            attempts: 1,
            healthy_time: Millis::ZERO,
            credited: Millis::ZERO,
            seen: vec!["started"],
        }
    }

    pub(crate) fn takes(&mut self, step: &Step) {
        match step {
            Step::Tick { after, classes, canary_requests, new_holder, build: serving, lost } => {
                self.wall = after.after(self.wall);
                let evidence = Evidence {
                    readings: self.readings(classes),
                    canary_requests: *canary_requests,
                    since_last_tick: (!new_holder).then_some(*after),
                    ..Evidence::of(build(if *serving == 0 { "build-1" } else { "build-2" }))
                };
                self.ticks(classes, &evidence, *lost);
            }
            Step::Order { command, reason } => self.is_ordered(*command, *reason),
            // Where the rollout has ended, the event comes too late.
            Step::Typed(percent) => self.happens(Event::StageSet { stage: None, percent: *percent }),
            Step::WallJumps(by) => self.wall += chrono::Duration::milliseconds(*by),
            Step::Note => self.happens(Event::LeaseLapsed { serving: Percent::ZERO }),
        }
        self.stands();
    }

    fn readings(&self, classes: &[Class]) -> BTreeMap<rampart_core::policy::CheckName, Reading> {
        let given = self.policy.checks.iter().zip(classes);
        let readings = given.filter_map(|(check, class)| {
            let reading = class.reading(&self.policy, check, &self.rollout, self.wall)?;
            Some((name(&check.name.0), reading))
        });
        readings.collect()
    }

    /// The verdict each check deserves, reached without the core's own judge.
    fn deserved(&self, classes: &[Class], canary_requests: u64) -> Vec<Verdict> {
        // A clock behind the start of the stage dates every reading before it; what is seen of an empty canary
        // is nothing. Neither hides harm.
        let before_the_stage = self.wall < self.rollout.stage_since;
        let verdict = |(check, class): (&Check, &Class)| {
            let unseen = before_the_stage || (canary_requests == 0 && check.signal.is_live());
            let verdict = class.verdict(check);
            if unseen && verdict != Verdict::Breach { Verdict::Blind } else { verdict }
        };
        self.policy.checks.iter().zip(classes).map(verdict).collect()
    }

    fn ticks(&mut self, classes: &[Class], evidence: &Evidence, lost: bool) {
        let before = self.rollout.clone();
        let judgement = decide(&self.policy, &before, evidence, self.wall);
        assert_eq!(decide(&self.policy, &before, evidence, self.wall), judgement, "two opinions on the same evidence");

        let deserved = self.deserved(classes, evidence.canary_requests);
        assert_eq!(judgement.checks.iter().map(|report| report.verdict).collect::<Vec<_>>(), deserved);
        self.safety_is_kept(&judgement, &deserved);
        self.blindness_is_borne(&judgement, evidence.since_last_tick);
        self.credit_is_earned(&judgement, &deserved, evidence);
        if let Decision::Hold { needs } = &judgement.decision {
            assert!(!needs.is_empty() && needs.iter().all(|need| !need.text.is_empty()), "a hold without a reason");
        }
        if lost {
            return;
        }
        self.rollout.progress = judgement.progress;
        self.credited = self.credited + judgement.credit;
        match judgement.decision {
            Decision::Hold { .. } => {}
            Decision::Advance { stage, percent } => self.happens(Event::Advanced { stage, percent, proven: true }),
            Decision::Complete => self.happens(Event::Completed),
            Decision::Rollback { cause } => self.happens(Event::RolledBack { cause }),
            Decision::StepBack { stage, percent, .. } => {
                self.seen.push("stepped_back");
                self.happens(Event::StageSet { stage: Some(stage), percent });
            }
            Decision::Freeze { cause } => self.happens(Event::Frozen { cause }),
            Decision::RestartStage { why } => self.happens(Event::StageRestarted { why }),
        }
    }

    /// Rule 1, both ways: a breach where the checks are watched rolls back, and nothing else calls itself one.
    fn safety_is_kept(&self, judgement: &Judgement, deserved: &[Verdict]) {
        let watched = match self.rollout.phase {
            Phase::Ramping | Phase::Paused => true,
            Phase::Completed => self.wall < self.policy.watch_after.after(self.rollout.ended_at.unwrap()),
            Phase::Waiting | Phase::RolledBack => false,
        };
        let harmed = watched && deserved.contains(&Verdict::Breach);
        let blind = deserved.contains(&Verdict::Blind);
        match &judgement.decision {
            Decision::Rollback { cause } => assert_eq!(cause.code(), if harmed { "breach" } else { "blind" }),
            Decision::Hold { .. }
            | Decision::Advance { .. }
            | Decision::Complete
            | Decision::StepBack { .. }
            | Decision::Freeze { .. }
            | Decision::RestartStage { .. } => {
                assert!(!harmed, "a breach was answered by {}", judgement.decision.kind());
            }
        }
        match &judgement.decision {
            Decision::Rollback { .. } => assert!(watched && (harmed || blind)),
            Decision::StepBack { percent, .. } => assert!(watched && blind && *percent < self.rollout.percent),
            Decision::Advance { percent, .. } => {
                assert!(self.rollout.phase == Phase::Ramping && *percent > self.rollout.percent);
                assert!(deserved.iter().all(|verdict| verdict.lets_soak_run()));
                let required = self.rollout.soak_required(&self.policy).unwrap();
                assert!(judgement.progress.soak >= required, "advanced before its soak");
            }
            Decision::Complete => {
                assert_eq!((self.rollout.phase, self.rollout.percent), (Phase::Ramping, Percent::FULL));
                assert!(deserved.iter().all(|verdict| verdict.lets_soak_run()));
            }
            Decision::Freeze { .. } | Decision::RestartStage { .. } => assert_eq!(self.rollout.phase, Phase::Ramping),
            Decision::Hold { .. } => {}
        }
        assert!(!judgement.page_blind || (watched && blind && !self.rollout.progress.blind_paged), "a needless page");
    }

    /// Rule 2: blindness moves somebody only where the policy says so and somebody kept looking.
    fn blindness_is_borne(&self, judgement: &Judgement, tick: Option<Millis>) {
        let by_blindness = match &judgement.decision {
            Decision::Rollback { cause } => cause.code() == "blind",
            Decision::StepBack { .. } => true,
            Decision::Hold { .. }
            | Decision::Advance { .. }
            | Decision::Complete
            | Decision::Freeze { .. }
            | Decision::RestartStage { .. } => false,
        };
        if !by_blindness && !judgement.page_blind {
            return;
        }
        assert!(tick.is_some_and(|tick| tick <= self.policy.tick * 2), "blind for {tick:?} in which nobody looked");
        let since = self.rollout.progress.blind_since.unwrap();
        assert!(Millis::between(since, self.wall) >= self.policy.blind_for);
        if by_blindness {
            let borne = match self.policy.on_blind {
                OnBlind::Hold => true,
                OnBlind::StepBack => !self.rollout.phase.is_live(),
                OnBlind::Rollback => false,
            };
            assert!(!borne, "{:?} under {:?}", judgement.decision, self.policy.on_blind);
        }
    }

    /// Rule 4: only healthy time of a ramping stage, and of one tick at most two tick lengths.
    fn credit_is_earned(&mut self, judgement: &Judgement, deserved: &[Verdict], evidence: &Evidence) {
        let healthy = self.rollout.phase == Phase::Ramping
            && deserved.iter().all(|verdict| verdict.lets_soak_run())
            && evidence.build == self.rollout.build;
        let length = evidence.since_last_tick.filter(|_| healthy).unwrap_or_default();
        let in_stage = Millis::between(self.rollout.stage_since, self.wall);
        assert!(judgement.credit == Millis::ZERO || judgement.progress.soak <= in_stage, "more soak than time");
        assert!(judgement.credit <= length, "{} for a healthy tick of {length}", judgement.credit);
        assert!(judgement.credit <= self.policy.tick * 2, "{} in one tick", judgement.credit);
        assert_eq!(judgement.progress.soak, self.rollout.progress.soak + judgement.credit);
        self.healthy_time = self.healthy_time + length;
    }

    fn is_ordered(&mut self, command: Command, reason: Option<&'static str>) {
        let next = Start { follows: self.rollout.revision, ..start(self.attempts + 1) };
        let order = Order { command, actor: Actor("ops".to_owned()), reason: reason.map(str::to_owned) };
        match plan(&self.policy, Some(&self.rollout), next, &order) {
            Err(_) | Ok(None) => {}
            Ok(Some(Event::Started(start))) => {
                assert!(!self.rollout.phase.is_live(), "two live rollouts of one flag");
                let entry = Entry { at: self.wall, event: Event::Started(start) };
                let rollout = fold([&entry]).unwrap();
                assert_eq!(apply(self.rollout.clone(), &entry.event, self.wall), rollout, "a start begins anew");
                let violations = check_step(&self.policy, &self.rollout, &entry.event, &rollout, self.wall);
                assert_eq!(violations, vec![]);
                let mut seen = std::mem::take(&mut self.seen);
                seen.push(entry.event.kind());
                let mut journal = std::mem::take(&mut self.journal);
                journal.push(entry);
                let (wall, attempts) = (self.wall, self.attempts + 1);
                let policy = self.policy.clone();
                *self = Life {
                    rollout: rollout.clone(),
                    journal,
                    wall,
                    attempts,
                    granted: rollout.percent,
                    seen,
                    ..Life::born(policy)
                };
            }
            Ok(Some(event)) => self.happens(event),
        }
    }

    fn happens(&mut self, event: Event) {
        let before = self.rollout.clone();
        let after = apply(before.clone(), &event, self.wall);
        let violations = check_step(&self.policy, &before, &event, &after, self.wall);
        assert_eq!(violations, vec![], "{event:?}");
        let revived = match before.phase {
            Phase::RolledBack => after != before,
            Phase::Completed => after != before && event.kind() != "rolled_back",
            Phase::Waiting | Phase::Ramping | Phase::Paused => false,
        };
        assert!(!revived, "{event:?} changed what was over");
        self.granted = self.granted.max(match &event {
            _ if !before.phase.is_live() => Percent::ZERO,
            Event::Advanced { percent, .. } | Event::StageSet { percent, .. } => *percent,
            Event::Completed => Percent::FULL,
            Event::Started(_)
            | Event::Paused
            | Event::Frozen { .. }
            | Event::Resumed
            | Event::Approved { .. }
            | Event::Extended { .. }
            | Event::StageRestarted { .. }
            | Event::RolledBack { .. }
            | Event::LeaseLapsed { .. }
            | Event::LeaseRegained
            | Event::BlindPaged { .. }
            | Event::HoldPaged { .. }
            | Event::SqlIgnored { .. } => Percent::ZERO,
        });
        if after.epoch != before.epoch {
            (self.healthy_time, self.credited) = (Millis::ZERO, Millis::ZERO);
            assert_eq!(after.approved, None, "an approval outlived its stage by {event:?}");
            let kept = if event.kind() == "stage_restarted" { before.extended } else { Millis::ZERO };
            assert_eq!(after.extended, kept, "{event:?}");
        }
        self.seen.push(event.kind());
        self.journal.push(Entry { at: self.wall, event });
        self.rollout = after;
    }

    /// What must hold between any two steps.
    fn stands(&self) {
        let rollout = &self.rollout;
        assert!(rollout.percent <= self.granted, "{} was never granted", rollout.percent);
        assert!(rollout.proven <= rollout.percent, "proven {} at {}", rollout.proven, rollout.percent);
        assert!(rollout.progress.soak <= self.healthy_time, "soak out of nothing");
        assert_eq!(rollout.progress.soak, self.credited, "the ticks do not add up to the row");
        assert_eq!(rollout.phase == Phase::RolledBack, rollout.cause.is_some());
        assert_eq!(rollout.phase.is_live(), rollout.ended_at.is_none());
        if rollout.phase == Phase::RolledBack {
            assert_eq!((rollout.percent, rollout.proven), (Percent::ZERO, Percent::ZERO));
        }
        let mut folded = fold(&self.journal).unwrap();
        folded.progress = rollout.progress;
        assert_eq!(&folded, rollout, "the journal does not add up to the row");
    }
}
