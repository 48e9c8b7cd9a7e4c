//! Flags: who is in, by which bucket, and why.
//!
//! The scheme is that of Unleash (murmur3 x86 32, buckets 1..=100), so that its SDKs give the same
//! answer for the same person. See `evaluate` for the order in which the answers are tried.

mod bucket;
mod evaluate;
mod key;

pub use bucket::{Bucket, bucket};
pub use evaluate::{Evaluation, FlagState, Reason, Targets, evaluate};
pub use key::{FlagKey, FlagKeyError};
