//! The embedded parts API: what crew, heads of department and captains use, and what is being rolled out.
//!
//! A request passes `request` (its id), `gate` (who asks, on which yacht, through which lens, until
//! when) and one of the `routes`, which turn it into a `command`: checked in the order of the contract
//! and then run by the file that bears the action's name. Both lenses have the same commands and the same
//! write path; only the two reads, `details` and `low_stock`, know the difference.
//!
//! What an action is called, takes and stores stands in the `catalogue`; `suggest` says which of them fit a
//! part, `prefill` what a form for them begins with.
//!
//! **Architecture invariant:** every statement for a user runs in a transaction that `transaction` has
//! opened, as the database role `authenticated` with the user's claims. Nothing in this room decides on a
//! 5xx for bad input, and nothing of the new lens touches what the old one reads.

mod action_list;
mod actions;
mod adjust;
mod auth;
mod canonical;
mod catalogue;
mod chain;
mod command;
mod consume;
mod cors;
mod crew_report;
mod details;
mod errors;
mod fields;
mod gate;
mod history;
mod jwks;
mod labels;
mod lens;
mod low_stock;
mod matching;
mod openapi;
mod people;
mod prefill;
mod receive;
mod request;
mod reverse;
mod routes;
mod shopping;
mod signature;
mod signed;
mod signer;
mod state;
mod storage;
mod suggest;
mod suggestions;
mod transaction;
mod transfer;
mod write_off;

pub use chain::{Break, ChainReport, Fault, Head, Link, verify_chain};
pub use crew_report::CrewReports;
pub use lens::{Lens, Served, Trace};
pub use routes::{operations, router};
pub use signature::SigningKey;
pub(crate) use signer::SECRET_BYTES;
pub use state::{ConfigError, PartsConfig, PartsState};
pub use storage::{StorageConfig, SupabaseConfig};
