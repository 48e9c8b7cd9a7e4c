//! Tokens signed with published keys, and which web pages may read answers.

use crate::harness::{Daemon, JWT_SECRET, slow};
use crate::parts::client::{CREW, User};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use serde_json::{Value, json};
use std::process::Command;
use std::sync::{Arc, Mutex};

/// Without a secret: only published keys count.
const NO_SECRET: (&str, &str) = ("TENANT_1_SUPABASE_JWT_SECRET", "");

/// An issuer that publishes its keys.
struct Issuer {
    url: String,
    published: Arc<Mutex<Option<Value>>>,
}

impl Issuer {
    async fn start(keys: &[&Value]) -> Self {
        let published = Arc::new(Mutex::new(Some(json!({ "keys": keys }))));
        let shown = published.clone();
        let document = async move || match shown.lock().unwrap().clone() {
            Some(document) => Ok(axum::Json(document)),
            None => Err(axum::http::StatusCode::BAD_GATEWAY),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let router = axum::Router::new().route("/jwks.json", axum::routing::get(document));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, published }
    }

    fn publish(&self, document: Option<Value>) {
        *self.published.lock().unwrap() = document;
    }
}

/// A key of the curve P-256, and how it is published.
fn curve_key(id: &str) -> (EncodingKey, Value) {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let key = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
    published(key, Algorithm::ES256, id)
}

fn rsa_key(id: &str) -> (EncodingKey, Value) {
    use aws_lc_rs::encoding::AsDer;
    let pair = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
    // PKCS#1 is what PKCS#8 wraps in a header, of 26 bytes for every key of this size.
    published(EncodingKey::from_rsa_der(&der.as_ref()[26..]), Algorithm::RS256, id)
}

fn published(key: EncodingKey, algorithm: Algorithm, id: &str) -> (EncodingKey, Value) {
    let mut jwk = Jwk::from_encoding_key(&key, algorithm).unwrap();
    jwk.common.key_id = Some(id.to_owned());
    (key, serde_json::to_value(jwk).unwrap())
}

fn claims() -> Value {
    let now = rampart::clock::wall().timestamp();
    json!({ "sub": CREW, "aud": "authenticated", "role": "authenticated", "iat": now, "exp": now + 600 })
}

fn token(algorithm: Algorithm, id: Option<&str>, key: &EncodingKey, claims: &Value) -> String {
    let header = Header { kid: id.map(str::to_owned), ..Header::new(algorithm) };
    jsonwebtoken::encode(&header, claims, key).unwrap()
}

async fn status(daemon: &Daemon, token: String) -> u16 {
    User::with_token(daemon, token).get("/v1/parts/low-stock?limit=1").await.status
}

#[tokio::test]
async fn published_keys_verify_their_own_tokens_and_are_kept_when_the_issuer_is_away() {
    let ((curve, curve_jwk), (rsa, rsa_jwk)) = (curve_key("curve"), rsa_key("rsa"));
    let nonsense = json!({ "kty": "future", "kid": "x" });
    let issuer = Issuer::start(&[&nonsense, &curve_jwk, &rsa_jwk]).await;
    let daemon = Daemon::with_env(&slow(), &[("SUPABASE_JWKS_URL", &issuer.url), NO_SECRET]).await;
    let curve_token = token(Algorithm::ES256, Some("curve"), &curve, &claims());
    assert_eq!(status(&daemon, curve_token.clone()).await, 200);
    assert_eq!(status(&daemon, token(Algorithm::RS256, Some("rsa"), &rsa, &claims())).await, 200);
    for (name, value) in [("exp", json!(claims()["iat"].as_i64().unwrap() - 1)), ("aud", json!("anon"))] {
        let mut claims = claims();
        claims[name] = value;
        assert_eq!(status(&daemon, token(Algorithm::ES256, Some("curve"), &curve, &claims)).await, 401, "{claims}");
    }
    assert_eq!(status(&daemon, token(Algorithm::ES256, None, &curve, &claims())).await, 401, "no key is named");
    assert_eq!(status(&daemon, token(Algorithm::ES256, Some("rsa"), &curve, &claims())).await, 401, "another's name");
    issuer.publish(None);
    assert_eq!(status(&daemon, curve_token).await, 200, "the issuer is away");
}

#[tokio::test]
async fn a_public_key_is_no_secret_and_without_a_secret_no_hs256_token_counts() {
    let (_, jwk) = curve_key("curve");
    let issuer = Issuer::start(&[&jwk, &json!({ "kty": "oct", "kid": "open", "k": "c2VjcmV0", "alg": "HS256" })]).await;
    let daemon = Daemon::with_env(&slow(), &[("SUPABASE_JWKS_URL", &issuer.url), NO_SECRET]).await;
    let coordinate = jwk["x"].as_str().unwrap();
    for secret in [jwk.to_string().as_bytes(), coordinate.as_bytes(), b"", b"secret", JWT_SECRET.as_bytes()] {
        for id in [Some("curve"), Some("open"), None] {
            let forged = token(Algorithm::HS256, id, &EncodingKey::from_secret(secret), &claims());
            assert_eq!(status(&daemon, forged).await, 401);
        }
    }
    // {"alg":"none","kid":"curve"} with sound claims and no signature.
    let signed = token(Algorithm::HS256, None, &EncodingKey::from_secret(b"x"), &claims());
    let payload = signed.split('.').nth(1).unwrap();
    let none = format!("eyJhbGciOiJub25lIiwia2lkIjoiY3VydmUifQ.{payload}.");
    assert_eq!(status(&daemon, none).await, 401);
}

