//! What users see of the daemon, through the doors they use: HTTP, the command line and SQL.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

mod bad_days;
mod cli;
mod gate_record;
mod harness;
mod orders;
mod parts;
mod private;
mod rollback;
mod runbook;
mod surfaces;
