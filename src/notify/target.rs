//! Whom letters go to.

use super::template::Template;
use super::webhook::Secrets;
use reqwest::Url;
use std::fmt;
use std::path::{Path, PathBuf};

/// Bytes of a file with a secret that are read.
const LARGEST_FILE: u64 = 16 * 1024;

/// How a target takes its letters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Standard Webhooks, signed.
    Webhook,
    /// Slack's incoming webhooks.
    Slack,
    /// Alertmanager's API, version 2.
    Alertmanager,
}

impl Kind {
    pub(super) const ALL: [(&'static str, Kind); 3] =
        [("webhook", Kind::Webhook), ("slack", Kind::Slack), ("alertmanager", Kind::Alertmanager)];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Kind::Webhook => "webhook",
            Kind::Slack => "slack",
            Kind::Alertmanager => "alertmanager",
        }
    }
}

/// Where a target's address is written down.
#[derive(Clone)]
pub(super) enum Address {
    Url(Url),
    /// In a file of its own, for an address that is a secret.
    File(PathBuf),
}

/// One target. Files are read again for each letter, so that secrets may be replaced while the daemon runs.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) address: Address,
    /// What webhooks are signed with.
    pub(super) secret_file: Option<PathBuf>,
    /// What is sent as `Authorization`, for a receiver behind a wall.
    pub(super) authorization_file: Option<PathBuf>,
    /// In whose words it is told.
    pub(super) template: Option<Template>,
    /// All that is ever shown of the address.
    pub(super) host: String,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} at {})", self.name, self.kind.name(), self.host)
    }
}

impl Target {
    /// Where to send.
    pub(super) fn url(&self) -> Result<Url, String> {
        let mut url = match &self.address {
            Address::Url(url) => url.clone(),
            Address::File(file) => url(text(file)?.trim()).map_err(|wrong| format!("{}: {wrong}", file.display()))?,
        };
        if self.kind == Kind::Alertmanager {
            let path = format!("{}/api/v2/alerts", url.path().trim_end_matches('/'));
            url.set_path(&path);
        }
        Ok(url)
    }

    /// What is sent as `Authorization`; none where nothing is.
    pub(super) fn authorization(&self) -> Result<Option<String>, String> {
        self.authorization_file.as_deref().map(authorization).transpose()
    }

    /// What letters are signed with; none where they are not.
    pub(super) fn secrets(&self) -> Result<Option<Secrets>, String> {
        self.secret_file.as_deref().map(secrets).transpose()
    }
}

/// What a file holds for the header `Authorization`: one line, such as `Bearer …`. A mistake never repeats it.
pub(super) fn authorization(file: &Path) -> Result<String, String> {
    let text = text(file)?;
    let line = text.trim();
    let fits = line.contains(' ') && line.chars().all(|c| c == ' ' || c.is_ascii_graphic());
    if fits { Ok(line.to_owned()) } else { Err(format!("{}: expected one line such as `Bearer …`", file.display())) }
}

/// The secrets of a file.
pub(super) fn secrets(file: &Path) -> Result<Secrets, String> {
    Secrets::parse(&text(file)?).map_err(|wrong| format!("{}: {wrong}", file.display()))
}

/// An address letters can be sent to. A mistake never repeats it: it may be a secret.
pub(super) fn url(text: &str) -> Result<Url, &'static str> {
    let expected = "expected an http or https URL, without user, password or fragment";
    let url = Url::parse(text).map_err(|_| expected)?;
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if ["http", "https"].contains(&url.scheme()) && plain { Ok(url) } else { Err(expected) }
}

/// The host and port of an address.
pub(super) fn host(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}", url.host_str().unwrap_or_default())
}

/// A file small enough to be a secret. The error names it and says nothing of what is in it.
pub(super) fn text(file: &Path) -> Result<String, String> {
    let cannot = |why: String| format!("cannot read {}: {why}", file.display());
    let size = std::fs::metadata(file).map_err(|error| cannot(error.kind().to_string()))?.len();
    if size > LARGEST_FILE {
        return Err(cannot(format!("it is longer than {LARGEST_FILE} bytes")));
    }
    std::fs::read_to_string(file).map_err(|error| cannot(error.kind().to_string()))
}
