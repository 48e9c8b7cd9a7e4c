//! The slow signals: each kind in a task of its own.

use crate::clock::DatabaseClock;
use crate::controller::{Guard, Watched};
use crate::signals::live::{KEEP_SECONDS, first_unbinned};
use crate::signals::{Board, Live, OwnApi};
use crate::store::Store;
use rampart_core::Timestamp;
use rampart_core::policy::{Check, Signal};
use rampart_core::rollout::{Outcome, Reading, RolloutId};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The longest pause between two measurements.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Seconds between two looks for slots that nobody needs any more.
const FORGET_EVERY: u32 = 600;
/// How long one measurement may take before it is a fault.
pub(super) const DEADLINE: Duration = Duration::from_secs(4);
/// How long after a second is over another replica may still be writing it.
const LATE: chrono::Duration = chrono::Duration::seconds(15);

/// What the sensors need.
#[derive(Clone, Debug)]
pub struct Sensors {
    /// The database they ask.
    pub store: Store,
    /// Where readings go.
    pub board: Arc<Board>,
    /// Who looks at them.
    pub guard: Arc<Guard>,
    /// The time readings carry.
    pub clock: Arc<DatabaseClock>,
    /// Wakes the audit sweep: somebody committed a violation.
    pub audit_nudge: Arc<Notify>,
    /// Wakes the report count: somebody filed one.
    pub report_nudge: Arc<Notify>,
    /// Wakes the probe.
    pub probe_nudge: Arc<Notify>,
    /// Whom synthetic requests are sent to.
    pub own_api: OwnApi,
}

/// A check of a watched rollout.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) watched: Arc<Watched>,
    pub(super) check: Check,
}

impl Sensors {
    /// The audit sweep, at once after a violation was committed and else every tick.
    pub async fn sweep_audit(self, stop: CancellationToken) {
        let nudge = self.audit_nudge.clone();
        self.run(stop, &nudge, &[Signal::AuditViolations], async |sensors, watched, _| {
            let (count, sample) =
                sensors.store.audit_violations(&watched.audit_baseline).await.map_err(|e| e.to_string())?;
            if count > 0 {
                tracing::warn!(audit.violations = count, audit.sample = ?sample, "audit violations found");
            }
            Ok(Outcome::measured(count as f64, 1))
        })
        .await;
    }

    /// The count of open reports.
    pub async fn count_reports(self, stop: CancellationToken) {
        let nudge = self.report_nudge.clone();
        let signals = [Signal::ReportAny, Signal::ReportDataInconsistency, Signal::ReportOther];
        self.run(stop, &nudge, &signals, async |sensors, watched, check| {
            let rollout = &watched.rollout;
            let (inconsistencies, others) =
                sensors.store.open_reports(&rollout.flag, rollout.started_at).await.map_err(|e| e.to_string())?;
            let wants = |kind| check.signal == kind || check.signal == Signal::ReportAny;
            let count = if wants(Signal::ReportDataInconsistency) { inconsistencies } else { 0 }
                + if wants(Signal::ReportOther) { others } else { 0 };
            Ok(Outcome::measured(count as f64, 1))
        })
        .await;
    }

    /// Measures every watched check of `signals`, again and again, until stopped.
    async fn run(
        self,
        stop: CancellationToken,
        nudge: &Notify,
        signals: &[Signal],
        measure: impl AsyncFn(&Self, &Watched, &Check) -> Result<Outcome, String>,
    ) {
        loop {
            let mut pause = LONGEST_PAUSE;
            for wanted in self.wanted(|signal| signals.contains(signal)) {
                pause = pause.min(wanted.watched.policy.tick.std());
                let begun_at = self.clock.now();
                let measured = tokio::time::timeout(DEADLINE, measure(&self, &wanted.watched, &wanted.check)).await;
                let outcome = measured
                    .unwrap_or_else(|_| Err(format!("no answer within {} s", DEADLINE.as_secs())))
                    .unwrap_or_else(Outcome::Fault);
                self.put(&wanted, begun_at, outcome);
            }
            if self.rest(&stop, Some(nudge), pause).await.is_break() {
                return;
            }
        }
    }

