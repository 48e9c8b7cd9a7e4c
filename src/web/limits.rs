//! How many orders one caller gives. A script that runs wild must not wear out the journal; a rollback is never counted.

use super::problem::Problem;
use crate::clock;
use rampart_core::rollout::CommandKind;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The most orders of one caller within a minute: more than any person gives.
const MAX_ORDERS_A_MINUTE: u32 = 120;
const MINUTE: Duration = Duration::from_secs(60);

/// What each caller has ordered within the minute. There are no more callers than tokens.
#[derive(Debug, Default)]
pub(super) struct Limits {
    orders: Mutex<HashMap<String, (Instant, u32)>>,
}

impl Limits {
    /// Counts an order of `caller`; refuses it where there were too many. A rollback always passes.
    pub(super) fn count(&self, caller: &str, kind: CommandKind) -> Result<(), Problem> {
        if kind == CommandKind::Rollback {
            return Ok(());
        }
        let now = clock::monotonic();
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = orders.entry(caller.to_owned()).or_insert((now, 0));
        if now.duration_since(entry.0) >= MINUTE {
            *entry = (now, 0);
        }
        entry.1 = entry.1.saturating_add(1);
        if entry.1 <= MAX_ORDERS_A_MINUTE {
            return Ok(());
        }
        let left = MINUTE.saturating_sub(now.duration_since(entry.0)).as_secs() + 1;
        let detail = format!("more than {MAX_ORDERS_A_MINUTE} orders within a minute; a rollback still passes");
        Err(Problem::too_many(detail, left))
    }
}
