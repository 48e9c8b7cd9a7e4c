//! Evidence of the gate: recorded by whoever ran the checks, shown to everybody who may see.

use super::auth::{Caller, Role};
use super::problem::Problem;
use super::rollouts::known_flag;
use super::server::Shared;
use crate::base64;
use crate::controller::{GateItemStatus, GateRunStatus};
use crate::digest::hex_sha256;
use crate::schema::GateItemName;
use crate::store::{MAX_ARTIFACT, MAX_ARTIFACTS, NewArtifact, NewGateRun};
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rampart_core::policy::GateItem;
use rampart_core::{FlagKey, Millis, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// The largest body that records a run, in bytes: its artifacts come with it.
pub(super) const MAX_BODY: usize = 8 * 1024 * 1024;
/// The longest name of a build or a host, in characters.
const MAX_NAME: usize = 200;
/// The longest path, in characters.
const MAX_PATH: usize = 4096;
/// The largest summary, in bytes of JSON.
const MAX_SUMMARY: usize = 64 * 1024;
/// How far ahead of the database's clock the clock of a runner may be.
const CLOCKS_DIFFER: Millis = Millis::seconds(30);
/// Nothing in an artifact may run or load anything, whatever it is.
const SANDBOX: &str = "sandbox; default-src 'none'; frame-ancestors 'none'";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunBody {
    /// May repeat what the path says.
    item: Option<String>,
    passed: bool,
    build: String,
    yacht_id: Option<Uuid>,
    started_at: Timestamp,
    finished_at: Timestamp,
    host: String,
    #[serde(default)]
    summary: Map<String, Value>,
    #[serde(default)]
    artifacts: Vec<ArtifactBody>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ArtifactBody {
    name: String,
    sha256: String,
    path: Option<String>,
    media_type: String,
    text: Option<String>,
    content_base64: Option<String>,
}

/// A run that was recorded.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RecordedRun {
    id: Uuid,
    #[schema(value_type = GateItemName)]
    item: GateItem,
    passed: bool,
}

/// Recorded runs of an item, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Runs {
    #[schema(value_type = GateItemName)]
    item: GateItem,
    runs: Vec<GateRunStatus>,
}

/// What must be proven before a start, and what was found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GateFound {
    #[schema(value_type = String)]
    flag: FlagKey,
    max_age_seconds: f64,
    build: String,
    items: Vec<GateItemStatus>,
}

/// `POST /api/v1/gate/{item}`
pub(super) async fn record(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(item): Path<String>,
    body: Result<Json<RunBody>, JsonRejection>,
) -> Result<(StatusCode, Json<RecordedRun>), Problem> {
    caller.must_be(Role::Operator)?;
    let item = known_item(&item)?;
    let Json(body) = body.map_err(unreadable)?;
    let run = sound(item, body, caller.name, shared.controller.now())?;
    let id = shared.controller.store().add_gate_run(&run).await?;
    shared.controller.gate_changed();
    tracing::info!(gate.item = item.name(), gate.passed = run.passed, gate.run = %id, "evidence was recorded");
    Ok((StatusCode::CREATED, Json(RecordedRun { id, item, passed: run.passed })))
}

/// `GET /api/v1/gate/{item}`: the newest runs, newest first.
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(item): Path<String>,
) -> Result<Json<Runs>, Problem> {
    caller.must_be(Role::Viewer)?;
    let item = known_item(&item)?;
    let now = shared.controller.now();
    let runs = shared.controller.store().gate_runs(item).await?;
    Ok(Json(Runs { item, runs: runs.iter().map(|found| GateRunStatus::of(found, now)).collect() }))
}

/// `GET /api/v1/rollouts/{flag}/gate`: read now, not as of the last turn.
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(flag): Path<String>,
) -> Result<Json<GateFound>, Problem> {
    caller.must_be(Role::Viewer)?;
    let flag = known_flag(&shared, &flag)?;
    let loaded = shared.controller.policies().get(&flag).ok_or_else(|| Problem::not_found("the policy is gone"))?;
    let findings = shared.controller.gate(&loaded.policy).await;
    let now = shared.controller.now();
    Ok(Json(GateFound {
        flag,
        max_age_seconds: loaded.policy.gate.max_age.as_seconds(),
        build: shared.build.revision().to_string(),
        items: findings.iter().map(|finding| GateItemStatus::whole(finding, now)).collect(),
    }))
}

/// `GET /api/v1/gate/artifacts/{id}`
pub(super) async fn artifact(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    caller.must_be(Role::Viewer)?;
    let gone = || Problem::not_found("there is no such artifact");
    let id: Uuid = id.parse().map_err(|_| gone())?;
    let found = shared.controller.store().gate_artifact(id).await?.ok_or_else(gone)?;
    // Only what a browser shows without running anything in it.
    let kind = if found.media_type == "application/json" { "application/json" } else { "text/plain; charset=utf-8" };
    let named = HeaderValue::from_str(&format!("inline; filename=\"{}\"", found.name));
    let mut response = found.content.into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, SANDBOX),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_DISPOSITION, named.unwrap_or_else(|_| HeaderValue::from_static("inline")));
    Ok(response)
}

