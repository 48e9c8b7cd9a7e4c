//! What the checks read over time, for charts.

use super::auth::{Caller, Role};
use super::problem::Problem;
use super::rollouts::known_flag;
use super::server::Shared;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use rampart_core::Timestamp;
use rampart_core::rollout::CheckReport;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The stretch that is shown where nothing else is asked for.
const DEFAULT_STRETCH_SECONDS: f64 = 3600.0;
/// The most points of one series; longer stretches are thinned out by the database.
const MAX_POINTS: i64 = 1000;

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    check: Option<String>,
    from: Option<f64>,
    to: Option<f64>,
    step: Option<f64>,
}

/// `GET /api/v1/rollouts/{flag}/readings?check=&from=&to=&step=`; times in seconds since 1970.
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(flag): Path<String>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Value>, Problem> {
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
    let points = ((stretch / step).ceil() as i64).clamp(1, MAX_POINTS);
    let ticks = shared.controller.store().ticks(&flag, from, to, points).await?;
    let status = shared.controller.status(&flag);
    let mut series: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for tick in ticks {
        let at = tick.at.timestamp_millis() as f64 / 1000.0;
        let reports: Vec<CheckReport> =
            serde_json::from_value(tick.checks).map_err(|error| Problem::internal(&error))?;
        for report in reports.into_iter().filter(|r| asked.check.as_ref().is_none_or(|check| *check == r.name.0)) {
            series.entry(report.name.0).or_default().push(json!([at, report.value, report.verdict]));
        }
    }
    let unit = |name: &str| {
        let status = status.as_ref()?;
        status.checks.iter().find(|check| check.name == name).map(|check| check.unit)
    };
    let series: Vec<Value> = series
        .into_iter()
        .map(|(check, points)| json!({ "unit": unit(&check), "check": check, "points": points }))
        .collect();
    Ok(Json(json!({ "series": series })))
}

fn point(seconds: f64) -> Option<Timestamp> {
    // Years 1970 to 9999: more than the database's calendar needs, less than it can hold.
    (0.0..253_402_300_799.0)
        .contains(&seconds)
        .then(|| Timestamp::from_timestamp_millis((seconds * 1000.0) as i64))
        .flatten()
}
