//! People's reports: filed by anybody who may see, dismissed by an operator with a reason.

use super::auth::{Caller, Role};
use super::problem::Problem;
use super::rollouts::known_flag;
use super::server::Shared;
use crate::store::{ReportKind, ReportRow};
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// The longest report, in characters.
const MAX_TEXT: usize = 4000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewReport {
    kind: ReportKind,
    text: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dismissal {
    reason: String,
}

/// A report that was filed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Filed {
    id: Uuid,
    kind: ReportKind,
    text: String,
}

/// Reports, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Reports {
    reports: Vec<ReportRow>,
}

/// `POST /api/v1/rollouts/{flag}/reports`
pub(super) async fn file(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(flag): Path<String>,
    body: Result<Json<NewReport>, JsonRejection>,
) -> Result<(StatusCode, Json<Filed>), Problem> {
    caller.must_be(Role::Viewer)?;
    let flag = known_flag(&shared, &flag)?;
    let Json(report) = body.map_err(|error| Problem::malformed(error.body_text()))?;
    let text = sound(&report.text, "text")?;
    let id = shared.controller.store().add_report(&flag, report.kind, text, &caller.name).await?;
    shared.controller.reports_changed();
    Ok((StatusCode::CREATED, Json(Filed { id, kind: report.kind, text: text.to_owned() })))
}

/// `GET /api/v1/rollouts/{flag}/reports`
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(flag): Path<String>,
) -> Result<Json<Reports>, Problem> {
    caller.must_be(Role::Viewer)?;
    let flag = known_flag(&shared, &flag)?;
    let reports = shared.controller.store().reports(&flag).await?;
    Ok(Json(Reports { reports }))
}

/// `POST /api/v1/rollouts/{flag}/reports/{id}/dismiss`
pub(super) async fn dismiss(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path((flag, id)): Path<(String, String)>,
    body: Result<Json<Dismissal>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    caller.must_be(Role::Operator)?;
    let flag = known_flag(&shared, &flag)?;
    let Json(dismissal) = body.map_err(|error| Problem::malformed(error.body_text()))?;
    let reason = sound(&dismissal.reason, "reason")?;
    let id: Uuid = id.parse().map_err(|_| Problem::not_found("there is no such report"))?;
    if shared.controller.store().dismiss_report(&flag, id, &caller.name, reason).await? {
        shared.controller.reports_changed();
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("there is no such open report"))
    }
}

fn sound<'t>(text: &'t str, name: &str) -> Result<&'t str, Problem> {
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed.chars().count() > MAX_TEXT || trimmed.contains('\0') {
        return Err(Problem::unprocessable(format!("expected {name} of 1 to {MAX_TEXT} characters, without NUL")));
    }
    Ok(trimmed)
}
