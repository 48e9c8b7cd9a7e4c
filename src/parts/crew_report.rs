//! Reports by people on board: what they see of the data is evidence for or against the new lens.
//!
//! They count where the operators' reports count, so one of wrong data takes the rollout back. Who watches
//! the rollout is unknown here: the report is kept, and whoever listens is told that there is one.

use super::command;
use super::details;
use super::errors::ApiError;
use super::fields::Fields;
use super::lens;
use super::routes::{Answer, By, Shared, object};
use crate::store::{ReportKind, Store};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use rampart_core::flag::FlagKeyError;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::Notify;
use utoipa::ToSchema;
use uuid::Uuid;

/// The longest report, in characters; the table holds no longer one.
const TEXT_MAX_CHARS: usize = 4000;
const KINDS: [ReportKind; 2] = [ReportKind::DataInconsistency, ReportKind::Other];

/// Where reports go.
#[derive(Clone, Debug)]
pub struct CrewReports {
    /// Keeps them.
    pub store: Store,
    /// Told of each.
    pub filed: Arc<Notify>,
}

/// What somebody reports.
struct Report {
    kind: ReportKind,
    text: String,
    part: Option<Uuid>,
}

/// A report to those who watch the rollout, by anybody on board.
#[utoipa::path(post, path = "/v1/parts/report", security(("user" = [])), responses((status = 201, body = Filed)))]
pub(super) async fn file(State(state): Shared, Extension(caller): By, body: Bytes) -> Answer {
    let body = object(&body)?;
    let report = Report::parse(command::on_own_yacht(&caller, Fields::of_body(&body))?)?;
    if let Some(part) = report.part {
        details::of_part(&state, &caller, part).await?;
    }
    let flag = lens::FLAG.parse().map_err(|error: FlagKeyError| ApiError::internal(error.to_string()))?;
    // By ids alone: operators look names up where they may.
    let user = format!("user {} of yacht {}", caller.user, caller.yacht);
    let about = report.part.map(|part| format!(", about part {part}")).unwrap_or_default();
    let filed = state.reports.store.add_crew_report(&flag, report.kind, &report.text, &user, &about).await?;
    let id = filed.ok_or_else(ApiError::too_many_reports)?;
    state.reports.filed.notify_one();
    let message = "Reported to those who watch the rollout";
    let filed = Filed { status: "success", report_id: id, kind: report.kind.name(), message };
    Ok((StatusCode::CREATED, Json(filed)).into_response())
}

/// The answer.
#[derive(Serialize, ToSchema)]
#[schema(as = FiledReport)]
struct Filed {
    status: &'static str,
    report_id: Uuid,
    kind: &'static str,
    message: &'static str,
}

/// The body, as JSON Schema.
pub(super) fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["kind", "text"],
        "properties": {
            "kind": { "type": "string", "enum": KINDS.map(ReportKind::name) },
            "text": { "type": "string", "minLength": 1, "maxLength": TEXT_MAX_CHARS },
            "part_id": { "type": "string", "format": "uuid" },
            "yacht_id": { "type": "string", "format": "uuid" },
        },
    })
}

impl Report {
    fn parse(mut fields: Fields<'_>) -> Result<Self, ApiError> {
        let named = fields.text("kind", TEXT_MAX_CHARS);
        let kind = KINDS.into_iter().find(|kind| kind.name() == named);
        if kind.is_none() && !named.is_empty() {
            fields.refuse("kind", KINDS.map(ReportKind::name).join(" or "));
        }
        let report = Self {
            // The stand-in of a field that is wrong.
            kind: kind.unwrap_or(ReportKind::Other),
            text: fields.text("text", TEXT_MAX_CHARS),
            part: fields.optional_uuid("part_id"),
        };
        fields.done(report)
    }
}
