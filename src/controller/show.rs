//! Telling viewers where everything stands and what was written.

use super::run::Controller;
use super::status::{Status, View};
use super::told::Told;
use super::turn::Memory;
use crate::store::{JournalFilter, StoreError, StoredRollout, Sync};
use rampart_core::rollout::{Phase, Rollout};
use std::sync::{Arc, PoisonError};

impl Controller {
    /// Tells viewers where everything stands and what was written.
    pub(super) async fn show(
        &self,
        sync: &Sync,
        rollouts: &[StoredRollout],
        memory: &mut Memory,
    ) -> Result<(), StoreError> {
        for stored in rollouts.iter().filter(|stored| stored.rollout.phase == Phase::RolledBack) {
            self.recall(&stored.rollout, memory).await?;
        }
        for loaded in self.policies.all() {
            let stored = rollouts.iter().find(|stored| stored.rollout.flag == loaded.policy.flag);
            let rollout = stored.map(|stored| &stored.rollout);
            let view = View {
                loaded: &loaded,
                stored,
                judgement: rollout.and_then(|rollout| memory.judged.get(&rollout.id)),
                proofs: rollout.and_then(|rollout| memory.proofs.get(&rollout.id)),
                traffic: rollout.map(|rollout| self.live.traffic(rollout, sync.now)).unwrap_or_default(),
                braked: rollout.is_some_and(|r| r.phase != Phase::RolledBack && self.flags.is_braked(r.id)),
                valid_for: self.flags.valid_for(&loaded.policy.flag),
                holds_lease: self.committer.fence(&loaded.policy.flag).is_some(),
                replica: self.store.replica(),
                gate: self.gate_seen(&loaded.policy),
                policy_error: self.policies.error(),
                build: &self.build,
                now: sync.now,
            };
            let status = Arc::new(Status::of(&view));
            self.metrics.stands(&status);
            self.statuses
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(loaded.policy.flag.clone(), status.clone());
            // Nobody may be watching; then nobody misses it.
            if self.updates.receiver_count() > 0 {
                let _ = self.updates.send(Told::status(&status));
            }
        }
        let filter = match memory.journal_seen {
            Some(seen) => JournalFilter { after: Some(seen), limit: 100, ..JournalFilter::default() },
            None => JournalFilter { descending: true, limit: 1, ..JournalFilter::default() },
        };
        let entries = self.store.journal_for_guard(None, &filter).await?;
        let first_look = memory.journal_seen.is_none();
        memory.journal_seen = entries.iter().map(|entry| entry.seq).max().or(memory.journal_seen).or(Some(0));
        if !first_look {
            for entry in entries {
                let _ = self.updates.send(Told::journal(&entry));
            }
        }
        Ok(())
    }

    /// What a rolled-back rollout rested on, so that whoever comes later sees what broke.
    async fn recall(&self, rollout: &Rollout, memory: &mut Memory) -> Result<(), StoreError> {
        if memory.recalled.contains(&rollout.id) {
            return Ok(());
        }
        let filter = JournalFilter {
            kinds: vec!["rolled_back".to_owned()],
            rollout: Some(rollout.id.0),
            limit: 1,
            ..JournalFilter::default()
        };
        let entry = self.store.journal_for_guard(Some(&rollout.flag), &filter).await?.into_iter().next();
        match entry.and_then(|entry| serde_json::from_value(entry.evidence?).ok()) {
            Some(judgement) => memory.judged.insert(rollout.id, judgement),
            None => memory.judged.remove(&rollout.id),
        };
        memory.recalled.insert(rollout.id);
        Ok(())
    }
}
