//! Who calls: a bearer token, or the page's session.

use super::calls::CalledBy;
use super::problem::Problem;
use super::server::Shared;
use aws_lc_rs::{digest, hmac};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// What a token may do; each role may do what the one before may, and `sdk` may only evaluate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Evaluate flags.
    Sdk,
    /// See everything.
    Viewer,
    /// Give orders.
    Operator,
    /// Approve, and pass the gate.
    ReleaseOwner,
}

impl Role {
    /// The name used in settings and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Sdk => "sdk",
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::ReleaseOwner => "release_owner",
        }
    }
}

impl FromStr for Role {
    type Err = TokenError;

    fn from_str(name: &str) -> Result<Self, TokenError> {
        [Role::Sdk, Role::Viewer, Role::Operator, Role::ReleaseOwner]
            .into_iter()
            .find(|role| role.name() == name)
            .ok_or_else(|| TokenError(format!("expected a role viewer, operator, release_owner or sdk, got {name:?}")))
    }
}

/// Why a list of tokens cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("RAMPART_OPS_TOKENS: {0}")]
pub struct TokenError(pub String);

/// The tokens that are let in. Only their digests are kept.
#[derive(Clone, Default)]
pub struct OpsTokens {
    tokens: Vec<([u8; 32], Role)>,
}

impl fmt::Debug for OpsTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tokens", self.tokens.len())
    }
}

impl OpsTokens {
    /// The shortest token.
    pub const MIN_LEN: usize = 16;

    /// Reads `token:role,token:role`.
    pub fn parse(list: &str) -> Result<Self, TokenError> {
        let mut tokens = Vec::new();
        for (number, item) in list.split(',').map(str::trim).filter(|item| !item.is_empty()).enumerate() {
            // The token itself is never repeated in a message.
            let (token, role) = item
                .rsplit_once(':')
                .ok_or_else(|| TokenError(format!("expected token:role, item {} has no ':'", number + 1)))?;
            if token.len() < Self::MIN_LEN {
                let text = format!("item {}: expected a token of at least {} characters", number + 1, Self::MIN_LEN);
                return Err(TokenError(text));
            }
            tokens.push((sha256(token), role.parse()?));
        }
        Ok(Self { tokens })
    }

    /// Who holds a token.
    pub(super) fn caller(&self, token: &str) -> Option<Caller> {
        self.known(token).map(|(digest, role)| Caller::new(*role, digest))
    }

    /// Takes the same time whichever token it is compared with.
    fn known(&self, token: &str) -> Option<&([u8; 32], Role)> {
        let given = sha256(token);
        self.tokens
            .iter()
            .fold(None, |found, known| if bool::from(known.0.ct_eq(&given)) { Some(known) } else { found })
    }

    /// Seals a text with a token's digest; none for a token that is not let in.
    pub(super) fn seal(&self, token: &str, text: &str) -> Option<String> {
        let (digest, _) = self.known(token)?;
        Some(hex::encode(hmac::sign(&key(digest), text.as_bytes())))
    }

    /// Whose token sealed a text.
    pub(super) fn sealed_by(&self, text: &str, seal: &str) -> Option<Caller> {
        let seal = hex::decode(seal).ok()?;
        let sealed = |known: &[u8; 32]| hmac::verify(&key(known), text.as_bytes(), &seal).is_ok();
        self.tokens.iter().fold(
            None,
            |found, (known, role)| {
                if sealed(known) { Some(Caller::new(*role, known)) } else { found }
            },
        )
    }
}

fn key(digest: &[u8; 32]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, digest)
}

pub(super) fn sha256(text: &str) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
    out
}

/// Who calls, once let in.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) role: Role,
    /// For the journal: the role and the first digits of the token's digest.
    pub(super) name: String,
}

impl Caller {
    /// The holder of the token with this digest.
    fn new(role: Role, digest: &[u8; 32]) -> Self {
        Self { role, name: format!("{}#{}", role.name(), hex::encode(digest.get(..3).unwrap_or(digest))) }
    }

    /// Tells whoever keeps the record of this call.
    fn noted(self, parts: &Parts) -> Self {
        if let Some(called_by) = parts.extensions.get::<CalledBy>() {
            called_by.is(&self);
        }
        self
    }

    /// Lets only `role` and those above it pass.
    pub(super) fn must_be(&self, role: Role) -> Result<(), Problem> {
        if self.role >= role {
            return Ok(());
        }
        Err(Problem::forbidden(format!("expected the role {}, this token has {}", role.name(), self.role.name())))
    }
}

impl FromRequestParts<Arc<Shared>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        if let Some(token) = bearer(&parts.headers) {
            let caller = shared.tokens.caller(token).ok_or_else(|| Problem::unauthorized("this token is not known"))?;
            return Ok(caller.noted(parts));
        }
        let caller = super::session::caller(shared, &parts.headers)
            .ok_or_else(|| Problem::unauthorized("expected a bearer token, or a session of the page"))?;
        // A cookie comes along by itself, so what changes something must come from our own page.
        if parts.method != Method::GET && !from_own_page(&parts.headers) {
            return Err(Problem::forbidden("this request did not come from the page itself"));
        }
        Ok(caller.noted(parts))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = authorization.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim);
    token.or_else(|| headers.get("x-api-key").and_then(|value| value.to_str().ok()))
}

fn from_own_page(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text("origin"), text("host")) {
        (Some(site), _, _) => site == "same-origin",
        (None, Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, from)| from == host),
        (None, _, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_with_their_roles_and_mistakes_never_show_them() {
        let tokens = OpsTokens::parse("aaaaaaaaaaaaaaaa:viewer, bbbb:bbbbbbbbbbbbb:operator").expect("two tokens");
        let role_of = |token| tokens.caller(token).map(|caller| caller.role);
        assert_eq!(role_of("aaaaaaaaaaaaaaaa"), Some(Role::Viewer));
        assert_eq!(role_of("bbbb:bbbbbbbbbbbbb"), Some(Role::Operator));
        assert_eq!(role_of("aaaaaaaaaaaaaaab"), None);
        for wrong in ["aaaaaaaaaaaaaaa:viewer", "aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa:admin"] {
            let error = OpsTokens::parse(wrong).expect_err("a mistake").to_string();
            assert!(!error.contains("aaaaaaaaaaaaaaa"), "{error}");
        }
    }
}
