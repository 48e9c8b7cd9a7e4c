//! The thinking half of Rampart: what a policy means, what the evidence says, and what follows.
//!
//! **Architecture invariant:** nothing here reads a clock, a socket, a file, a random number or a
//! global. Every function takes values and returns values, so the daemon, the tests and a replay
//! of last night's journal all run exactly the same decisions.
//!
//! | room | what it holds |
//! | --- | --- |
//! | [`policy`] | the policy language: parse, check, show |
//! | [`rollout`] | the decision core: state, evidence, verdicts, decisions, commands, events |
//! | [`flag`] | bucketing and evaluation |
//! | [`stats`] | sequential tests, histograms and quantiles |

pub mod flag;
mod percent;
pub mod policy;
pub mod rollout;
pub mod stats;
mod time;

pub use flag::FlagKey;
pub use percent::{Percent, PercentError};
pub use time::{Millis, Timestamp};
