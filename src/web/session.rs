//! The page's session: a token, exchanged for a cookie that scripts cannot read.

use super::auth::{Caller, Role, sha256};
use super::problem::Problem;
use super::server::Shared;
use crate::clock;
use aws_lc_rs::rand;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const COOKIE: &str = "rampart_session";
/// How long a session lasts.
const LASTS: Duration = Duration::from_secs(12 * 3600);
/// The most sessions kept; the oldest make room.
const MAX_SESSIONS: usize = 1000;
/// The most wrong tokens tried within a minute, over all callers.
const MAX_TRIES_A_MINUTE: u32 = 60;

/// Everybody signed in.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    open: Mutex<HashMap<[u8; 32], (Caller, Instant)>>,
    tries: Mutex<Option<(Instant, u32)>>,
}

impl Sessions {
    /// Counts a wrong token; false where there were too many lately.
    fn allow_wrong_try(&self) -> bool {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock::monotonic();
        let (since, count) =
            tries.filter(|(since, _)| now.duration_since(*since) < Duration::from_secs(60)).unwrap_or((now, 0));
        *tries = Some((since, count + 1));
        count < MAX_TRIES_A_MINUTE
    }

    fn open(&self, caller: Caller) -> Option<String> {
        let mut secret = [0; 32];
        rand::fill(&mut secret).ok()?;
        let id: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, (_, since)| since.elapsed() < LASTS);
        if open.len() >= MAX_SESSIONS {
            let oldest = open.iter().min_by_key(|(_, (_, since))| *since).map(|(id, _)| *id);
            oldest.and_then(|oldest| open.remove(&oldest));
        }
        open.insert(sha256(&id), (caller, clock::monotonic()));
        Some(id)
    }

    fn find(&self, id: &str) -> Option<Caller> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(&sha256(id)).filter(|(_, since)| since.elapsed() < LASTS).map(|(caller, _)| caller.clone())
    }

    fn close(&self, id: &str) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&sha256(id));
    }
}

/// Who the request's cookie says it is.
pub(super) fn caller(shared: &Shared, headers: &HeaderMap) -> Option<Caller> {
    shared.sessions.find(cookie(headers)?)
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|line| line.split(';')).find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

#[derive(Deserialize)]
pub(super) struct SignIn {
    token: String,
}

/// `POST /api/v1/session`
pub(super) async fn sign_in(
    State(shared): State<Arc<Shared>>,
    body: Result<Json<SignIn>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(SignIn { token }) = body.map_err(|error| Problem::malformed(error.body_text()))?;
    let token = token.trim();
    let known = shared.tokens.role_of(token).filter(|role| *role != Role::Sdk);
    // A right token always passes: nobody can lock ops out by guessing.
    let Some(role) = known else {
        if shared.sessions.allow_wrong_try() {
            return Err(Problem::unauthorized("this token is not known"));
        }
        let detail = format!("more than {MAX_TRIES_A_MINUTE} wrong tokens were tried within a minute");
        return Err(Problem::too_many(detail, 60));
    };
    let id = shared.sessions.open(Caller::new(role, token)).ok_or_else(|| Problem::internal(&"no randomness"))?;
    let cookie = format!("{COOKIE}={id}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}", LASTS.as_secs());
    with_cookie(Json(json!({ "role": role })).into_response(), &cookie)
}

/// `GET /api/v1/session`
pub(super) async fn show(caller: Caller) -> Json<serde_json::Value> {
    Json(json!({ "role": caller.role, "name": caller.name }))
}

/// `DELETE /api/v1/session`
pub(super) async fn sign_out(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Result<Response, Problem> {
    if let Some(id) = cookie(&headers) {
        shared.sessions.close(id);
    }
    let cookie = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    with_cookie(StatusCode::NO_CONTENT.into_response(), &cookie)
}

fn with_cookie(mut response: Response, cookie: &str) -> Result<Response, Problem> {
    let value = HeaderValue::from_str(cookie).map_err(|error| Problem::internal(&error))?;
    response.headers_mut().insert(header::SET_COOKIE, value);
    Ok(response)
}
