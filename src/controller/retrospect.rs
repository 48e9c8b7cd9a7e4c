//! Why a rollout was rolled back, from what was written down of it.

use super::checks::{CheckStatus, ComparisonStatus, StatisticsStatus};
use super::explain::Explained;
use super::run::Controller;
use super::status::CauseStatus;
use crate::store::{Effects, JournalRow, StoreError, StoredRollout};
use rampart_core::rollout::{Judged, sentence};
use rampart_core::{FlagKey, Percent, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// What broke, when, and what it rests on.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[expect(missing_docs, reason = "the fields are described by the API's documentation")]
#[schema(as = Rollback)]
pub struct RollbackReport {
    #[schema(value_type = String)]
    pub flag: FlagKey,
    pub rollout_id: Uuid,
    pub attempt: u32,
    pub sentence: String,
    pub cause: Option<CauseStatus>,
    pub from_percent: f64,
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub rolled_back_at: Timestamp,
    pub actor: Option<String>,
    pub reason: Option<String>,
    pub timeline: Vec<Moment>,
    pub checks: Vec<CheckStatus>,
    pub explanation: Option<Explained>,
    pub entries: Vec<JournalRow>,
}

/// One step from the measurement to the record.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Moment {
    pub what: &'static str,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    pub text: String,
}

impl Controller {
    /// The report on a rollout that was rolled back; on the newest such one where none is named.
    pub async fn rollback_report(
        &self,
        flag: &FlagKey,
        rollout: Option<Uuid>,
    ) -> Result<Option<RollbackReport>, StoreError> {
        let Some(stored) = self.store.rolled_back(flag, rollout).await? else { return Ok(None) };
        let rows = self.journal_of(&stored).await?;
        let place = rows.iter().position(|row| row.kind == "rolled_back");
        let row = place.and_then(|place| rows.get(place));
        let judged = row.cloned().map(JournalRow::journalled).transpose()?.and_then(|entry| entry.judged);
        let explanation = match row {
            Some(row) => Some(self.explain_entry(&stored, &rows, row).await?),
            None => None,
        };
        let before = place.and_then(|place| rows.get(place.checked_sub(1)?));
        let rollout = &stored.rollout;
        let effects = self.store.effects(rollout.id, stored.committed_at).await?;
        let statistics = StatisticsStatus::of(&stored.policy, Some(rollout));
        let judgement = judged.as_ref().map(|judged| &judged.judgement);
        let compared = |check| ComparisonStatus::of(&stored.policy, check, &statistics);
        let checks = stored.policy.checks.iter().map(|check| CheckStatus::of(check, judgement, None, compared(check)));
        Ok(Some(RollbackReport {
            flag: flag.clone(),
            rollout_id: rollout.id.0,
            attempt: rollout.attempt,
            sentence: sentence(&stored.policy, Some(rollout), judgement),
            cause: rollout.cause.as_ref().map(CauseStatus::of),
            from_percent: before.map_or(f64::from(Percent::ZERO), |before| before.percent),
            started_at: rollout.started_at,
            rolled_back_at: rollout.ended_at.unwrap_or(stored.committed_at),
            actor: row.map(|row| row.actor.clone()),
            reason: row.and_then(|row| row.reason.clone()),
            timeline: timeline(&stored, row, judged.as_ref(), &effects),
            checks: checks.collect(),
            explanation,
            entries: rows,
        }))
    }
}

/// Only what was written down: a step that nobody noted is left out.
fn timeline(
    stored: &StoredRollout,
    row: Option<&JournalRow>,
    judged: Option<&Judged>,
    effects: &Effects,
) -> Vec<Moment> {
    let check = stored.rollout.cause.as_ref().and_then(|cause| cause.check());
    let reading = check.and_then(|check| Some((check, judged?.inputs.readings.get(check)?)));
    let measured = reading.map(|(check, reading)| Moment {
        what: "measured",
        at: reading.observed_at,
        text: format!("{} was measured", check.words()),
    });
    let decided = judged.map(|judged| Moment {
        what: "decided",
        at: judged.decided_at,
        text: "the rules asked for a rollback".to_owned(),
    });
    let ordered = || row.map(|row| Moment { what: "decided", at: row.at, text: format!("ordered by {}", row.actor) });
    let committed = Moment { what: "committed", at: stored.committed_at, text: "0 % was written down".to_owned() };
    // A tick decides by the time it was read at, which is a little earlier.
    let seen_at = effects.seen_at.map(|at| judged.map_or(at, |judged| at.min(judged.decided_at)));
    let seen = seen_at.map(|at| Moment { what: "seen", at, text: "a daemon saw the breach".to_owned() });
    let effective = effects.last.map(|at| Moment { what: "effective", at, text: served_nobody(effects) });
    let steps = [measured, seen, decided.or_else(ordered), effective, Some(committed)];
    let mut moments: Vec<Moment> = steps.into_iter().flatten().collect();
    moments.sort_by_key(|moment| moment.at);
    moments
}

/// Who served nobody any more, and who never said so.
fn served_nobody(effects: &Effects) -> String {
    let mut text = match effects.daemons {
        1 => "nobody was served by the daemon any more".to_owned(),
        many => format!("nobody was served by any of {many} daemons any more"),
    };
    if effects.silent > 0 {
        text = format!("{text}; {} of those that ran then never said so", effects.silent);
    }
    text
}
