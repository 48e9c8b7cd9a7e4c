//! What every `/v1` request passes: who asks, on which yacht, through which lens, until when.
//!
//! The lens is chosen right after the user is known, and its outcome leaves in the response's extensions
//! whatever happens behind: a refusal, a panic, a missed deadline. So the canary cannot fail uncounted.

use super::actions::Role;
use super::errors::{ApiError, Blame};
use super::lens::{self, Choice, LENS_HEADER, Lens, Served, Trace};
use super::people::Person;
use super::state::PartsState;
use crate::clock::Stopwatch;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How long we may take for an answer.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);
/// How long a client may take to send its body. Apart from our own deadline: a slow link is no fault of ours.
const BODY_DEADLINE: Duration = Duration::from_secs(20);
/// The largest body.
pub(super) const BODY_LIMIT_BYTES: usize = 64 * 1024;

/// Who asks, and how the answer is read. In the extensions of every request behind the gate.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// The user.
    pub(super) user: Uuid,
    /// The user's yacht.
    pub(super) yacht: Uuid,
    /// The user's role on it.
    pub(super) role: Role,
    /// The lens that answers.
    pub(super) lens: Lens,
    /// The claims row level security goes by.
    pub(super) claims: String,
    /// The user's own token, for those who must show it elsewhere. Marked as sensitive.
    pub(super) bearer: HeaderValue,
}

/// The gate.
pub(super) async fn gate(State(state): State<Arc<PartsState>>, request: Request, next: Next) -> Response {
    state.auth.learn_key(request.headers()).await;
    let user = match state.auth.user(request.headers()) {
        Ok(user) => user,
        Err(error) => return labelled(error.into_response(), Lens::V1),
    };
    let person = person(&state, user).await;
    let yacht = person.as_ref().ok().and_then(|person| person.map(|person| person.yacht));
    let choice = lens::choose(&state.flags, state.auth.forced_lens(request.headers()), user, yacht);
    chosen(&request, choice);
    let outcome = match person.and_then(|person| admit(user, person, choice.lens, request.headers())) {
        Ok(caller) => serve(caller, request, next).await,
        Err(error) => Err(error),
    };
    answer(&state, choice, outcome).await
}

/// Who the user is on board.
pub(super) async fn person(state: &PartsState, user: Uuid) -> Result<Option<Person>, ApiError> {
    within(DEADLINE, async { Ok(state.people.find(&state.pools.parts_v1, user).await?) }).await
}

/// Tells whoever counts the request what it will count for, should it never be answered.
pub(super) fn chosen(request: &Request, choice: Choice) {
    if let Some(trace) = request.extensions().get::<Arc<Trace>>() {
        trace.chose(served(choice, false));
    }
}

fn served(choice: Choice, unavailable: bool) -> Served {
    Served { cohort: choice.cohort, stage: choice.stage, subject: choice.subject, unavailable }
}

/// The answer, with the lens it bears and what it counts for.
pub(super) async fn answer(state: &PartsState, choice: Choice, outcome: Result<Response, ApiError>) -> Response {
    let mut response = match outcome {
        Ok(response) => response,
        Err(error) => error.into_response(),
    };
    if response.extensions().get::<ApiError>().is_some_and(|error| error.blame == Blame::NoConnection) {
        response = no_connection(state).await.into_response();
    }
    let unavailable = response.extensions().get::<ApiError>().is_some_and(|error| error.blame == Blame::DatabaseAway);
    response.extensions_mut().insert(served(choice, unavailable));
    labelled(response, choice.lens)
}

pub(super) fn labelled(mut response: Response, lens: Lens) -> Response {
    response.headers_mut().insert(LENS_HEADER, lens.header());
    response
}

/// Lets in who has a role on a yacht.
pub(super) fn admit(user: Uuid, person: Option<Person>, lens: Lens, headers: &HeaderMap) -> Result<Caller, ApiError> {
    let person = person.ok_or_else(|| ApiError::denied("you have no profile on any yacht"))?;
    let role = person.role.ok_or_else(|| ApiError::denied("you have no active role on any yacht"))?;
    let claims = serde_json::json!({ "sub": user, "role": "authenticated" }).to_string();
    let mut bearer = headers.get(header::AUTHORIZATION).cloned().unwrap_or_else(|| HeaderValue::from_static(""));
    bearer.set_sensitive(true);
    Ok(Caller { user, yacht: person.yacht, role, lens, claims, bearer })
}

async fn serve(caller: Caller, request: Request, next: Next) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let watch = Stopwatch::start();
    let body = arrived(Request::new(body)).await;
    if let Some(trace) = parts.extensions.get::<Arc<Trace>>() {
        trace.waited_for_body(watch.elapsed());
    }
    let body = body?;
    let mut request = Request::from_parts(parts, Body::from(body));
    request.extensions_mut().insert(Arc::new(caller));
    within(DEADLINE, async { Ok(next.run(request).await) }).await
}

/// The whole body. Read here, so that neither its size nor its slowness reaches a handler.
async fn arrived(body: Request) -> Result<Bytes, ApiError> {
    let mut body = body;
    DefaultBodyLimit::max(BODY_LIMIT_BYTES).apply(&mut body);
    match tokio::time::timeout(BODY_DEADLINE, Bytes::from_request(body, &())).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Err(ApiError::too_large(BODY_LIMIT_BYTES))
        }
        Ok(Err(_)) => Err(ApiError::malformed("the body did not arrive whole")),
        Err(_) => Err(ApiError::body_timeout()),
    }
}

/// The outcome of `work`, of its panic, or of the time it lacked.
pub(super) async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
    match tokio::time::timeout(limit, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => Err(ApiError::internal(format!("panicked: {}", panic_text(panic.as_ref())))),
        Err(_) => Err(ApiError::deadline("the handler missed its deadline")),
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

/// A pool that gave no connection is either cut off or busy. Busy is our own fault, and must count as one:
/// a new lens that keeps all its connections waiting is not an outage of the database.
async fn no_connection(state: &PartsState) -> ApiError {
    let cause = "no connection became free in time";
    if state.database_answers().await { ApiError::busy(cause) } else { ApiError::unavailable(cause) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_our_failure_and_its_text_stays_with_us() {
        let panicking = async { if Uuid::nil().is_nil() { panic!("secret") } else { Ok(()) } };
        let error = within(DEADLINE, panicking).await.expect_err("a failure");
        assert_eq!(error.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(error.cause.as_deref(), Some("panicked: secret"));
        assert!(!error.body("r").to_string().contains("secret"));
    }

    #[test]
    fn without_profile_or_role_nobody_is_admitted() {
        let person = Person { yacht: Uuid::nil(), role: None };
        for person in [None, Some(person)] {
            assert_eq!(admit(Uuid::max(), person, Lens::V1, &HeaderMap::new()).expect_err("denied").code, "RLS_DENIED");
        }
        let person = Person { role: Some(Role::Crew), ..person };
        let caller = admit(Uuid::max(), Some(person), Lens::V2, &HeaderMap::new()).expect("admitted");
        let claims = r#"{"role":"authenticated","sub":"ffffffff-ffff-ffff-ffff-ffffffffffff"}"#;
        assert_eq!(caller.claims, claims, "the role in the claims is never the role on board");
    }
}
