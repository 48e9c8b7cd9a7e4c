//! Which web pages may read our answers: those of the origins that the settings name, and nobody else.

use super::lens::LENS_HEADER;
use super::request::REQUEST_ID_HEADER;
use axum::http::{HeaderName, HeaderValue, Method, header};
use std::time::Duration;
use tower_http::cors::{AllowOrigin, CorsLayer};

const YACHT_SIGNATURE_HEADER: HeaderName = HeaderName::from_static("x-yacht-signature");
/// How long a browser may remember the answer to a preflight.
const PREFLIGHT_VALID_FOR: Duration = Duration::from_secs(600);

/// None without origins: then even the question is an ordinary request. Cookies are never asked for; who a
/// user is, the bearer token says.
pub(super) fn layer(origins: &[HeaderValue]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let request_id = HeaderName::from_static(REQUEST_ID_HEADER);
    let layer = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins.iter().cloned()))
        .allow_methods([Method::GET, Method::POST, Method::DELETE, Method::OPTIONS])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, request_id.clone(), YACHT_SIGNATURE_HEADER])
        .expose_headers([request_id, HeaderName::from_static(LENS_HEADER)])
        .max_age(PREFLIGHT_VALID_FOR);
    Some(layer)
}
