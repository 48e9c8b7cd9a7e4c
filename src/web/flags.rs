//! Flags and their evaluation.

use super::auth::{Caller, Role};
use super::problem::Problem;
use super::server::Shared;
use crate::flags::{Served, Subject};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

/// `GET /api/v1/flags`
pub(super) async fn list(State(shared): State<Arc<Shared>>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.must_be(Role::Viewer)?;
    let flags: Vec<Value> = shared.flags.snapshot().iter().map(shown).collect();
    Ok(Json(json!({ "flags": flags })))
}

/// `GET /api/v1/flags/{key}`
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<Json<Value>, Problem> {
    caller.must_be(Role::Viewer)?;
    let snapshot = shared.flags.snapshot();
    let flag = snapshot.get(&key).ok_or_else(|| Problem::not_found(format!("there is no flag {key:?}")))?;
    Ok(Json(shown(flag)))
}

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    subject: Option<String>,
}

/// `GET /api/v1/flags/{key}/evaluate?subject=`
pub(super) async fn evaluate(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(key): Path<String>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    caller.must_be(Role::Sdk)?;
    let Query(Asked { subject }) = asked.map_err(|error| Problem::malformed(error.body_text()))?;
    let snapshot = shared.flags.snapshot();
    let flag = snapshot.get(&key).ok_or_else(|| Problem::not_found(format!("there is no flag {key:?}")))?;
    let subject = subject.as_deref();
    let evaluation = flag.evaluate(Subject { user: subject, yacht: subject });
    let bucket = subject.map(|subject| rampart_core::flag::bucket(&flag.state.group, subject).number());
    Ok(Json(json!({
        "key": key, "value": evaluation.on, "variant": if evaluation.on { "on" } else { "off" },
        "reason": evaluation.reason, "bucket": bucket, "percent": flag.state.percent,
    })))
}

fn shown(flag: &Served) -> Value {
    json!({
        "key": flag.key, "enabled": flag.state.enabled, "percent": flag.state.percent, "group": flag.state.group,
        "bucket_by": flag.bucket_by, "targets": flag.state.targets,
        "rollout_id": flag.stage.map(|stage| stage.rollout),
    })
}
