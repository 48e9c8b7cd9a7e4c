//! What was: every rollout of a flag, and why one was rolled back.

use super::auth::{Caller, Role};
use super::paging;
use super::problem::Problem;
use super::readings::{Series, series};
use super::rollouts::known_flag;
use super::server::Shared;
use crate::controller::{CauseStatus, RollbackReport};
use crate::schema::PhaseName;
use crate::store::PastRollout;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use rampart_core::rollout::{Actor, Phase, RolloutId, sentence};
use rampart_core::{Millis, Percent, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
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

/// A page of attempts.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct History {
    rollouts: Vec<Attempt>,
    /// To be asked for as `after`; none behind the last page.
    next: Option<u32>,
}

/// One attempt to roll the flag out.
#[derive(Debug, Serialize, ToSchema)]
struct Attempt {
    rollout_id: Uuid,
    attempt: u32,
    #[schema(value_type = PhaseName)]
    phase: Phase,
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    #[schema(value_type = String)]
    started_by: Actor,
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
    #[schema(value_type = f64)]
    highest_percent: Percent,
    cause: Option<CauseStatus>,
    sentence: String,
}

impl Attempt {
    fn of(past: &PastRollout) -> Self {
        let rollout = &past.stored.rollout;
        Self {
            rollout_id: rollout.id.0,
            attempt: rollout.attempt,
            phase: rollout.phase,
            started_at: rollout.started_at,
            started_by: rollout.started_by.clone(),
            ended_at: rollout.ended_at,
            highest_percent: past.highest,
            cause: rollout.cause.as_ref().map(CauseStatus::of),
            sentence: sentence(&past.stored.policy, Some(rollout), None),
        }
    }
}

/// `GET /api/v1/rollouts/{flag}/history?after=&limit=`, newest first; `after` is an attempt.
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(flag): Path<String>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<History>, Problem> {
    caller.must_be(Role::Viewer)?;
    let flag = known_flag(&shared, &flag)?;
    let Query(asked) = asked.map_err(|error| Problem::malformed(error.body_text()))?;
    let limit = paging::limit(asked.limit.unwrap_or(DEFAULT_LIMIT), MAX_LIMIT)?;
    let past = shared.controller.store().history(&flag, asked.after, limit).await?;
    let next = paging::last_of_full(&past, limit).map(|past| past.stored.rollout.attempt);
    Ok(Json(History { rollouts: past.iter().map(Attempt::of).collect(), next }))
}

/// The report on a rollback, with what the checks read in the hour before.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RollbackReport)]
pub(super) struct Report {
    #[serde(flatten)]
    report: RollbackReport,
    readings: Vec<Series>,
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
) -> Result<Json<Report>, Problem> {
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
    Ok(Json(Report { report, readings }))
}
