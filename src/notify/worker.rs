//! The tasks: one plans, one for each target delivers, and one forgets what was told long ago.
//!
//! Both are reconcilers: they take no input but what the database has, so a lost nudge costs time and nothing else. All
//! replicas run them; rows that one has are passed over by the others.

use super::notifier::Notifier;
use super::send::{DEADLINE, Undelivered};
use super::target::Target;
use super::timing::{self, EXPIRY, Failure, Tried, jitter};
use crate::store::{Due, Setback, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a delivery belongs to whoever took it. Longer than an attempt may last, or two would try at once.
const CLAIM: Duration = Duration::from_secs(DEADLINE.as_secs() * 2);
/// How long a task rests at most: a nudge may be lost.
const REST: Duration = Duration::from_secs(10);
/// For how many days it is kept who was told of what.
const KEPT_DAYS: i32 = 90;
/// How often what is older is forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(3600);
/// How much of it is forgotten at once.
const FORGET_AT_ONCE: i32 = 1000;
/// Pause before the database is asked again after it refused.
const RETRY: Duration = Duration::from_secs(1);

/// Runs a task, and again where it ended by itself: whoever tells of trouble must not be lost to it, and must not stop
/// the daemon either.
async fn keep_up<F>(task: impl Fn() -> F + Send, stop: CancellationToken)
where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        let ended = tokio::spawn(task()).await;
        if stop.is_cancelled() {
            return;
        }
        tracing::error!(?ended, "a task of notifications has ended; it begins again");
        tokio::time::sleep(RETRY).await;
    }
}

impl Notifier {
    /// Sets everything going; the tasks end with `stop`.
    pub(crate) fn run(self: &Arc<Self>, tasks: &TaskTracker, stop: &CancellationToken) {
        if self.targets.is_empty() {
            // What happens today can still be told where targets are configured before it is a day old.
            self.warnings().iter().for_each(|warning| tracing::info!("{warning}"));
            return;
        }
        let mut wakes = Vec::new();
        for target in &self.targets {
            let wake = Arc::new(Notify::new());
            wakes.push(wake.clone());
            let (notifier, target, ends) = (self.clone(), target.clone(), stop.clone());
            let deliver = move || notifier.clone().deliver_until(target.clone(), wake.clone(), ends.clone());
            tasks.spawn(keep_up(deliver, stop.clone()));
        }
        let (notifier, ends) = (self.clone(), stop.clone());
        tasks.spawn(keep_up(move || notifier.clone().plan_until(wakes.clone(), ends.clone()), stop.clone()));
        let (notifier, ends) = (self.clone(), stop.clone());
        tasks.spawn(keep_up(move || notifier.clone().forget_until(ends.clone()), stop.clone()));
    }

    async fn plan_until(self: Arc<Self>, wakes: Vec<Arc<Notify>>, stop: CancellationToken) {
        let mut warned = Vec::new();
        while !stop.is_cancelled() {
            let warnings = self.warnings();
            if warnings != warned {
                warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
                warned = warnings;
            }
            let rest = match self.plan().await {
                Ok(()) => REST,
                Err(error) => {
                    tracing::warn!(%error, "notifications are not planned");
                    RETRY
                }
            };
            // A retry that a person asked for needs no plan.
            wakes.iter().for_each(|wake| wake.notify_one());
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.nudge.notified() => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
    }

    async fn forget_until(self: Arc<Self>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let rest = match self.store.forget_told(KEPT_DAYS, FORGET_AT_ONCE).await {
                Ok(gone) if gone >= i64::from(FORGET_AT_ONCE) => Duration::ZERO,
                Ok(_) => FORGET_EVERY,
                Err(error) => {
                    tracing::warn!(%error, "what was told long ago is not forgotten yet");
                    FORGET_EVERY
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
    }

    async fn plan(&self) -> Result<(), StoreError> {
        let expiry = EXPIRY.as_secs_f64();
        for target in self.store.expire_deliveries(expiry).await? {
            tracing::error!(target.name = target, "a notification could not be delivered for a day");
            self.metrics.notified(&target, "dead");
        }
        while self.store.plan_deliveries(expiry, |unplanned| self.whom(unplanned)).await? > 0 {}
        let (waiting, dead) = self.store.open_deliveries().await?;
        self.metrics.notifications_open(waiting, dead);
        Ok(())
    }

    async fn deliver_until(self: Arc<Self>, target: Target, wake: Arc<Notify>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let rest = match self.deliver_due(&target, &stop).await {
                Ok(rest) => rest,
                Err(error) => {
                    tracing::warn!(%error, target.name = target.name, "notifications are not delivered");
                    RETRY
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = wake.notified() => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
    }

    /// Delivers what is due, oldest first. Answers how long to rest.
    async fn deliver_due(&self, target: &Target, stop: &CancellationToken) -> Result<Duration, StoreError> {
        while !stop.is_cancelled()
            && let Some(due) = self.store.claim_delivery(&target.name, CLAIM.as_secs_f64()).await?
        {
            let letter = self.letter(due.clone());
            let sent = tokio::select! {
                sent = self.send(target, &letter) => sent,
                () = stop.cancelled() => Err(Undelivered::passing("the daemon stopped before an answer came")),
            };
            self.settle(target, &due, sent, stop).await;
        }
        let next = self.store.next_delivery(&target.name).await?;
        Ok(next.map_or(REST, |seconds| Duration::from_secs_f64(seconds.clamp(0.01, REST.as_secs_f64()))))
    }

    /// Writes down how an attempt ended. Where the database is away that is tried until it is back, or what has arrived
    /// would be sent once more.
    async fn settle(&self, target: &Target, due: &Due, sent: Result<(), Undelivered>, stop: &CancellationToken) {
        let (notification, name) = (due.notification, &target.name);
        let setback = sent.err().map(|undelivered| {
            let age = Duration::try_from_secs_f64(due.age_seconds).unwrap_or_default();
            let tried = Tried { attempts: due.attempts, refusals: due.refusals, age };
            let pause = timing::pause(&undelivered.failure, tried, jitter());
            // What the receiver said is for people: a log must not hold what others wrote.
            let error = undelivered.text.clone();
            match pause {
                None => tracing::error!(%notification, target.name = name, error, "a notification is dead"),
                Some(_) => {
                    tracing::warn!(%notification, target.name = name, error, "a notification is not delivered yet")
                }
            }
            let refused = undelivered.failure == Failure::Refused;
            Setback { error: undelivered.told(), refused, pause_seconds: pause.map(|pause| pause.as_secs_f64()) }
        });
        let outcome = match &setback {
            None => "delivered",
            Some(Setback { pause_seconds: None, .. }) => "dead",
            Some(Setback { .. }) => "failed",
        };
        self.metrics.notified(name, outcome);
        loop {
            let written = match &setback {
                None => self.store.delivered(due, name).await,
                Some(setback) => self.store.not_delivered(due, setback).await,
            };
            let Err(error) = written else { break };
            tracing::warn!(%error, %notification, target.name = name, outcome, "not written down yet");
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(RETRY) => {}
            }
        }
        if let Ok((waiting, dead)) = self.store.open_deliveries().await {
            self.metrics.notifications_open(waiting, dead);
        }
    }
}
