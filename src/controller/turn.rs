//! The turn: read, follow what people typed, decide, commit, show.
//!
//! It takes no input but what it reads, so whoever wakes it carries no data, and the next turn is the retry.

use super::checks::Proofs;
use super::guard::Watched;
use super::run::{Controller, Life};
use super::serve::watched_of;
use crate::clock::{self, Stopwatch};
use crate::store::{NewEntry, StoreError, StoredRollout, Sync};
use rampart_core::policy::Check;
use rampart_core::rollout::{
    Actor, Decision, Event, Evidence, Judged, Judgement, NeedCode, Revision, RolloutId, consequence, headline, proof,
    sentence,
};
use rampart_core::{FlagKey, Millis, Percent, Timestamp};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest pause between two turns, whatever the policies' ticks.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// A tick this little before its time is on time.
const EARLY: Duration = Duration::from_millis(5);
/// How long a turn may take before it counts as unanswered.
const LONGEST_TURN: Duration = Duration::from_secs(5);
/// Pause before the turn after one that was refused.
const AFTER_A_REFUSAL: Duration = Duration::from_millis(20);

/// A tick of this replica.
#[derive(Clone, Copy, Debug)]
pub(super) struct LastTick {
    pub(super) revision: Revision,
    /// Whether it was credited: only who holds the lease keeps the books.
    pub(super) held: bool,
    pub(super) at: Timestamp,
    pub(super) ours: Instant,
}

/// What one turn leaves for the next; nothing that a restart would miss.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// When this replica ticked a rollout last: in the database's time for the credit, in ours for the pause.
    /// A tick across a change credits nothing.
    pub(super) ticked: HashMap<RolloutId, LastTick>,
    pub(super) judged: HashMap<RolloutId, Judgement>,
    /// What the requests of the present stage prove, as of that judgement.
    pub(super) proofs: HashMap<RolloutId, Proofs>,
    /// Rolled-back rollouts whose judgement is the one in the journal.
    pub(super) recalled: HashSet<RolloutId>,
    /// What each rollout waited for when the log was told last.
    waits_for: HashMap<RolloutId, Vec<NeedCode>>,
    pub(super) journal_seen: Option<i64>,
    /// Whether this replica has said that it is there.
    pub(super) announced: bool,
    pub(super) away: bool,
}

impl Memory {
    /// Tells the log what a rollout waits for, once for as long as it waits for the same.
    fn tell(&mut self, stored: &StoredRollout, judgement: &Judgement) {
        let Decision::Hold { needs } = &judgement.decision else { return };
        let codes: Vec<NeedCode> = needs.iter().map(|need| need.code).collect();
        if self.waits_for.get(&stored.rollout.id) != Some(&codes) {
            let said = sentence(&stored.policy, Some(&stored.rollout), Some(judgement));
            tracing::info!(flag = %stored.rollout.flag, "{said}");
            self.waits_for.insert(stored.rollout.id, codes);
        }
    }
}

impl Controller {
    pub(super) async fn turn_until(self: Arc<Self>, life: Life) {
        loop {
            self.refresh().await;
            self.policies.reload();
            tokio::select! {
                () = life.stop.cancelled() => break,
                () = self.nudge.notified() => {}
                () = tokio::time::sleep(self.pause().await) => {}
            }
        }
        if let Err(error) = self.store.retire(life.failed.is_cancelled()).await {
            tracing::debug!(%error, "could not say good-bye; the heartbeat will grow old instead");
        }
    }

