//! The policy a rollout goes by, and what its file would change.

use super::auth::{Caller, Role};
use super::problem::Problem;
use super::rollouts::known_flag;
use super::server::Shared;
use crate::clock;
use axum::Json;
use axum::extract::{Path, State};
use rampart_core::policy::{Change, Policy, WindowState, diff};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// What a flag is rolled out by.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PolicyInForce)]
pub(super) struct InForce {
    /// Of the policy a rollout is pinned to; of the file where there is none.
    revision: String,
    #[schema(value_type = Object)]
    policy: Policy,
    /// Whether a rollout is pinned to it, whatever the file says by now.
    pinned: bool,
    /// The revision of the file, where that is another.
    offered: Option<String>,
    /// What it would change.
    #[schema(value_type = Vec<Object>)]
    changes: Vec<Change>,
    /// Whether a stage may be entered now, and until when that holds; nothing where the policy has no windows.
    #[schema(value_type = Option<Object>)]
    window: Option<WindowState>,
}

/// `GET /api/v1/rollouts/{flag}/policy`
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    Path(flag): Path<String>,
) -> Result<Json<InForce>, Problem> {
    caller.must_be(Role::Viewer)?;
    let flag = known_flag(&shared, &flag)?;
    let loaded = shared.controller.policies().get(&flag).ok_or_else(|| Problem::not_found("the policy is gone"))?;
    let stored = shared.controller.store().newest_rollout(&flag).await?;
    let pinned = stored.is_some();
    let (revision, policy) = stored.map_or_else(
        || (loaded.revision.clone(), loaded.policy.clone()),
        |stored| (stored.rollout.policy, stored.policy),
    );
    let window = policy.windows.as_ref().map(|windows| windows.at(clock::wall()));
    Ok(Json(InForce {
        offered: (revision != loaded.revision).then(|| loaded.revision.0.clone()),
        changes: diff(&policy, &loaded.policy),
        revision: revision.0,
        policy,
        pinned,
        window,
    }))
}
