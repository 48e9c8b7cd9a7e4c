//! HTTP: the ops API, the page, the event stream, health and metrics, and the parts API under the counter.
//!
//! A file per resource. Every error is an RFC 9457 problem; nothing but health answers without a token.

mod auth;
mod calls;
mod count;
mod events;
mod flags;
mod fleet;
mod gate;
mod health;
mod history;
mod journal;
mod limits;
mod notifications;
mod openapi;
mod page;
mod paging;
mod policies;
mod preflight;
mod problem;
mod readings;
mod recorded;
mod reports;
mod rollouts;
mod series;
mod server;
mod session;
mod viewers;

pub use auth::{OpsTokens, Role, TokenError};
pub(crate) use openapi::document as ops_description;
pub use problem::Problem;
pub use server::{Shared, serve};
