//! Counts every answered request of the parts API, and has the guard look at once after a 5xx.

use super::server::Shared;
use crate::clock::Stopwatch;
use crate::parts::Served;
use crate::signals::Observation;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;

/// The middleware around the parts API. The guard looks before the answer leaves, so that whoever reads
/// a 5xx can be sure that nobody else is served by the new lens any more.
pub(super) async fn count(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let watch = Stopwatch::start();
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let method = request.method().clone();
    let response = next.run(request).await;
    let served = response.extensions().get::<Served>().copied();
    let status = response.status().as_u16();
    shared.metrics.answered(&route, method.as_str(), status, served.map(|served| served.cohort), watch.elapsed());
    let Some((served, stage)) = served.and_then(|served| Some((served, served.stage?))) else { return response };
    let seen =
        Observation { stage, cohort: served.cohort, status, micros: watch.micros(), unavailable: served.unavailable };
    shared.controller.live().record(seen, shared.controller.now());
    if status >= 500 {
        shared.controller.guard().look_at(stage.rollout);
    }
    response
}
