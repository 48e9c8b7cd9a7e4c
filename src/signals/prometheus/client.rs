//! Asks the server: one pool of connections, one deadline and one limit on bytes for each question.

use super::answer::Answer;
use super::credentials::Credentials;
use super::decode::decode;
use super::settings::PrometheusSettings;
use super::trouble::Trouble;
use crate::config::SettingsError;
use rampart_core::{Millis, Timestamp};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Response, Url, redirect};
use std::error::Error;

/// Bytes of an answer that are read. What is longer is cut off while it comes.
pub const LARGEST_ANSWER: usize = 8 << 20;
/// How long a question may take, from the first packet to the last byte of the answer.
const DEADLINE: Millis = Millis::seconds(4);

/// Speaks with one server.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    instant: Url,
    range: Url,
    credentials: Credentials,
    deadline: Millis,
}

impl Client {
    /// A client of the server that is named; none where none is.
    pub fn new(settings: &PrometheusSettings) -> Result<Option<Self>, SettingsError> {
        let Some(base) = settings.base()? else { return Ok(None) };
        let wrong = |what: String| SettingsError(format!("RAMPART_PROMETHEUS_URL: {what}"));
        let path = |path| base.join(path).map_err(|error| wrong(error.to_string()));
        // A redirect would take the credentials along to wherever it leads.
        let http = reqwest::Client::builder().redirect(redirect::Policy::none()).build();
        Ok(Some(Self {
            http: http.map_err(|error| wrong(error.to_string()))?,
            instant: path("api/v1/query")?,
            range: path("api/v1/query_range")?,
            credentials: Credentials::of(settings)?,
            deadline: DEADLINE,
        }))
    }

    /// The same with another deadline.
    pub fn with_deadline(self, deadline: Millis) -> Self {
        Self { deadline, ..self }
    }

    /// What `query` comes to at one time; at the server's own without one.
    pub async fn instant(&self, query: &str, at: Option<Timestamp>) -> Result<Answer, Trouble> {
        let at = at.map(|at| ("time", seconds(at)));
        self.ask(&self.instant, query, at.into_iter().collect()).await
    }

    /// What `query` came to from one time to another, every `step`.
    pub async fn range(&self, query: &str, from: Timestamp, to: Timestamp, step: Millis) -> Result<Answer, Trouble> {
        let step = step.as_seconds().to_string();
        self.ask(&self.range, query, vec![("start", seconds(from)), ("end", seconds(to)), ("step", step)]).await
    }

    async fn ask(&self, url: &Url, query: &str, mut form: Vec<(&str, String)>) -> Result<Answer, Trouble> {
        form.push(("query", query.to_owned()));
        // The server need not go on when nobody waits any more.
        form.push(("timeout", format!("{}ms", self.deadline.0)));
        // VictoriaMetrics would answer as of half a minute ago; how far it lags we measure ourselves.
        form.push(("nocache", "1".to_owned()));
        let asked = async {
            let request = self.credentials.sign(self.http.post(url.clone()).form(&form)).await?;
            let response = request.send().await.map_err(|error| unreachable(&error))?;
            let status = response.status().as_u16();
            let content = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
            let body = body(response).await?;
            decode(status, content.as_deref(), &body)
        };
        let answer = tokio::time::timeout(self.deadline.std(), asked).await;
        answer.unwrap_or(Err(Trouble::Late(self.deadline)))
    }
}

/// The body, as long as it is not too long.
async fn body(mut response: Response) -> Result<Vec<u8>, Trouble> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| Trouble::CutOff(cause(&error)))? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(Trouble::TooLarge(LARGEST_ANSWER));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn seconds(at: Timestamp) -> String {
    format!("{}.{:03}", at.timestamp(), at.timestamp_subsec_millis())
}

fn unreachable(error: &reqwest::Error) -> Trouble {
    if error.is_connect() { Trouble::Unreachable(cause(error)) } else { Trouble::CutOff(cause(error)) }
}

/// What went wrong at the bottom, without the URL.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    match cause.downcast_ref::<std::io::Error>() {
        Some(error) => error.kind().to_string(),
        None if !cause.is::<reqwest::Error>() => cause.to_string(),
        None => "the connection broke".to_owned(),
    }
}