fn known_item(name: &str) -> Result<GateItem, Problem> {
    GateItem::ALL
        .into_iter()
        .find(|item| item.name() == name)
        .ok_or_else(|| Problem::not_found(format!("the gate has no item {name:?}")))
}

fn unreadable(error: JsonRejection) -> Problem {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let detail = format!("expected at most {} MiB", MAX_BODY / 1024 / 1024);
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The run is too large", detail);
    }
    Problem::malformed(error.body_text())
}

fn sound(item: GateItem, body: RunBody, recorded_by: String, now: Timestamp) -> Result<NewGateRun, Problem> {
    let wrong = |detail: String| Err(Problem::unprocessable(detail));
    if body.item.is_some_and(|named| named != item.name()) {
        return wrong(format!("expected the item {}, as the address says", item.name()));
    }
    for (name, text) in [("build", &body.build), ("host", &body.host)] {
        if text.is_empty() || text.chars().count() > MAX_NAME || text.chars().any(char::is_control) {
            return wrong(format!("expected {name} of 1 to {MAX_NAME} printable characters"));
        }
    }
    if body.started_at > body.finished_at {
        return wrong("expected started_at before finished_at".to_owned());
    }
    if body.finished_at > CLOCKS_DIFFER.after(now) {
        return wrong("expected finished_at in the past".to_owned());
    }
    let summary = Value::Object(body.summary);
    let written = summary.to_string();
    // The database takes no NUL in a text.
    if written.len() > MAX_SUMMARY || written.contains("\\u0000") {
        return wrong(format!("expected a summary of at most {MAX_SUMMARY} bytes, without NUL"));
    }
    if body.artifacts.len() > MAX_ARTIFACTS {
        return wrong(format!("expected at most {MAX_ARTIFACTS} artifacts, got {}", body.artifacts.len()));
    }
    let artifacts = body.artifacts.into_iter().map(kept).collect::<Result<Vec<NewArtifact>, Problem>>()?;
    let mut names = HashSet::new();
    if let Some(twice) = artifacts.iter().find(|artifact| !names.insert(artifact.name.as_str())) {
        return wrong(format!("there are two artifacts {}", twice.name));
    }
    if body.passed {
        proven(&summary, &artifacts).map_err(Problem::unprocessable)?;
    }
    Ok(NewGateRun {
        item,
        passed: body.passed,
        build: body.build,
        yacht_id: body.yacht_id,
        host: body.host,
        started_at: body.started_at,
        finished_at: body.finished_at,
        recorded_by,
        summary,
        artifacts,
    })
}

/// Whether a run that says it passed shows it; else what contradicts it.
fn proven(summary: &Value, artifacts: &[NewArtifact]) -> Result<(), String> {
    if artifacts.is_empty() {
        return Err("passed is true, but there is no artifact that shows it".to_owned());
    }
    let checks = summary["checks"].as_array().filter(|checks| !checks.is_empty());
    let checks = checks.ok_or("passed is true, but summary.checks names no check that passed")?;
    match checks.iter().position(|check| check["passed"] != Value::Bool(true)) {
        None => Ok(()),
        Some(at) => {
            let name = checks[at]["name"].as_str().map(|name| format!(" ({name})")).unwrap_or_default();
            Err(format!("passed is true, but summary.checks[{at}]{name} is not an object with passed: true"))
        }
    }
}

/// An artifact whose bytes are what the runner says they are.
fn kept(body: ArtifactBody) -> Result<NewArtifact, Problem> {
    let ArtifactBody { name, sha256, path, media_type, text, content_base64 } = body;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(plain) {
        let expected = format!("expected a name of 1 to {MAX_NAME} letters, digits, '.', '_' or '-', got {name:?}");
        return Err(Problem::unprocessable(expected));
    }
    let wrong = |what: &str| Err(Problem::unprocessable(format!("the artifact {name}: {what}")));
    let content = match (text, content_base64.as_deref().map(base64::decode)) {
        (Some(text), None) => text.into_bytes(),
        (None, Some(Some(bytes))) => bytes,
        (None, Some(None)) => return wrong("content_base64 is no base64"),
        (Some(_), Some(_)) | (None, None) => return wrong("expected either text or content_base64"),
    };
    if content.len() > MAX_ARTIFACT {
        return wrong(&format!("{} bytes, expected at most {MAX_ARTIFACT}", content.len()));
    }
    if !hex_sha256(&content).eq_ignore_ascii_case(&sha256) {
        return wrong("the bytes do not have the sha256 that is given");
    }
    let absolute = |path: &str| path.starts_with('/') && path.chars().count() <= MAX_PATH && !path.contains('\0');
    if path.as_deref().is_some_and(|path| !absolute(path)) {
        return wrong("expected an absolute path");
    }
    if media_type.is_empty() || media_type.len() > 100 || media_type.chars().any(char::is_control) {
        return wrong("expected a media_type such as application/json");
    }
    Ok(NewArtifact { sha256: sha256.to_ascii_lowercase(), name, path, media_type, content })
}
