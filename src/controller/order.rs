//! People's orders: checked, committed, and only then answered.

use super::commit::Circumstances;
use super::gate::{GateFinding, missing};
use super::run::Controller;
use crate::clock::Stopwatch;
use crate::store::{CommandKey, StoreError, StoredRollout};
use rampart_core::flag::bucket;
use rampart_core::policy::{BucketBy, Policy};
use rampart_core::rollout::{
    Actor, Cause, Command, CommandKind, Event, Order, Refusal, Revision, RolloutId, Start, plan,
};
use rampart_core::{FlagKey, Percent};
use std::time::Duration;
use uuid::Uuid;

/// How often an order is tried again when the rollout changes under it.
const ATTEMPTS: usize = 8;
/// How long one attempt may take: a host that vanished never answers.
const ATTEMPT: Duration = Duration::from_secs(5);
/// How long looking up the idempotency key of a rollback may take; others have the time of an attempt.
const LOOK_UP: Duration = Duration::from_millis(100);
/// How many subjects the preflight looks at.
const SUBJECTS: i32 = 100_000;

/// An order with what the request said around it.
#[derive(Clone, Debug)]
pub struct OrderRequest {
    /// The flag.
    pub flag: FlagKey,
    /// The order.
    pub order: Order,
    /// The revision the person saw.
    pub expected: Option<Revision>,
    /// The idempotency key.
    pub key: Option<CommandKey>,
    /// Whether a release owner passes the gate although items are missing.
    pub override_gate: bool,
}

/// Why an order was not carried out. It had no effect, unless the variant says so.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// No policy speaks of this flag.
    #[error("there is no policy for this flag")]
    UnknownFlag,
    /// Not allowed now.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// These required gate items are not proven.
    #[error("the gate is not met: {}", unmet(.0))]
    GateMissing(Vec<GateFinding>),
    /// Nobody would be in the stage.
    #[error("the stage of {percent} would be empty: none of {subjects} known subjects falls into it")]
    EmptyCohort {
        /// The stage.
        percent: Percent,
        /// How many subjects were looked at.
        subjects: usize,
    },
    /// The rollout is not what the person saw.
    #[error("the rollout is at revision {actual}, not {expected}")]
    StaleRevision {
        /// What the request said.
        expected: Revision,
        /// What is so.
        actual: Revision,
    },
    /// The idempotency key was used for another order.
    #[error("this idempotency key was used for another order")]
    KeyReused,
    /// Another replica may raise the flag, this one may not.
    #[error("this replica does not hold the lease on the flag")]
    NotHolder,
    /// The database did not take it. A rollback is in force in this process all the same.
    #[error("the database did not take it: {0}")]
    Store(#[from] StoreError),
}

fn unmet(findings: &[GateFinding]) -> String {
    let said: Vec<String> =
        findings.iter().map(|finding| format!("{} ({})", finding.item.name(), finding.verdict.why())).collect();
    said.join(", ")
}

