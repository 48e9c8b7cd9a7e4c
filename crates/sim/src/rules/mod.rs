//! Whole rollouts under several rules of rollback: how often each blames a healthy canary, and how long
//! each takes to find a bad one.
//!
//! A rollout here is nothing but its counts, minute by minute: no daemon, no policy, one question. All rules
//! watch the *same* rollout, each until it rolls back. The evidence is computed by the very detectors that
//! the daemon uses.
//!
//! | file | idea |
//! | --- | --- |
//! | `ramp` | which share is on in which minute |
//! | `scenario` | what goes wrong, or swings |
//! | `traffic` | the counts of one rollout, drawn from a seed |
//! | `polling` | the rules of Argo Rollouts and Flagger: a ratio over a window, so many times over the limit |
//! | `pooled` | the test that a textbook offers, over everything seen so far |
//! | `evidence` | ours |
//! | `field` | all rules of the table, by name |
//! | `race` | many rollouts, and when each rule rolled back |
//! | `table` | the table, and whether it says what it must |

mod evidence;
mod field;
mod polling;
mod pooled;
mod race;
mod ramp;
mod scenario;
mod table;
mod traffic;

pub use field::{Entry, field};
pub use race::{Tally, race, tune};
pub use scenario::{Scenario, Setting};
pub use table::{Block, Goals};
pub use traffic::{Minute, Traffic};

/// The limit of the error rate that every rule guards.
pub const ERROR_LIMIT: f64 = 0.001;

/// Something that looks at a rollout once a minute and may end it.
pub trait Rule {
    /// Takes a minute into account; whether the rollout must be rolled back now.
    fn rolls_back(&mut self, minute: &Minute) -> bool;
}
