//! Who asks: bearer tokens of users, and the service key that may force a lens.
//!
//! Tokens are JSON Web Tokens (RFC 7519) as Supabase makes them: signed with HS256 and a secret, or with
//! ES256 or RS256 and a key that the issuer publishes. Each key is good for one algorithm alone, so a token
//! that names another one is refused before its signature is looked at; a public key is never a secret.

use super::errors::ApiError;
use super::jwks::Jwks;
use super::lens::{LENS_HEADER, Lens};
use super::state::ConfigError;
use crate::clock;
use aws_lc_rs::digest::{SHA256, digest};
use axum::http::{HeaderMap, header};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::sync::Arc;
use subtle::{Choice, ConstantTimeEq};
use uuid::Uuid;

/// Whom tokens must be meant for.
const AUDIENCE: &str = "authenticated";
/// How far our clock may be behind that of whoever issued the token.
const LEEWAY_SECONDS: f64 = 60.0;
/// Carries the service key, as Supabase's clients send it.
const APIKEY_HEADER: &str = "apikey";

/// The secrets that tell who asks.
pub(super) struct Auth {
    secrets: Vec<DecodingKey>,
    validation: Validation,
    /// The issuer's keys, where it publishes some.
    pub(super) jwks: Option<Arc<Jwks>>,
    /// SHA-256 of each service key: comparing digests takes the same time whatever the key's length.
    service_keys: Vec<Vec<u8>>,
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Auth").field("secrets", &self.secrets.len()).finish_non_exhaustive()
    }
}

/// What we take from a token. A role in it is never looked at.
#[derive(Clone, Debug, Deserialize)]
struct Claims {
    sub: String,
    exp: f64,
    iat: Option<f64>,
    nbf: Option<f64>,
}

impl Auth {
    /// Refuses to have nothing to verify tokens with, and empty secrets.
    pub(super) fn new(
        secrets: &[SecretString],
        service_keys: &[SecretString],
        jwks: Option<Arc<Jwks>>,
    ) -> Result<Self, ConfigError> {
        if (secrets.is_empty() && jwks.is_none()) || secrets.iter().any(|secret| secret.expose_secret().is_empty()) {
            return Err(ConfigError::NoJwtSecret);
        }
        if service_keys.iter().any(|key| key.expose_secret().is_empty()) {
            return Err(ConfigError::EmptyServiceKey);
        }
        Ok(Self {
            secrets: secrets.iter().map(|secret| DecodingKey::from_secret(secret.expose_secret().as_bytes())).collect(),
            validation: validation(Algorithm::HS256),
            jwks,
            service_keys: service_keys.iter().map(|key| fingerprint(key.expose_secret().as_bytes())).collect(),
        })
    }

    /// The user of a request's bearer token.
    pub(super) fn user(&self, headers: &HeaderMap) -> Result<Uuid, ApiError> {
        let token = bearer_token(headers)?;
        let claims = self.claims(token).ok_or_else(|| ApiError::unauthorized("invalid token"))?;
        if !in_time(&claims, seconds_now()) {
            return Err(ApiError::unauthorized("token expired or not valid yet"));
        }
        claims.sub.parse().map_err(|_| ApiError::unauthorized("invalid token"))
    }

    /// Asks the issuer for the key of a token that names one we do not know. To be awaited before [`Self::user`],
    /// which itself never waits.
    pub(super) async fn learn_key(&self, headers: &HeaderMap) {
        let Some(jwks) = &self.jwks else { return };
        let header = bearer_token(headers).ok().and_then(|token| jsonwebtoken::decode_header(token).ok());
        if let Some(key_id) = header.filter(|header| header.alg != Algorithm::HS256).and_then(|header| header.kid) {
            jwks.learn(&key_id).await;
        }
    }

