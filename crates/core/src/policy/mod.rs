//! The policy language: a file that reads like the table a release owner would write.
//!
//! [`parse`] is the only way to a [`Policy`]. It goes through four steps, each of which notes what
//! it cannot take and goes on, so that all mistakes are told at once: `yaml` makes a tree that
//! knows its places, `read` and `read_check` make a draft of it, `lint` refuses what makes no
//! sense, and the draft becomes the policy where nothing was noted.

mod calendar;
mod condition;
mod draft;
mod duration;
mod excerpt;
mod fields;
mod lint;
mod lint_check;
mod log;
mod mistakes;
mod model;
mod node;
mod number;
mod parse;
mod read;
mod read_check;
pub mod reader;
mod show;
mod signal;
mod span;
mod yaml;

pub use calendar::{Schedule, WindowState, Windows};
pub use duration::{MAX_DURATION, MIN_DURATION};
pub use lint::MIN_TICKS;
pub use mistakes::{MAX_MISTAKES, Mistake, Mistakes};
pub use model::{
    Approvals, BucketBy, Check, CheckName, Compare, Condition, DEFAULT_GATE_MAX_AGE, Exception, Gate, GateItem,
    OnBlind, OnBreach, OnDegraded, OnSharedIncident, Op, Policy, Proof, Scope, Stage, Tolerance, Window,
};
pub use number::MAX_COUNT;
pub use parse::parse;
pub use read::{
    DEFAULT_MIN_REQUESTS, MAX_GATE_AGE, MAX_NAME_LEN, MAX_NOTIFY, MAX_STAGES, MAX_TARGETS, MAX_TICK, MIN_GATE_AGE,
};
pub use read_check::{DEFAULT_MIN_SAMPLES, MAX_CHECK_NAME_LEN, MAX_CHECKS};
pub use show::show;
pub use signal::{PrometheusAsk, PrometheusSource, Signal, SqlQuery, Unit};
pub use yaml::{MAX_BYTES, MAX_DEPTH};
