//! What a caller is told when a request fails.
//!
//! An [`ApiError`] travels to [`super::request`] in the response's extensions. There, at the boundary, it
//! is given its body and is logged, once, with the request's id.

use crate::store::{self, CREW_REPORTS_MAX, StoreError};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};
use sqlx::postgres::PgDatabaseError;

/// The code of a signature that proves nothing.
pub(super) const INVALID_SIGNATURE: &str = "INVALID_SIGNATURE";

/// What any request behind the gate may be refused with, and what about.
pub(super) const REFUSALS: [(StatusCode, &str); 11] = [
    (StatusCode::BAD_REQUEST, "Something is missing or is not what was expected; `fields` names all of it."),
    (StatusCode::UNAUTHORIZED, "No valid token."),
    (StatusCode::FORBIDDEN, "Not on this yacht, not with this role, or not with this signature."),
    (StatusCode::NOT_FOUND, "What was named is not there, for this user."),
    (StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time."),
    (StatusCode::CONFLICT, "It cannot be done as things stand, or the key was used for another request."),
    (StatusCode::PAYLOAD_TOO_LARGE, "The body is too large."),
    (StatusCode::METHOD_NOT_ALLOWED, "Another method is expected."),
    (StatusCode::INTERNAL_SERVER_ERROR, "A failure of ours; the message names the request."),
    (StatusCode::SERVICE_UNAVAILABLE, "The database cannot be reached, or is too busy; see Retry-After."),
    (StatusCode::GATEWAY_TIMEOUT, "No answer within the time allowed."),
];
/// And what else a file.
pub(super) const FILE_REFUSALS: [(StatusCode, &str); 1] = [(
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
    "The bucket does not take files of this type, or the file is not what it says.",
)];

/// Whose doing a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// The request asked for what it may not have.
    Caller,
    /// The database cannot be reached.
    DatabaseAway,
    /// No connection became free in time: the database is away, or its pool is busy. See `gate`.
    NoConnection,
    /// Us.
    Ours,
}

/// A refusal or a failure.
#[derive(Clone, Debug)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) fields: Vec<String>,
    pub(super) blame: Blame,
    /// What is logged and never shown.
    pub(super) cause: Option<String>,
}

