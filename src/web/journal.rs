//! The journal: every decision with its evidence.

use super::auth::{Caller, Role};
use super::problem::Problem;
use super::rollouts::known_flag;
use super::server::Shared;
use crate::controller::Replay;
use crate::store::JournalFilter;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

/// Entries a page has where nothing else is asked for.
const DEFAULT_LIMIT: i64 = 50;
/// The most entries of one page.
const MAX_LIMIT: i64 = 500;

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    after: Option<i64>,
    limit: Option<i64>,
    kind: Option<String>,
    rollout: Option<Uuid>,
    order: Option<String>,
}

/// `GET /api/v1/rollouts/{flag}/journal?after=&limit=&kind=&order=`
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(flag): Path<String>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    caller.must_be(Role::Viewer)?;
    let flag = known_flag(&shared, &flag)?;
    let Query(asked) = asked.map_err(|error| Problem::malformed(error.body_text()))?;
    let limit = asked.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::malformed(format!("expected limit from 1 to {MAX_LIMIT}, got {limit}")));
    }
    let descending = match asked.order.as_deref() {
        None | Some("asc") => false,
        Some("desc") => true,
        Some(other) => return Err(Problem::malformed(format!("expected order asc or desc, got {other:?}"))),
    };
    // No entry has a kind with a NUL in it, and the database would not even take the question.
    let kind = asked.kind.filter(|kind| !kind.is_empty()).map(|kind| kind.replace('\0', ""));
    let filter = JournalFilter { after: asked.after, kind, rollout: asked.rollout, descending, limit };
    let entries = shared.controller.store().journal(Some(&flag), &filter).await?;
    let full = i64::try_from(entries.len()).is_ok_and(|count| count == limit);
    let next = entries.last().filter(|_| full).map(|entry| entry.seq);
    Ok(Json(json!({ "entries": entries, "next": next })))
}

/// `GET /api/v1/rollouts/{flag}/replay`
pub(super) async fn replay(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(flag): Path<String>,
) -> Result<Json<Replay>, Problem> {
    caller.must_be(Role::Viewer)?;
    let flag = known_flag(&shared, &flag)?;
    Ok(Json(shared.controller.replay(&flag).await?))
}
