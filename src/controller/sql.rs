//! Follows what people type into `feature_flags`.
//!
//! Lowering is obeyed by every evaluator the moment it is read, because the least of row and rollout is
//! served; here it is written down. Raising takes effect here, as a command by the role that typed it.

use super::commit::Circumstances;
use super::run::Controller;
use crate::store::{NewEntry, SqlChange, StoreError, StoredRollout};
use rampart_core::Percent;
use rampart_core::rollout::{Actor, Cause, Event, Phase};

/// The reason the journal gives for what was typed.
const REASON: &str = "runbook SQL";

impl Controller {
    /// Follows one statement, against the flag's newest rollout as it is now. `replaced` says that a later
    /// one of the same flag waits: then only that one may raise.
    pub(super) async fn follow(&self, change: &SqlChange, replaced: bool) -> Result<(), StoreError> {
        let current = self.store.newest_rollout(&change.flag).await?;
        let rollout = current.as_ref().map(|current| &current.rollout);
        let exposed = rollout.map_or(Percent::ZERO, |rollout| rollout.percent);
        let actor = Actor::sql(&change.db_role);
        let circumstances = || Circumstances {
            reason: Some(REASON.to_owned()),
            sql_changes: vec![change.id],
            ..Circumstances::default()
        };
        if change.percent == exposed {
            return self.store.settle_sql_changes(&[change.id]).await;
        }
        if replaced && change.percent > exposed {
            return self.ignore(change, current.as_ref(), "a later statement replaced it").await;
        }
        if let Some(current) = &current
            && current.rollout.phase == Phase::RolledBack
            && change.changed_at <= current.committed_at
        {
            // Typed before the rollback and committed after it: whoever typed it knew nothing of it.
            return self.ignore(change, Some(current), "it was typed before the rollback").await;
        }
        let Some(loaded) = self.policies.get(&change.flag) else {
            return self.ignore(change, current.as_ref(), "the flag has no policy, so nothing may raise it").await;
        };
        let live = current.as_ref().filter(|current| current.rollout.phase.is_live());
        match (live, rollout) {
            (_, Some(rollout)) if change.percent == Percent::ZERO => {
                let text = format!("{} set the flag to 0 % by SQL", change.db_role);
                let event = Event::RolledBack { cause: Cause::Sql { text } };
                self.committer.step(rollout, event, actor, circumstances()).await?;
            }
            (Some(live), _) => {
                let stage = live.policy.stages.iter().position(|stage| stage.percent == change.percent);
                let event = Event::StageSet { stage, percent: change.percent };
                self.committer.step(&live.rollout, event, actor, circumstances()).await?;
            }
            (None, _) => {
                let gate = self.gate(&loaded.policy).await;
                let mut start = self.start(&loaded, current.as_ref(), actor, Some(change.percent), &gate);
                start.restart = current.is_some();
                self.committer.begin(start, &loaded.policy, &loaded.source, circumstances()).await?;
            }
        }
        Ok(())
    }

    async fn ignore(&self, change: &SqlChange, current: Option<&StoredRollout>, why: &str) -> Result<(), StoreError> {
        let text = format!("{} set the flag to {} by SQL; not followed: {why}", change.db_role, change.percent);
        tracing::warn!(flag = %change.flag, "{text}");
        if let Some(current) = current {
            let event = Event::SqlIgnored { text };
            let actor = Actor::sql(&change.db_role);
            let entry = NewEntry::new(event, &current.rollout, self.clock.now(), actor, Some(REASON.to_owned()), None);
            self.store.note(&current.rollout, &entry, None).await?;
        }
        self.store.settle_sql_changes(&[change.id]).await
    }
}
