//! A real server, as root and as an ordinary user.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod access;
mod refusals;
mod restarts;
mod shared;
mod support;
