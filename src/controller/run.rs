//! The controller: what it holds, and the tasks it sets going.

use super::brake::{Brake, write_brakes};
use super::commit::Committer;
use super::gate::{self, Evidence};
use super::guard::Guard;
use super::listen::{Ears, listen};
use super::policies::Policies;
use super::status::Status;
use super::told::Told;
use super::turn::Memory;
use crate::clock::DatabaseClock;
use crate::flags::Flags;
use crate::signals::{Board, Live, OwnApi, Passing, Sensors, flush_slots, prometheus};
use crate::store::{Store, StoreError, Sync};
use crate::telemetry::Metrics;
use arc_swap::ArcSwapOption;
use rampart_core::rollout::Build;
use rampart_core::{FlagKey, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, Semaphore, broadcast, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

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
    /// The Prometheus server, if one is named.
    pub prometheus: Option<prometheus::Client>,
    /// Whom synthetic requests are sent to.
    pub own_api: OwnApi,
}

/// When the guard's tasks end, and what they say when one of them ended by itself.
#[derive(Clone, Debug, Default)]
pub struct Life {
    /// Ends them.
    pub stop: CancellationToken,
    /// Cancelled where one ended unasked.
    pub failed: CancellationToken,
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
    pub(super) live: Arc<Live>,
    passing: Passing,
    pub(super) board: Arc<Board>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) last_flags: Mutex<Option<Sync>>,
    pub(super) audit_nudge: Arc<Notify>,
    pub(super) report_nudge: Arc<Notify>,
    pub(super) probe_nudge: Arc<Notify>,
    pub(super) gate_nudge: Arc<Notify>,
    outbox_nudge: Arc<Notify>,
    own_api: OwnApi,
    /// What proves the gate, as of the last look; none where it could not be read.
    pub(super) evidence: ArcSwapOption<Evidence>,
    /// Who may look at files of the evidence.
    pub(super) file_looks: Arc<Semaphore>,
    /// The names this machine goes by.
    pub(super) hosts: Vec<String>,
    pub(super) statuses: Mutex<BTreeMap<FlagKey, Arc<Status>>>,
    pub(super) updates: broadcast::Sender<Told>,
    prometheus: Option<prometheus::Client>,
    inbox: Mutex<Option<mpsc::UnboundedReceiver<Brake>>>,
    pub(super) turns: tokio::sync::Mutex<Memory>,
}

impl Controller {
    /// A controller at rest. [`Controller::run`] sets it going.
    pub fn new(parts: Parts) -> Arc<Self> {
        let Parts { store, flags, policies, metrics, clock, build, prometheus, own_api } = parts;
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
            passing: Passing::default(),
            board,
            metrics,
            last_flags: Mutex::default(),
            audit_nudge: Arc::new(Notify::new()),
            report_nudge: Arc::new(Notify::new()),
            probe_nudge: Arc::new(Notify::new()),
            gate_nudge: Arc::new(Notify::new()),
            outbox_nudge: Arc::new(Notify::new()),
            own_api,
            evidence: ArcSwapOption::empty(),
            file_looks: Arc::new(Semaphore::new(gate::FILE_LOOKS)),
            hosts: gate::host_names(),
            statuses: Mutex::default(),
            updates: broadcast::channel(UPDATES).0,
            prometheus,
            inbox: Mutex::new(Some(inbox)),
            turns: tokio::sync::Mutex::default(),
        })
    }

    /// Where live requests are counted.
    pub fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// Where every request is counted, whatever evaluated it.
    pub fn passing(&self) -> &Passing {
        &self.passing
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

    /// Begins this daemon's life in the record. With `alone`, whoever is still noted as running has crashed.
    pub async fn be_born(&self, address: &str, alone: bool) -> Result<(), StoreError> {
        let host = self.hosts.first().map_or("", String::as_str);
        self.store.be_born(&self.build.0, host, address, alone).await
    }

    /// What happens from now on.
    pub fn updates(&self) -> broadcast::Receiver<Told> {
        self.updates.subscribe()
    }

    /// Somebody filed or dismissed a report: count again now.
    pub fn reports_changed(&self) {
        self.report_nudge.notify_one();
    }

    /// What to notify when a report was filed by somebody who does not know this controller.
    pub fn report_nudge(&self) -> Arc<Notify> {
        self.report_nudge.clone()
    }

    /// What is notified when the outbox may hold something new.
    pub fn outbox_nudge(&self) -> Arc<Notify> {
        self.outbox_nudge.clone()
    }

    /// Sets everything going; the tasks end with `life`. `users` hears whose access changed.
    pub fn run(self: &Arc<Self>, tasks: &TaskTracker, life: &Life, users: mpsc::UnboundedSender<String>) {
        let stop = &life.stop;
        let inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(inbox) = inbox {
            let brakes = write_brakes(inbox, self.committer.clone(), self.guard.clone(), stop.clone());
            supervise(tasks, life, "brake", brakes);
        }
        let ears = Ears {
            turn: self.nudge.clone(),
            audit: self.audit_nudge.clone(),
            outbox: self.outbox_nudge.clone(),
            users,
        };
        supervise(tasks, life, "listen", listen(self.store.pools().options.clone(), ears, stop.clone()));
        let sensors = Sensors {
            store: self.store.clone(),
            board: self.board.clone(),
            guard: self.guard.clone(),
            clock: self.clock.clone(),
            audit_nudge: self.audit_nudge.clone(),
            report_nudge: self.report_nudge.clone(),
            probe_nudge: self.probe_nudge.clone(),
            own_api: self.own_api.clone(),
        };
        let prometheus = prometheus::Sensor {
            client: self.prometheus.clone(),
            replica: self.store.replica(),
            board: self.board.clone(),
            guard: self.guard.clone(),
            clock: self.clock.clone(),
        };
        supervise(tasks, life, "prometheus", prometheus.run(stop.clone()));
        supervise(tasks, life, "audit", sensors.clone().sweep_audit(stop.clone()));
        supervise(tasks, life, "reports", sensors.clone().count_reports(stop.clone()));
        supervise(tasks, life, "crashes", sensors.clone().count_crashes(stop.clone()));
        supervise(tasks, life, "sql", sensors.clone().ask_sql(stop.clone()));
        supervise(tasks, life, "stock probe", sensors.clone().probe_stock(stop.clone()));
        supervise(tasks, life, "probe", sensors.probe_rls(stop.clone()));
        let (store, live, guard, clock) =
            (self.store.clone(), self.live.clone(), self.guard.clone(), self.clock.clone());
        supervise(tasks, life, "slots", flush_slots(store, live, guard, clock, stop.clone()));
        supervise(tasks, life, "gate", self.clone().look_at_gate_until(stop.clone()));
        supervise(tasks, life, "turn", self.clone().turn_until(life.clone()));
        supervise(tasks, life, "expire", self.clone().expire_until(stop.clone()));
    }
}

/// Runs a task that must not end before the daemon does. If it does, the daemon stops and says so: one that
/// only half guards is worse than one that is restarted.
fn supervise(tasks: &TaskTracker, life: &Life, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
    let life = life.clone();
    tasks.spawn(async move {
        let ended = tokio::spawn(task).await;
        if !life.stop.is_cancelled() {
            tracing::error!(task = name, ?ended, "a task of the guard has ended; the daemon stops");
            life.failed.cancel();
        }
    });
}
