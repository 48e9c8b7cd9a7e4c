//! The statistics seen from outside: published vectors, properties, and the order in which they decide.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod order;
mod properties;
mod vectors;
