//! The page's session: a token, exchanged for a cookie that scripts cannot read.
//!
//! The cookie carries its own proof (docs/decisions/0014), so that a restart or another replica behind a balancer does
//! not ask somebody to sign in again in the middle of a bad night.

use super::auth::{Caller, OpsTokens, Role, sha256};
use super::calls::CalledBy;
use super::problem::Problem;
use super::server::Shared;
use crate::clock;
use aws_lc_rs::rand;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rampart_core::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use utoipa::ToSchema;

const COOKIE: &str = "rampart_session";
/// How long a session lasts, in seconds.
const LASTS: i64 = 12 * 3600;
/// The most ended sessions that are remembered; those that would have lasted the shortest make room.
const MAX_ENDED: usize = 10_000;
/// The most wrong tokens tried within a minute, over all callers.
const MAX_TRIES_A_MINUTE: u32 = 60;

/// What this process remembers of sessions: those that somebody ended, and wrong tokens.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    ended: Mutex<HashMap<[u8; 32], i64>>,
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

    fn end(&self, cookie: &str, expires: i64, now: i64) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.retain(|_, expires| *expires > now);
        if ended.len() >= MAX_ENDED {
            let soonest = ended.iter().min_by_key(|(_, expires)| **expires).map(|(cookie, _)| *cookie);
            soonest.and_then(|soonest| ended.remove(&soonest));
        }
        ended.insert(sha256(cookie), expires);
    }

    fn has_ended(&self, cookie: &str) -> bool {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&sha256(cookie))
    }
}

/// A new session's cookie, `expires.nonce.seal`: valid for as long as the token is.
fn issue(tokens: &OpsTokens, token: &str, now: i64) -> Option<String> {
    let mut nonce = [0; 16];
    rand::fill(&mut nonce).ok()?;
    let said = format!("{}.{}", now + LASTS, hex::encode(nonce));
    let seal = tokens.seal(token, &said)?;
    Some(format!("{said}.{seal}"))
}

/// Who a cookie was issued to, and until when, in seconds since 1970; none where it is not ours or is over.
fn read(tokens: &OpsTokens, cookie: &str, now: i64) -> Option<(Caller, i64)> {
    let (said, seal) = cookie.rsplit_once('.')?;
    let expires: i64 = said.split_once('.')?.0.parse().ok()?;
    (expires > now).then(|| tokens.sealed_by(said, seal)).flatten().map(|caller| (caller, expires))
}

/// Who the request's cookie says it is.
pub(super) fn caller(shared: &Shared, headers: &HeaderMap) -> Option<Caller> {
    let cookie = cookie(headers).filter(|cookie| !shared.sessions.has_ended(cookie))?;
    read(&shared.tokens, cookie, seconds(shared.controller.now())).map(|(caller, _)| caller)
}

fn seconds(now: Timestamp) -> i64 {
    now.timestamp()
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    cookies.flat_map(|line| line.split(';')).find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

#[derive(Deserialize)]
pub(super) struct SignIn {
    token: String,
}

/// Who is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SignedIn {
    role: Role,
    name: String,
}

/// `POST /api/v1/session`
pub(super) async fn sign_in(
    State(shared): State<Arc<Shared>>,
    Extension(called_by): Extension<CalledBy>,
    body: Result<Json<SignIn>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(SignIn { token }) = body.map_err(|error| Problem::malformed(error.body_text()))?;
    let token = token.trim();
    let known = shared.tokens.caller(token).filter(|caller| caller.role != Role::Sdk);
    // A right token always passes: nobody can lock ops out by guessing.
    let Some(caller) = known else {
        if shared.sessions.allow_wrong_try() {
            return Err(Problem::unauthorized("this token is not known"));
        }
        let detail = format!("more than {MAX_TRIES_A_MINUTE} wrong tokens were tried within a minute");
        return Err(Problem::too_many(detail, 60));
    };
    called_by.is(&caller);
    let issued = issue(&shared.tokens, token, seconds(shared.controller.now()));
    let issued = issued.ok_or_else(|| Problem::internal(&"no randomness"))?;
    let cookie = format!("{COOKIE}={issued}; Path=/; HttpOnly; SameSite=Strict; Max-Age={LASTS}");
    with_cookie(Json(SignedIn { role: caller.role, name: caller.name }).into_response(), &cookie)
}

/// `GET /api/v1/session`
pub(super) async fn show(caller: Caller) -> Json<SignedIn> {
    Json(SignedIn { role: caller.role, name: caller.name })
}

/// `DELETE /api/v1/session`
pub(super) async fn sign_out(
    State(shared): State<Arc<Shared>>,
    Extension(called_by): Extension<CalledBy>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let now = seconds(shared.controller.now());
    if let Some(cookie) = cookie(&headers)
        && let Some((caller, expires)) = read(&shared.tokens, cookie, now)
    {
        called_by.is(&caller);
        shared.sessions.end(cookie, expires, now);
    }
    let cookie = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    with_cookie(StatusCode::NO_CONTENT.into_response(), &cookie)
}

fn with_cookie(mut response: Response, cookie: &str) -> Result<Response, Problem> {
    let value = HeaderValue::from_str(cookie).map_err(|error| Problem::internal(&error))?;
    response.headers_mut().insert(header::SET_COOKIE, value);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "aaaaaaaaaaaaaaaa";
    const NOW: i64 = 1_800_000_000;

    #[test]
    fn a_cookie_holds_for_its_time_and_only_while_its_token_is_let_in() {
        let tokens = OpsTokens::parse("aaaaaaaaaaaaaaaa:operator,bbbbbbbbbbbbbbbb:viewer").unwrap();
        let cookie = issue(&tokens, TOKEN, NOW).unwrap();
        let named = |tokens: &OpsTokens, cookie: &str, now| read(tokens, cookie, now).map(|(caller, _)| caller.name);
        assert_eq!(named(&tokens, &cookie, NOW).as_deref(), Some("operator#0c0bea"));
        assert!(named(&tokens, &cookie, NOW + LASTS - 1).is_some(), "its last second");
        assert_eq!(named(&tokens, &cookie, NOW + LASTS), None, "over");
        let another = OpsTokens::parse("bbbbbbbbbbbbbbbb:viewer").unwrap();
        assert_eq!(named(&another, &cookie, NOW), None, "the token was taken away");
        let raised = OpsTokens::parse("aaaaaaaaaaaaaaaa:viewer").unwrap();
        assert_eq!(named(&raised, &cookie, NOW).as_deref(), Some("viewer#0c0bea"), "the token's role of today");
    }

    #[test]
    fn a_cookie_that_was_altered_is_nobodys() {
        let tokens = OpsTokens::parse("aaaaaaaaaaaaaaaa:operator").unwrap();
        let cookie = issue(&tokens, TOKEN, NOW).unwrap();
        let (said, seal) = cookie.rsplit_once('.').unwrap();
        let later = format!("{}{}.{seal}", NOW + 2 * LASTS, &said[said.find('.').unwrap()..]);
        for altered in [later.as_str(), said, "", ".", "..", &format!("{said}."), &format!("{said}.{}", &seal[2..])] {
            assert!(read(&tokens, altered, NOW).is_none(), "{altered:?}");
        }
        for place in 0..cookie.len() {
            let mut bytes = cookie.clone().into_bytes();
            bytes[place] = if bytes[place] == b'0' { b'1' } else { b'0' };
            assert!(read(&tokens, &String::from_utf8(bytes).unwrap(), NOW).is_none(), "byte {place}");
        }
    }
}
