//! Who asks: headers made of files, read again for each question, for tokens are replaced while the daemon runs.
//!
//! Nothing here is ever logged, and no message repeats a word of a file.

use super::settings::PrometheusSettings;
use super::trouble::Trouble;
use crate::config::SettingsError;
use reqwest::RequestBuilder;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use std::path::{Path, PathBuf};

/// Bytes of a file of credentials that are read.
const LARGEST_FILE: u64 = 64 * 1024;

/// Where the credentials are.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    authorization: Option<(Scheme, PathBuf)>,
    headers: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug)]
enum Scheme {
    Bearer,
    Basic,
}

impl Credentials {
    pub(super) fn of(settings: &PrometheusSettings) -> Result<Self, SettingsError> {
        let authorization = match (&settings.bearer_file, &settings.basic_file) {
            (Some(_), Some(_)) => {
                return Err(SettingsError(
                    "RAMPART_PROMETHEUS_BEARER_FILE and RAMPART_PROMETHEUS_BASIC_FILE are both set: a request has one \
                     authorization"
                        .to_owned(),
                ));
            }
            (Some(file), None) => Some((Scheme::Bearer, file.clone())),
            (None, Some(file)) => Some((Scheme::Basic, file.clone())),
            (None, None) => None,
        };
        Ok(Self { authorization, headers: settings.headers_file.clone() })
    }

    /// The request with the credentials as they are now.
    pub(super) async fn sign(&self, mut request: RequestBuilder) -> Result<RequestBuilder, Trouble> {
        if let Some(file) = &self.headers {
            let mut headers = HeaderMap::new();
            for line in text(file).await?.lines().map(str::trim).filter(|line| !line.is_empty()) {
                let (name, value) = header(line).ok_or_else(|| unusable(file, "expected lines of name: value"))?;
                headers.append(name, value);
            }
            request = request.headers(headers);
        }
        let Some((scheme, file)) = &self.authorization else { return Ok(request) };
        let text = text(file).await?;
        let text = text.trim();
        if text.contains(char::is_control) {
            return Err(unusable(file, "expected one line"));
        }
        match scheme {
            Scheme::Bearer if text.is_empty() || !text.is_ascii() => Err(unusable(file, "expected a token")),
            Scheme::Bearer => Ok(request.bearer_auth(text)),
            Scheme::Basic => match text.split_once(':') {
                Some((user, password)) => Ok(request.basic_auth(user, Some(password))),
                None => Err(unusable(file, "expected user:password")),
            },
        }
    }
}

fn header(line: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(':')?;
    let name: HeaderName = name.trim().parse().ok()?;
    let mut value = HeaderValue::from_str(value.trim()).ok()?;
    value.set_sensitive(true);
    // These are the request's own.
    let taken = [HOST, CONTENT_LENGTH, CONTENT_TYPE].contains(&name);
    (!taken).then_some((name, value))
}

async fn text(file: &Path) -> Result<String, Trouble> {
    let size = tokio::fs::metadata(file).await.map_err(|error| unusable(file, &error.kind().to_string()))?.len();
    if size > LARGEST_FILE {
        return Err(unusable(file, "it is too large"));
    }
    tokio::fs::read_to_string(file).await.map_err(|error| unusable(file, &error.kind().to_string()))
}

fn unusable(file: &Path, what: &str) -> Trouble {
    Trouble::Credentials(format!("{}: {what}", file.display()))
}
