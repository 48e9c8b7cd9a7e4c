//! Writes down what the guard has already done.
//!
//! The brake is on before anything arrives here. Each rollback is committed by a task of its own, again
//! and again until it is in the database or somebody else's is, so that a lost database delays the record
//! and nothing else. When the daemon stops, what is still to be written gets a last few seconds.

use super::commit::Committer;
use super::guard::{Guard, Watched};
use crate::clock::Stopwatch;
use crate::store::{Store, StoreError};
use rampart_core::Timestamp;
use rampart_core::rollout::{Actor, Cause, Event, Judged, Phase, Rollout, RolloutId, headline};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Between two attempts to write a rollback down.
const RETRY: Duration = Duration::from_millis(50);
/// How long one attempt may take: a host that vanished never answers.
const ATTEMPT: Duration = Duration::from_secs(3);
/// How long a person's own order may take to be written, with its name and key, before it is written for them.
const ORDER_FIRST: Duration = Duration::from_millis(250);
/// How long rollbacks may take to be written once the daemon is stopping.
const LAST_SECONDS: Duration = Duration::from_secs(5);

/// A rollout that was braked in this process, and why.
#[derive(Clone, Debug)]
pub struct Brake {
    /// The rollout as the guard saw it.
    pub watched: Arc<Watched>,
    /// Why.
    pub cause: Cause,
    /// The decision and what it rests on; none where a person ordered it. It is written out by whoever writes it down.
    pub judged: Option<Arc<Judged>>,
    /// Running since the breach was seen.
    pub seen: Stopwatch,
    /// From then to the decision.
    pub decided: Duration,
    /// Since when this process serves nobody of it, by the database's clock.
    pub effective: Timestamp,
}

/// Commits every brake that arrives, until stopped.
pub(super) async fn write_brakes(
    mut brakes: UnboundedReceiver<Brake>,
    committer: Arc<Committer>,
    guard: Arc<Guard>,
    stop: CancellationToken,
) {
    let mut writing = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = writing.join_next() => {}
            Some(brake) = brakes.recv() => drop(writing.spawn(write(committer.clone(), guard.clone(), brake))),
        }
    }
    brakes.close();
    while let Some(brake) = brakes.recv().await {
        writing.spawn(write(committer.clone(), guard.clone(), brake));
    }
    let written = async { while writing.join_next().await.is_some() {} };
    if tokio::time::timeout(LAST_SECONDS, written).await.is_err() {
        tracing::error!("stopping with a rollback that is not written down: the database is away");
    }
}

/// Says that nobody writes any more, however the task ends.
struct Writing {
    guard: Arc<Guard>,
    rollout: RolloutId,
    done: bool,
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.guard.wrote(self.rollout, self.done);
    }
}

async fn write(committer: Arc<Committer>, guard: Arc<Guard>, brake: Brake) {
    let rollout = &brake.watched.rollout;
    let mut task = Writing { guard, rollout: rollout.id, done: false };
    tracing::warn!(
        flag = %rollout.flag, rollout.id = %rollout.id, cause = brake.cause.text(),
        decided.micros = brake.decided.as_micros() as u64, "braked: nobody is served by this process"
    );
    if brake.judged.is_none() {
        tokio::time::sleep(ORDER_FIRST).await;
    }
    let mut current = rollout.clone();
    let mut told = false;
    loop {
        match tokio::time::timeout(ATTEMPT, attempt(&committer, &brake, &mut current)).await {
            Ok(Ok(())) => break,
            Ok(Err(StoreError::Stale)) => continue,
            Ok(Err(error)) if !told => {
                told = true;
                tracing::error!(flag = %rollout.flag, %error, "the rollback is in force here, and not written down yet");
            }
            Ok(Err(_)) | Err(_) => {}
        }
        tokio::time::sleep(RETRY).await;
    }
    task.done = true;
    drop(task);
    committer.nudge.notify_one();
    // An order was seen by nobody: it came.
    let decided = chrono::Duration::from_std(brake.decided).unwrap_or_default();
    let seen = brake.judged.as_ref().map(|_| brake.effective - decided);
    note_effect(&committer.store, rollout.id, seen, brake.effective).await;
}

/// Writes down since when this process serves nobody of a rollout, if the database takes it: what is in force does not
/// depend on it.
pub(super) async fn note_effect(store: &Store, rollout: RolloutId, seen: Option<Timestamp>, effective: Timestamp) {
    let noted = tokio::time::timeout(ATTEMPT, store.took_effect(rollout, seen, effective)).await;
    if !matches!(noted, Ok(Ok(()))) {
        tracing::warn!(rollout.id = %rollout, "it is not written down since when nobody is served here");
    }
}

/// Writes the rollback against `current`; where that has moved on, reads it again for the next attempt.
async fn attempt(committer: &Committer, brake: &Brake, current: &mut Rollout) -> Result<(), StoreError> {
    let event = Event::RolledBack { cause: brake.cause.clone() };
    match committer.change(current, event, Actor::controller(), brake.judged.as_deref()).await {
        Ok(after) => {
            let committed = brake.seen.elapsed();
            committer.metrics.rolled_back(&after.flag, brake.decided, committed);
            tracing::warn!(
                flag = %after.flag, rollout.id = %after.id,
                committed.millis = committed.as_secs_f64() * 1000.0, "{}", headline(&after)
            );
            Ok(())
        }
        Err(StoreError::Stale) => match committer.store.newest_rollout(&current.flag).await? {
            Some(newest) if newest.rollout.id == current.id && newest.rollout.phase != Phase::RolledBack => {
                *current = newest.rollout;
                Err(StoreError::Stale)
            }
            // Somebody else wrote it, or another rollout has begun.
            _ => Ok(()),
        },
        Err(error) => Err(error),
    }
}
