//! Reading what is committed, and serving it; letting exposure leases run out.

use super::brake::note_effect;
use super::guard::Watched;
use super::run::Controller;
use crate::flags::{Known, KnownRollout, Lapse, LapseChange, StageRef};
use crate::store::{LEASE_SECONDS, NewEntry, StoreError, StoredRollout, Sync};
use rampart_core::rollout::{Actor, Epoch, Event, Phase, Rollout, RolloutId};
use rampart_core::{FlagKey, Millis, Percent, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often leases are looked at.
const EXPIRE_EVERY: Duration = Duration::from_millis(250);
/// How long writing a lapse down may take.
const NOTE: Duration = Duration::from_secs(5);

impl Controller {
    /// The flags' rows; where somebody holds the whole table locked, as they were read last. Rollouts are
    /// read all the same, and the lesser of the two is served.
    async fn flags_or_last_known(&self) -> Result<Sync, StoreError> {
        let last = || self.last_flags.lock().unwrap_or_else(PoisonError::into_inner);
        match self.store.read_flags().await {
            Ok(sync) => {
                *last() = Some(sync.clone());
                Ok(sync)
            }
            Err(StoreError::Locked) => {
                let known = last().clone().ok_or(StoreError::Locked)?;
                Ok(Sync { now: self.clock.now(), sql_changes: Vec::new(), ..known })
            }
            Err(error) => Err(error),
        }
    }

    /// Reads what is committed, and serves it.
    pub(super) async fn read(&self) -> Result<(Sync, Vec<StoredRollout>), StoreError> {
        let (sync, rollouts, heartbeats) =
            tokio::try_join!(self.flags_or_last_known(), self.store.newest_rollouts(), self.store.holder_heartbeats())?;
        self.clock.told(sync.now);
        let fresh = |heard: &Timestamp| Millis::between(*heard, sync.now).as_seconds() <= LEASE_SECONDS;
        let alive: Vec<FlagKey> =
            heartbeats.iter().filter(|(_, heard)| fresh(heard)).map(|(flag, _)| flag.clone()).collect();
        let policies = self.policies.all();
        let known = policies.iter().map(|loaded| {
            let newest = rollouts.iter().find(|stored| stored.rollout.flag == loaded.policy.flag);
            let policy = newest.map_or(&loaded.policy, |stored| &stored.policy);
            Known {
                flag: loaded.policy.flag.clone(),
                row: sync
                    .flags
                    .iter()
                    .find(|row| row.flag == loaded.policy.flag)
                    .map_or(Percent::ZERO, |row| row.percent),
                rollout: newest.map(|stored| known_rollout(stored, sync.now)),
                bucket_by: policy.bucket_by.clone(),
                targets: policy.targets.clone(),
                tick: policy.tick,
                fail_to_zero_after: policy.fail_to_zero_after,
            }
        });
        self.flags.install(known.collect(), &alive);
        let watched: BTreeMap<FlagKey, Arc<Watched>> = rollouts
            .iter()
            .filter(|stored| stored.rollout.is_watched(&stored.policy, sync.now))
            .map(|stored| (stored.rollout.flag.clone(), Arc::new(watched_of(stored))))
            .collect();
        let exposed = rollouts.iter().filter(|stored| stored.rollout.percent > Percent::ZERO);
        let exposed = exposed.map(|stored| (stored.rollout.flag.clone(), Arc::new(watched_of(stored)))).collect();
        let before = self.guard.exposed.swap(Arc::new(exposed));
        for taken_back in before.values().filter(|before| is_rolled_back(&before.rollout, &rollouts)) {
            self.note_effect(taken_back.rollout.id);
        }
        let ids: Vec<RolloutId> = rollouts.iter().map(|stored| stored.rollout.id).collect();
        let stages = |watched: &BTreeMap<FlagKey, Arc<Watched>>| -> Vec<(RolloutId, Epoch)> {
            watched.values().map(|watched| (watched.rollout.id, watched.rollout.epoch)).collect()
        };
        let before = self.guard.watched.swap(Arc::new(watched));
        if stages(&before) != stages(&self.guard.watched.load()) {
            // A stage has begun, and only what is measured within it counts: measure now.
            for sensor in [&self.audit_nudge, &self.report_nudge, &self.probe_nudge] {
                sensor.notify_one();
            }
        }
        self.live.keep_only(&ids);
        self.board.keep_only(&ids);
        Ok((sync, rollouts))
    }

    /// Notes that this process followed somebody's rollback just now; whoever braked it here has noted when that was.
    fn note_effect(&self, rollout: RolloutId) {
        if self.flags.is_braked(rollout) {
            return;
        }
        let (store, effective) = (self.store.clone(), self.clock.now());
        // Apart: nothing that is served waits for what is only written down.
        tokio::spawn(async move { note_effect(&store, rollout, None, effective).await });
    }

    /// Lets exposure leases run out even while the database is away, and writes that down when it is not.
    pub(super) async fn expire_until(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(EXPIRE_EVERY) => {}
            }
            self.flags.expire();
            let changes = self.flags.take_changes();
            if !changes.is_empty() {
                // Apart, so that a slow database never keeps a lease from running out.
                tokio::spawn(self.clone().note_lapses(changes));
            }
        }
    }

    async fn note_lapses(self: Arc<Self>, changes: Vec<LapseChange>) {
        for (place, change) in changes.iter().enumerate() {
            let exposed = self.guard.exposed.load().get(&change.flag).cloned();
            let Some(exposed) = exposed.filter(|exposed| Some(exposed.rollout.id) == change.rollout) else { continue };
            let event = match change.lapse {
                Lapse::Valid => Event::LeaseRegained,
                Lapse::Proven | Lapse::Zero => Event::LeaseLapsed { serving: change.serving },
            };
            let entry = NewEntry::new(event, &exposed.rollout, self.clock.now(), Actor::controller(), None, None);
            let noted = tokio::time::timeout(NOTE, self.store.note(&exposed.rollout, &entry, None)).await;
            if !matches!(noted, Ok(Ok(()))) {
                self.flags.return_changes(changes.into_iter().skip(place).collect());
                return;
            }
            tracing::warn!(flag = %change.flag, lapse = ?change.lapse, serving = %change.serving, "the exposure lease changed");
        }
    }
}

fn is_rolled_back(before: &Rollout, rollouts: &[StoredRollout]) -> bool {
    rollouts.iter().any(|now| now.rollout.id == before.id && now.rollout.phase == Phase::RolledBack)
}

fn known_rollout(stored: &StoredRollout, now: Timestamp) -> KnownRollout {
    let rollout = &stored.rollout;
    KnownRollout {
        stage: StageRef { rollout: rollout.id, epoch: rollout.epoch },
        phase: rollout.phase,
        percent: rollout.percent,
        proven: rollout.proven,
        watched: rollout.is_watched(&stored.policy, now),
    }
}

pub(super) fn watched_of(stored: &StoredRollout) -> Watched {
    Watched {
        policy: stored.policy.clone(),
        rollout: stored.rollout.clone(),
        ticks: stored.ticks,
        audit_baseline: stored.audit_baseline.clone(),
    }
}
