//! Takes an upload in, piece by piece: raw, or as the file of a multipart form.
//!
//! The time we wait for the client is told to the request's trace, so that a slow link is no latency of
//! ours. A refused upload is read on for a while and thrown away: many clients look at the answer only
//! after they have sent everything, and would see a broken connection instead of it.

use super::kind::{Kind, TELLTALE_BYTES};
use super::path::Bucket;
use super::staged::{Staged, Staging};
use crate::clock::Stopwatch;
use crate::parts::errors::ApiError;
use crate::parts::lens::Trace;
use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::multipart::Field;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::{HeaderMap, header};
use futures_util::{Stream, StreamExt};
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// How long a client may take to send everything.
pub(super) const UPLOAD_DEADLINE: Duration = Duration::from_secs(600);
/// How long a client may send nothing.
const IDLE_DEADLINE: Duration = Duration::from_secs(20);
/// What a multipart form may have around its file, in bytes.
const FORM_BYTES: u64 = 64 * 1024;
/// How much of a refused upload is read on, in bytes.
const DRAIN_BYTES: u64 = 64 * 1024 * 1024;
/// For how long a refused upload is read on.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);

/// Receives an upload for `bucket`; nothing is left of one that is refused.
pub(super) async fn receive(request: Request, bucket: Bucket, root: &Path) -> Result<(Staged, Kind), ApiError> {
    let (parts, body) = request.into_parts();
    let body = Incoming::new(body, parts.extensions.get::<Arc<Trace>>().cloned());
    let receiving = taken(&parts.headers, body.clone(), bucket, root);
    let received = tokio::time::timeout(UPLOAD_DEADLINE, receiving).await;
    let received = received.unwrap_or_else(|_| Err(ApiError::body_timeout()));
    if received.is_err() {
        body.drain().await;
    }
    received
}

/// Reads a refused request's body on, for a while.
pub(super) async fn discard(request: Request) {
    let trace = request.extensions().get::<Arc<Trace>>().cloned();
    Incoming::new(request.into_body(), trace).drain().await;
}

async fn taken(headers: &HeaderMap, body: Incoming, bucket: Bucket, root: &Path) -> Result<(Staged, Kind), ApiError> {
    let named = headers.get(header::CONTENT_TYPE).and_then(|named| named.to_str().ok()).unwrap_or_default();
    if !named.trim_start().to_ascii_lowercase().starts_with("multipart/form-data") {
        return stage(body, named, bucket, root).await;
    }
    body.allow(bucket.limit_bytes() + FORM_BYTES);
    let mut request = Request::new(Body::from_stream(body.clone()));
    request.headers_mut().extend(headers.get(header::CONTENT_TYPE).map(|named| (header::CONTENT_TYPE, named.clone())));
    // Its size is limited here, not by the framework's two megabytes.
    DefaultBodyLimit::disable().apply(&mut request);
    let broken = || if body.is_over() { too_large(bucket) } else { ApiError::malformed("the form cannot be read") };
    let mut form = Multipart::from_request(request, &()).await.map_err(|_| broken())?;
    loop {
        let field = tokio::time::timeout(IDLE_DEADLINE, form.next_field()).await;
        let field = field.map_err(|_| ApiError::body_timeout())?.map_err(|_| broken())?;
        let Some(field) = field else { return Err(ApiError::malformed("the form has no field named file")) };
        if is_file(&field) {
            let named = field.content_type().unwrap_or_default().to_owned();
            let staged = stage(field, &named, bucket, root).await;
            // The form's reader looks ahead, and then tells a body over its limit as a broken one.
            return if body.is_over() { Err(too_large(bucket)) } else { staged };
        }
    }
}

/// Supabase's own client sends the file in a field without a name.
fn is_file(field: &Field<'_>) -> bool {
    field.name() == Some("file") || field.file_name().is_some()
}

