//! Makes every decision of a rollout again from what was written down, and compares it with what is stored.

use super::run::Controller;
use crate::store::{JournalFilter, JournalRow, StoreError, StoredRollout};
use rampart_core::FlagKey;
use rampart_core::rollout::{
    Difference, Entry, Journalled, Progress, Replayer, Rollout, Statistics, Summary, Tick, fold,
};
use serde::Serialize;
use utoipa::ToSchema;

/// The most entries one rollout may have and still be replayed in one go.
const MAX_ENTRIES: i64 = 100_000;
/// Ticks that are read and decided at a time: few enough that nobody waits long for this thread.
pub(super) const PAGE: i64 = 250;

/// Whether what is stored follows from what was written down.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Replay {
    /// Whether everything agrees.
    pub agrees: bool,
    /// What was compared, or the first difference, in words.
    pub text: String,
    /// How many entries were applied.
    pub entries: usize,
    /// How many ticks were decided again.
    pub ticks: u64,
    /// How many entries' decisions were made again.
    pub decisions: usize,
    /// The first difference, where it lies in a decision or in what the decisions add up to.
    #[schema(value_type = Option<Object>)]
    pub difference: Option<Difference>,
}

/// Why a replay ends early.
enum Stop {
    Differs(Box<Replay>),
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        // What cannot even be read was altered, or written by another version.
        match error {
            StoreError::Unreadable(_) => differing(error.to_string(), None),
            StoreError::LeaseLost | StoreError::Stale | StoreError::Locked | StoreError::Database(_) => {
                Stop::Store(error)
            }
        }
    }
}

impl From<Difference> for Stop {
    fn from(difference: Difference) -> Self {
        differing(difference.to_string(), Some(difference))
    }
}

fn differing(text: String, difference: Option<Difference>) -> Stop {
    Stop::Differs(Box::new(Replay { text, difference, ..Replay::default() }))
}

fn differs<T>(text: String) -> Result<T, Stop> {
    Err(differing(text, None))
}

impl Controller {
    /// Decides every tick and every change of the flag's newest rollout again, follows both hash chains, and compares
    /// what comes out with what is stored. Ends at the first difference.
    pub async fn replay(&self, flag: &FlagKey) -> Result<Replay, StoreError> {
        loop {
            let Some(stored) = self.store.newest_rollout(flag).await? else {
                let text = "there is no rollout to replay".to_owned();
                return Ok(Replay { agrees: true, text, ..Replay::default() });
            };
            let replay = match self.replay_of(&stored).await {
                Ok(replay) => return Ok(replay),
                Err(Stop::Differs(replay)) => *replay,
                Err(Stop::Store(error)) => return Err(error),
            };
            // A step between two reads looks like a difference; a real one is still there afterwards.
            let now = self.store.newest_rollout(flag).await?;
            let moved = now.is_none_or(|now| {
                (now.rollout.id, now.rollout.revision) != (stored.rollout.id, stored.rollout.revision)
            });
            if !moved {
                return Ok(replay);
            }
        }
    }

    async fn replay_of(&self, stored: &StoredRollout) -> Result<Replay, Stop> {
        let rollout = &stored.rollout;
        if let Some(seq) = self.store.first_broken_entry(&rollout.flag).await? {
            return differs(format!(
                "entry #{seq} does not follow from the one before it: it was altered, or one is missing"
            ));
        }
        let entries = self.journalled(stored).await?;
        let (chained, others) = self.store.ticks_chained_and_not(rollout.id).await?;
        if chained < stored.ticks {
            return differs(format!("{} ticks are stored, and {chained} are there", stored.ticks));
        }
        if others > 0 {
            return self.add_up(stored, entries).await;
        }
        let mut replayer = Replayer::new(&stored.policy, entries)?;
        let (mut after, mut hash) = (0, Vec::new());
        while after < stored.ticks {
            let page = self.store.chained_ticks(rollout.id, after, stored.ticks, PAGE).await?;
            let Some(last) = page.last() else {
                return differs(format!("tick {} is missing", after + 1));
            };
            after = last.tick.n;
            for chained in page {
                let Tick { n, at, .. } = chained.tick;
                // First the decision, which says what was altered; then the chain, from which nothing hides.
                replayer.tick(&chained.tick)?;
                if !chained.whole || chained.prev_hash != hash {
                    let at = at.format("%Y-%m-%d %H:%M:%S%.6f UTC");
                    return differs(format!("tick {n} at {at} does not follow from the one before it: it was altered"));
                }
                hash = chained.hash;
            }
        }
        if hash != stored.tick_hash {
            return differs(format!(
                "the rollout's newest tick is not tick {after}: it was altered, or one is missing"
            ));
        }
        let summary = replayer.finish(rollout)?;
        let text = format!(
            "{} entries and {} ticks decide again to what is stored: {} at {}, {} of soak; both hash chains are whole",
            summary.entries,
            summary.ticks,
            rollout.phase.name(),
            rollout.percent,
            rollout.progress.soak
        );
        let Summary { entries, ticks, decisions, .. } = summary;
        Ok(Replay { agrees: true, text, entries, ticks, decisions, difference: None })
    }

    /// What can be compared where the release before did not keep what its ticks were decided on.
    async fn add_up(&self, stored: &StoredRollout, entries: Vec<Journalled>) -> Result<Replay, Stop> {
        let rollout = &stored.rollout;
        let entries: Vec<Entry> = entries.into_iter().map(|entry| Entry { at: entry.at, event: entry.event }).collect();
        let folded = fold(&entries);
        let without_ticks = |rollout: &Rollout| Rollout {
            progress: Progress::default(),
            statistics: Statistics::default(),
            ..rollout.clone()
        };
        if folded.as_ref().map(without_ticks) != Some(without_ticks(rollout)) {
            let standing = |rollout: &Rollout| format!("{} at {}", rollout.phase.name(), rollout.percent);
            let folded = folded.as_ref().map_or("nothing".to_owned(), standing);
            return differs(format!("the journal folds to {folded}, stored is {}", standing(rollout)));
        }
        let ticked = self.store.soak_of_epoch(rollout).await?;
        if u64::try_from(ticked) != Ok(rollout.progress.soak.0) {
            let soak = rollout.progress.soak.0;
            return differs(format!("the ticks add up to {ticked} ms of soak, stored are {soak} ms"));
        }
        let text = format!(
            "{} entries fold to what is stored: {} at {}, {} of soak; ticks of a release that kept no evidence were added \
             up and not decided again",
            entries.len(),
            rollout.phase.name(),
            rollout.percent,
            rollout.progress.soak
        );
        Ok(Replay { agrees: true, text, entries: entries.len(), ..Replay::default() })
    }

    /// The journal of a rollout, as it can be replayed.
    pub(super) async fn journalled(&self, stored: &StoredRollout) -> Result<Vec<Journalled>, StoreError> {
        self.journal_of(stored).await?.into_iter().map(JournalRow::journalled).collect()
    }

    /// The journal of a rollout, oldest entry first.
    pub(super) async fn journal_of(&self, stored: &StoredRollout) -> Result<Vec<JournalRow>, StoreError> {
        let filter =
            JournalFilter { rollout: Some(stored.rollout.id.0), limit: MAX_ENTRIES, ..JournalFilter::default() };
        self.store.journal(Some(&stored.rollout.flag), &filter).await
    }
}
