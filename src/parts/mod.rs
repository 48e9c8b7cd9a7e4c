//! The embedded parts API: what crew, heads of department and captains use, and what is being rolled out.
//!
//! A request passes `request` (its id), `gate` (who asks, on which yacht, through which lens, until
//! when) and one of the `routes`, which turn it into a `command`: checked in the order of the contract
//! and then run by the file that bears the action's name. Both lenses have the same commands and the same
//! write path; only the two reads, `details` and `low_stock`, know the difference.
//!
//! **Architecture invariant:** every statement for a user runs in a transaction that `transaction` has
//! opened, as the database role `authenticated` with the user's claims. Nothing in this room decides on a
//! 5xx for bad input, and nothing of the new lens touches what the old one reads.

mod actions;
mod adjust;
mod auth;
mod canonical;
mod chain;
mod command;
mod consume;
mod cors;
mod details;
mod errors;
mod fields;
mod gate;
mod jwks;
mod lens;
mod low_stock;
mod people;
mod receive;
mod request;
mod routes;
mod signature;
mod signer;
mod state;
mod transaction;

pub use chain::{Break, ChainReport, Fault, Head, Link, verify_chain};
pub use lens::{Lens, Served, Trace};
pub use routes::router;
pub use signature::SigningKey;
pub(crate) use signer::SECRET_BYTES;
pub use state::{ConfigError, PartsConfig, PartsState};
