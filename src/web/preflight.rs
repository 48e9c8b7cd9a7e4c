//! What a rollout under the present policy would ask of the present traffic.

use super::auth::{Caller, Role};
use super::problem::Problem;
use super::rollouts::known_flag;
use super::server::Shared;
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use rampart_core::rollout::{Preflight, Traffic, preflight};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// The most requests a second that are reckoned with.
const MAX_RATE: f64 = 1e7;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    requests_per_second: Option<f64>,
    server_error_rate: Option<f64>,
}

/// What so much traffic can prove.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Preflighted {
    #[schema(value_type = Object)]
    traffic: Traffic,
    /// For people, several lines.
    text: String,
    /// For programs.
    #[schema(value_type = Object)]
    preflight: Preflight,
}

/// `GET /api/v1/rollouts/{flag}/preflight?requests_per_second=&server_error_rate=`; what is not given is what this
/// process has seen in the last five minutes.
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(flag): Path<String>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Preflighted>, Problem> {
    caller.must_be(Role::Viewer)?;
    let flag = known_flag(&shared, &flag)?;
    let Query(asked) = asked.map_err(|error| Problem::malformed(error.body_text()))?;
    let within = |value: Option<f64>, most: f64, name: &str| match value {
        Some(value) if !(0.0..=most).contains(&value) => {
            Err(Problem::malformed(format!("expected {name} from 0 to {most}, got {value}")))
        }
        value => Ok(value),
    };
    let seen = shared.controller.passing().traffic(shared.controller.now());
    let traffic = Traffic {
        requests_per_second: within(asked.requests_per_second, MAX_RATE, "requests_per_second")?
            .unwrap_or(seen.requests_per_second),
        server_error_rate: within(asked.server_error_rate, 1.0, "server_error_rate")?.or(seen.server_error_rate),
    };
    let loaded = shared
        .controller
        .policies()
        .get(&flag)
        .ok_or_else(|| Problem::not_found(format!("there is no policy for the flag {flag:?}")))?;
    let preflight = preflight(&loaded.policy, &traffic);
    Ok(Json(Preflighted { traffic, text: preflight.to_string(), preflight }))
}
