//! The statistics seen from outside: published vectors, properties.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod properties;
mod vectors;
