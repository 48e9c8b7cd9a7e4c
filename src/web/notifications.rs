//! Notifications: whom there is to tell, how far it has come, what could not be delivered.

use super::auth::{Caller, Role};
use super::problem::Problem;
use super::server::Shared;
use crate::notify::{Overview, Retried, TestResult};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Test {
    target: Option<String>,
}

/// How the tests went.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TestResults {
    results: Vec<TestResult>,
}

/// A dead letter that is tried again.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TriedAgain {
    id: Uuid,
    target: String,
}

/// `GET /api/v1/notifications`
pub(super) async fn list(State(shared): State<Arc<Shared>>, caller: Caller) -> Result<Json<Overview>, Problem> {
    caller.must_be(Role::Viewer)?;
    Ok(Json(shared.notifier.overview().await?))
}

/// `POST /api/v1/notifications/test`
pub(super) async fn test(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    body: Bytes,
) -> Result<Json<TestResults>, Problem> {
    caller.must_be(Role::Operator)?;
    let test = if body.is_empty() {
        Test::default()
    } else {
        serde_json::from_slice(&body)
            .map_err(|error| Problem::malformed(format!("expected a JSON object with target: {error}")))?
    };
    let results = shared.notifier.test(test.target.as_deref(), &caller.name).await;
    let results = results.ok_or_else(|| {
        let names = shared.notifier.names();
        let known = if names.is_empty() {
            "there are no targets".to_owned()
        } else {
            format!("expected one of {}", names.join(", "))
        };
        Problem::unprocessable(format!("there is no such target: {known}"))
    })?;
    Ok(Json(TestResults { results }))
}

/// `POST /api/v1/notifications/{id}/retry`
pub(super) async fn retry(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<TriedAgain>, Problem> {
    caller.must_be(Role::Operator)?;
    let unknown = || Problem::not_found("there is no such dead letter");
    let id: Uuid = id.parse().map_err(|_| unknown())?;
    match shared.notifier.retry(id).await? {
        Retried::Yes(target) => Ok(Json(TriedAgain { id, target })),
        Retried::Unknown => Err(unknown()),
    }
}
