//! Tokens of the parts API's users, for tests and the demo.

use jsonwebtoken::{EncodingKey, Header, encode};
use rampart_core::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use uuid::Uuid;

#[derive(Serialize)]
struct Claims {
    sub: Uuid,
    aud: &'static str,
    role: &'static str,
    iat: i64,
    exp: i64,
}

/// An HS256 token as Supabase would issue it: it says who, and nothing of yacht or role on board.
pub fn token_for(
    user: Uuid,
    secret: &SecretString,
    now: Timestamp,
    seconds: u32,
) -> Result<String, jsonwebtoken::errors::Error> {
    let iat = now.timestamp();
    let claims = Claims { sub: user, aud: "authenticated", role: "authenticated", iat, exp: iat + i64::from(seconds) };
    encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.expose_secret().as_bytes()))
}
