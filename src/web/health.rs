//! Whether the daemon lives and can serve.

use super::problem::Problem;
use super::server::Shared;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// How long the database may take to answer before it counts as away.
const PATIENCE: Duration = Duration::from_millis(500);

/// `GET /health`: 200 while the API can answer, even when the database is gone.
pub(super) async fn health(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let answers = database_answers(&shared).await;
    let flags: serde_json::Map<String, Value> = shared
        .flags
        .snapshot()
        .iter()
        .map(|flag| (flag.key.to_string(), json!({ "enabled": flag.state.enabled, "percent": flag.state.percent })))
        .collect();
    Json(json!({
        "status": if answers { "healthy" } else { "degraded" },
        "version": shared.build.version, "git_commit": shared.build.git_commit,
        "database": if answers { "connected" } else { "unreachable" }, "flag": flags,
    }))
}

/// `GET /healthz`, `GET /livez`: the process answers.
pub(super) async fn alive() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /readyz`: 503 until migrated and connected.
pub(super) async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    if database_answers(&shared).await && !shared.controller.statuses().is_empty() {
        Json(json!({ "status": "ready" })).into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "not ready" }))).into_response()
    }
}

/// `GET /metrics`
pub(super) async fn metrics(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    let text = shared.metrics.text().map_err(|error| Problem::internal(&error))?;
    let mut response = text.into_response();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

async fn database_answers(shared: &Shared) -> bool {
    let pools = shared.controller.store().pools();
    tokio::time::timeout(PATIENCE, pools.answers()).await.unwrap_or(false)
}
