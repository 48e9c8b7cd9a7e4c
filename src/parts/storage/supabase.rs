//! Objects at Supabase: requests go on to its storage API with the user's own token, so that its policies
//! decide. What it answers is passed back as it is; only when it fails or keeps silent do we speak for it.

use super::kind::Kind;
use super::path::Object;
use super::receive::disk_failed;
use super::reply::ROOT;
use super::staged::Staged;
use super::who::Who;
use crate::parts::errors::ApiError;
use crate::parts::state::ConfigError;
use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use futures_util::{Stream, stream};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::time::Duration;
use tokio::fs::File;
use tokio::io::AsyncReadExt;

const APIKEY: HeaderName = HeaderName::from_static("apikey");
/// How long the body of a refusal may take.
const REFUSAL_DEADLINE: Duration = Duration::from_secs(5);

/// How long a connection may take.
const CONNECT_DEADLINE: Duration = Duration::from_secs(3);
/// How long nothing may come of an answer that has begun.
const IDLE_DEADLINE: Duration = Duration::from_secs(20);
/// How long an answer may take to begin.
const ANSWER_DEADLINE: Duration = Duration::from_secs(9);
/// How long an upload may take to be sent on and answered.
pub(super) const SEND_DEADLINE: Duration = Duration::from_secs(60);
/// How much of a file is read at once, in bytes.
const PIECE_BYTES: usize = 64 * 1024;
/// What of an answer is passed back.
const PASSED_BACK: [HeaderName; 5] =
    [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::ETAG, header::LAST_MODIFIED, header::CACHE_CONTROL];

/// Where Supabase is.
#[derive(Debug)]
pub struct SupabaseConfig {
    /// The project's URL.
    pub url: String,
    /// Its service key.
    pub service_key: SecretString,
}

/// A project's storage.
#[derive(Debug)]
pub(super) struct Supabase {
    http: reqwest::Client,
    url: Url,
    service_key: HeaderValue,
}

