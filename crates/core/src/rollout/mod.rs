//! The decision core: one rollout, what is known of it, and what follows.
//!
//! [`decide`] looks at the evidence and says what ought to happen; [`plan`] looks at a person's
//! command and says whether it may; both answer with [`Event`]s, and [`apply`] is the only function
//! that changes a [`Rollout`]. The stored row of a rollout is therefore the fold of its journal,
//! plus the soak of its ticks; [`fold`] recomputes it.

mod backtest;
mod command;
mod decide;
mod event;
mod evidence;
pub mod exact;
mod explanation;
mod harm;
mod ids;
mod invariants;
mod judged;
mod needs;
mod preflight;
mod proof;
mod recording;
mod rehearsal;
mod replay;
mod retrospect;
mod rule;
mod sentence;
mod state;
mod statistics;
mod trial;
mod verdict;

pub use backtest::Backtest;
pub use command::{Command, CommandKind, Order, Permit, Refusal, permit, plan};
pub use decide::{Decision, Judgement, MAX_TICKS_CREDITED, decide};
pub use event::{Entry, Event, RestartReason, Start, apply, fold};
pub use evidence::{Bin, BinCounts, Evidence, Outcome, Reading, Sample, Subjects};
pub use explanation::{CheckExplanation, Explanation, explain};
pub use ids::{Actor, Build, Epoch, Fence, PolicyRevision, Revision, RolloutId};
pub use invariants::{Invariant, Violation, check_step};
pub use judged::{Judged, Upon, consequence};
pub use needs::{Need, NeedCode};
pub use preflight::{Preflight, StagePreflight, Traffic, preflight};
pub use proof::{ProofReport, proof};
pub use recording::{Head, Journalled, Line, Tick, at_revision};
pub use rehearsal::Rehearsal;
pub use replay::{Difference, Replayer, Summary, replay};
pub use retrospect::{Incident, KNOWN_LIMIT, Move, Retrospect, Source, Standing};
pub use rule::Rule;
pub use sentence::{headline, sentence};
pub use state::{Cause, Phase, Progress, Rollout};
pub use statistics::{Against, LN_PROVEN, LN_ROLLBACK, Statistics, Suspicion, ln_harm};
pub use verdict::{CheckReport, Verdict};
