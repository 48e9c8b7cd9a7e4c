//! Looks at the evidence the moment something bad is seen, and brakes without asking anybody.

use super::brake::Brake;
use crate::clock::{DatabaseClock, Stopwatch};
use crate::flags::Flags;
use crate::signals::{Board, Live};
use arc_swap::ArcSwap;
use rampart_core::policy::Policy;
use rampart_core::rollout::{Build, Decision, Evidence, Judgement, Rollout, RolloutId, decide};
use rampart_core::{FlagKey, Millis};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedSender;

/// A rollout whose checks still decide, as last read, with the policy it is pinned to.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The pinned policy.
    pub policy: Policy,
    /// The rollout.
    pub rollout: Rollout,
    /// The database snapshot of its start.
    pub audit_baseline: String,
}

/// The quick path to a rollback. Share it behind an `Arc`.
#[derive(Debug)]
pub struct Guard {
    pub(super) watched: ArcSwap<BTreeMap<FlagKey, Arc<Watched>>>,
    live: Arc<Live>,
    board: Arc<Board>,
    flags: Arc<Flags>,
    clock: Arc<DatabaseClock>,
    build: Build,
    brakes: UnboundedSender<Brake>,
}

impl Guard {
    /// A guard that watches nothing yet.
    pub fn new(
        live: Arc<Live>,
        board: Arc<Board>,
        flags: Arc<Flags>,
        clock: Arc<DatabaseClock>,
        build: Build,
        brakes: UnboundedSender<Brake>,
    ) -> Self {
        Self { watched: ArcSwap::default(), live, board, flags, clock, build, brakes }
    }

    /// Every rollout whose checks still decide.
    pub fn watched(&self) -> Vec<Arc<Watched>> {
        self.watched.load().values().cloned().collect()
    }

    /// What is known of a rollout this moment.
    pub fn evidence(&self, watched: &Watched, since_last_tick: Option<Millis>) -> Evidence {
        let (policy, rollout, now) = (&watched.policy, &watched.rollout, self.clock.now());
        let mut readings = self.board.of(rollout.id);
        let live = policy
            .checks
            .iter()
            .filter_map(|check| Some((check.name.clone(), self.live.measure(policy, check, rollout, now)?)));
        readings.extend(live);
        let canary_requests = self.live.canary_requests(rollout);
        Evidence { readings, canary_requests, since_last_tick, build: self.build.clone() }
    }

    /// Has the decision made for the rollout that evaluated a request; see [`Guard::look`].
    pub fn look_at(&self, rollout: RolloutId) {
        let seen = Stopwatch::start();
        if let Some(watched) = self.watched.load().values().find(|watched| watched.rollout.id == rollout) {
            self.judge(watched, seen);
        }
    }

    /// Has the decision made now for one flag. Where it is to roll back, nobody is served from here on
    /// by this process, and the brake's task is told to write it down.
    pub fn look(&self, flag: &FlagKey) {
        let seen = Stopwatch::start();
        if let Some(watched) = self.watched.load().get(flag) {
            self.judge(watched, seen);
        }
    }

    fn judge(&self, watched: &Arc<Watched>, seen: Stopwatch) {
        if self.flags.is_braked(watched.rollout.id) {
            return;
        }
        let evidence = self.evidence(watched, None);
        let judgement = decide(&watched.policy, &watched.rollout, &evidence, self.clock.now());
        self.brake_if_needed(watched, judgement, seen);
    }

    /// Brakes where the judgement says so. True where it did.
    pub(super) fn brake_if_needed(&self, watched: &Arc<Watched>, judgement: Judgement, seen: Stopwatch) -> bool {
        let Decision::Rollback { cause } = judgement.decision.clone() else { return false };
        if self.flags.brake(watched.rollout.id) {
            let brake =
                Brake { watched: watched.clone(), cause, judgement: Some(judgement), seen, decided: seen.elapsed() };
            // The receiver lives as long as the controller; without one nothing could be written anyway.
            let _ = self.brakes.send(brake);
        }
        true
    }
}