impl Supabase {
    pub(super) fn new(config: &SupabaseConfig) -> Result<Self, ConfigError> {
        let url = Url::parse(&config.url).ok().filter(|url| !url.cannot_be_a_base());
        let mut service_key =
            HeaderValue::from_str(config.service_key.expose_secret()).map_err(|_| ConfigError::BadSupabase)?;
        service_key.set_sensitive(true);
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_DEADLINE)
            .read_timeout(IDLE_DEADLINE)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|_| ConfigError::BadSupabase)?;
        Ok(Self { http, url: url.ok_or(ConfigError::BadSupabase)?, service_key })
    }

    /// Sends an upload on. It is never sent twice.
    pub(super) async fn upload(
        &self,
        who: &Who,
        object: &Object,
        kind: Kind,
        staged: &Staged,
    ) -> Result<Response, ApiError> {
        let file = staged.open().await.map_err(disk_failed)?;
        let request = self
            .request(Method::POST, who, object)?
            .header(header::CONTENT_TYPE, kind.mime())
            .header(header::CONTENT_LENGTH, staged.size_bytes)
            .body(reqwest::Body::wrap_stream(pieces(file)));
        self.answer(request, SEND_DEADLINE).await
    }

    /// Has an object sent.
    pub(super) async fn download(&self, who: &Who, object: &Object) -> Result<Response, ApiError> {
        self.answer(self.request(Method::GET, who, object)?, ANSWER_DEADLINE).await
    }

    /// Has an object deleted.
    pub(super) async fn delete(&self, who: &Who, object: &Object) -> Result<Response, ApiError> {
        self.answer(self.request(Method::DELETE, who, object)?, ANSWER_DEADLINE).await
    }

    /// The API wants a key of the project beside the token; whose rights count, the token says.
    fn request(&self, method: Method, who: &Who, object: &Object) -> Result<reqwest::RequestBuilder, ApiError> {
        let mut url = self.url.clone();
        let segments = ROOT.trim_matches('/').split('/').chain([object.bucket.name()]).chain(object.name().split('/'));
        url.path_segments_mut()
            .map_err(|()| ApiError::internal("the URL of Supabase has no path"))?
            .pop_if_empty()
            .extend(segments);
        let authorization = match who {
            Who::User(caller) => caller.bearer.clone(),
            Who::Service(_) => self.service_bearer()?,
        };
        let request = self.http.request(method, url);
        Ok(request.header(APIKEY, self.service_key.clone()).header(header::AUTHORIZATION, authorization))
    }

    fn service_bearer(&self) -> Result<HeaderValue, ApiError> {
        let bearer = [b"Bearer ", self.service_key.as_bytes()].concat();
        let mut bearer = HeaderValue::from_bytes(&bearer).map_err(|error| ApiError::internal(error.to_string()))?;
        bearer.set_sensitive(true);
        Ok(bearer)
    }

    async fn answer(&self, request: reqwest::RequestBuilder, within: Duration) -> Result<Response, ApiError> {
        let answer = tokio::time::timeout(within, request.send()).await;
        let answer = answer.map_err(|_| ApiError::storage_away("no answer in time"))?;
        let answer = answer.map_err(|error| ApiError::storage_away(error.without_url().to_string()))?;
        let status = answer.status();
        if status.is_server_error() || status.is_redirection() {
            return Err(ApiError::storage_away(format!("answered {status}")));
        }
        if status == StatusCode::BAD_REQUEST {
            return refusal(answer).await;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        for name in PASSED_BACK {
            if let Some(value) = answer.headers().get(&name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
        *response.body_mut() = Body::from_stream(answer.bytes_stream());
        Ok(response)
    }
}

/// Supabase answers most refusals with 400 and says in the body which they are; our clients are promised that status.
async fn refusal(answer: reqwest::Response) -> Result<Response, ApiError> {
    let body = tokio::time::timeout(REFUSAL_DEADLINE, answer.bytes()).await;
    let body = body.map_err(|_| ApiError::storage_away("its answer did not arrive whole"))?;
    let body = body.map_err(|error| ApiError::storage_away(error.without_url().to_string()))?;
    let mut response = Response::new(Body::from(body.clone()));
    *response.status_mut() = told_status(&body).unwrap_or(StatusCode::BAD_REQUEST);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// The status of a refusal by its body, as text or as a number; only ever one that blames the caller.
fn told_status(body: &[u8]) -> Option<StatusCode> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let told = match body.get("statusCode")? {
        Value::String(text) => text.parse().ok()?,
        Value::Number(number) => u16::try_from(number.as_u64()?).ok()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    StatusCode::from_u16(told).ok().filter(StatusCode::is_client_error)
}

/// Takes a refusal of Supabase for an error of ours, where the answer is not passed back.
pub(super) fn accepted(response: &Response) -> Result<(), ApiError> {
    match response.status() {
        status if status.is_success() => Ok(()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(ApiError::denied("storage refused the upload")),
        status => Err(ApiError::storage_away(format!("answered {status}"))),
    }
}

/// A file, piece by piece.
pub(super) fn pieces(file: File) -> impl Stream<Item = std::io::Result<Bytes>> + Send + 'static {
    stream::try_unfold(file, |mut file| async move {
        let mut piece = vec![0; PIECE_BYTES];
        let read = file.read(&mut piece).await?;
        piece.truncate(read);
        Ok((read > 0).then(|| (Bytes::from(piece), file)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_the_status_its_body_tells_and_never_blames_us() {
        let told = |body: &str| told_status(body.as_bytes()).map(|status| status.as_u16());
        assert_eq!(told(r#"{"statusCode":"409","error":"Duplicate"}"#), Some(409));
        assert_eq!(told(r#"{"statusCode":404}"#), Some(404));
        for other in [r#"{"statusCode":"500"}"#, r#"{"statusCode":"200"}"#, "{}", "no JSON", "[]"] {
            assert_eq!(told(other), None, "{other}");
        }
    }
}