impl Controller {
    /// Carries out an order. Answers after it is durable.
    pub async fn order(&self, request: &OrderRequest) -> Result<(), CommandError> {
        let loaded = self.policies.get(&request.flag).ok_or(CommandError::UnknownFlag)?;
        let rollback = request.order.command == Command::Rollback;
        let patience = if rollback { LOOK_UP } else { ATTEMPT };
        match tokio::time::timeout(patience, self.used_before(request)).await {
            Ok(Ok(None)) => {}
            Ok(Ok(Some(answer))) => return answer,
            // A rollback waits for no look-up: at worst it is ordered twice, which is once.
            Ok(Err(_)) | Err(_) if rollback => {}
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Err(CommandError::Store(StoreError::Locked)),
        }
        // Who names a revision wants the rollback only of what they saw.
        if rollback && request.expected.is_none() {
            self.brake_by_hand(request);
        }
        let mut last = StoreError::Stale;
        for _ in 0..ATTEMPTS {
            let attempted = tokio::time::timeout(ATTEMPT, self.attempt(request, &loaded)).await;
            match attempted.unwrap_or(Err(CommandError::Store(StoreError::Database(sqlx::Error::PoolTimedOut)))) {
                // Somebody else moved it between our look and our step: look again.
                Err(CommandError::Store(error @ (StoreError::Stale | StoreError::Locked | StoreError::LeaseLost))) => {
                    if matches!(error, StoreError::LeaseLost) {
                        self.nudge.notify_one();
                    }
                    last = error;
                    // The same key may have won the race.
                    if let Ok(Some(answer)) = self.used_before(request).await {
                        return answer;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                settled => return settled,
            }
        }
        Err(CommandError::Store(last))
    }

    /// The answer to an order whose idempotency key was used before.
    async fn used_before(&self, request: &OrderRequest) -> Result<Option<Result<(), CommandError>>, StoreError> {
        let Some(key) = &request.key else { return Ok(None) };
        let used = self.store.used_command(&request.flag, &key.key).await?;
        Ok(used.map(|used| if used == key.fingerprint { Ok(()) } else { Err(CommandError::KeyReused) }))
    }

    async fn attempt(&self, request: &OrderRequest, loaded: &super::LoadedPolicy) -> Result<(), CommandError> {
        let current = self.store.newest_rollout(&request.flag).await?;
        let rollout = current.as_ref().map(|current| &current.rollout);
        let actual = rollout.map_or(Revision(0), |rollout| rollout.revision);
        if let Some(expected) = request.expected.filter(|expected| *expected != actual) {
            return Err(CommandError::StaleRevision { expected, actual });
        }
        let policy =
            current.as_ref().filter(|current| current.rollout.phase.is_live()).map_or(&loaded.policy, |c| &c.policy);
        let gate = match request.order.command.kind() {
            CommandKind::Start | CommandKind::Restart => self.gate(&loaded.policy).await,
            // Nothing else asks for proofs, a rollback least of all.
            CommandKind::Pause
            | CommandKind::Resume
            | CommandKind::Advance
            | CommandKind::Stage
            | CommandKind::Approve
            | CommandKind::Extend
            | CommandKind::Rollback
            | CommandKind::Complete => Vec::new(),
        };
        let start = self.start(loaded, current.as_ref(), request.order.actor.clone(), None, &gate);
        let Some(event) = plan(policy, rollout, start, &request.order)? else { return Ok(()) };
        self.preflight(policy, &event, request, gate).await?;
        let circumstances = Circumstances {
            reason: request.order.reason.clone(),
            command: request.key.clone(),
            ..Circumstances::default()
        };
        let exposed = rollout.map_or(Percent::ZERO, |rollout| rollout.percent);
        if event.enters().is_some_and(|percent| percent > exposed) && self.committer.fence(&request.flag).is_none() {
            return Err(CommandError::NotHolder);
        }
        match (event, rollout) {
            (Event::Started(start), _) => {
                self.committer.begin(*start, &loaded.policy, &loaded.source, circumstances).await?;
            }
            (event, Some(before)) => {
                let after =
                    self.committer.step(before, event.clone(), request.order.actor.clone(), circumstances).await?;
                self.committer.verify(policy, before, &event, &after);
            }
            (_, None) => return Err(CommandError::UnknownFlag),
        }
        self.refresh().await;
        Ok(())
    }

    /// What a rollout started now would be born from.
    pub(super) fn start(
        &self,
        loaded: &super::LoadedPolicy,
        current: Option<&StoredRollout>,
        by: Actor,
        percent: Option<Percent>,
        gate: &[GateFinding],
    ) -> Start {
        let stages = &loaded.policy.stages;
        let percent = percent.or(stages.first().map(|stage| stage.percent)).unwrap_or(Percent::ZERO);
        Start {
            id: RolloutId(Uuid::now_v7()),
            flag: loaded.policy.flag.clone(),
            policy: loaded.revision.clone(),
            build: self.build.clone(),
            attempt: current.map_or(0, |current| current.rollout.attempt) + 1,
            follows: current.map(|current| current.rollout.revision).unwrap_or_default(),
            stage: stages.iter().position(|stage| stage.percent == percent),
            percent,
            restart: false,
            missing_gate: missing(gate),
            by,
        }
    }

    /// Refuses a start whose gate is not met, and a stage in which nobody would be.
    async fn preflight(
        &self,
        policy: &Policy,
        event: &Event,
        request: &OrderRequest,
        gate: Vec<GateFinding>,
    ) -> Result<(), CommandError> {
        let unmet: Vec<GateFinding> = gate.into_iter().filter(GateFinding::blocks).collect();
        if request.order.command.kind() == CommandKind::Start && !request.override_gate && !unmet.is_empty() {
            return Err(CommandError::GateMissing(unmet));
        }
        let Some(percent) = event.enters() else { return Ok(()) };
        let subjects = self.store.active_subjects(SUBJECTS).await?;
        let within = |subject: String| bucket(policy.flag.as_str(), &subject).within(percent);
        let somebody = subjects.iter().any(|(user, yacht)| match policy.bucket_by {
            BucketBy::UserId => within(user.to_string()),
            BucketBy::YachtId => within(yacht.to_string()),
            BucketBy::Attribute(_) => true,
        });
        // Where nobody is known nothing can be said: the stage itself will be blind and say so.
        if somebody || subjects.is_empty() {
            Ok(())
        } else {
            Err(CommandError::EmptyCohort { percent, subjects: subjects.len() })
        }
    }

    /// A person's rollback brakes before anything is asked of the database, and is written down by the
    /// brake's task even if the database is away just now.
    fn brake_by_hand(&self, request: &OrderRequest) {
        let seen = Stopwatch::start();
        let Some(watched) = self.guard.exposed.load().get(&request.flag).cloned() else { return };
        if self.flags.brake(watched.rollout.id) {
            let reason = request.order.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
            let cause = Cause::Ordered { text: format!("ordered by {}{reason}", request.order.actor) };
            self.guard.write_down(self.guard.braked(watched, cause, None, seen));
        }
    }

    /// Whether this process serves nobody of the flag's newest rollout because it braked it.
    pub fn is_braked(&self, flag: &FlagKey) -> bool {
        self.guard.exposed.load().get(flag).is_some_and(|exposed| self.flags.is_braked(exposed.rollout.id))
    }
}
