//! Putting the routes together and serving them.

use super::auth::{Caller, OpsTokens, Role};
use super::calls::Calls;
use super::limits::Limits;
use super::problem::Problem;
use super::session::Sessions;
use super::viewers::Viewers;
use super::{
    calls, count, events, flags, fleet, gate, health, history, journal, notifications, openapi, page, policies,
    preflight, readings, recorded, reports, rollouts, session,
};
use crate::build_info::BuildInfo;
use crate::controller::Controller;
use crate::flags::Flags;
use crate::notify::Notifier;
use crate::telemetry::Metrics;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::middleware;
use axum::response::Response;
use axum::routing::{get, post};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;
use utoipa_swagger_ui::SwaggerUi;

/// The largest body the ops API reads, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// What every handler of this room shares.
#[derive(Debug)]
pub struct Shared {
    /// The controller.
    pub controller: Arc<Controller>,
    /// What is served.
    pub flags: Arc<Flags>,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Who is let in.
    pub tokens: OpsTokens,
    /// Whether `/metrics` answers without a token.
    pub open_metrics: bool,
    /// What runs.
    pub build: BuildInfo,
    /// Tells people.
    pub(crate) notifier: Arc<Notifier>,
    /// Ends open streams.
    pub stop: CancellationToken,
    pub(super) sessions: Sessions,
    pub(super) viewers: Arc<Viewers>,
    pub(super) limits: Limits,
    pub(super) calls: Calls,
}

impl Shared {
    /// Everything but sessions, viewers and limits, which begin empty.
    #[expect(clippy::too_many_arguments, reason = "these are all there is to share")]
    pub(crate) fn new(
        controller: Arc<Controller>,
        flags: Arc<Flags>,
        metrics: Arc<Metrics>,
        tokens: OpsTokens,
        open_metrics: bool,
        build: BuildInfo,
        notifier: Arc<Notifier>,
        stop: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            controller,
            flags,
            metrics,
            tokens,
            open_metrics,
            build,
            notifier,
            stop,
            sessions: Sessions::default(),
            viewers: Arc::default(),
            limits: Limits::default(),
            calls: Calls::default(),
        })
    }
}

/// Serves the parts API on `listener`, and the ops API beside it or, where given, on a listener of its
/// own. Returns when `shared.stop` is cancelled and what was under way has been answered.
pub async fn serve(
    shared: Arc<Shared>,
    parts: Router,
    listener: TcpListener,
    ops_listener: Option<TcpListener>,
) -> std::io::Result<()> {
    let public =
        parts.layer(middleware::from_fn_with_state(shared.clone(), count::count)).merge(health_routes(shared.clone()));
    let ops = ops_routes(shared.clone());
    let (answered, store) = (CancellationToken::new(), shared.controller.store().clone());
    let served = async {
        let served = listen(shared.clone(), public, ops, listener, ops_listener).await;
        answered.cancel();
        served
    };
    tokio::join!(served, shared.calls.write_until(store, answered.clone())).0
}

async fn listen(
    shared: Arc<Shared>,
    public: Router,
    ops: Router,
    listener: TcpListener,
    ops_listener: Option<TcpListener>,
) -> std::io::Result<()> {
    match ops_listener {
        None => run(public.merge(ops), listener, &shared.stop).await,
        Some(ops_listener) => {
            let ops = ops.merge(health_routes(shared.clone()));
            tokio::try_join!(run(public, listener, &shared.stop), run(ops, ops_listener, &shared.stop)).map(drop)
        }
    }
}

async fn run(router: Router, listener: TcpListener, stop: &CancellationToken) -> std::io::Result<()> {
    let stop = stop.clone();
    // As a finished service it is shared. The router itself would be built again, with all its routes, for each
    // connection: 40 kB for each page that watches.
    axum::serve(listener, router.into_make_service())
        .with_graceful_shutdown(async move { stop.cancelled().await })
        .await
}

fn health_routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/health", get(health::health))
        .route("/healthz", get(health::alive))
        .route("/livez", get(health::alive))
        .route("/readyz", get(health::ready))
        .with_state(shared)
}

fn ops_routes(shared: Arc<Shared>) -> Router {
    let api = Router::new()
        .route("/session", get(session::show).post(session::sign_in).delete(session::sign_out))
        .route("/rollouts", get(rollouts::list))
        .route("/rollouts/{flag}", get(rollouts::show))
        .route("/rollouts/{flag}/journal", get(journal::list))
        .route("/rollouts/{flag}/journal/export", get(journal::export))
        .route("/rollouts/{flag}/history", get(history::list))
        .route("/rollouts/{flag}/rollback-report", get(history::report))
        .route("/rollouts/{flag}/gate", get(gate::show))
        .route("/rollouts/{flag}/policy", get(policies::show))
        .route("/rollouts/{flag}/replay", get(journal::replay))
        .route("/rollouts/{flag}/explain", get(recorded::explain))
        .route("/rollouts/{flag}/recording", get(recorded::recording))
        .route("/rollouts/{flag}/preflight", get(preflight::show))
        .route("/rollouts/{flag}/readings", get(readings::list))
        .route("/rollouts/{flag}/reports", get(reports::list).post(reports::file))
        .route("/rollouts/{flag}/reports/{id}/dismiss", post(reports::dismiss))
        .route("/rollouts/{flag}/{command}", post(rollouts::order))
        .route("/gate/{item}", get(gate::list).post(gate::record).layer(DefaultBodyLimit::max(gate::MAX_BODY)))
        .route("/gate/artifacts/{id}", get(gate::artifact))
        .route("/notifications", get(notifications::list))
        .route("/notifications/test", post(notifications::test))
        .route("/notifications/{id}/retry", post(notifications::retry))
        .route("/calls", get(calls::list))
        .route("/fleet", get(fleet::show))
        .route("/openapi.json", get(openapi::show))
        .route("/flags", get(flags::list))
        .route("/flags/{key}", get(flags::show))
        .route("/flags/{key}/evaluate", get(flags::evaluate))
        .route("/flags/{key}/explain", get(flags::explain))
        .fallback(async || Problem::not_found("there is no such route"))
        .method_not_allowed_fallback(async || {
            let title = "Another method is expected";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", title, "see the API's documentation")
        })
        .layer(middleware::from_fn_with_state(shared.clone(), calls::note))
        .layer(CompressionLayer::new())
        // A stream is never compressed: its events would wait in the compressor.
        .route("/events", get(events::stream));
    let pages =
        Router::new().route("/", get(page::index)).route("/{file}", get(page::asset)).layer(CompressionLayer::new());
    // As open as the page: what it shows, it asks for with the reader's own session.
    let docs = SwaggerUi::new("/api/v1/docs").config(utoipa_swagger_ui::Config::from("/api/v1/openapi.json"));
    Router::new()
        .nest("/api/v1", api)
        .merge(docs)
        .route("/metrics", get(metrics))
        .merge(pages)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(shared)
}

/// `GET /metrics`: for a token, unless the configuration opens it.
async fn metrics(State(shared): State<Arc<Shared>>, caller: Result<Caller, Problem>) -> Result<Response, Problem> {
    if !shared.open_metrics {
        caller?.must_be(Role::Viewer)?;
    }
    health::metrics(State(shared)).await
}