    fn claims(&self, token: &str) -> Option<Claims> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        if header.alg == Algorithm::HS256 {
            let decode = |secret| jsonwebtoken::decode::<Claims>(token, secret, &self.validation).ok();
            return Some(self.secrets.iter().find_map(decode)?.claims);
        }
        self.jwks.as_ref()?.claims(token, &header.kid?)
    }

    /// The lens a holder of the service key asks for. From anybody else the wish is ignored.
    pub(super) fn forced_lens(&self, headers: &HeaderMap) -> Option<Lens> {
        let wish = headers.get(LENS_HEADER)?.to_str().ok()?.parse().ok()?;
        self.knows(headers.get(APIKEY_HEADER)?.as_bytes()).then_some(wish)
    }

    /// Whether a request shows the service key and no user's token. Beside a token the key gives no rights.
    pub(super) fn is_service(&self, headers: &HeaderMap) -> bool {
        let shown = match headers.get(header::AUTHORIZATION) {
            None => headers.get(APIKEY_HEADER).map(|key| key.as_bytes()),
            Some(bearer) => bearer
                .as_bytes()
                .split_at_checked(7)
                .and_then(|(scheme, key)| scheme.eq_ignore_ascii_case(b"bearer ").then_some(key)),
        };
        shown.is_some_and(|key| self.knows(key))
    }

    fn knows(&self, key: &[u8]) -> bool {
        let key = fingerprint(key);
        // Every key is compared, so that the time does not tell which one matched.
        let known = self.service_keys.iter().fold(Choice::from(0), |known, own| known | own.ct_eq(&key));
        bool::from(known)
    }
}

