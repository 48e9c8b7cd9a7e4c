//! Everything that happens, as server-sent events.

use super::auth::{Caller, Role};
use super::problem::Problem;
use super::server::Shared;
use crate::controller::Update;
use crate::store::JournalFilter;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio_stream::wrappers::BroadcastStream;

/// How long a client waits before it connects again, in milliseconds.
const RETRY: Duration = Duration::from_millis(500);
/// A sign of life where nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(10);
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
    let live = BroadcastStream::new(shared.controller.updates());
    let standing: Vec<Update> = shared.controller.statuses().into_iter().map(Update::Status).collect();
    let last: Option<i64> = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok());
    let missed = match last {
        None => Vec::new(),
        Some(last) => {
            let filter = JournalFilter { after: Some(last), limit: MAX_MISSED, ..JournalFilter::default() };
            shared.controller.store().journal(None, &filter).await?
        }
    };
    let first = standing.into_iter().chain(missed.into_iter().map(|entry| Update::Journal(Arc::new(entry))));
    let followed = live
        .take_while(|update| std::future::ready(update.is_ok()))
        .filter_map(|update| std::future::ready(update.ok()));
    let events = stream::iter(first).chain(followed).map(|update| event(&update));
    let stop = shared.stop.clone();
    let until_stopped = events.take_until(async move { stop.cancelled().await });
    Ok(respond(until_stopped))
}

fn respond(events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Response {
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response();
    // A proxy that buffers would hold a rollback back from whoever watches.
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

fn event(update: &Update) -> Result<Event, Infallible> {
    let told = match update {
        Update::Status(status) => Event::default().event("status").retry(RETRY).json_data(status.as_ref()),
        Update::Journal(entry) => Event::default().event("journal").id(entry.seq.to_string()).json_data(entry.as_ref()),
    };
    // What we made ourselves can be written as JSON; a comment stands in if it ever cannot.
    Ok(told.unwrap_or_else(|error| Event::default().comment(error.to_string())))
}
