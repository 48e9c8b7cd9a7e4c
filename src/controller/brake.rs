//! Writes down what the guard has already done.
//!
//! The brake is on before anything arrives here. Each rollback is committed by a task of its own, again
//! and again until it is in the database or somebody else's is, so that a lost database delays the record
//! and nothing else.

use super::commit::Committer;
use super::guard::Watched;
use crate::clock::Stopwatch;
use crate::store::StoreError;
use rampart_core::rollout::{Actor, Cause, Event, Judgement, Phase};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

/// Between two attempts to write a rollback down.
const RETRY: Duration = Duration::from_millis(50);

/// A rollout that was braked in this process, and why.
#[derive(Clone, Debug)]
pub struct Brake {
    /// The rollout as the guard saw it.
    pub watched: Arc<Watched>,
    /// Why.
    pub cause: Cause,
    /// What the decision rests on; none where a person ordered it.
    pub judgement: Option<Judgement>,
    /// Running since the breach was seen.
    pub seen: Stopwatch,
    /// From then to the decision.
    pub decided: Duration,
}

/// Commits every brake that arrives, until stopped.
pub(super) async fn write_brakes(
    mut brakes: UnboundedReceiver<Brake>,
    committer: Arc<Committer>,
    stop: CancellationToken,
) {
    loop {
        let brake = tokio::select! {
            () = stop.cancelled() => return,
            brake = brakes.recv() => brake,
        };
        let Some(brake) = brake else { return };
        let (committer, stop) = (committer.clone(), stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = write(&committer, &brake) => {}
            }
        });
    }
}

async fn write(committer: &Committer, brake: &Brake) {
    let rollout = &brake.watched.rollout;
    tracing::warn!(
        flag = %rollout.flag, rollout.id = %rollout.id, cause = brake.cause.text(),
        decided.micros = brake.decided.as_micros() as u64, "braked: nobody is served by this process"
    );
    let mut current = rollout.clone();
    let mut told = false;
    loop {
        let event = Event::RolledBack { cause: brake.cause.clone() };
        match committer.change(&current, event, Actor::controller(), brake.judgement.as_ref()).await {
            Ok(after) => {
                let committed = brake.seen.elapsed();
                committer.metrics.rolled_back(&rollout.flag, brake.decided, committed);
                tracing::warn!(
                    flag = %after.flag, rollout.id = %after.id, cause = brake.cause.text(),
                    committed.millis = committed.as_secs_f64() * 1000.0, "rolled back to 0 %"
                );
                committer.nudge.notify_one();
                return;
            }
            Err(StoreError::Stale) => match committer.store.newest_rollout(&rollout.flag).await {
                Ok(Some(newest)) if newest.rollout.id == rollout.id && newest.rollout.phase != Phase::RolledBack => {
                    current = newest.rollout;
                    continue;
                }
                Ok(_) => {
                    committer.nudge.notify_one();
                    return;
                }
                Err(_) => {}
            },
            Err(error) if !told => {
                told = true;
                tracing::error!(flag = %rollout.flag, %error, "the rollback is in force here, and not written down yet");
            }
            Err(_) => {}
        }
        tokio::time::sleep(RETRY).await;
    }
}
