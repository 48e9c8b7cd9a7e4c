//! The boundary: a request gets its id, and a failed one its body and its one line in the log.

use super::errors::{ApiError, Blame};
use super::storage;
use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument;
use uuid::Uuid;

pub(super) const REQUEST_ID_HEADER: &str = "x-request-id";
/// A longer id than this is not ours to repeat.
const REQUEST_ID_MAX_BYTES: usize = 128;
/// How long a caller should wait before trying again, in seconds.
const RETRY_AFTER_SECONDS: &str = "1";

/// Runs a request under its id.
pub(super) async fn identify(request: Request, next: Next) -> Response {
    let id = request_id(&request);
    let span = tracing::info_span!("parts.request", request.id = %id, http.method = %request.method());
    let mut response = next.run(request).instrument(span).await;
    if let Some(error) = response.extensions_mut().remove::<ApiError>() {
        log(&error, &id);
        response = rendered(response, &error, &id);
    }
    // The header was checked when the id was taken, and a made one is plain.
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID_HEADER, id);
    }
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The caller's id where it has a sound one, else a new one.
fn request_id(request: &Request) -> String {
    request
        .headers()
        .get(REQUEST_ID_HEADER)
        .and_then(|id| id.to_str().ok())
        .filter(|id| !id.is_empty() && id.len() <= REQUEST_ID_MAX_BYTES)
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned)
}

fn log(error: &ApiError, id: &str) {
    let Some(cause) = &error.cause else { return };
    let status = error.status.as_u16();
    match error.blame {
        Blame::Caller => {}
        Blame::DatabaseAway | Blame::NoConnection => {
            tracing::warn!(request.id = %id, http.status = status, error.cause = %cause, "database or storage unavailable");
        }
        Blame::Ours => {
            tracing::error!(request.id = %id, http.status = status, error.cause = %cause, "request failed");
        }
    }
}

/// Keeps what the inner layers have said in headers and extensions; gives it the body.
fn rendered(response: Response, error: &ApiError, id: &str) -> Response {
    let (mut parts, _) = response.into_parts();
    let wording = match parts.extensions.remove::<storage::Wire>() {
        Some(storage::Wire) => storage::error_body(error, id),
        None => error.body(id),
    };
    let (with_body, body) = Json(wording).into_response().into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.extend(with_body.headers);
    match error.status {
        StatusCode::UNAUTHORIZED => {
            parts.headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // The rest of the body was not read, so the connection is of no more use: told, not found out.
        StatusCode::PAYLOAD_TOO_LARGE => {
            parts.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            parts.headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
        }
        _ => {}
    }
    Response::from_parts(parts, body)
}