    /// One turn, now. Whatever fails is tried again by the next.
    pub async fn refresh(&self) {
        let mut memory = self.turns.lock().await;
        let turned = tokio::time::timeout(LONGEST_TURN, self.turn(&mut memory)).await;
        // A host that vanished never answers; the next turn asks again over another connection.
        match turned.unwrap_or(Err(StoreError::Database(sqlx::Error::PoolTimedOut))) {
            Ok(()) if memory.away => {
                memory.away = false;
                tracing::info!("the database answers again");
            }
            Ok(()) => {}
            Err(StoreError::Stale | StoreError::LeaseLost | StoreError::Locked) => {
                let nudge = self.nudge.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(AFTER_A_REFUSAL).await;
                    nudge.notify_one();
                });
            }
            Err(error) => {
                if !memory.away {
                    tracing::error!(%error, "no turn without the database; brakes still work");
                }
                memory.away = true;
                // Time without evidence is no soak.
                memory.ticked.clear();
            }
        }
    }

    async fn turn(&self, memory: &mut Memory) -> Result<(), StoreError> {
        let flags: Vec<FlagKey> = self.policies.all().iter().map(|loaded| loaded.policy.flag.clone()).collect();
        if !memory.announced {
            self.store.heartbeat(&self.build.0).await?;
            memory.announced = true;
        }
        self.committer.hold(self.store.take_leases(&flags).await?);
        let (mut sync, mut rollouts) = self.read().await?;
        let changes = std::mem::take(&mut sync.sql_changes);
        for (place, change) in changes.iter().enumerate() {
            let replaced = changes.iter().skip(place + 1).any(|later| later.flag == change.flag);
            if self.committer.fence(&change.flag).is_some() || self.policies.get(&change.flag).is_none() {
                self.follow(change, replaced).await?;
            }
        }
        if !changes.is_empty() {
            (sync, rollouts) = self.read().await?;
        }
        let newest = |id: &RolloutId| rollouts.iter().any(|stored| stored.rollout.id == *id);
        memory.ticked.retain(|id, _| newest(id));
        memory.judged.retain(|id, _| newest(id));
        memory.proofs.retain(|id, _| newest(id));
        memory.recalled.retain(newest);
        memory.waits_for.retain(|id, _| newest(id));
        let (mut refused, mut worked) = (Ok(()), rollouts.is_empty());
        for stored in &mut rollouts {
            // One rollout that somebody holds locked keeps no other waiting.
            match self.look_after(stored, &sync, memory).await {
                Ok(()) => worked = true,
                Err(error) => refused = Err(error),
            }
        }
        // The sign of life comes last: whoever cannot do the work must not look as if they did.
        if worked {
            let now = self.store.heartbeat(&self.build.0).await?;
            self.clock.told(now);
            self.metrics.heartbeat(now);
        }
        if let Err(error) = self.show(&sync, &rollouts, memory).await {
            tracing::warn!(%error, "viewers are not told this turn");
        }
        refused
    }

    /// Decides for one rollout where its tick is due, and carries the decision out.
    async fn look_after(&self, stored: &mut StoredRollout, sync: &Sync, memory: &mut Memory) -> Result<(), StoreError> {
        let (flag, id) = (stored.rollout.flag.clone(), stored.rollout.id);
        let row = sync.flags.iter().find(|row| row.flag == flag).map_or(Percent::ZERO, |row| row.percent);
        if row != stored.rollout.percent && !sync.sql_changes.iter().any(|change| change.flag == flag) {
            // Somebody may hold the row; the lesser of the two is served meanwhile, and the next turn mirrors it.
            match self.store.mirror_flag(&flag).await {
                Ok(()) | Err(StoreError::Locked | StoreError::Stale) => {}
                Err(error) => return Err(error),
            }
        }
        if !stored.rollout.is_watched(&stored.policy, sync.now) {
            return Ok(());
        }
        let before = memory.ticked.get(&id).copied();
        if before.is_some_and(|last| {
            last.revision == stored.rollout.revision && last.ours.elapsed() + EARLY < stored.policy.tick.std()
        }) {
            return Ok(());
        }
        let seen = Stopwatch::start();
        let watched = Arc::new(watched_of(stored));
        let revision = stored.rollout.revision;
        if self.flags.is_braked(id) {
            // Braked here and not so in the database: no soak, no advance, until the record says so too.
            let last = LastTick { revision, held: false, at: sync.now, ours: clock::monotonic() };
            memory.ticked.insert(id, last);
            self.guard.insist(&watched);
            return Ok(());
        }
        let held = self.committer.fence(&flag).is_some();
        let since_last_tick =
            before.filter(|last| last.revision == revision && last.held).map(|last| Millis::between(last.at, sync.now));
        let evidence = self.guard.evidence(&watched, since_last_tick);
        let judged = watched.decide(evidence, sync.now);
        let judgement = &judged.judgement;
        memory.ticked.insert(id, LastTick { revision, held, at: sync.now, ours: clock::monotonic() });
        memory.judged.insert(id, judgement.clone());
        memory.proofs.insert(id, proofs(&watched, &judged.inputs, sync.now));
        if self.guard.brake_if_needed(&watched, &judged, seen) || !held {
            return Ok(());
        }
        memory.tell(stored, judgement);
        // Paged before the tick says so: told twice is better than never.
        if judgement.page_blind {
            self.page_blind(stored, &judged).await?;
        }
        if stored.rollout.progress.blind_paged && !judgement.progress.blind_paged {
            self.tell_sight(stored, &judged).await?;
        }
        if judgement.page_hold {
            self.page_hold(stored, &judged).await?;
        }
        self.store.tick(&stored.rollout, stored.ticks, &judged.inputs, judgement, sync.now).await?;
        stored.ticks += 1;
        stored.rollout.progress = judgement.progress;
        if let Some(statistics) = judgement.statistics.clone() {
            stored.rollout.statistics = statistics;
        }
        if let Some(event) = consequence(&judgement.decision) {
            let after =
                self.committer.change(&stored.rollout, event.clone(), Actor::controller(), Some(&judged)).await?;
            self.committer.verify(&stored.policy, &stored.rollout, &event, &after);
            tracing::info!(flag = %flag, event = event.kind(), "{}", headline(&after));
            stored.rollout = after;
            memory.judged.remove(&id);
        }
        Ok(())
    }

    async fn page_blind(&self, stored: &StoredRollout, judged: &Judged) -> Result<(), StoreError> {
        let Some(since) = judged.judgement.progress.blind_since else { return Ok(()) };
        let said = sentence(&stored.policy, Some(&stored.rollout), Some(&judged.judgement));
        let text = format!("{}, blind since {}: {said}", stored.rollout.flag, since.format("%H:%M:%S UTC"));
        self.page(stored, judged, Event::BlindPaged { since }, &text).await
    }

    /// Whoever was paged for blindness hears that it is over. The journal needs no entry: nothing was decided.
    async fn tell_sight(&self, stored: &StoredRollout, judged: &Judged) -> Result<(), StoreError> {
        let said = sentence(&stored.policy, Some(&stored.rollout), Some(&judged.judgement));
        let text = format!("{}, no longer blind: {said}", stored.rollout.flag);
        let notice = crate::store::notice(uuid::Uuid::now_v7(), crate::notify::SIGHT_REGAINED, &stored.rollout, &text);
        self.store.tell(&stored.rollout, &notice).await
    }

    /// The stage lasts far longer than its soak: somebody should know what it waits for.
    async fn page_hold(&self, stored: &StoredRollout, judged: &Judged) -> Result<(), StoreError> {
        let said = sentence(&stored.policy, Some(&stored.rollout), Some(&judged.judgement));
        let text = format!("{}, not moved for long: {said}", stored.rollout.flag);
        self.page(stored, judged, Event::HoldPaged { text: said }, &text).await
    }

    /// Puts a page into the journal and the outbox together.
    async fn page(&self, stored: &StoredRollout, judged: &Judged, event: Event, text: &str) -> Result<(), StoreError> {
        let rollout = &stored.rollout;
        let notice = crate::store::notice(uuid::Uuid::now_v7(), event.kind(), rollout, text);
        let evidence = serde_json::to_value(judged)?;
        let entry = NewEntry::new(event, rollout, self.clock.now(), Actor::controller(), None, Some(evidence));
        self.store.note(rollout, &entry, Some(&notice)).await
    }

    /// Until the next tick that is due.
    async fn pause(&self) -> Duration {
        let memory = self.turns.lock().await;
        let until = |watched: &Arc<Watched>| {
            let tick = watched.policy.tick.std();
            memory.ticked.get(&watched.rollout.id).map_or(tick, |last| tick.saturating_sub(last.ours.elapsed()))
        };
        let next = self.guard.watched().iter().map(until).min().unwrap_or(LONGEST_PAUSE);
        next.clamp(Duration::from_millis(5), LONGEST_PAUSE)
    }
}

/// What the evidence proves of each check that counts requests against a limit.
fn proofs(watched: &Watched, evidence: &Evidence, now: Timestamp) -> Proofs {
    let of = |check: &Check| Some((check.name.clone(), proof(check, &watched.rollout, evidence, now)?));
    watched.policy.checks.iter().filter_map(of).collect()
}
