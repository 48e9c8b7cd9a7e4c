//! One attempt: a POST with a deadline, and what the answer means.

use super::timing::Failure;
use crate::clock;
use chrono::DateTime;
use rampart_core::Timestamp;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use std::error::Error;
use std::time::Duration;

/// How long a receiver may take to answer, from the first packet on.
pub(super) const DEADLINE: Duration = Duration::from_secs(5);
/// How much of an answer is kept with a failure, in characters.
const MAX_ANSWER: usize = 200;

/// What a target is sent.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// Headers beside the content type.
    pub(super) headers: Vec<(&'static str, String)>,
    /// JSON.
    pub(super) body: String,
}

/// Why it did not arrive, and in words.
#[derive(Clone, Debug)]
pub(super) struct Undelivered {
    pub(super) failure: Failure,
    /// In our own words: what may be logged.
    pub(super) text: String,
    /// The beginning of what the receiver said to it; for people only.
    pub(super) said: String,
}

impl Undelivered {
    /// What may be over by the next attempt.
    pub(super) fn passing(text: impl Into<String>) -> Self {
        Self { failure: Failure::Passing { retry_after: None }, text: text.into(), said: String::new() }
    }

    /// As people are shown it.
    pub(super) fn told(self) -> String {
        if self.said.is_empty() { self.text } else { format!("{}: {}", self.text, self.said) }
    }
}

/// A client for every target.
pub(super) fn client() -> reqwest::Result<Client> {
    // Whoever moves says so in the settings: a redirect is a failure.
    Client::builder()
        .redirect(redirect::Policy::none())
        .user_agent(concat!("rampart/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Sends, and waits for the answer no longer than the deadline.
pub(super) async fn send(http: &Client, url: Url, request: Request) -> Result<(), Undelivered> {
    let mut post = http.post(url).header(CONTENT_TYPE, "application/json").body(request.body);
    for (name, value) in request.headers {
        post = post.header(name, value);
    }
    let attempt = async {
        let response = post.send().await.map_err(|error| Undelivered::passing(cause(error)))?;
        judge(response).await
    };
    let late = || Err(Undelivered::passing(format!("no answer within {} s", DEADLINE.as_secs())));
    tokio::time::timeout(DEADLINE, attempt).await.unwrap_or_else(|_| late())
}

async fn judge(mut response: Response) -> Result<(), Undelivered> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let failure = failure(status, asked.and_then(|text| retry_after(text, clock::wall())));
    let said = response.chunk().await.ok().flatten().unwrap_or_default();
    let said: String = String::from_utf8_lossy(&said).chars().filter(|c| !c.is_control()).take(MAX_ANSWER).collect();
    Err(Undelivered { failure, text: format!("answered {status}"), said: said.trim().to_owned() })
}

fn failure(status: StatusCode, retry_after: Option<Duration>) -> Failure {
    match status {
        StatusCode::GONE => Failure::Gone,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
            Failure::Passing { retry_after }
        }
        status if status.is_server_error() => Failure::Passing { retry_after },
        _ => Failure::Refused,
    }
}

/// `Retry-After` is a number of seconds or a date (RFC 9110, section 10.2.3).
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::parse_from_rfc2822(text.trim()).ok()?;
    (date.to_utc() - now).to_std().ok()
}

/// What went wrong at the bottom. The address is left out: it may be a secret.
fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    match cause.downcast_ref::<std::io::Error>() {
        Some(error) => error.kind().to_string(),
        None => cause.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_means() {
        let passing = Failure::Passing { retry_after: None };
        for (status, meaning) in [
            (301, Failure::Refused),
            (400, Failure::Refused),
            (404, Failure::Refused),
            (408, passing.clone()),
            (410, Failure::Gone),
            (425, passing.clone()),
            (429, passing.clone()),
            (500, passing.clone()),
            (503, passing),
        ] {
            assert_eq!(failure(StatusCode::from_u16(status).expect("a status"), None), meaning, "{status}");
        }
    }

    #[test]
    fn a_receiver_asks_for_a_pause_in_seconds_or_by_a_date() {
        let now = DateTime::parse_from_rfc3339("2015-10-21T07:27:30Z").expect("a date").to_utc();
        assert_eq!(retry_after(" 120 ", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now), Some(Duration::from_secs(30)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:27:00 GMT", now), None, "it is past");
        assert_eq!(retry_after("soon", now), None);
    }
}
