//! What users see of the daemon, through the doors they use: HTTP, the command line and SQL.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

mod bad_days;
mod cli;
mod demo;
mod gate;
mod gate_record;
mod harness;
mod labels;
mod migrations;
mod notify;
mod openapi;
mod ops_calls;
mod ops_description;
mod ops_explain;
mod ops_fleet;
mod ops_history;
mod ops_limits;
mod ops_status;
mod orders;
mod parts;
mod pooler;
mod private;
mod prometheus;
mod replay;
mod rollback;
mod runbook;
mod signals;
mod signals_sql;
mod signatures;
mod storage;
mod surfaces;
mod tokens;
