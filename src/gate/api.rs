//! The API under test, as its users reach it. Every answer is counted, so that "zero 5xx" is about all of them.

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long an answer may take. Longer than the API's own deadline, so that its 504 is seen.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many failures are kept by name; the rest are counted.
const FAILURES_KEPT: usize = 20;
const LENS: &str = "x-part-lens";
/// The lens under test.
const V2: &str = "v2";

/// A client that counts.
#[derive(Debug)]
pub(crate) struct Api {
    http: reqwest::Client,
    base: String,
    service_key: Option<SecretString>,
    secrets: Vec<SecretString>,
    seen: Mutex<Seen>,
}

/// Everything that came back.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Seen {
    /// Requests sent.
    pub(crate) requests: u64,
    /// Of these, without any answer.
    pub(crate) unanswered: u64,
    /// Answers by status.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// The first answers of 500 and above.
    pub(crate) failures: Vec<String>,
}

impl Seen {
    /// Answers of 500 and above.
    pub(crate) fn five_xx(&self) -> u64 {
        self.statuses.range(500..).map(|(_, count)| count).sum()
    }

    /// Answers of any kind.
    pub(crate) fn answered(&self) -> u64 {
        self.statuses.values().sum()
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The lens that was asked for, where one was.
    pub(crate) asked: Option<String>,
    /// The lens that answered, on deployments that say.
    pub(crate) lens: Option<String>,
    /// The body; text where it is no JSON.
    pub(crate) body: Value,
}

impl Answer {
    /// The body of an answer with this status, from the lens under test.
    pub(crate) fn expect(self, status: u16) -> Result<Value, String> {
        self.meant(&[status])?;
        match self.lens.as_deref() {
            None | Some(V2) => Ok(self.body),
            Some(lens) => Err(other_lens(lens, V2)),
        }
    }

    /// Whether it has one of these statuses, from the lens that was asked for; a deployment need not say which
    /// answered.
    pub(crate) fn meant(&self, statuses: &[u16]) -> Result<(), String> {
        if !statuses.contains(&self.status) {
            let expected: Vec<String> = statuses.iter().map(u16::to_string).collect();
            return Err(format!("expected {}, got {}", expected.join(" or "), self.told()));
        }
        match (self.asked.as_deref(), self.lens.as_deref()) {
            (Some(asked), Some(lens)) if asked != lens => Err(other_lens(lens, asked)),
            (Some(_) | None, Some(_) | None) => Ok(()),
        }
    }

    /// Status and message, for people.
    pub(crate) fn told(&self) -> String {
        let text = |name: &str| self.body[name].as_str().unwrap_or_default();
        let code = if text("error_code").is_empty() { text("error") } else { text("error_code") };
        format!("{} {code} {}", self.status, text("message")).trim_end().to_owned()
    }
}

fn other_lens(lens: &str, asked: &str) -> String {
    format!(
        "answered by lens {lens}, not {asked}: nothing is proven about {asked} (is TENANT_1_SUPABASE_SERVICE_KEY that of this API?)"
    )
}

impl Api {
    /// A client of the API at `base`. With the service key every request asks for lens v2.
    pub(crate) fn new(base: &str, service_key: Option<SecretString>) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build()?;
        let secrets = service_key.iter().cloned().collect();
        let base = base.trim_end_matches('/').to_owned();
        Ok(Self { http, base, service_key, secrets, seen: Mutex::default() })
    }

    /// What must never stand in an artifact.
    pub(crate) fn hide(&mut self, secrets: impl Iterator<Item = SecretString>) {
        self.secrets.extend(secrets);
    }

