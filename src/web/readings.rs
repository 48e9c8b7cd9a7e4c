//! What the checks read over time, for charts.

use super::auth::{Caller, Role};
use super::problem::Problem;
use super::rollouts::known_flag;
use super::series::{Point, Shown, thinned};
use super::server::Shared;
use crate::schema::{PointShape, UnitName};
use crate::store::ReadingRow;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use rampart_core::Timestamp;
use rampart_core::policy::Unit;
use rampart_core::rollout::{RolloutId, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// The stretch that is shown where nothing else is asked for.
const DEFAULT_STRETCH_SECONDS: f64 = 3600.0;
/// The most points of one series where nothing less is asked for.
const MAX_POINTS: usize = 1000;

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    check: Option<String>,
    from: Option<f64>,
    to: Option<f64>,
    step: Option<f64>,
    points: Option<usize>,
    rollout: Option<Uuid>,
}

/// What the checks read.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Readings {
    series: Vec<Series>,
}

/// What one check read.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Series {
    check: String,
    /// None where the policy in force has no such check.
    #[schema(value_type = Option<UnitName>)]
    unit: Option<Unit>,
    #[schema(value_type = Vec<PointShape>)]
    points: Vec<Shown>,
}

/// `GET /api/v1/rollouts/{flag}/readings?check=&from=&to=&step=&points=&rollout=`; times in seconds since 1970. Of the
/// newest rollout where none is named.
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(flag): Path<String>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Readings>, Problem> {
    caller.must_be(Role::Viewer)?;
    let flag = known_flag(&shared, &flag)?;
    let Query(asked) = asked.map_err(|error| Problem::malformed(error.body_text()))?;
    let now = shared.controller.now();
    let to =
        asked.to.map_or(Some(now), point).ok_or_else(|| Problem::malformed("expected to in seconds since 1970"))?;
    let from = asked.from.unwrap_or(to.timestamp() as f64 - DEFAULT_STRETCH_SECONDS);
    let from = point(from).ok_or_else(|| Problem::malformed("expected from in seconds since 1970"))?;
    let stretch = (to - from).num_seconds().max(1) as f64;
    let step = asked.step.filter(|step| *step >= 1.0).unwrap_or(1.0);
    let by_step = (stretch / step).ceil() as usize;
    let points = asked.points.unwrap_or(MAX_POINTS).min(by_step).clamp(3, MAX_POINTS);
    let status = shared.controller.status(&flag);
    let newest = status.as_ref().and_then(|status| status.rollout_id);
    let Some(rollout) = asked.rollout.or(newest) else { return Ok(Json(Readings { series: Vec::new() })) };
    let rows = shared.controller.store().readings(&flag, RolloutId(rollout), from, to, asked.check.as_deref()).await?;
    let checks = status.iter().flat_map(|status| &status.checks);
    let units: BTreeMap<String, Unit> = checks.map(|check| (check.name.clone(), check.unit)).collect();
    Ok(Json(Readings { series: series(rows, points, &units) }))
}

/// A series for each check, at most `points` of each.
pub(super) fn series(rows: Vec<ReadingRow>, points: usize, units: &BTreeMap<String, Unit>) -> Vec<Series> {
    let shown = |row: ReadingRow| {
        let unit = units.get(&row.check).copied();
        let points = thinned(points_of(&row), points).into_iter().map(Point::shown).collect();
        Series { unit, check: row.check, points }
    };
    rows.into_iter().map(shown).collect()
}

fn points_of(row: &ReadingRow) -> Vec<Point> {
    let verdict = |name: &str| Verdict::ALL.into_iter().find(|verdict| verdict.name() == name);
    let values = row.values.iter().zip(&row.controls);
    let mut points: Vec<Point> = row
        .at
        .iter()
        .zip(values)
        .zip(&row.verdicts)
        .filter_map(|((at, (value, control)), name)| {
            Some(Point { at: *at, value: *value, verdict: verdict(name)?, control: *control })
        })
        .collect();
    points.sort_by(|a, b| a.at.total_cmp(&b.at));
    points
}

fn point(seconds: f64) -> Option<Timestamp> {
    // Years 1970 to 9999: more than the database's calendar needs, less than it can hold.
    (0.0..253_402_300_799.0)
        .contains(&seconds)
        .then(|| Timestamp::from_timestamp_millis((seconds * 1000.0) as i64))
        .flatten()
}
