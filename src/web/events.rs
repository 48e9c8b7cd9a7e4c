//! Everything that happens, as server-sent events.

use super::auth::{Caller, Role};
use super::problem::Problem;
use super::server::Shared;
use crate::controller::Told;
use crate::store::JournalFilter;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio_stream::wrappers::BroadcastStream;

/// A sign of life where nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// A comment, which clients pass over.
const ALIVE: &[u8] = b":\n\n";
/// How many missed entries a returning client is sent.
const MAX_MISSED: i64 = 500;

/// `GET /api/v1/events`: first where everything stands, then what was missed since `Last-Event-ID`, then
/// what happens. A client too slow to follow is dropped and connects again.
pub(super) async fn stream(
    State(shared): State<Arc<Shared>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.must_be(Role::Viewer)?;
    let seat = shared.viewers.sit(&caller, shared.controller.now());
    let live = BroadcastStream::new(shared.controller.updates());
    let standing: Vec<Told> = shared.controller.statuses().iter().map(|status| Told::status(status)).collect();
    let last: Option<i64> = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok());
    let missed = match last {
        None => Vec::new(),
        Some(last) => {
            let filter = JournalFilter { after: Some(last), limit: MAX_MISSED, ..JournalFilter::default() };
            shared.controller.store().journal(None, &filter).await?
        }
    };
    let first = standing.into_iter().chain(missed.iter().map(Told::journal));
    let first: Vec<Told> = first.collect();
    let followed =
        live.take_while(|told| std::future::ready(told.is_ok())).filter_map(|told| std::future::ready(told.ok()));
    let stop = shared.stop.clone();
    let handed = stream::iter(first).chain(followed).map(move |told| {
        seat.hand(&told, shared.controller.now());
        told.frame
    });
    let until_stopped = handed.take_until(async move { stop.cancelled().await });
    let kept_alive = tokio_stream::StreamExt::timeout_repeating(until_stopped, tokio::time::interval(HEARTBEAT));
    Ok(respond(kept_alive.map(|frame| Ok(frame.unwrap_or(Bytes::from_static(ALIVE))))))
}

fn respond(events: impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static) -> Response {
    let mut response = Body::from_stream(events).into_response();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        // A proxy that buffers would hold a rollback back from whoever watches.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