    /// Where it is.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Why what it answers proves nothing about lens v2, where that is so.
    pub(crate) fn not_v2(&self) -> Option<&'static str> {
        let why = "without TENANT_1_SUPABASE_SERVICE_KEY lens v2 cannot be asked for, and lens v2 is what is proven";
        self.service_key.is_none().then_some(why)
    }

    /// Whether the lens can be chosen.
    pub(crate) fn service_key(&self) -> Option<&SecretString> {
        self.service_key.as_ref()
    }

    /// Everything that came back so far.
    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Answers of 500 and above so far.
    pub(crate) fn five_xx(&self) -> u64 {
        self.seen().five_xx()
    }

    /// A read by a user.
    pub(crate) async fn get(&self, token: &SecretString, path: &str) -> Result<Answer, String> {
        self.send(self.by(Method::GET, path, token)).await
    }

    /// A write by a user.
    pub(crate) async fn post(&self, token: &SecretString, path: &str, body: &Value) -> Result<Answer, String> {
        self.send(self.by(Method::POST, path, token).json(body)).await
    }

    /// A read by nobody.
    pub(crate) async fn open(&self, path: &str) -> Result<Answer, String> {
        self.send(self.request(Method::GET, path)).await
    }

    /// A request of a user, through lens v2 where that may be chosen.
    pub(crate) fn by(&self, method: Method, path: &str, token: &SecretString) -> RequestBuilder {
        let request = self.request(method, path).bearer_auth(token.expose_secret());
        match &self.service_key {
            Some(key) => request.header("apikey", key.expose_secret()).header(LENS, V2),
            None => request,
        }
    }

    /// A bare request.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Sends it and counts what comes back.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Answer, String> {
        let (http, request) = request.build_split();
        let request = request.map_err(|error| format!("cannot ask: {error}"))?;
        let what = format!("{} {}", request.method(), request.url().path());
        let told = |headers: &HeaderMap| headers.get(LENS).and_then(|lens| lens.to_str().ok()).map(str::to_owned);
        let asked = told(request.headers());
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).requests += 1;
        let answered = async {
            let response = http.execute(request).await?;
            let status = response.status().as_u16();
            let lens = told(response.headers());
            let text = response.text().await?;
            let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
            Ok::<_, reqwest::Error>(Answer { status, asked, lens, body })
        };
        let answer = answered.await;
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok(answer) => {
                *seen.statuses.entry(answer.status).or_default() += 1;
                if answer.status >= 500 && seen.failures.len() < FAILURES_KEPT {
                    seen.failures.push(format!("{what}: {}", answer.told()));
                }
                Ok(answer)
            }
            Err(error) => {
                seen.unanswered += 1;
                Err(format!("no answer to {what}: {:#}", anyhow::Error::new(error.without_url())))
            }
        }
    }

    /// The document without any token or key, wherever a deployment may have echoed one.
    pub(crate) fn redacted(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(
                self.secrets.iter().fold(text, |text, secret| text.replace(secret.expose_secret(), "[redacted]")),
            ),
            Value::Array(items) => items.into_iter().map(|item| self.redacted(item)).collect(),
            Value::Object(fields) => {
                Value::Object(fields.into_iter().map(|(name, value)| (name, self.redacted(value))).collect())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(status: u16, lens: Option<&str>) -> Answer {
        let body = json!({ "error_code": "NOT_FOUND", "message": "Part not found" });
        Answer { status, asked: None, lens: lens.map(str::to_owned), body }
    }

    #[test]
    fn the_lens_that_was_asked_for_has_to_answer() {
        let asked = |lens| Answer { asked: Some("v2".to_owned()), ..answer(409, lens) };
        assert!(asked(Some("v2")).meant(&[200, 409]).is_ok() && asked(None).meant(&[409]).is_ok());
        assert!(asked(Some("v1")).meant(&[409]).is_err_and(|why| why.contains("lens v1, not v2")));
        assert!(answer(409, Some("v1")).meant(&[409]).is_ok(), "nothing was asked for");
        assert!(asked(Some("v2")).meant(&[200, 201]).is_err_and(|why| why.starts_with("expected 200 or 201, got 409")));
    }

    #[test]
    fn an_answer_of_the_other_lens_proves_nothing() {
        assert!(answer(200, Some("v2")).expect(200).is_ok());
        assert!(answer(200, None).expect(200).is_ok(), "a deployment that does not say");
        assert!(answer(200, Some("v1")).expect(200).is_err_and(|why| why.contains("lens v1")));
        let why = answer(404, Some("v2")).expect(200).expect_err("a 404");
        assert_eq!(why, "expected 200, got 404 NOT_FOUND Part not found");
    }

    #[test]
    fn no_secret_gets_into_a_document() {
        let mut api = Api::new("http://localhost/", Some("key-1".into())).expect("a client");
        api.hide([SecretString::from("token-1")].into_iter());
        let told = api.redacted(json!({ "echo": ["Bearer token-1", { "apikey": "key-1" }], "n": 1 }));
        assert_eq!(told, json!({ "echo": ["Bearer [redacted]", { "apikey": "[redacted]" }], "n": 1 }));
        assert_eq!(api.base(), "http://localhost");
    }
}