fn bearer_token(headers: &HeaderMap) -> Result<&str, ApiError> {
    let header = headers.get(header::AUTHORIZATION).ok_or_else(|| ApiError::unauthorized("missing bearer token"))?;
    header
        .to_str()
        .ok()
        .and_then(|header| header.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(|| ApiError::unauthorized("expected a bearer token"))
}

/// What every token must have, whichever key has signed it.
pub(super) fn validation(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_required_spec_claims(&["exp", "aud", "sub"]);
    validation.set_audience(&[AUDIENCE]);
    // The library knows one leeway for all times; we grant none on the expiry. See `in_time`.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation
}

fn fingerprint(key: &[u8]) -> Vec<u8> {
    digest(&SHA256, key).as_ref().to_vec()
}

fn seconds_now() -> f64 {
    // Whole milliseconds of this century fit into a double exactly.
    clock::wall().timestamp_millis() as f64 / 1000.0
}

fn in_time(claims: &Claims, now: f64) -> bool {
    let begun = |start: Option<f64>| start.is_none_or(|start| start <= now + LEEWAY_SECONDS);
    claims.exp > now && begun(claims.iat) && begun(claims.nbf)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use jsonwebtoken::{EncodingKey, Header};
    use serde_json::{Value, json};

    const USER: &str = "5af9d61d-9b2e-4db4-a54c-a3c95eec70e5";

    fn auth() -> Auth {
        Auth::new(&["one".into(), "two".into()], &["service".into()], None).expect("secrets")
    }

    fn ask(claims: &Value, secret: &str, algorithm: Algorithm) -> Result<Uuid, ApiError> {
        let key = EncodingKey::from_secret(secret.as_bytes());
        let token = jsonwebtoken::encode(&Header::new(algorithm), claims, &key).expect("a token");
        bearer(&format!("Bearer {token}"))
    }

    fn bearer(value: &str) -> Result<Uuid, ApiError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).expect("a header"));
        auth().user(&headers)
    }

    fn claims() -> Value {
        json!({ "sub": USER, "aud": "authenticated", "exp": seconds_now() + 60.0 })
    }

    fn with(key: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[key] = value;
        claims
    }

    #[test]
    fn any_configured_secret_verifies_a_token_and_no_other_does() {
        assert_eq!(ask(&claims(), "one", Algorithm::HS256).expect("valid").to_string(), USER);
        assert_eq!(ask(&claims(), "two", Algorithm::HS256).expect("valid").to_string(), USER);
        assert!(ask(&claims(), "three", Algorithm::HS256).is_err());
    }

    #[test]
    fn another_algorithm_is_refused_even_with_the_right_secret() {
        assert!(ask(&claims(), "one", Algorithm::HS512).is_err());
        // {"alg":"none"} . {} .
        assert!(bearer("Bearer eyJhbGciOiJub25lIn0.e30.").is_err());
    }

    #[test]
    fn audience_subject_and_expiry_are_required() {
        for claims in [
            with("aud", json!("anon")),
            with("aud", Value::Null),
            with("sub", json!("captain")),
            with("sub", json!(7)),
            with("sub", Value::Null),
            with("exp", Value::Null),
            with("exp", json!("tomorrow")),
            with("exp", json!(seconds_now() - 1.0)),
            with("exp", json!(-1)),
            with("nbf", json!(seconds_now() + 90.0)),
            with("iat", json!(seconds_now() + 90.0)),
        ] {
            assert!(ask(&claims, "one", Algorithm::HS256).is_err(), "{claims}");
        }
        assert!(ask(&with("nbf", json!(seconds_now() + 30.0)), "one", Algorithm::HS256).is_ok());
        assert!(ask(&with("aud", json!(["authenticated", "other"])), "one", Algorithm::HS256).is_ok());
    }

    #[test]
    fn an_expiry_has_no_leeway_and_a_beginning_has_a_minute() {
        let claims =
            |exp: f64, iat: f64, nbf: f64| Claims { sub: USER.to_owned(), exp, iat: Some(iat), nbf: Some(nbf) };
        let now = 1_000_000.0;
        assert!(in_time(&claims(now + 1.0, now, now), now));
        assert!(!in_time(&claims(now, now, now), now), "expired this very moment");
        assert!(!in_time(&claims(now - 1.0, now, now), now), "expired a second ago");
        for (ahead, counts) in [(60.0, true), (60.5, false)] {
            assert_eq!(in_time(&claims(now + 99.0, now + ahead, now), now), counts, "iat {ahead} s ahead");
            assert_eq!(in_time(&claims(now + 99.0, now, now + ahead), now), counts, "nbf {ahead} s ahead");
        }
    }

    #[test]
    fn what_is_no_bearer_token_is_refused() {
        for value in ["Bearer", "Bearer ", "Basic YTpi", "Bearer a.b.c", "token"] {
            assert!(bearer(value).is_err(), "{value}");
        }
        assert!(auth().user(&HeaderMap::new()).is_err());
    }

    #[test]
    fn only_the_service_key_forces_a_lens() {
        let wish = |key: &'static str, lens: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(APIKEY_HEADER, HeaderValue::from_static(key));
            headers.insert(LENS_HEADER, HeaderValue::from_static(lens));
            auth().forced_lens(&headers)
        };
        assert_eq!(wish("service", "v2"), Some(Lens::V2));
        assert_eq!(wish("service", "v1"), Some(Lens::V1));
        assert_eq!(wish("service", "v3"), None);
        assert_eq!(wish("servic", "v2"), None);
    }

    #[test]
    fn the_service_key_speaks_for_itself_only_without_a_users_token() {
        let shows = |pairs: &[(&'static str, &'static str)]| {
            let pairs = pairs
                .iter()
                .map(|(name, value)| (axum::http::HeaderName::from_static(name), HeaderValue::from_static(value)));
            auth().is_service(&pairs.collect())
        };
        assert!(shows(&[("apikey", "service")]));
        assert!(shows(&[("authorization", "Bearer service")]));
        assert!(!shows(&[("apikey", "service"), ("authorization", "Bearer a.b.c")]));
        assert!(!shows(&[("apikey", "one")]) && !shows(&[("authorization", "Bearer")]) && !shows(&[]));
    }

    #[test]
    fn it_does_not_start_without_secrets() {
        assert_eq!(Auth::new(&[], &[], None).expect_err("no secret"), ConfigError::NoJwtSecret);
        assert_eq!(Auth::new(&["".into()], &[], None).expect_err("empty"), ConfigError::NoJwtSecret);
        assert_eq!(Auth::new(&["one".into()], &["".into()], None).expect_err("empty"), ConfigError::EmptyServiceKey);
    }
}
