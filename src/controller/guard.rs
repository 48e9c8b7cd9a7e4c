//! Looks at the evidence the moment something bad is seen, and brakes without asking anybody.

use super::brake::Brake;
use crate::clock::{DatabaseClock, Stopwatch};
use crate::flags::Flags;
use crate::signals::{Board, Live};
use arc_swap::ArcSwap;
use rampart_core::policy::Policy;
use rampart_core::rollout::{Build, Cause, Decision, Evidence, Judged, Rollout, RolloutId, Upon, decide};
use rampart_core::{FlagKey, Millis, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc::UnboundedSender;

/// A rollout whose checks still decide, as last read, with the policy it is pinned to.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The pinned policy.
    pub policy: Policy,
    /// The rollout.
    pub rollout: Rollout,
    /// How many ticks its progress adds up.
    pub ticks: u64,
    /// The database snapshot of its start.
    pub audit_baseline: String,
}

impl Watched {
    /// Decides, and keeps what was decided on.
    pub(super) fn decide(&self, inputs: Evidence, now: Timestamp) -> Judged {
        let judgement = decide(&self.policy, &self.rollout, &inputs, now);
        let upon = Upon { revision: self.rollout.revision, ticks: self.ticks };
        Judged { judgement, inputs, decided_at: now, upon }
    }
}

/// The quick path to a rollback. Share it behind an `Arc`.
#[derive(Debug)]
pub struct Guard {
    pub(super) watched: ArcSwap<BTreeMap<FlagKey, Arc<Watched>>>,
    /// Every newest rollout that exposes anybody, watched or not: what a person may still take back.
    pub(super) exposed: ArcSwap<BTreeMap<FlagKey, Arc<Watched>>>,
    /// Brakes that are on and not seen in the database yet, with whether a task is writing each.
    pending: Mutex<HashMap<RolloutId, (Brake, bool)>>,
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
        Self {
            watched: ArcSwap::default(),
            exposed: ArcSwap::default(),
            pending: Mutex::default(),
            live,
            board,
            flags,
            clock,
            build,
            brakes,
        }
    }

    /// Every rollout whose checks still decide.
    pub fn watched(&self) -> Vec<Arc<Watched>> {
        self.watched.load().values().cloned().collect()
    }

    /// What a tick decides by: everything that is known of a rollout this moment.
    pub fn evidence(&self, watched: &Watched, since_last_tick: Option<Millis>) -> Evidence {
        let (policy, rollout) = (&watched.policy, &watched.rollout);
        let mut counts = self.live.counts(policy, rollout);
        counts.extend(self.board.counts(rollout));
        let mut seen = self.glance(watched);
        for check in policy.checks.iter().filter(|check| check.signal.is_live()) {
            if let Some(reading) = seen.readings.get_mut(&check.name) {
                reading.control = self.live.control(check, rollout, self.clock.now());
            }
        }
        Evidence {
            since_last_tick,
            counts,
            bins: self.board.bins(&self.live, policy, rollout, self.clock.now()),
            subjects: self.live.subjects(rollout),
            ..seen
        }
    }

    /// What a look between ticks decides by: all that a limit is held against. Counts and bins belong to ticks, which
    /// alone take them in; a request that waits for its answer is not kept by them.
    fn glance(&self, watched: &Watched) -> Evidence {
        let (policy, rollout, now) = (&watched.policy, &watched.rollout, self.clock.now());
        let mut readings = self.board.of(rollout.id);
        let live = policy
            .checks
            .iter()
            .filter_map(|check| Some((check.name.clone(), self.live.measure(policy, check, rollout, now)?)));
        readings.extend(live);
        let canary_requests = self.live.canary_requests(rollout);
        Evidence { readings, canary_requests, ..Evidence::of(self.build.clone()) }
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
        let judged = watched.decide(self.glance(watched), self.clock.now());
        self.brake_if_needed(watched, &judged, seen);
    }

    /// Brakes where the judgement says so. True where it did.
    pub(super) fn brake_if_needed(&self, watched: &Arc<Watched>, judged: &Judged, seen: Stopwatch) -> bool {
        let Decision::Rollback { cause } = &judged.judgement.decision else { return false };
        if self.flags.brake(watched.rollout.id) {
            let judged = Some(Arc::new(judged.clone()));
            self.write_down(self.braked(watched.clone(), cause.clone(), judged, seen));
        }
        true
    }

    /// The brake that is on since this moment.
    pub(super) fn braked(
        &self,
        watched: Arc<Watched>,
        cause: Cause,
        judged: Option<Arc<Judged>>,
        seen: Stopwatch,
    ) -> Brake {
        Brake { watched, cause, judged, seen, decided: seen.elapsed(), effective: self.clock.now() }
    }

    /// Hands a brake that is on to the brake's task.
    pub(super) fn write_down(&self, brake: Brake) {
        self.pending().insert(brake.watched.rollout.id, (brake.clone(), true));
        // The receiver lives as long as the guard is needed; without one nothing could be written anyway.
        let _ = self.brakes.send(brake);
    }

    /// A task has ended: the brake is in the database, or another task must try.
    pub(super) fn wrote(&self, rollout: RolloutId, done: bool) {
        let mut pending = self.pending();
        if done {
            pending.remove(&rollout);
        } else if let Some((_, writing)) = pending.get_mut(&rollout) {
            *writing = false;
        }
    }

    /// Tries again for a brake that is on while the database still says otherwise, and nobody is writing.
    pub(super) fn insist(&self, watched: &Arc<Watched>) {
        let known = self.pending().get(&watched.rollout.id).cloned();
        match known {
            Some((_, true)) => {}
            Some((brake, false)) => self.write_down(Brake { watched: watched.clone(), ..brake }),
            // Written once, and lost by the database since.
            None => {
                let seen = Stopwatch::start();
                let cause = Cause::Ordered { text: "braked before, and the record of it was lost".to_owned() };
                self.write_down(self.braked(watched.clone(), cause, None, seen));
            }
        }
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<RolloutId, (Brake, bool)>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
