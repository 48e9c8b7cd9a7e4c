//! The approval gate: one runner, many checks.
//!
//! Before anybody is exposed to the new lens, the API that serves it is proven from outside: over HTTP, as its
//! users, and over SQL, as a reader of its database. Nothing here is told what a deployment is made of, so the
//! same runner judges ours, a container somewhere, and the service it replaces.
//!
//! Rules that every check keeps: one that had nothing to look at fails; a 404 is never a pass; zero samples are
//! never a success; a request without an answer is a failed check with its cause; and each runs even where an
//! earlier one failed. SQL only ever reads.

mod acceptance;
mod api;
mod artifacts;
mod book;
mod database;
mod evidence;
mod facts;
mod people;
mod report;
mod status_codes;
mod storage;
mod stress;
mod together;

pub(crate) use acceptance::{accept, recommended};
pub(crate) use api::Api;
pub(crate) use artifacts::{whole, write};
pub(crate) use database::Database;
pub(crate) use evidence::collect;
pub(crate) use people::{People, Seat, TEST_YACHT, seeded};
pub(crate) use report::{CheckResult, Report};
pub(crate) use stress::{
    Load, MAX_DURATION, MAX_REQUESTS, PROVING_REQUESTS, Pace, Route, histogram_text, page as stress_page, run as stress,
};
pub(crate) use together::{Apart, together};

use uuid::Uuid;

/// What the checks are run against.
#[derive(Debug)]
pub(crate) struct Target {
    /// The API.
    pub(crate) api: Api,
    /// Its database.
    pub(crate) database: Database,
    /// The yacht whose parts are moved.
    pub(crate) yacht: Uuid,
    /// In whose name.
    pub(crate) people: People,
    /// Whether API and database are known to belong together; else why not.
    pub(crate) together: Result<(), String>,
    /// Whether anything may be moved on it; else why not.
    pub(crate) writable: Result<(), String>,
}
