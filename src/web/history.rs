//! What was: every rollout of a flag, and why one was rolled back.

use super::auth::{Caller, Role};
use super::problem::Problem;
use super::readings::series;
use super::rollouts::known_flag;
use super::server::Shared;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use rampart_core::Millis;
use rampart_core::rollout::{RolloutId, sentence};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

/// Rollouts a page has where nothing else is asked for.
const DEFAULT_LIMIT: i64 = 20;
/// The most rollouts of one page.
const MAX_LIMIT: i64 = 100;
/// How much of the readings before a rollback its report shows.
const BEFORE: Millis = Millis::hours(1);
/// Points of each series of a report: what fits on a printed page.
const POINTS: usize = 300;

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    after: Option<i32>,
    limit: Option<i64>,
}

/// `GET /api/v1/rollouts/{flag}/history?after=&limit=`, newest first; `after` is an attempt.
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
    let past = shared.controller.store().history(&flag, asked.after, limit).await?;
    let full = i64::try_from(past.len()).is_ok_and(|count| count == limit);
    let next = past.last().filter(|_| full).map(|past| past.stored.rollout.attempt);
    let rollouts = past.iter().map(|past| {
        let rollout = &past.stored.rollout;
        json!({
            "rollout_id": rollout.id, "attempt": rollout.attempt, "phase": rollout.phase,
            "started_at": rollout.started_at, "started_by": rollout.started_by, "ended_at": rollout.ended_at,
            "highest_percent": past.highest,
            "cause": rollout.cause.as_ref().map(|cause| {
                json!({ "code": cause.code(), "text": cause.text(), "check": cause.check() })
            }),
            "sentence": sentence(&past.stored.policy, Some(rollout), None),
        })
    });
    Ok(Json(json!({ "rollouts": rollouts.collect::<Vec<Value>>(), "next": next })))
}

#[derive(Debug, Deserialize)]
pub(super) struct Which {
    rollout: Option<Uuid>,
}

/// `GET /api/v1/rollouts/{flag}/rollback-report?rollout=`
pub(super) async fn report(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(flag): Path<String>,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
    caller.must_be(Role::Viewer)?;
    let flag = known_flag(&shared, &flag)?;
    let Query(Which { rollout }) = which.map_err(|error| Problem::malformed(error.body_text()))?;
    let report = shared.controller.rollback_report(&flag, rollout).await?;
    let report = report.ok_or_else(|| Problem::not_found(format!("no such rollout of {flag} was rolled back")))?;
    let (id, to) = (RolloutId(report.rollout_id), report.rolled_back_at);
    let from = to - chrono::Duration::milliseconds(i64::try_from(BEFORE.0).unwrap_or(0));
    let rows = shared.controller.store().readings(&flag, id, from, to, None).await?;
    let units = report.checks.iter().map(|check| (check.name.clone(), check.unit)).collect();
    let readings = series(rows, POINTS, &units);
    let mut report = serde_json::to_value(&report).map_err(|error| Problem::internal(&error))?;
    if let Some(members) = report.as_object_mut() {
        members.insert("readings".to_owned(), readings.into());
    }
    Ok(Json(report))
}
