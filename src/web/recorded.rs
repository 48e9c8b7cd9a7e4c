//! What was recorded of a rollout: why a decision came out as it did, and all of it as a stream.

use super::auth::{Caller, Role};
use super::problem::Problem;
use super::rollouts::known_flag;
use super::server::Shared;
use crate::controller::Explained;
use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    seq: Option<i64>,
}

/// `GET /api/v1/rollouts/{flag}/explain?seq=`
pub(super) async fn explain(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(flag): Path<String>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Explained>, Problem> {
    caller.must_be(Role::Viewer)?;
    let flag = known_flag(&shared, &flag)?;
    let Query(asked) = asked.map_err(|error| Problem::malformed(error.body_text()))?;
    let explained = shared.controller.explain(&flag, asked.seq).await?;
    explained.map(Json).ok_or_else(|| match asked.seq {
        Some(seq) => Problem::not_found(format!("the newest rollout of {flag} has no entry #{seq}")),
        None => Problem::not_found(format!("nothing was decided for {flag} yet")),
    })
}

/// `GET /api/v1/rollouts/{flag}/recording`: JSON lines, the head first.
pub(super) async fn recording(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(flag): Path<String>,
) -> Result<Response, Problem> {
    caller.must_be(Role::Viewer)?;
    let flag = known_flag(&shared, &flag)?;
    let lines = shared.controller.clone().recording(&flag).await?;
    let lines = lines.ok_or_else(|| Problem::not_found(format!("there is no rollout of {flag}")))?;
    Ok(([(header::CONTENT_TYPE, "application/jsonl")], Body::from_stream(lines)).into_response())
}
