//! Slots as the store keeps them, for other replicas and for whoever starts next.

use super::story::Slot;
use super::{Cohort, Live, MAX_UNWRITTEN};
use crate::signals::Tally;
use crate::store::SlotRow;
use rampart_core::Timestamp;
use rampart_core::rollout::{Epoch, RolloutId};
use std::collections::HashSet;
use uuid::Uuid;

impl Live {
    /// Takes in seconds that other replicas wrote; a second taken in before counts once.
    pub fn merge(&self, rows: &[SlotRow]) {
        let mut stories = self.lock();
        for row in rows {
            let Some(slot) = understood(row) else { continue };
            stories.entry(RolloutId(row.rollout_id)).or_default().merge(row.replica, slot);
        }
    }

    /// This process's finished seconds that nobody has written yet. Call [`Live::written`] once they are.
    pub fn unwritten(&self, now: Timestamp) -> Vec<SlotRow> {
        let stories = self.lock();
        let finished = |slot: &&Slot| slot.unwritten && slot.second < now.timestamp();
        stories
            .iter()
            .flat_map(|(rollout, story)| story.slots.iter().filter(finished).map(|slot| self.row(*rollout, slot)))
            .take(MAX_UNWRITTEN)
            .collect()
    }

    /// Marks seconds as written.
    pub fn written(&self, rows: &[SlotRow]) {
        let done: HashSet<(Uuid, i64)> = rows.iter().map(|row| (row.rollout_id, row.second.timestamp())).collect();
        for (rollout, story) in self.lock().iter_mut() {
            for slot in &mut story.slots {
                slot.unwritten &= !done.contains(&(rollout.0, slot.second));
            }
        }
    }

    fn row(&self, rollout: RolloutId, slot: &Slot) -> SlotRow {
        let small = |count: u64| i32::try_from(count).unwrap_or(i32::MAX);
        SlotRow {
            rollout_id: rollout.0,
            second: Timestamp::from_timestamp(slot.second, 0).unwrap_or_default(),
            replica: self.replica,
            epoch: i32::try_from(slot.epoch.0).unwrap_or(i32::MAX),
            cohort: slot.cohort.name().to_owned(),
            requests: small(slot.tally.requests),
            failures: small(slot.tally.failures),
            server_errors: small(slot.tally.server_errors),
            unavailable: small(slot.tally.unavailable),
            rejections: small(slot.tally.rejections),
            latencies: serde_json::to_value(&slot.tally.latencies).unwrap_or_default(),
        }
    }
}

fn understood(row: &SlotRow) -> Option<Slot> {
    let cohort = match row.cohort.as_str() {
        "canary" => Cohort::Canary,
        "control" => Cohort::Control,
        _ => return None,
    };
    let large = |count: i32| u64::try_from(count).unwrap_or(0);
    let tally = Tally {
        requests: large(row.requests),
        failures: large(row.failures),
        server_errors: large(row.server_errors),
        unavailable: large(row.unavailable),
        rejections: large(row.rejections),
        latencies: serde_json::from_value(row.latencies.clone()).ok()?,
    };
    let epoch = Epoch(u32::try_from(row.epoch).ok()?);
    Some(Slot { second: row.second.timestamp(), epoch, cohort, tally, unwritten: false })
}
