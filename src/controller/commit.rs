//! One step into the database: the event, what it makes of the rollout, its evidence, whom to tell.

use crate::clock::DatabaseClock;
use crate::store::{CommandKey, NewEntry, Notice, Step, Store, StoreError};
use crate::telemetry::Metrics;
use rampart_core::policy::Policy;
use rampart_core::rollout::{Actor, Entry, Event, Fence, Judged, Rollout, Start, apply, check_step, fold, headline};
use rampart_core::{FlagKey, Percent, Timestamp};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;
use uuid::Uuid;

/// Commits steps. Share it behind an `Arc`.
#[derive(Debug)]
pub(super) struct Committer {
    pub(super) store: Store,
    pub(super) clock: Arc<DatabaseClock>,
    pub(super) metrics: Arc<Metrics>,
    /// Wakes the loop, so that what was committed is served and shown.
    pub(super) nudge: Arc<Notify>,
    fences: Mutex<HashMap<FlagKey, Fence>>,
}

/// What goes with an event beside what it makes of the rollout.
#[derive(Debug, Default)]
pub(super) struct Circumstances<'c> {
    pub(super) reason: Option<String>,
    pub(super) judged: Option<&'c Judged>,
    pub(super) command: Option<CommandKey>,
    pub(super) sql_changes: Vec<i64>,
}

impl Committer {
    pub(super) fn new(store: Store, clock: Arc<DatabaseClock>, metrics: Arc<Metrics>, nudge: Arc<Notify>) -> Self {
        Self { store, clock, metrics, nudge, fences: Mutex::default() }
    }

    /// The fences of the leases this replica holds.
    pub(super) fn hold(&self, fences: HashMap<FlagKey, Fence>) {
        *self.fences.lock().unwrap_or_else(PoisonError::into_inner) = fences;
    }

    /// Whether this replica may raise the flag.
    pub(super) fn fence(&self, flag: &FlagKey) -> Option<Fence> {
        self.fences.lock().unwrap_or_else(PoisonError::into_inner).get(flag).copied()
    }

    /// Commits a change the daemon itself decided.
    pub(super) async fn change(
        &self,
        before: &Rollout,
        event: Event,
        actor: Actor,
        judged: Option<&Judged>,
    ) -> Result<Rollout, StoreError> {
        self.step(before, event, actor, Circumstances { judged, ..Circumstances::default() }).await
    }

    /// Commits a change of a rollout.
    pub(super) async fn step(
        &self,
        before: &Rollout,
        event: Event,
        actor: Actor,
        circumstances: Circumstances<'_>,
    ) -> Result<Rollout, StoreError> {
        let at = self.clock.now();
        let after = apply(before.clone(), &event, at);
        self.commit(Some(before), None, after, event, actor, circumstances, at).await
    }

    /// Commits the birth of a rollout, pinned to `policy`.
    pub(super) async fn begin(
        &self,
        start: Start,
        policy: &Policy,
        source: &str,
        circumstances: Circumstances<'_>,
    ) -> Result<Rollout, StoreError> {
        self.store.keep_policy(&start.policy, policy, source).await?;
        let baseline = self.store.audit_baseline().await?;
        let at = self.clock.now();
        let (actor, event) = (start.by.clone(), Event::Started(Box::new(start)));
        let after = fold([&Entry { at, event: event.clone() }])
            .ok_or_else(|| StoreError::Unreadable("a start begins a rollout".to_owned()))?;
        self.commit(None, Some(baseline), after, event, actor, circumstances, at).await
    }

    #[expect(clippy::too_many_arguments, reason = "a step is what all of these together say")]
    async fn commit(
        &self,
        before: Option<&Rollout>,
        audit_baseline: Option<String>,
        after: Rollout,
        event: Event,
        actor: Actor,
        circumstances: Circumstances<'_>,
        at: Timestamp,
    ) -> Result<Rollout, StoreError> {
        let raises = after.percent > before.map_or(Percent::ZERO, |before| before.percent);
        let evidence = circumstances.judged.map(serde_json::to_value).transpose()?;
        let notices = notices(&event, &after);
        let kind = event.kind();
        let entry = NewEntry::new(event, &after, at, actor, circumstances.reason, evidence);
        let step = Step {
            expected: before.map(|before| before.revision),
            fence: if raises { self.fence(&after.flag) } else { None },
            after,
            audit_baseline,
            entries: vec![entry],
            notices,
            command: circumstances.command,
            sql_changes: circumstances.sql_changes,
        };
        let fence = self.store.commit(&step).await?;
        let mut fences = self.fences.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(fence), Some(held)) = (fence, fences.get_mut(&step.after.flag)) {
            *held = fence;
        }
        drop(fences);
        self.metrics.decided(&step.after.flag, kind);
        self.nudge.notify_one();
        Ok(step.after)
    }

    /// Reports a step that broke an invariant; production counts what the tests forbid.
    pub(super) fn verify(&self, policy: &Policy, before: &Rollout, event: &Event, after: &Rollout) {
        for violation in check_step(policy, before, event, after, self.clock.now()) {
            tracing::error!(flag = %after.flag, %violation, "an invariant does not hold");
            self.metrics.invariant_broken();
        }
    }
}

/// Whom to tell of what: everything that changes what people must do.
fn notices(event: &Event, after: &Rollout) -> Vec<Notice> {
    let text = match event {
        Event::RolledBack { .. } | Event::Frozen { .. } | Event::Completed => {
            format!("{}: {}", after.flag, headline(after))
        }
        Event::Started(start) if !start.missing_gate.is_empty() => {
            let missing: Vec<&str> = start.missing_gate.iter().map(|item| item.name()).collect();
            format!("{} was started by {} although nothing proves: {}", after.flag, start.by, missing.join(", "))
        }
        // Nobody has to do anything, but what was alarming is over.
        Event::Started(_) | Event::Advanced { .. } | Event::StageSet { .. } | Event::Resumed => {
            let text = format!("{}: {}", after.flag, headline(after));
            return vec![crate::store::quiet_notice(Uuid::now_v7(), event.kind(), after, &text)];
        }
        Event::Paused
        | Event::Approved { .. }
        | Event::Extended { .. }
        | Event::StageRestarted { .. }
        | Event::LeaseLapsed { .. }
        | Event::LeaseRegained
        | Event::BlindPaged { .. }
        | Event::HoldPaged { .. }
        | Event::SqlIgnored { .. } => return Vec::new(),
    };
    vec![crate::store::notice(Uuid::now_v7(), event.kind(), after, &text)]
}
