//! Why the newest decision, or an earlier one, came out as it did.

use super::run::Controller;
use crate::store::{JournalRow, StoreError, StoredRollout};
use rampart_core::FlagKey;
use rampart_core::rollout::{Explanation, Judged, Upon, at_revision, explain};
use serde::Serialize;
use utoipa::ToSchema;

/// An explanation for people and for programs.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Explained {
    /// The journal's entry; none where the newest tick is explained.
    pub seq: Option<i64>,
    /// For people, several lines.
    pub text: String,
    /// For programs; none where a person ordered it.
    #[schema(value_type = Option<Object>)]
    pub explanation: Option<Explanation>,
}

impl Controller {
    /// Explains entry `seq` of the flag's newest rollout; without one, what was decided last. None where there is
    /// nothing to explain.
    pub async fn explain(&self, flag: &FlagKey, seq: Option<i64>) -> Result<Option<Explained>, StoreError> {
        let Some(stored) = self.store.newest_rollout(flag).await? else { return Ok(None) };
        let rows = self.journal_of(&stored).await?;
        let row = match seq {
            Some(seq) => rows.iter().find(|row| row.seq == seq),
            None => {
                if let Some(judged) = self.newest_tick(&stored).await? {
                    let explanation = self.explanation(&stored, &rows, &judged).await?;
                    return Ok(explanation.map(|explanation| told(None, explanation)));
                }
                rows.last()
            }
        };
        let Some(row) = row else { return Ok(None) };
        self.explain_entry(&stored, &rows, row).await.map(Some)
    }

    /// Why one entry of a rollout's journal came out as it did.
    pub(super) async fn explain_entry(
        &self,
        stored: &StoredRollout,
        rows: &[JournalRow],
        row: &JournalRow,
    ) -> Result<Explained, StoreError> {
        let entry = row.clone().journalled()?;
        let explained = match &entry.judged {
            Some(judged) => self.explanation(stored, rows, judged).await?.map(|found| told(Some(row.seq), found)),
            None => None,
        };
        Ok(explained.unwrap_or_else(|| ordered(row)))
    }

    /// What the newest tick decided, where nothing has happened since.
    async fn newest_tick(&self, stored: &StoredRollout) -> Result<Option<Judged>, StoreError> {
        let (id, ticks) = (stored.rollout.id, stored.ticks);
        let newest = self.store.chained_ticks(id, ticks.saturating_sub(1), ticks, 1).await?.pop();
        let newest = newest.map(|chained| chained.tick).filter(|tick| tick.revision == stored.rollout.revision);
        Ok(newest.map(|tick| Judged {
            upon: Upon { revision: tick.revision, ticks: tick.n - 1 },
            judgement: tick.judgement,
            inputs: tick.evidence,
            decided_at: tick.at,
        }))
    }

    async fn explanation(
        &self,
        stored: &StoredRollout,
        rows: &[JournalRow],
        judged: &Judged,
    ) -> Result<Option<Explanation>, StoreError> {
        let entries = rows.iter().cloned().map(JournalRow::journalled).collect::<Result<Vec<_>, _>>()?;
        let Some(rollout) = at_revision(&entries, judged.upon.revision) else { return Ok(None) };
        let statistics = match &judged.judgement.statistics {
            Some(statistics) => statistics.clone(),
            None => self.store.statistics_after(rollout.id, judged.upon.ticks).await?.unwrap_or_default(),
        };
        Ok(Some(explain(&stored.policy, &rollout, &statistics, judged)))
    }
}

fn told(seq: Option<i64>, explanation: Explanation) -> Explained {
    Explained { seq, text: explanation.to_string(), explanation: Some(explanation) }
}

/// What rests on no decision of the core.
fn ordered(row: &JournalRow) -> Explained {
    let reason = row.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let at = row.at.format("%-d %b at %H:%M:%S%.3f UTC");
    let text = format!(
        "{} · {} on {at}\nby {}{reason}\n\nNo rule decided this: it is an order, or a note of what happened.\n",
        row.flag, row.kind, row.actor
    );
    Explained { seq: Some(row.seq), text, explanation: None }
}
