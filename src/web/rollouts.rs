//! Rollouts: where they stand, and people's orders.

use super::auth::{Caller, Role};
use super::problem::Problem;
use super::server::Shared;
use crate::controller::{CommandError, OrderRequest, Status};
use crate::digest::hex_sha256;
use crate::store::{CommandKey, StoreError};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rampart_core::rollout::{Actor, Command, CommandKind, Order, Refusal, Revision};
use rampart_core::{FlagKey, Millis, Percent};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use utoipa::ToSchema;

/// The longest reason, in characters.
const MAX_REASON: usize = 1000;
/// The longest extension of a soak: 30 days, in seconds.
const MAX_EXTENSION_SECONDS: u64 = 30 * 24 * 3600;

/// The body of an order. Unknown members are refused: a mistyped one would silently mean something else.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderBody {
    reason: Option<String>,
    percent: Option<f64>,
    extend_seconds: Option<u64>,
    #[serde(default)]
    override_gate: bool,
}

/// Where every rollout stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Rollouts {
    #[schema(value_type = Vec<Status>)]
    rollouts: Vec<Arc<Status>>,
}

/// `GET /api/v1/rollouts`
pub(super) async fn list(State(shared): State<Arc<Shared>>, caller: Caller) -> Result<Json<Rollouts>, Problem> {
    caller.must_be(Role::Viewer)?;
    Ok(Json(Rollouts { rollouts: shared.controller.statuses() }))
}

/// `GET /api/v1/rollouts/{flag}`
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(flag): Path<String>,
) -> Result<Response, Problem> {
    caller.must_be(Role::Viewer)?;
    status_response(&shared, &known_flag(&shared, &flag)?)
}

/// `POST /api/v1/rollouts/{flag}/{command}`
pub(super) async fn order(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path((flag, command)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let kind = CommandKind::ALL
        .into_iter()
        .find(|kind| kind.name() == command)
        .ok_or_else(|| Problem::not_found(format!("there is no command {command:?}")))?;
    caller.must_be(if kind == CommandKind::Approve { Role::ReleaseOwner } else { Role::Operator })?;
    let flag = known_flag(&shared, &flag)?;
    shared.limits.count(&caller.name, kind)?;
    let body = read_body(&body)?;
    if body.override_gate {
        caller.must_be(Role::ReleaseOwner)?;
        if blank(&body.reason) {
            return Err(missing_reason("passing the gate"));
        }
    }
    let request = OrderRequest {
        expected: if_match(&headers)?,
        key: idempotency_key(&headers, kind, &body, &caller)?,
        order: Order { command: command_of(kind, &body)?, actor: Actor(caller.name), reason: body.reason },
        override_gate: body.override_gate,
        flag,
    };
    shared.controller.order(&request).await.map_err(|error| refusal(&shared, &request, error))?;
    status_response(&shared, &request.flag)
}

pub(super) fn known_flag(shared: &Shared, flag: &str) -> Result<FlagKey, Problem> {
    flag.parse::<FlagKey>()
        .ok()
        .filter(|flag| shared.controller.policies().get(flag).is_some())
        .ok_or_else(|| Problem::not_found(format!("there is no policy for the flag {flag:?}")))
}

fn status_response(shared: &Shared, flag: &FlagKey) -> Result<Response, Problem> {
    let status = shared
        .controller
        .status(flag)
        .ok_or_else(|| Problem::unavailable("the first look at the database is not finished"))?;
    let mut response = Json(status.as_ref()).into_response();
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{}\"", status.revision)) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    Ok(response)
}

fn read_body(body: &Bytes) -> Result<OrderBody, Problem> {
    if body.is_empty() {
        return Ok(OrderBody::default());
    }
    let body: OrderBody = serde_json::from_slice(body)
        .map_err(|error| Problem::malformed(format!("expected a JSON object with reason, percent: {error}")))?;
    if let Some(reason) = &body.reason
        && (reason.chars().count() > MAX_REASON || reason.contains('\0'))
    {
        return Err(Problem::unprocessable(format!(
            "expected a reason of at most {MAX_REASON} characters, without NUL"
        )));
    }
    Ok(body)
}

