//! The turn: read, follow what people typed, decide, commit, show.

use super::brake::{Brake, write_brakes};
use super::commit::Committer;
use super::guard::{Guard, Watched};
use super::listen::{Ears, listen};
use super::policies::Policies;
use super::status::{Status, View};
use crate::clock::{self, DatabaseClock, Stopwatch};
use crate::flags::{Flags, Known, KnownRollout, Lapse, LapseChange, StageRef};
use crate::signals::{Board, Live, Sensors, flush_slots};
use crate::store::{JournalFilter, JournalRow, LEASE_SECONDS, NewEntry, Store, StoreError, StoredRollout, Sync};
use crate::telemetry::Metrics;
use rampart_core::rollout::{
    Actor, Build, Decision, Epoch, Event, Judgement, Phase, Revision, Rollout, RolloutId, decide,
};
use rampart_core::{FlagKey, Millis, Percent, Timestamp};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, broadcast, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The longest pause between two turns, whatever the policies' ticks.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// A tick this little before its time is on time.
const EARLY: Duration = Duration::from_millis(5);
/// How long a turn may take before it counts as unanswered.
const LONGEST_TURN: Duration = Duration::from_secs(5);
/// Pause before the turn after one that was refused.
const AFTER_A_REFUSAL: Duration = Duration::from_millis(20);
/// How often leases are looked at.
const EXPIRE_EVERY: Duration = Duration::from_millis(250);
/// How many updates a slow viewer may lag behind before it is dropped.
const UPDATES: usize = 1024;

/// What the daemon's other rooms share with the controller.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The database.
    pub store: Store,
    /// What is served.
    pub flags: Arc<Flags>,
    /// The policies in force.
    pub policies: Arc<Policies>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// The database's time.
    pub clock: Arc<DatabaseClock>,
    /// What serves.
    pub build: Build,
}

/// Something viewers are told.
#[derive(Clone, Debug)]
pub enum Update {
    /// Where a flag stands.
    Status(Arc<Status>),
    /// A new journal entry.
    Journal(Arc<JournalRow>),
}

/// The controller. Share it behind an `Arc`.
#[derive(Debug)]
pub struct Controller {
    pub(super) store: Store,
    pub(super) flags: Arc<Flags>,
    pub(super) policies: Arc<Policies>,
    pub(super) clock: Arc<DatabaseClock>,
    pub(super) build: Build,
    pub(super) guard: Arc<Guard>,
    pub(super) committer: Arc<Committer>,
    pub(super) nudge: Arc<Notify>,
    live: Arc<Live>,
    board: Arc<Board>,
    metrics: Arc<Metrics>,
    last_flags: Mutex<Option<Sync>>,
    audit_nudge: Arc<Notify>,
    report_nudge: Arc<Notify>,
    probe_nudge: Arc<Notify>,
    statuses: Mutex<BTreeMap<FlagKey, Arc<Status>>>,
    updates: broadcast::Sender<Update>,
    inbox: Mutex<Option<mpsc::UnboundedReceiver<Brake>>>,
    turns: tokio::sync::Mutex<Memory>,
}

/// A tick of this replica.
#[derive(Clone, Copy, Debug)]
struct LastTick {
    revision: Revision,
    /// Whether it was credited: only who holds the lease keeps the books.
    held: bool,
    at: Timestamp,
    ours: Instant,
}

/// What one turn leaves for the next; nothing that a restart would miss.
#[derive(Debug, Default)]
struct Memory {
    /// When this replica ticked a rollout last: in the database's time for the credit, in ours for the pause.
    /// A tick across a change credits nothing.
    ticked: HashMap<RolloutId, LastTick>,
    judged: HashMap<RolloutId, Judgement>,
    /// Rolled-back rollouts whose judgement is the one in the journal.
    recalled: HashSet<RolloutId>,
    journal_seen: Option<i64>,
    /// Whether this replica has said that it is there.
    announced: bool,
    away: bool,
}

impl Controller {
    /// A controller at rest. [`Controller::run`] sets it going.
    pub fn new(parts: Parts) -> Arc<Self> {
        let Parts { store, flags, policies, metrics, clock, build } = parts;
        let (brakes, inbox) = mpsc::unbounded_channel();
        let (live, board) = (Arc::new(Live::new(store.replica())), Arc::new(Board::default()));
        let guard = Guard::new(live.clone(), board.clone(), flags.clone(), clock.clone(), build.clone(), brakes);
        let nudge = Arc::new(Notify::new());
        let committer = Committer::new(store.clone(), clock.clone(), metrics.clone(), nudge.clone());
        Arc::new(Self {
            store,
            flags,
            policies,
            clock,
            build,
            guard: Arc::new(guard),
            committer: Arc::new(committer),
            nudge,
            live,
            board,
            metrics,
            last_flags: Mutex::default(),
            audit_nudge: Arc::new(Notify::new()),
            report_nudge: Arc::new(Notify::new()),
            probe_nudge: Arc::new(Notify::new()),
            statuses: Mutex::default(),
            updates: broadcast::channel(UPDATES).0,
            inbox: Mutex::new(Some(inbox)),
            turns: tokio::sync::Mutex::default(),
        })
    }

