//! The ops API as the command line calls it.

use super::{Answer, WrongUse};
use crate::secrets::Generated;
use anyhow::Context;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a daemon may take to answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// How to reach a running daemon.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Target {
    /// Where the daemon's ops API answers.
    #[arg(long, env = "RAMPART_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The data directory, whose token is used where RAMPART_TOKEN is not set.
    #[arg(long, env = "RAMPART_DATA_DIR", default_value = ".rampart")]
    data_dir: PathBuf,
}

/// A client with its token.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
}

/// What the daemon refused, and why.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    pub(super) title: String,
    pub(super) detail: String,
}

impl Target {
    /// Where the daemon answers.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The data directory.
    pub(super) fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    pub(super) fn client(&self) -> anyhow::Result<Client> {
        let token = match crate::config::named("RAMPART_TOKEN") {
            Some(token) => token,
            None => Generated::load(&self.data_dir)?
                .and_then(|generated| generated.ops_token("release_owner"))
                .ok_or_else(|| {
                    WrongUse(format!(
                        "expected a token in RAMPART_TOKEN, or a data directory that has one; {} has none",
                        self.data_dir.display()
                    ))
                })?,
        };
        Ok(Client::new(&self.url, token)?)
    }
}

impl Client {
    pub(super) fn new(base: &str, token: String) -> reqwest::Result<Self> {
        let http = reqwest::Client::builder().connect_timeout(PATIENCE).build()?;
        Ok(Self { http, base: format!("{}/api/v1", base.trim_end_matches('/')), token })
    }

    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Result<Value, Refused>> {
        self.call(Method::GET, path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Result<Value, Refused>> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// An open response, for what comes in pieces.
    pub(super) async fn open(&self, path: &str) -> anyhow::Result<reqwest::Response> {
        let request = self.http.get(format!("{}{path}", self.base)).bearer_auth(&self.token);
        request.send().await.with_context(|| self.unreachable())?.error_for_status().map_err(Into::into)
    }

    /// The event stream, from behind the entry `last` on where one is named.
    pub(super) async fn events(&self, last: Option<&str>) -> anyhow::Result<reqwest::Response> {
        let request = self.http.get(format!("{}/events", self.base)).bearer_auth(&self.token);
        let request = last.into_iter().fold(request, |request, last| request.header("Last-Event-ID", last));
        request.send().await.with_context(|| self.unreachable())?.error_for_status().map_err(Into::into)
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Result<Value, Refused>> {
        let mut request =
            self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token).timeout(PATIENCE);
        if let Some(body) = body {
            request = request.json(body).header("Idempotency-Key", uuid::Uuid::now_v7().to_string());
        }
        let response = request.send().await.with_context(|| self.unreachable())?;
        let status = response.status();
        let text = response.text().await?;
        let value: Value = if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).context("the daemon's answer is not JSON")?
        };
        if status.is_success() {
            return Ok(Ok(value));
        }
        let part = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Err(Refused { status, title: part("title"), detail: part("detail") }))
    }

    fn unreachable(&self) -> String {
        format!("no daemon answers at {}\nhint: start one with `rampart serve`, or name another with --url", self.base)
    }
}

impl Refused {
    /// Says why, and answers no.
    pub(super) fn tell(&self) -> Answer {
        eprintln!("refused ({}): {}: {}", self.status.as_u16(), self.title, self.detail);
        Answer::No
    }
}
