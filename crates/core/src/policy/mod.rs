//! The policy language: a file that reads like the table a release owner would write.
//!
//! [`parse`] is the only way to a [`Policy`]. It goes through four steps, each of which notes what
//! it cannot take and goes on, so that all mistakes are told at once: `yaml` makes a tree that
//! knows its places, `read` and `read_check` make a draft of it, `lint` refuses what makes no
//! sense, and the draft becomes the policy where nothing was noted.

mod calendar;
mod condition;
mod diff;
mod draft;
mod duration;
mod excerpt;
mod fields;
mod keys;
mod lint;
mod lint_check;
mod lint_evidence;
mod lint_windows;
mod log;
mod mistakes;
mod model;
mod node;
mod number;
mod parse;
mod query;
mod read;
mod read_check;
mod read_compare;
mod read_signal;
mod read_windows;
pub mod reader;
mod schema;
mod show;
mod signal;
mod span;
mod words;
mod yaml;

pub use calendar::{DateSpan, Opening, Schedule, Tz, WindowState, Windows};
pub use diff::{Change, Effect, diff};
pub use duration::{MAX_DURATION, MIN_DURATION};
pub use lint::MIN_TICKS;
pub use lint_check::{MIN_SCRAPES, SCRAPE_TICKS};
pub use mistakes::{MAX_MISTAKES, Mistake, Mistakes};
pub use model::{
    Approvals, BucketBy, Check, CheckName, Compare, Condition, DEFAULT_GATE_MAX_AGE, Exception, Gate, GateItem,
    OnBlind, OnBreach, OnDegraded, OnSharedIncident, Op, Policy, Proof, Scope, Stage, Tolerance, Window,
};
pub use number::MAX_COUNT;
pub use parse::parse;
pub use query::MAX_QUERY_LEN;
pub use read::{
    DEFAULT_MIN_REQUESTS, MAX_GATE_AGE, MAX_NAME_LEN, MAX_NOTIFY, MAX_STAGES, MAX_TARGETS, MAX_TICK, MIN_GATE_AGE,
};
pub use read_check::{DEFAULT_MIN_SAMPLES, MAX_CHECK_NAME_LEN, MAX_CHECKS};
pub use read_compare::{DEFAULT_BIN, MAX_BIN, MIN_BIN};
pub use read_windows::{MAX_FREEZES, MAX_HOLD, MAX_OPENING, MAX_OPENINGS};
pub use schema::schema;
pub use show::show;
pub use signal::{PrometheusAsk, PrometheusSource, Signal, SqlQuery, Unit};
pub use yaml::{MAX_BYTES, MAX_DEPTH};
