//! Recomputes a rollout from what was written down, and compares it with what is stored.

use super::run::Controller;
use crate::store::{JournalFilter, StoreError};
use rampart_core::FlagKey;
use rampart_core::rollout::{Entry, Event, Progress, Rollout, fold};
use serde::Serialize;

/// How often a difference is looked at again.
const ATTEMPTS: usize = 3;
/// The most entries one rollout may have and still be replayed in one go.
const MAX_ENTRIES: i64 = 100_000;

/// Whether what is stored follows from what was written down.
#[derive(Clone, Debug, Serialize)]
pub struct Replay {
    /// Whether everything agrees.
    pub agrees: bool,
    /// What was compared, or the first difference, in words.
    pub text: String,
    /// How many entries were folded.
    pub entries: usize,
}

impl Controller {
    /// Folds the journal of the flag's newest rollout, adds up its ticks, follows the hash chain, and
    /// compares all three with the stored row.
    pub async fn replay(&self, flag: &FlagKey) -> Result<Replay, StoreError> {
        // A tick or a step between two reads looks like a difference; a real one is still there afterwards.
        for _ in 1..ATTEMPTS {
            let replay = self.replay_once(flag).await?;
            if replay.agrees {
                return Ok(replay);
            }
        }
        self.replay_once(flag).await
    }

    async fn replay_once(&self, flag: &FlagKey) -> Result<Replay, StoreError> {
        let differs = |entries, text: String| Ok(Replay { agrees: false, text, entries });
        let Some(stored) = self.store.newest_rollout(flag).await? else {
            return Ok(Replay { agrees: true, text: "there is no rollout to replay".to_owned(), entries: 0 });
        };
        let rollout = stored.rollout;
        let filter = JournalFilter { rollout: Some(rollout.id.0), limit: MAX_ENTRIES, ..JournalFilter::default() };
        let mut entries = Vec::new();
        for row in self.store.journal(Some(flag), &filter).await? {
            entries.push(Entry { at: row.at, event: serde_json::from_value::<Event>(row.event)? });
        }
        if let Some(seq) = self.store.first_broken_entry(flag).await? {
            return differs(
                entries.len(),
                format!("entry #{seq} does not follow from the one before it: it was altered, or one is missing"),
            );
        }
        let Some(folded) = fold(&entries) else {
            return differs(entries.len(), "the journal does not begin with a start".to_owned());
        };
        let without_ticks = |rollout: &Rollout| Rollout { progress: Progress::default(), ..rollout.clone() };
        if without_ticks(&folded) != without_ticks(&rollout) {
            return differs(
                entries.len(),
                format!(
                    "the journal folds to {} at {}, stored is {} at {}",
                    folded.phase.name(),
                    folded.percent,
                    rollout.phase.name(),
                    rollout.percent
                ),
            );
        }
        let ticked = self.store.soak_of_epoch(&rollout).await?;
        if u64::try_from(ticked) != Ok(rollout.progress.soak.0) {
            return differs(
                entries.len(),
                format!("the ticks add up to {ticked} ms of soak, stored are {} ms", rollout.progress.soak.0),
            );
        }
        let text = format!(
            "{} entries fold to what is stored: {} at {}, {} of soak; the hash chain is whole",
            entries.len(),
            rollout.phase.name(),
            rollout.percent,
            rollout.progress.soak
        );
        Ok(Replay { agrees: true, text, entries: entries.len() })
    }
}