    /// Where live requests are counted.
    pub fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// Whoever sees something bad tells this one.
    pub fn guard(&self) -> &Arc<Guard> {
        &self.guard
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The policies in force.
    pub fn policies(&self) -> &Arc<Policies> {
        &self.policies
    }

    /// The database's time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Where each flag stands, as of the last turn.
    pub fn statuses(&self) -> Vec<Arc<Status>> {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Where one flag stands.
    pub fn status(&self, flag: &FlagKey) -> Option<Arc<Status>> {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner).get(flag).cloned()
    }

    /// What happens from now on.
    pub fn updates(&self) -> broadcast::Receiver<Update> {
        self.updates.subscribe()
    }

    /// Somebody filed or dismissed a report: count again now.
    pub fn reports_changed(&self) {
        self.report_nudge.notify_one();
    }

    /// Sets everything going; the tasks end when `stop` is cancelled. `users` hears whose access changed.
    pub fn run(self: &Arc<Self>, tasks: &TaskTracker, stop: &CancellationToken, users: mpsc::UnboundedSender<String>) {
        let inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(inbox) = inbox {
            let brakes = write_brakes(inbox, self.committer.clone(), self.guard.clone(), stop.clone());
            supervise(tasks, stop, "brake", brakes);
        }
        let ears = Ears { turn: self.nudge.clone(), audit: self.audit_nudge.clone(), users };
        supervise(tasks, stop, "listen", listen(self.store.pools().options.clone(), ears, stop.clone()));
        let sensors = Sensors {
            store: self.store.clone(),
            board: self.board.clone(),
            guard: self.guard.clone(),
            clock: self.clock.clone(),
            audit_nudge: self.audit_nudge.clone(),
            report_nudge: self.report_nudge.clone(),
            probe_nudge: self.probe_nudge.clone(),
        };
        supervise(tasks, stop, "audit", sensors.clone().sweep_audit(stop.clone()));
        supervise(tasks, stop, "reports", sensors.clone().count_reports(stop.clone()));
        supervise(tasks, stop, "probe", sensors.probe_rls(stop.clone()));
        let (store, live, guard, clock) =
            (self.store.clone(), self.live.clone(), self.guard.clone(), self.clock.clone());
        supervise(tasks, stop, "slots", flush_slots(store, live, guard, clock, stop.clone()));
        supervise(tasks, stop, "turn", self.clone().turn_until(stop.clone()));
        supervise(tasks, stop, "expire", self.clone().expire_until(stop.clone()));
    }

    async fn turn_until(self: Arc<Self>, stop: CancellationToken) {
        loop {
            self.refresh().await;
            self.policies.reload();
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.nudge.notified() => {}
                () = tokio::time::sleep(self.pause().await) => {}
            }
        }
        if let Err(error) = self.store.retire().await {
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
        memory.recalled.retain(newest);
        let mut refused = Ok(());
        for stored in &mut rollouts {
            // One rollout that somebody holds locked keeps no other waiting.
            if let Err(error) = self.look_after(stored, &sync, memory).await {
                refused = Err(error);
            }
        }
        // The sign of life comes last: whoever cannot do the work must not look as if they did.
        if refused.is_ok() {
            let now = self.store.heartbeat(&self.build.0).await?;
            self.clock.told(now);
            self.metrics.heartbeat(now);
        }
        if let Err(error) = self.show(&sync, &rollouts, memory).await {
            tracing::warn!(%error, "viewers are not told this turn");
        }
        refused
    }

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
    async fn read(&self) -> Result<(Sync, Vec<StoredRollout>), StoreError> {
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
        self.guard.exposed.store(Arc::new(exposed));
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

    /// Decides for one rollout where its tick is due, and carries the decision out.
    async fn look_after(&self, stored: &mut StoredRollout, sync: &Sync, memory: &mut Memory) -> Result<(), StoreError> {
        let (flag, id) = (stored.rollout.flag.clone(), stored.rollout.id);
        let row = sync.flags.iter().find(|row| row.flag == flag).map_or(Percent::ZERO, |row| row.percent);
        if row != stored.rollout.percent && !sync.sql_changes.iter().any(|change| change.flag == flag) {
            self.store.mirror_flag(&flag).await?;
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
        if self.flags.is_braked(id) {
            // Braked here and not so in the database: no soak, no advance, until the record says so too.
            self.guard.insist(&watched);
            return Ok(());
        }
        let held = self.committer.fence(&flag).is_some();
        let revision = stored.rollout.revision;
        let since_last_tick =
            before.filter(|last| last.revision == revision && last.held).map(|last| Millis::between(last.at, sync.now));
        let evidence = self.guard.evidence(&watched, since_last_tick);
        let judgement = decide(&stored.policy, &stored.rollout, &evidence, sync.now);
        memory.ticked.insert(id, LastTick { revision, held, at: sync.now, ours: clock::monotonic() });
        memory.judged.insert(id, judgement.clone());
        if self.guard.brake_if_needed(&watched, judgement.clone(), seen) || !held {
            return Ok(());
        }
        // Paged before the tick says so: told twice is better than never.
        if judgement.page_blind {
            self.page_blind(stored, &judgement).await?;
        }
        self.store.tick(&stored.rollout, &judgement, sync.now).await?;
        stored.rollout.progress = judgement.progress;
        if let Some(event) = event_of(stored, &judgement) {
            let after =
                self.committer.change(&stored.rollout, event.clone(), Actor::controller(), Some(&judgement)).await?;
            self.committer.verify(&stored.policy, &stored.rollout, &event, &after);
            tracing::info!(flag = %flag, rollout.percent = %after.percent, event = event.kind(), "the rollout moved");
            stored.rollout = after;
            memory.judged.remove(&id);
        }
        Ok(())
    }

    async fn page_blind(&self, stored: &StoredRollout, judgement: &Judgement) -> Result<(), StoreError> {
        let Some(since) = judgement.progress.blind_since else { return Ok(()) };
        let rollout = &stored.rollout;
        let event = Event::BlindPaged { since };
        let text = format!("{} is blind since {}", rollout.flag, since.format("%H:%M:%S UTC"));
        let notice = crate::store::notice(uuid::Uuid::now_v7(), event.kind(), rollout, &text);
        let evidence = serde_json::to_value(judgement)?;
        let entry = NewEntry::new(event, rollout, self.clock.now(), Actor::controller(), None, Some(evidence));
        self.store.note(rollout, &entry, Some(&notice)).await
    }

    /// Tells viewers where everything stands and what was written.
    async fn show(&self, sync: &Sync, rollouts: &[StoredRollout], memory: &mut Memory) -> Result<(), StoreError> {
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
                traffic: rollout.map(|rollout| self.live.traffic(rollout, sync.now)).unwrap_or_default(),
                braked: rollout.is_some_and(|r| r.phase != Phase::RolledBack && self.flags.is_braked(r.id)),
                valid_for: self.flags.valid_for(&loaded.policy.flag),
                holds_lease: self.committer.fence(&loaded.policy.flag).is_some(),
                replica: self.store.replica(),
                missing_gate: self.missing_gate(&loaded.policy),
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
            let _ = self.updates.send(Update::Status(status));
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
                let _ = self.updates.send(Update::Journal(Arc::new(entry)));
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
            kind: Some("rolled_back".to_owned()),
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

    /// Lets exposure leases run out even while the database is away, and writes that down when it is not.
    async fn expire_until(self: Arc<Self>, stop: CancellationToken) {
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
            let noted = tokio::time::timeout(LONGEST_TURN, self.store.note(&exposed.rollout, &entry, None)).await;
            if !matches!(noted, Ok(Ok(()))) {
                self.flags.return_changes(changes.into_iter().skip(place).collect());
                return;
            }
            tracing::warn!(flag = %change.flag, lapse = ?change.lapse, serving = %change.serving, "the exposure lease changed");
        }
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

fn watched_of(stored: &StoredRollout) -> Watched {
    Watched {
        policy: stored.policy.clone(),
        rollout: stored.rollout.clone(),
        audit_baseline: stored.audit_baseline.clone(),
    }
}

/// The event a decision makes happen; none for a hold, and none for a rollback, which is the brake's.
fn event_of(stored: &StoredRollout, judgement: &Judgement) -> Option<Event> {
    match &judgement.decision {
        Decision::Hold { .. } | Decision::Rollback { .. } => None,
        Decision::Advance { stage, percent } => {
            Some(Event::Advanced { stage: *stage, percent: *percent, proven: true })
        }
        Decision::Complete => Some(Event::Completed),
        Decision::StepBack { stage, percent } => Some(Event::StageSet { stage: Some(*stage), percent: *percent }),
        Decision::RestartStage { why } => {
            tracing::info!(flag = %stored.rollout.flag, ?why, "the stage begins again");
            Some(Event::StageRestarted { why: why.clone() })
        }
    }
}

/// Runs a task that must not end before the daemon does. If it does, the daemon stops and says so: one that
/// only half guards is worse than one that is restarted.
fn supervise(
    tasks: &TaskTracker,
    stop: &CancellationToken,
    name: &'static str,
    task: impl Future<Output = ()> + Send + 'static,
) {
    let stop = stop.clone();
    tasks.spawn(async move {
        let ended = tokio::spawn(task).await;
        if !stop.is_cancelled() {
            tracing::error!(task = name, ?ended, "a task of the guard has ended; the daemon stops");
            stop.cancel();
        }
    });
}
