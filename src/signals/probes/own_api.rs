//! This process's own parts API, as a client on the same machine reaches it.

use super::Went;
use crate::clock;
use crate::user_token::token_for;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use uuid::Uuid;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the token of one request is valid, in seconds.
const TOKEN_SECONDS: u32 = 60;
const LENS: &str = "x-part-lens";
/// The lens that is being rolled out.
const V2: &str = "v2";

/// Asks this process's own API in a user's name, through the new lens.
#[derive(Clone, Debug)]
pub struct OwnApi {
    http: reqwest::Client,
    base: String,
    jwt_secret: Option<SecretString>,
    service_key: Option<SecretString>,
}

/// An answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl OwnApi {
    /// The API that listens at `address`. Without the secrets nothing can be asked.
    pub fn new(
        address: SocketAddr,
        jwt_secret: Option<SecretString>,
        service_key: Option<SecretString>,
    ) -> reqwest::Result<Self> {
        // No proxy: this never leaves the machine.
        let http = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self { http, base: format!("http://{}", reachable(address)), jwt_secret, service_key })
    }

    /// Why it cannot be asked, where that is so.
    pub(super) fn missing(&self) -> Option<&'static str> {
        match (&self.jwt_secret, &self.service_key) {
            (Some(_), Some(_)) => None,
            (None, _) => Some("without the secret of users' tokens no probe can sign one"),
            (Some(_), None) => Some("without the service key a probe would count as a user"),
        }
    }

    /// Sends one request of `user`.
    pub(super) async fn ask(
        &self,
        user: Uuid,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Went> {
        let (Some(secret), Some(key)) = (&self.jwt_secret, &self.service_key) else {
            return Err(Went::Untried(self.missing().unwrap_or_default().to_owned()));
        };
        let token = token_for(user, secret, clock::wall(), TOKEN_SECONDS)
            .map_err(|error| Went::Untried(format!("cannot sign a token: {error}")))?;
        let request = self.http.request(method, format!("{}{path}", self.base)).bearer_auth(token);
        let request = request.header("apikey", key.expose_secret()).header(LENS, V2);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let response = request.send().await.map_err(|error| failed(&error))?;
        let status = response.status().as_u16();
        let by = response.headers().get(LENS).and_then(|lens| lens.to_str().ok()).unwrap_or_default().to_owned();
        let text = response.text().await.map_err(|error| failed(&error))?;
        if by != V2 && status < 500 {
            return Err(Went::Untried(format!(
                "answered by lens {by:?}, not {V2}: is this the service key of this API?"
            )));
        }
        Ok(Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
    }
}

/// No answer in time is a failure of the lens; no connection at all is a daemon that starts or stops.
fn failed(error: &reqwest::Error) -> Went {
    if error.is_timeout() {
        Went::Wrong(format!("no answer within {} s", PATIENCE.as_secs()))
    } else {
        Went::Untried("our own API cannot be reached".to_owned())
    }
}

/// Every address of a machine is reached by its loopback one.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_at_every_address_is_asked_at_the_loopback_one() {
        for (listens, asked) in
            [("0.0.0.0:80", "127.0.0.1:80"), ("[::]:80", "[::1]:80"), ("10.1.2.3:80", "10.1.2.3:80")]
        {
            assert_eq!(reachable(listens.parse().unwrap()).to_string(), asked);
        }
    }
}
