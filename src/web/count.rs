//! Counts every answered request of the parts API, and has the guard look at once after a 5xx.

use super::server::Shared;
use crate::clock::Stopwatch;
use crate::parts::{Served, Trace};
use crate::signals::{CLIENT_GONE, Cohort, GIVEN_UP_AFTER, Observation};
use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;

/// The middleware around the parts API. The guard looks before the answer leaves, so that whoever reads
/// a 5xx can be sure that nobody else is served by the new lens any more.
pub(super) async fn count(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let mut pending = Pending {
        route: request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned(),
        method: request.method().clone(),
        shared,
        trace: Arc::default(),
        watch: Stopwatch::start(),
        answered: false,
    };
    request.extensions_mut().insert(pending.trace.clone());
    let response = next.run(request).await;
    let served = response.extensions().get::<Served>().copied();
    pending.count(response.status().as_u16(), served);
    pending.answered = true;
    response
}

/// A request under way. Dropped before it is answered where its client hangs up: a lens that hangs must
/// not look well because everybody gave up on it.
struct Pending {
    shared: Arc<Shared>,
    route: String,
    method: Method,
    trace: Arc<Trace>,
    watch: Stopwatch,
    answered: bool,
}

impl Pending {
    fn count(&self, status: u16, served: Option<Served>) {
        let took = self.watch.elapsed().saturating_sub(self.trace.waited());
        let cohort = served.map(|served| served.cohort);
        self.shared.metrics.answered(&self.route, &self.method, status, cohort, took);
        // Who forces a lens is a test or a probe, and no traffic to reckon with.
        if cohort != Some(Cohort::Forced) {
            self.shared.controller.passing().count(status, self.shared.controller.now());
        }
        let Some((served, stage)) = served.and_then(|served| Some((served, served.stage?))) else { return };
        let seen = Observation {
            stage,
            cohort: served.cohort,
            subject: served.subject,
            status,
            micros: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            unavailable: served.unavailable,
        };
        self.shared.controller.live().record(seen, self.shared.controller.now());
        if status >= 500 {
            self.shared.controller.guard().look_at(stage.rollout);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.answered {
            return;
        }
        // A closed tab says nothing of us, and its short life must not pass for a quick answer.
        let waited = self.watch.elapsed().saturating_sub(self.trace.waited()) >= GIVEN_UP_AFTER;
        self.count(CLIENT_GONE, self.trace.served().filter(|_| waited));
    }
}
