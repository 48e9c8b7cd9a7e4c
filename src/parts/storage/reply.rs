//! How storage words its answers: as Supabase's storage does, apart from the rest of the API.

use super::path::Object;
use crate::parts::errors::ApiError;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use uuid::Uuid;

/// What the path of every object begins with.
pub(in crate::parts) const ROOT: &str = "/storage/v1/object/";

/// In the extensions of a response whose error is to be worded here.
#[derive(Clone, Copy, Debug)]
pub(in crate::parts) struct Wire;

/// The body of an error.
pub(in crate::parts) fn error_body(error: &ApiError, request_id: &str) -> Value {
    let name = match error.status {
        StatusCode::BAD_REQUEST => "InvalidRequest",
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "Unauthorized",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::CONFLICT => "Duplicate",
        StatusCode::PAYLOAD_TOO_LARGE => "Payload too large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "invalid_mime_type",
        _ => error.code,
    };
    let flat = error.body(request_id);
    json!({ "statusCode": error.status.as_str(), "error": name, "message": flat["message"] })
}

/// An upload that has arrived.
pub(super) fn stored(object: &Object, id: Uuid) -> Response {
    Json(json!({ "Key": object.to_string(), "Id": id })).into_response()
}

/// An object that is gone.
pub(super) fn deleted(object: &Object) -> Response {
    let (bucket, name) = (object.bucket.name(), object.name());
    Json(json!({ "message": "Successfully deleted", "bucket_id": bucket, "name": name })).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_tells_its_status_as_text_and_never_its_cause() {
        let body = error_body(&ApiError::denied("not yours"), "r");
        assert_eq!(body, json!({ "statusCode": "403", "error": "Unauthorized", "message": "not yours" }));
        assert!(!error_body(&ApiError::internal("secret"), "r").to_string().contains("secret"));
    }
}