async fn stage<S, E>(mut pieces: S, named: &str, bucket: Bucket, root: &Path) -> Result<(Staged, Kind), ApiError>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    let unsupported = || ApiError::unsupported_type("this bucket does not take this type of content");
    let kind = Kind::named(named).filter(|kind| bucket.takes(*kind)).ok_or_else(unsupported)?;
    let mut staging = Staging::begin(root).await.map_err(disk_failed)?;
    let mut start = Vec::with_capacity(TELLTALE_BYTES);
    loop {
        let piece = tokio::time::timeout(IDLE_DEADLINE, pieces.next()).await;
        let Some(piece) = piece.map_err(|_| ApiError::body_timeout())? else { break };
        let piece = piece.map_err(|_| ApiError::malformed("the body did not arrive whole"))?;
        if staging.size_bytes() + piece.len() as u64 > bucket.limit_bytes() {
            return Err(too_large(bucket));
        }
        start.extend(piece.iter().take(TELLTALE_BYTES - start.len()));
        if start.len() == TELLTALE_BYTES && !kind.begins(&start) {
            return Err(unsupported());
        }
        staging.write(&piece).await.map_err(disk_failed)?;
    }
    if !kind.begins(&start) {
        return Err(unsupported());
    }
    Ok((staging.finish().await.map_err(disk_failed)?, kind))
}

fn too_large(bucket: Bucket) -> ApiError {
    ApiError::too_large(usize::try_from(bucket.limit_bytes()).unwrap_or(usize::MAX))
}

/// The disk is ours, and so is its failure.
pub(super) fn disk_failed(error: std::io::Error) -> ApiError {
    ApiError::internal(format!("storage on disk: {error}"))
}

/// A body that can be read from two places, counts its bytes and the time we wait for them.
#[derive(Clone, Debug)]
struct Incoming(Arc<Mutex<Source>>);

#[derive(Debug)]
struct Source {
    body: BodyDataStream,
    trace: Option<Arc<Trace>>,
    waiting: Option<Stopwatch>,
    waited: Duration,
    seen_bytes: u64,
    limit_bytes: u64,
}

impl Incoming {
    fn new(body: Body, trace: Option<Arc<Trace>>) -> Self {
        let (waiting, waited) = (None, Duration::ZERO);
        let body = body.into_data_stream();
        Self(Arc::new(Mutex::new(Source { body, trace, waiting, waited, seen_bytes: 0, limit_bytes: u64::MAX })))
    }

    /// Ends with an error after so many bytes.
    fn allow(&self, limit_bytes: u64) {
        self.source().limit_bytes = limit_bytes;
    }

    fn is_over(&self) -> bool {
        let source = self.source();
        source.seen_bytes > source.limit_bytes
    }

    async fn drain(mut self) {
        let allowed = self.source().seen_bytes + DRAIN_BYTES;
        self.allow(allowed);
        let draining = async { while let Some(Ok(_)) = self.next().await {} };
        // Whoever has not finished by then has had the chance.
        let _ = tokio::time::timeout(DRAIN_DEADLINE, draining).await;
    }

    fn source(&self) -> std::sync::MutexGuard<'_, Source> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream for Incoming {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let source = &mut *self.source();
        let since = *source.waiting.get_or_insert_with(Stopwatch::start);
        let piece = ready!(source.body.poll_next_unpin(context));
        source.waiting = None;
        source.waited += since.elapsed();
        if let Some(Ok(piece)) = &piece {
            source.seen_bytes += piece.len() as u64;
            if source.seen_bytes > source.limit_bytes {
                return Poll::Ready(Some(Err(axum::Error::new("too large"))));
            }
        }
        Poll::Ready(piece)
    }
}

impl Drop for Source {
    /// Told at the end, however it comes: also where the client hangs up in the middle.
    fn drop(&mut self) {
        if let Some(trace) = &self.trace {
            trace.waited_for_body(self.waited + self.waiting.map_or(Duration::ZERO, |since| since.elapsed()));
        }
    }
}
