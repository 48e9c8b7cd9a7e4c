//! When something is due, and when a rollout may advance: cron expressions and dates in a time
//! zone, with defined results on the days on which its clocks change.
//!
//! Nothing here asks for the time; it is handed over.

mod expression;
mod schedule;
mod windows;

pub use chrono_tz::Tz;
pub use schedule::Schedule;
pub use windows::{DateSpan, Opening, WindowState, Windows};

/// The zones a person may have meant, for a near miss.
pub(super) fn zone_names() -> impl Iterator<Item = &'static str> {
    chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name())
}