impl ApiError {
    fn refusal(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), fields: Vec::new(), blame: Blame::Caller, cause: None }
    }

    fn failure(status: StatusCode, code: &'static str, message: &str, blame: Blame, cause: String) -> Self {
        Self { blame, cause: Some(cause), ..Self::refusal(status, code, message) }
    }

    /// 401.
    pub(super) fn unauthorized(message: &str) -> Self {
        Self::refusal(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", message)
    }

    /// 403: no business on this yacht.
    pub(super) fn denied(message: &str) -> Self {
        Self::refusal(StatusCode::FORBIDDEN, "RLS_DENIED", message)
    }

    /// 403: not with this role.
    pub(super) fn not_permitted(action: &str) -> Self {
        let message = format!("your role may not execute {action}");
        Self::refusal(StatusCode::FORBIDDEN, "INSUFFICIENT_PERMISSIONS", message)
    }

    /// 403: a signature must be proven here, and this user's cannot be.
    pub(super) fn not_enrolled() -> Self {
        let message = "invalid signature: no PIN and code generator are enrolled for you";
        Self::refusal(StatusCode::FORBIDDEN, INVALID_SIGNATURE, message)
    }

    /// 404.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::refusal(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    }

    /// 405.
    pub(super) fn method_not_allowed() -> Self {
        Self::refusal(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "this method is not allowed here")
    }

    /// 409: an object lies there already.
    pub(super) fn duplicate_object() -> Self {
        Self::refusal(StatusCode::CONFLICT, "DUPLICATE_OBJECT", "The resource already exists")
    }

    /// 415.
    pub(super) fn unsupported_type(message: &str) -> Self {
        Self::refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message)
    }

    /// 409: nobody has looked at the others yet. No 429, which would count as a failure of ours.
    pub(super) fn too_many_reports() -> Self {
        let message = format!("{CREW_REPORTS_MAX} of your reports of the last hour are waiting to be looked at");
        Self::refusal(StatusCode::CONFLICT, "TOO_MANY_REPORTS", message)
    }

    /// 400 that names the fields it is about.
    pub(super) fn fields(code: &'static str, message: impl Into<String>, fields: Vec<String>) -> Self {
        Self { fields, ..Self::refusal(StatusCode::BAD_REQUEST, code, message) }
    }

    /// 400 about the body as a whole.
    pub(super) fn malformed(message: &str) -> Self {
        Self::refusal(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", message)
    }

    /// 413.
    pub(super) fn too_large(limit_bytes: usize) -> Self {
        let message = format!("the body must have at most {limit_bytes} bytes");
        Self::refusal(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", message)
    }

    /// 408: the client did not finish its request in time.
    pub(super) fn body_timeout() -> Self {
        Self::refusal(StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT", "the body did not arrive in time")
    }

    /// 504: we did not finish the answer in time.
    pub(super) fn deadline(cause: impl Into<String>) -> Self {
        let message = "no answer within the time allowed";
        Self::failure(StatusCode::GATEWAY_TIMEOUT, "DEADLINE_EXCEEDED", message, Blame::Ours, cause.into())
    }

    /// 500: the cause is logged and not shown.
    pub(super) fn internal(cause: impl Into<String>) -> Self {
        let message = "internal error";
        Self::failure(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", message, Blame::Ours, cause.into())
    }

    /// 503: the database is there, but everybody wants it.
    pub(super) fn busy(cause: impl Into<String>) -> Self {
        Self::failure(StatusCode::SERVICE_UNAVAILABLE, "BUSY", "too busy; try again", Blame::Ours, cause.into())
    }

    /// 503: the database is away.
    pub(super) fn unavailable(cause: impl Into<String>) -> Self {
        let message = "the database cannot be reached; try again";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::failure(status, "UNAVAILABLE", message, Blame::DatabaseAway, cause.into())
    }

    /// 503: storage is kept elsewhere, and that is away. No more our doing than a lost database.
    pub(super) fn storage_away(cause: impl Into<String>) -> Self {
        let message = "the storage service cannot be reached; try again";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::failure(status, "STORAGE_UNAVAILABLE", message, Blame::DatabaseAway, cause.into())
    }

    /// The body: flat, and with a second copy of the message where existing clients of 409 look for it.
    pub(super) fn body(&self, request_id: &str) -> Value {
        let message = match self.blame {
            Blame::Caller => self.message.clone(),
            Blame::DatabaseAway | Blame::NoConnection | Blame::Ours => {
                format!("{} (request {request_id})", self.message)
            }
        };
        let mut body = Map::new();
        body.insert("status".to_owned(), "error".into());
        body.insert("error_code".to_owned(), self.code.into());
        if self.status == StatusCode::CONFLICT {
            body.insert("error".to_owned(), message.clone().into());
        }
        body.insert("message".to_owned(), message.into());
        if !self.fields.is_empty() {
            body.insert("fields".to_owned(), self.fields.clone().into());
        }
        Value::Object(body)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        if let sqlx::Error::PoolTimedOut = error {
            return Self { blame: Blame::NoConnection, ..Self::unavailable(error.to_string()) };
        }
        if store::is_unavailable(&error) {
            return Self::unavailable(error.to_string());
        }
        let Some(refusal) = error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>())
        else {
            return Self::internal(error.to_string());
        };
        match refusal.code() {
            "P0400" | "P0403" | "P0404" | "P0409" => told(refusal),
            // query_canceled: only the statement's own time limit cancels ours.
            "57014" => Self::deadline(error.to_string()),
            // lock_not_available, and those that were tried again in vain.
            "55P03" | "40001" | "40P01" => Self::busy(error.to_string()),
            _ => Self::internal(error.to_string()),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Database(error) => error.into(),
            StoreError::Locked => Self::busy(error.to_string()),
            StoreError::LeaseLost | StoreError::Stale | StoreError::Unreadable(_) => Self::internal(error.to_string()),
        }
    }
}

/// A refusal of the write path: message and DETAIL are meant for the caller, see `migrations/README.md`.
fn told(refusal: &PgDatabaseError) -> ApiError {
    const CODES: [&str; 12] = [
        INVALID_SIGNATURE,
        "VALIDATION_ERROR",
        "MISSING_REQUIRED_FIELD",
        "SIGNATURE_REQUIRED",
        "RLS_DENIED",
        "INSUFFICIENT_PERMISSIONS",
        "INSUFFICIENT_STOCK",
        "STOCK_DEACTIVATED",
        "DUPLICATE_RECEIVE",
        "IDEMPOTENCY_CONFLICT",
        "ALREADY_REVERSED",
        "NOT_REVERSIBLE",
    ];
    let (status, otherwise) = match refusal.code() {
        "P0400" => (StatusCode::BAD_REQUEST, "VALIDATION_ERROR"),
        "P0403" => (StatusCode::FORBIDDEN, "RLS_DENIED"),
        "P0404" => (StatusCode::NOT_FOUND, "NOT_FOUND"),
        _ => (StatusCode::CONFLICT, "CONFLICT"),
    };
    let code = CODES.into_iter().find(|code| refusal.detail() == Some(code)).unwrap_or(otherwise);
    let fields = refusal.column().map(str::to_owned).into_iter().collect();
    ApiError { fields, ..ApiError::refusal(status, code, refusal.message()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_conflict_tells_its_message_twice_and_others_once() {
        let conflict = ApiError::refusal(StatusCode::CONFLICT, "DUPLICATE_RECEIVE", "twice");
        let body = json!({"status": "error", "error_code": "DUPLICATE_RECEIVE", "message": "twice", "error": "twice"});
        assert_eq!(conflict.body("r"), body);
        let body = json!({"status": "error", "error_code": "NOT_FOUND", "message": "Part not found"});
        assert_eq!(ApiError::not_found("Part not found").body("r"), body);
    }

    #[test]
    fn a_failure_of_ours_tells_the_request_and_not_the_cause() {
        let body = ApiError::internal("relation secret does not exist").body("r-1");
        assert_eq!(body["message"], "internal error (request r-1)");
        assert!(!body.to_string().contains("secret"));
    }

    #[test]
    fn a_busy_pool_and_a_lost_database_are_told_apart() {
        assert_eq!(ApiError::from(sqlx::Error::PoolTimedOut).blame, Blame::NoConnection);
        assert_eq!(ApiError::from(sqlx::Error::PoolClosed).blame, Blame::DatabaseAway);
        assert_eq!(ApiError::from(sqlx::Error::RowNotFound).status, StatusCode::INTERNAL_SERVER_ERROR);
    }
}
