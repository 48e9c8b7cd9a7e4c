//! Who serves, who watches, and how long the last change took to reach everybody.

use super::auth::{Caller, Role};
use super::problem::Problem;
use super::server::Shared;
use super::viewers::Viewer;
use crate::controller::Status;
use crate::store::{LEASE_SECONDS, Replica};
use axum::Json;
use axum::extract::State;
use rampart_core::Timestamp;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::sync::Arc;

/// How many viewers are listed, the slowest first.
const MAX_LISTED: usize = 100;

/// `GET /api/v1/fleet`
pub(super) async fn show(State(shared): State<Arc<Shared>>, caller: Caller) -> Result<Json<Value>, Problem> {
    caller.must_be(Role::Viewer)?;
    let replicas = shared.controller.store().replicas().await?;
    let now = shared.controller.now();
    let statuses = shared.controller.statuses();
    let changed = statuses.iter().filter_map(|status| Some((status.committed_at?, status))).max_by_key(|(at, _)| *at);
    let viewers = shared.viewers.all();
    let behind = |viewer: &Viewer| changed.and_then(|(at, status)| behind(viewer, status, at, now));
    let mut seen: Vec<(Option<i64>, &Viewer)> =
        viewers.iter().map(|viewer| (behind(viewer), viewer.as_ref())).collect();
    seen.sort_by_key(|(behind, viewer)| (Reverse(*behind), viewer.number));
    let reached: Vec<i64> = seen.iter().filter_map(|(behind, _)| *behind).collect();
    let propagation = changed.map(|(at, status)| {
        json!({
            "flag": status.flag, "revision": status.revision, "committed_at": at,
            "slowest_ms": reached.iter().max(), "viewers": reached.len(),
        })
    });
    let listed: Vec<Value> = seen.iter().take(MAX_LISTED).map(|(behind, viewer)| watching(viewer, *behind)).collect();
    let this = shared.controller.store().replica();
    let replicas: Vec<Value> = replicas.iter().map(|replica| serving(replica, this == replica.id, now)).collect();
    Ok(Json(json!({
        "replicas": replicas, "viewers": listed, "viewers_total": viewers.len(), "propagation": propagation,
    })))
}

/// How long behind its commit the newest change was handed to a viewer, in milliseconds; how long it has waited so far
/// where it was not. None for whoever came later, and found it there.
fn behind(viewer: &Viewer, status: &Status, committed: Timestamp, now: Timestamp) -> Option<i64> {
    if viewer.since > committed {
        return None;
    }
    let held = viewer.holds().get(&status.flag).copied().filter(|held| held.revision.0 >= status.revision);
    Some((held.map_or(now, |held| held.at) - committed).num_milliseconds().max(0))
}

fn watching(viewer: &Viewer, behind: Option<i64>) -> Value {
    let revisions: serde_json::Map<String, Value> =
        viewer.holds().iter().map(|(flag, held)| (flag.to_string(), json!(held.revision))).collect();
    json!({
        "id": viewer.number, "name": viewer.name, "since": viewer.since, "revisions": revisions, "behind_ms": behind,
    })
}

fn serving(replica: &Replica, this: bool, now: Timestamp) -> Value {
    let age = ((now - replica.seen_at).num_milliseconds() as f64 / 1000.0).max(0.0);
    json!({
        "id": replica.id, "build": replica.build, "seen_at": replica.seen_at, "age_seconds": age,
        "alive": age <= LEASE_SECONDS, "leases": replica.leases, "this": this,
    })
}