fn command_of(kind: CommandKind, body: &OrderBody) -> Result<Command, Problem> {
    Ok(match kind {
        CommandKind::Start => Command::Start,
        CommandKind::Pause => Command::Pause,
        CommandKind::Resume => Command::Resume,
        CommandKind::Advance => Command::Advance,
        CommandKind::Approve => Command::Approve,
        CommandKind::Rollback => Command::Rollback,
        CommandKind::Restart => Command::Restart,
        CommandKind::Complete => Command::Complete,
        CommandKind::Stage => {
            let percent =
                body.percent.ok_or_else(|| Problem::unprocessable("expected percent: the stage to move to"))?;
            let percent = Percent::try_from(percent).map_err(|error| Problem::unprocessable(error.to_string()))?;
            Command::SetStage { percent }
        }
        CommandKind::Extend => match body.extend_seconds {
            Some(seconds @ 1..=MAX_EXTENSION_SECONDS) => Command::Extend { by: Millis::seconds(seconds) },
            _ => {
                let detail = format!("expected extend_seconds from 1 to {MAX_EXTENSION_SECONDS}");
                return Err(Problem::unprocessable(detail));
            }
        },
    })
}

fn blank(reason: &Option<String>) -> bool {
    reason.as_deref().is_none_or(|reason| reason.trim().is_empty())
}

fn missing_reason(what: &str) -> Problem {
    let detail = format!("expected a reason: {what} acts outside the rules of the policy");
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "reason-missing", "Say why", detail)
}

fn if_match(headers: &HeaderMap) -> Result<Option<Revision>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let revision = text.trim_start_matches("W/").trim_matches('"').parse().map(Revision);
    revision.map(Some).map_err(|_| Problem::malformed("expected If-Match: \"<revision>\""))
}

fn idempotency_key(
    headers: &HeaderMap,
    kind: CommandKind,
    body: &OrderBody,
    caller: &Caller,
) -> Result<Option<CommandKey>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().map(str::trim).unwrap_or_default();
    if key.is_empty() || key.len() > 200 {
        return Err(Problem::malformed("expected an Idempotency-Key of 1 to 200 characters"));
    }
    let asked = format!("{}|{}|{body:?}", kind.name(), caller.name);
    let fingerprint = hex_sha256(asked.as_bytes());
    Ok(Some(CommandKey { key: key.to_owned(), fingerprint }))
}

fn refusal(shared: &Shared, request: &OrderRequest, error: CommandError) -> Problem {
    let conflict = |kind, title, detail: String| Problem::new(StatusCode::CONFLICT, kind, title, detail);
    let text = error.to_string();
    match error {
        CommandError::UnknownFlag => Problem::not_found(text),
        CommandError::Refused(Refusal::Illegal(_)) => conflict("illegal", "Not possible now", text),
        CommandError::Refused(Refusal::NoSuchStage { .. }) => Problem::unprocessable(text),
        CommandError::Refused(Refusal::SamePerson { .. }) => {
            conflict("two-person", "Another person must approve", text)
        }
        CommandError::Refused(Refusal::ReasonMissing(what)) => missing_reason(what),
        CommandError::GateMissing(unmet) => {
            let missing: Vec<&str> = unmet.iter().map(|finding| finding.item.name()).collect();
            let items = unmet.iter().map(|finding| {
                json!({ "item": finding.item, "state": finding.verdict.name(), "why": finding.verdict.why() })
            });
            let items: Vec<serde_json::Value> = items.collect();
            conflict("gate-missing", "The gate is not met", text).with("missing", missing).with("items", items)
        }
        CommandError::EmptyCohort { .. } => conflict("empty-cohort", "Nobody would be in this stage", text),
        CommandError::StaleRevision { actual, .. } => {
            Problem::new(StatusCode::PRECONDITION_FAILED, "stale", "Somebody else moved it", text)
                .with("revision", actual.0)
        }
        CommandError::KeyReused => conflict("key-reused", "This key was used before", text),
        CommandError::NotHolder => Problem::unavailable(text),
        CommandError::Store(_)
            if request.order.command == Command::Rollback && shared.controller.is_braked(&request.flag) =>
        {
            let detail = "nobody is served by this process any more; it is written down once the database is back";
            Problem::unavailable(detail)
        }
        CommandError::Store(StoreError::Stale | StoreError::Locked | StoreError::LeaseLost) => {
            Problem::unavailable("the rollout keeps changing; try again")
        }
        CommandError::Store(error) => error.into(),
    }
}
