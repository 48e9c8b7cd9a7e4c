//! Which server is asked, and who asks.

use crate::config::SettingsError;
use clap::Args;
use reqwest::Url;
use std::path::PathBuf;

/// The settings of the Prometheus signal.
#[derive(Clone, Debug, Default, Args)]
pub struct PrometheusSettings {
    /// The Prometheus server, or anything with its HTTP API, that policies ask with `prometheus:`.
    #[arg(id = "prometheus_url", long = "prometheus-url", env = "RAMPART_PROMETHEUS_URL")]
    pub url: Option<String>,
    /// A file with a bearer token for it.
    #[arg(long = "prometheus-bearer-file", env = "RAMPART_PROMETHEUS_BEARER_FILE")]
    pub bearer_file: Option<PathBuf>,
    /// A file with user:password for it.
    #[arg(long = "prometheus-basic-file", env = "RAMPART_PROMETHEUS_BASIC_FILE")]
    pub basic_file: Option<PathBuf>,
    /// A file with further headers for it, a line each: name: value.
    #[arg(long = "prometheus-headers-file", env = "RAMPART_PROMETHEUS_HEADERS_FILE")]
    pub headers_file: Option<PathBuf>,
}

impl PrometheusSettings {
    /// Where the API answers, with a slash at its end; none where no server is named.
    pub(super) fn base(&self) -> Result<Option<Url>, SettingsError> {
        let Some(text) = self.url.as_deref().map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
        let wrong = |what: &str| Err(SettingsError(format!("RAMPART_PROMETHEUS_URL: {what}")));
        let Ok(mut url) = Url::parse(text) else { return wrong("expected a URL like http://prometheus:9090") };
        if !["http", "https"].contains(&url.scheme()) {
            return wrong("expected an http or https URL");
        }
        if !url.username().is_empty() || url.password().is_some() {
            // A URL is shown in logs and on the page.
            return wrong(
                "holds a password\nhint: put user:password into the file RAMPART_PROMETHEUS_BASIC_FILE names",
            );
        }
        if url.query().is_some() || url.fragment().is_some() {
            return wrong("expected no query and no fragment");
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(Some(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(url: &str) -> Result<Option<String>, String> {
        let settings = PrometheusSettings { url: Some(url.to_owned()), ..PrometheusSettings::default() };
        settings.base().map(|url| url.map(String::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_server_may_live_under_a_path_and_its_password_may_not_live_in_its_url() {
        assert_eq!(base("http://p:9090"), Ok(Some("http://p:9090/".to_owned())));
        assert_eq!(
            base(" https://m.example/select/0/prometheus "),
            Ok(Some("https://m.example/select/0/prometheus/".to_owned()))
        );
        assert_eq!(base(""), Ok(None));
        for wrong in ["p:9090", "file:///etc", "nonsense", "http://p/?a=b"] {
            assert!(base(wrong).is_err(), "{wrong}");
        }
        let refused = base("http://user:hunter2@p").unwrap_err();
        assert!(refused.contains("RAMPART_PROMETHEUS_BASIC_FILE") && !refused.contains("hunter2"), "{refused}");
    }
}
