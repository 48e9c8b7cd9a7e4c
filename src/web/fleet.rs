//! Who serves, who watches, and how long the last change took to reach everybody.

use super::auth::{Caller, Role};
use super::problem::Problem;
use super::server::Shared;
use super::viewers::Viewer;
use crate::controller::Status;
use crate::schema::RevisionsShape;
use crate::store::{LEASE_SECONDS, Replica};
use axum::Json;
use axum::extract::State;
use rampart_core::{FlagKey, Timestamp};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// How many viewers are listed, the slowest first.
const MAX_LISTED: usize = 100;

/// Who serves and who watches.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Fleet {
    replicas: Vec<Serving>,
    /// Those of the daemon that answers, the slowest first, a hundred at the most.
    viewers: Vec<Watching>,
    viewers_total: usize,
    propagation: Option<Propagation>,
}

/// One daemon.
#[derive(Debug, Serialize, ToSchema)]
struct Serving {
    id: Uuid,
    build: String,
    #[schema(value_type = String, format = DateTime)]
    seen_at: Timestamp,
    age_seconds: f64,
    alive: bool,
    /// The flags it may raise.
    leases: Vec<String>,
    /// It is the one that answers.
    this: bool,
}

/// One page that is open.
#[derive(Debug, Serialize, ToSchema)]
struct Watching {
    id: u64,
    name: String,
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// The newest revision it was handed, flag by flag.
    #[schema(value_type = RevisionsShape)]
    revisions: BTreeMap<String, u64>,
    /// How long behind its commit the newest change reached it; none where it came later.
    behind_ms: Option<i64>,
}

/// How fast the newest change has come to whoever watches.
#[derive(Debug, Serialize, ToSchema)]
struct Propagation {
    #[schema(value_type = String)]
    flag: FlagKey,
    revision: u64,
    #[schema(value_type = String, format = DateTime)]
    committed_at: Timestamp,
    slowest_ms: Option<i64>,
    viewers: usize,
}

/// `GET /api/v1/fleet`
pub(super) async fn show(State(shared): State<Arc<Shared>>, caller: Caller) -> Result<Json<Fleet>, Problem> {
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
    let propagation = changed.map(|(committed_at, status)| Propagation {
        flag: status.flag.clone(),
        revision: status.revision,
        committed_at,
        slowest_ms: reached.iter().max().copied(),
        viewers: reached.len(),
    });
    let listed = seen.iter().take(MAX_LISTED).map(|(behind, viewer)| watching(viewer, *behind)).collect();
    let this = shared.controller.store().replica();
    let replicas = replicas.iter().map(|replica| serving(replica, this == replica.id, now)).collect();
    Ok(Json(Fleet { replicas, viewers: listed, viewers_total: viewers.len(), propagation }))
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

fn watching(viewer: &Viewer, behind_ms: Option<i64>) -> Watching {
    let revisions = viewer.holds().iter().map(|(flag, held)| (flag.to_string(), held.revision.0)).collect();
    Watching { id: viewer.number, name: viewer.name.clone(), since: viewer.since, revisions, behind_ms }
}

fn serving(replica: &Replica, this: bool, now: Timestamp) -> Serving {
    let age_seconds = ((now - replica.seen_at).num_milliseconds() as f64 / 1000.0).max(0.0);
    Serving {
        id: replica.id,
        build: replica.build.clone(),
        seen_at: replica.seen_at,
        age_seconds,
        alive: age_seconds <= LEASE_SECONDS,
        leases: replica.leases.clone(),
        this,
    }
}