#[tokio::test]
async fn a_new_key_is_learned_from_the_first_token_that_names_it_and_a_withdrawn_one_forgotten() {
    let ((old, old_jwk), (new, new_jwk)) = (curve_key("old"), curve_key("new"));
    let issuer = Issuer::start(&[&old_jwk]).await;
    let daemon = Daemon::with_env(&slow(), &[("SUPABASE_JWKS_URL", &issuer.url)]).await;
    assert_eq!(status(&daemon, daemon.token(CREW)).await, 200, "a configured secret counts beside the keys");
    assert_eq!(status(&daemon, token(Algorithm::ES256, Some("old"), &old, &claims())).await, 200);
    issuer.publish(Some(json!({ "keys": [new_jwk] })));
    assert_eq!(status(&daemon, token(Algorithm::ES256, Some("new"), &new, &claims())).await, 200);
    assert_eq!(status(&daemon, token(Algorithm::ES256, Some("old"), &old, &claims())).await, 401);
}

#[tokio::test]
async fn an_issuer_that_cannot_be_reached_keeps_nobody_from_starting_and_lets_nobody_in() {
    // A port that nobody listens on: it was free a moment ago.
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("http://{free}/jwks.json");
    let daemon = Daemon::with_env(&slow(), &[("SUPABASE_JWKS_URL", &url), NO_SECRET]).await;
    let (key, _) = curve_key("curve");
    assert_eq!(status(&daemon, token(Algorithm::ES256, Some("curve"), &key, &claims())).await, 401);
    assert_eq!(status(&daemon, daemon.token(CREW)).await, 401);
    let log = std::fs::read_to_string(daemon.folder.join("log")).unwrap();
    assert!(log.contains("keys of tokens could not be fetched"), "{log}");
}

#[tokio::test]
async fn only_pages_of_named_origins_may_read_answers_and_asking_for_leave_takes_no_token() {
    let daemon = Daemon::with_env(&slow(), &[("RAMPART_CORS_ORIGINS", "https://app.example")]).await;
    let http = reqwest::Client::new();
    let preflight = async |origin: &str| {
        http.request(Method::OPTIONS, format!("{}/v1/parts/receive", daemon.base))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type")
            .send()
            .await
            .unwrap()
    };
    let answer = preflight("https://app.example").await;
    let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_lowercase());
    assert_eq!(answer.status(), 200);
    assert_eq!(header("access-control-allow-origin").as_deref(), Some("https://app.example"));
    assert_eq!(header("access-control-allow-methods").as_deref(), Some("get,post,delete,options"));
    let allowed = "authorization,content-type,x-request-id,x-yacht-signature";
    assert_eq!(header("access-control-allow-headers").as_deref(), Some(allowed));
    assert_eq!(header("access-control-allow-credentials"), None);
    assert_eq!(header("x-part-lens"), None, "no lens was chosen, so no cohort counts it");
    for stranger in ["https://app.example.evil", "http://app.example", "null"] {
        assert_eq!(preflight(stranger).await.headers().get("access-control-allow-origin"), None, "{stranger}");
    }
    let crew = User::of(&daemon, CREW);
    let asked = crew.request(Method::GET, "/v1/parts/low-stock?limit=1").header("origin", "https://app.example");
    let answer = crew.send(asked).await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example");
    assert_eq!(answer.header("access-control-expose-headers"), "x-request-id,x-part-lens");
    let refused = User::with_token(&daemon, "x".to_owned());
    let asked = refused.request(Method::GET, "/v1/parts/low-stock").header("origin", "https://app.example");
    let answer = refused.send(asked).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (401, "https://app.example"));
}

#[test]
fn a_setting_that_makes_no_sense_refuses_the_start_by_its_name() {
    for (name, value) in [
        ("RAMPART_CORS_ORIGINS", "https://app.example/"),
        ("RAMPART_CORS_ORIGINS", "*"),
        ("REQUIRE_ENROLLED_SIGNATURES", "yes please"),
        ("SUPABASE_JWKS_URL", "http://issuer.example/keys"),
        ("yA_SUPABASE_URL", "https://two.example"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_rampart"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")
            .env("TENANT_1_SUPABASE_JWT_SECRET", JWT_SECRET)
            .env("TENANT_1_SUPABASE_URL", "https://one.example")
            .env("RAMPART_SIGNING_KEY", "key")
            .env("RAMPART_OPS_TOKENS", "a-token-of-an-operator-for-tests:operator")
            .env(name, value)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(name), "{name}={value}: {said}");
    }
}