    /// Every watched check whose signal is one of these.
    pub(super) fn wanted(&self, of: impl Fn(&Signal) -> bool) -> Vec<Wanted> {
        let watched = self.guard.watched();
        let checks = watched.iter().flat_map(|watched| watched.policy.checks.iter().map(move |check| (watched, check)));
        let checks = checks.filter(|(_, check)| of(&check.signal));
        checks.map(|(watched, check)| Wanted { watched: watched.clone(), check: check.clone() }).collect()
    }

    /// Puts up a reading of a measurement that began at `begun_at`, and has the guard look.
    pub(super) fn put(&self, wanted: &Wanted, begun_at: Timestamp, outcome: Outcome) {
        let rollout = &wanted.watched.rollout;
        let observed_at = self.clock.now();
        let reading =
            Reading { rollout: rollout.id, epoch: rollout.epoch, begun_at, observed_at, outcome, control: None };
        self.board.put(wanted.check.name.clone(), reading);
        self.guard.look(&rollout.flag);
    }

    /// Waits for the next round; breaks where there is none.
    pub(super) async fn rest(
        &self,
        stop: &CancellationToken,
        nudge: Option<&Notify>,
        pause: Duration,
    ) -> ControlFlow<()> {
        let nudged = async {
            match nudge {
                Some(nudge) => nudge.notified().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => ControlFlow::Break(()),
            () = nudged => ControlFlow::Continue(()),
            () = tokio::time::sleep(pause) => ControlFlow::Continue(()),
        }
    }
}

/// Shares finished seconds with the other replicas, and takes in theirs, once a second.
pub async fn flush_slots(
    store: Store,
    live: Arc<Live>,
    guard: Arc<Guard>,
    clock: Arc<DatabaseClock>,
    stop: CancellationToken,
) {
    let mut taken_in = HashMap::new();
    for turn in 0_u32.. {
        let now = clock.now();
        write_slots(&store, &live, now).await;
        let watched = guard.watched();
        for watched in &watched {
            let rollout = &watched.rollout;
            // The first look takes in whatever still counts, every later one what was written since the last.
            let since = taken_in.get(&rollout.id).map_or_else(|| still_counts_since(watched, now), |last| *last - LATE);
            if let Ok(Ok(rows)) = tokio::time::timeout(DEADLINE, store.read_slots(rollout.id, since)).await {
                live.merge(&rows);
                taken_in.insert(rollout.id, now);
            }
        }
        let ids: Vec<RolloutId> = watched.iter().map(|watched| watched.rollout.id).collect();
        taken_in.retain(|rollout, _| ids.contains(rollout));
        if turn % FORGET_EVERY == 0 {
            // What is not deleted now is deleted the next time.
            let _ = tokio::time::timeout(DEADLINE, store.forget_slots(&ids)).await;
        }
        tokio::select! {
            () = stop.cancelled() => break,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
    // The last second as well, or whatever happened in it would be forgotten by whoever starts next.
    write_slots(&store, &live, clock.now() + chrono::Duration::seconds(1)).await;
}

/// Since when slots still count: the whole stage, and what bins of the stages before have not taken in yet, as long as
/// slots are kept.
fn still_counts_since(watched: &Watched, now: Timestamp) -> Timestamp {
    let stage = watched.rollout.stage_since.timestamp() - 1;
    let bins = first_unbinned(&watched.policy, &watched.rollout).max(now.timestamp() - KEEP_SECONDS);
    Timestamp::from_timestamp(stage.min(bins), 0).unwrap_or(watched.rollout.stage_since)
}

/// Writes the seconds that are over at `now`.
async fn write_slots(store: &Store, live: &Live, now: Timestamp) {
    let rows = live.unwritten(now);
    match tokio::time::timeout(DEADLINE, store.write_slots(&rows)).await {
        Ok(Ok(())) => live.written(&rows),
        Ok(Err(error)) => tracing::warn!(%error, slots.unwritten = rows.len(), "cannot share live slots yet"),
        Err(_) => tracing::warn!(slots.unwritten = rows.len(), "cannot share live slots yet: no answer"),
    }
}
