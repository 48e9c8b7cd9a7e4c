//! A rollout that never was, decided over what a metrics server remembers.
//!
//! Whoever holds it asks the server, moment by moment, what the daemon would have asked it then, and hands in the
//! readings; [`decide`] and [`apply`](super::apply) are those of the daemon.

use super::retrospect::{Incident, Retrospect, Source, Standing};
use super::trial::{Trial, healthy};
use super::{Actor, Build, Event, Evidence, PolicyRevision, Reading, Rollout, RolloutId, Start, consequence, decide};
use crate::policy::{CheckName, Policy, Signal};
use crate::{Millis, Timestamp};
use std::collections::BTreeMap;
use uuid::Uuid;

/// A rehearsal under way.
#[derive(Debug)]
pub struct Rehearsal<'p> {
    policy: &'p Policy,
    assume_healthy: bool,
    trial: Trial,
    last: Option<Timestamp>,
    retrospect: Retrospect,
}

impl<'p> Rehearsal<'p> {
    /// One under `policy` that starts at `from` in its first stage; none where it has no stage. What no metric tells of
    /// counts as healthy where `assume_healthy` says so, else as blind.
    pub fn new(policy: &'p Policy, from: Timestamp, assume_healthy: bool) -> Option<Self> {
        let started = Event::Started(Box::new(Start {
            id: RolloutId(Uuid::nil()),
            flag: policy.flag.clone(),
            stage: Some(0),
            percent: policy.stages.first()?.percent,
            attempt: 1,
            follows: Default::default(),
            restart: false,
            by: Actor::controller(),
            build: Build(String::new()),
            policy: PolicyRevision(String::new()),
            missing_gate: Vec::new(),
        }));
        let unrecorded = policy.checks.iter().filter(|check| !matches!(check.signal, Signal::Prometheus(_)));
        let retrospect = Retrospect {
            from: Some(from),
            unrecorded: unrecorded.map(|check| check.name.clone()).collect(),
            assume_healthy,
            ..Retrospect::of(policy.flag.clone(), Source::Metrics)
        };
        Some(Self { policy, assume_healthy, trial: Trial::begin(&started, from)?, last: None, retrospect })
    }

    /// The rollout as it stands: its stage is what windows are measured in.
    pub fn rollout(&self) -> &Rollout {
        &self.trial.rollout
    }

    /// Whether anything can still happen to it.
    pub fn is_over(&self) -> bool {
        !self.trial.rollout.phase.is_live()
    }

    /// Decides at `at` over the readings of then. Without `canary_requests` nobody counted them; a policy that asks for
    /// some waits, unless what is unknown counts as healthy.
    pub fn tick(&mut self, readings: BTreeMap<CheckName, Reading>, canary_requests: Option<u64>, at: Timestamp) {
        let rollout = &self.trial.rollout;
        let mut evidence = Evidence::of(rollout.build.clone());
        evidence.readings = readings;
        if self.assume_healthy {
            for check in self.policy.checks.iter().filter(|check| self.retrospect.unrecorded.contains(&check.name)) {
                evidence.readings.insert(check.name.clone(), healthy(check, rollout, at));
            }
        }
        evidence.canary_requests = canary_requests.unwrap_or(if self.assume_healthy { u64::MAX } else { 0 });
        evidence.since_last_tick = self.last.filter(|_| !self.trial.moved).map(|last| Millis::between(last, at));
        let judgement = decide(self.policy, rollout, &evidence, at);
        let event = consequence(&judgement.decision);
        self.trial.take(judgement, at);
        if let Some(event) = event {
            self.trial.happens(&event, at, true);
        }
        self.last = Some(at);
        self.retrospect.ticks += 1;
        self.retrospect.until = Some(at);
    }

    /// What came of it, held against what is known to have been wrong.
    pub fn finish(mut self, incidents: Vec<Incident>) -> Retrospect {
        let rollout = &self.trial.rollout;
        self.retrospect.stands = Some(Standing { phase: rollout.phase, percent: rollout.percent });
        self.retrospect.moves = self.trial.moves;
        self.retrospect.hold_against(incidents);
        self.retrospect
    }
}
