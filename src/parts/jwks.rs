//! Public keys of whoever issues tokens (RFC 7517), fetched and kept.
//!
//! Keys that were fetched are kept until others arrive: an issuer that is away locks nobody out. The request
//! path reads memory. Only a token that names a key we have never seen asks the issuer, at most once in
//! [`ASKED_AGAIN_AFTER`] whoever asks, and waits for the answer no longer than [`PATIENCE`].

use super::auth::validation;
use crate::clock::Stopwatch;
use arc_swap::ArcSwap;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use reqwest::Url;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// How often the keys are fetched anew.
const REFRESH_EVERY: Duration = Duration::from_secs(600);
/// How soon an unknown key may make us ask again.
const ASKED_AGAIN_AFTER: Duration = Duration::from_secs(30);
/// How long the issuer may take, and how long a request waits for it.
const PATIENCE: Duration = Duration::from_secs(2);
/// The largest document.
const DOCUMENT_LIMIT_BYTES: usize = 256 * 1024;
/// The most keys that are taken of it.
const KEYS_AT_MOST: usize = 64;

/// An issuer's keys.
pub(super) struct Jwks {
    url: Url,
    http: reqwest::Client,
    keys: ArcSwap<HashMap<String, Key>>,
    /// When an unknown key last made us ask. Held while we ask: others wait for the same answer.
    asked: Mutex<Option<Stopwatch>>,
}

/// A key, good for one algorithm alone.
struct Key {
    decoding: DecodingKey,
    validation: Validation,
}

#[derive(Deserialize)]
struct Document {
    /// Each read by itself: one of a kind we do not know does not spoil the others.
    keys: Vec<serde_json::Value>,
}

impl std::fmt::Debug for Jwks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jwks").field("keys", &self.keys.load().len()).finish_non_exhaustive()
    }
}

impl Jwks {
    /// Has no keys yet, and so lets nobody in.
    pub(super) fn new(url: Url) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build()?;
        Ok(Self { url, http, keys: ArcSwap::default(), asked: Mutex::new(None) })
    }

    /// What a token says, if the key it names has signed it, with that key's own algorithm.
    pub(super) fn claims<T: DeserializeOwned + Clone>(&self, token: &str, key_id: &str) -> Option<T> {
        let keys = self.keys.load();
        let key = keys.get(key_id)?;
        Some(jsonwebtoken::decode::<T>(token, &key.decoding, &key.validation).ok()?.claims)
    }

    /// Asks for a key that is not known, unless somebody just has.
    pub(super) async fn learn(self: &Arc<Self>, key_id: &str) {
        if self.knows(key_id) {
            return;
        }
        let (jwks, key_id) = (self.clone(), key_id.to_owned());
        // A task of its own: a client that hangs up does not undo what others wait for.
        let asking = tokio::spawn(async move {
            let mut asked = jwks.asked.lock().await;
            if jwks.knows(&key_id) || asked.is_some_and(|since| since.elapsed() < ASKED_AGAIN_AFTER) {
                return;
            }
            *asked = Some(Stopwatch::start());
            jwks.refresh().await;
        });
        let _ = tokio::time::timeout(PATIENCE, asking).await;
    }

    /// Fetches the keys now and then until `stop`.
    pub(super) async fn keep_fresh(&self, stop: CancellationToken) {
        loop {
            self.refresh().await;
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(REFRESH_EVERY) => {}
            }
        }
    }

    fn knows(&self, key_id: &str) -> bool {
        self.keys.load().contains_key(key_id)
    }

    /// Takes the keys over, all of them: one that the issuer has withdrawn is forgotten.
    async fn refresh(&self) {
        match self.fetch().await {
            Ok(keys) if !keys.is_empty() => self.keys.store(Arc::new(keys)),
            Ok(_) => tracing::warn!("the issuer of tokens has no key of a kind we accept; the old ones are kept"),
            Err(error) => tracing::warn!(error.cause = %error, "the keys of tokens could not be fetched"),
        }
    }

    async fn fetch(&self) -> Result<HashMap<String, Key>, String> {
        let told = |error: reqwest::Error| error.without_url().to_string();
        let mut response = self.http.get(self.url.clone()).send().await.map_err(told)?;
        if !response.status().is_success() {
            return Err(format!("the issuer answered {}", response.status()));
        }
        let mut document = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(told)? {
            document.extend_from_slice(&chunk);
            if document.len() > DOCUMENT_LIMIT_BYTES {
                return Err(format!("the document is larger than {DOCUMENT_LIMIT_BYTES} bytes"));
            }
        }
        let document: Document = serde_json::from_slice(&document).map_err(|error| error.to_string())?;
        Ok(document.keys.into_iter().take(KEYS_AT_MOST).filter_map(usable).collect())
    }
}

/// A key with an id, meant for signatures, of the curve P-256 or RSA. A symmetric key in a public document
/// would be no secret, and is never taken.
fn usable(key: serde_json::Value) -> Option<(String, Key)> {
    let key: Jwk = serde_json::from_value(key).ok()?;
    let (algorithm, named) = if let AlgorithmParameters::EllipticCurve(curve) = &key.algorithm
        && curve.curve == EllipticCurve::P256
    {
        (Algorithm::ES256, KeyAlgorithm::ES256)
    } else if let AlgorithmParameters::RSA(_) = &key.algorithm {
        (Algorithm::RS256, KeyAlgorithm::RS256)
    } else {
        return None;
    };
    let meant = key.common.key_algorithm.is_none_or(|algorithm| algorithm == named)
        && key.common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
    let id = key.common.key_id.clone().filter(|_| meant)?;
    Some((id, Key { decoding: DecodingKey::from_jwk(&key).ok()?, validation: validation(algorithm) }))
}
