//! Where measurements come from.
//!
//! Live requests are measured in memory and answer at once. Everything slower is a sensor: a task of its
//! own that puts its newest reading on the [`Board`] and then has the guard look, so that a slow signal
//! never holds up a fast one.

mod board;
mod crashes;
mod ledger;
mod live;
mod passing;
mod probes;
pub mod prometheus;
mod sensors;
mod sql;
mod tally;

pub use board::Board;
pub use ledger::{Counted, News};
pub use live::{Cohort, Live, Observation, SubjectHash, Traffic};
pub use passing::Passing;
pub use probes::OwnApi;
pub use sensors::{Sensors, flush_slots};
pub use tally::{CLIENT_GONE, GIVEN_UP_AFTER, Tally};
