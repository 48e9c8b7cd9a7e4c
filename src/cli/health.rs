//! `rampart health`

use super::Answer;
use crate::config;
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// How long a daemon may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Arguments of `rampart health`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: rampart health --url http://127.0.0.1:8080")]
pub(super) struct Args {
    /// Where the daemon answers; if not given, on this machine, where --listen or PORT says.
    #[arg(long)]
    url: Option<String>,
    /// Where the daemon listens.
    #[arg(long, env = "RAMPART_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Print the daemon's whole answer.
    #[arg(long)]
    json: bool,
}

/// Yes where `/health` answers 200, degraded or not: restarting a daemon does not bring its database back.
pub(super) async fn run(args: Args) -> anyhow::Result<Answer> {
    let base = match args.url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => format!("http://{}", reachable(config::listen_address(args.listen)?)),
    };
    let asked = async {
        let response = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?.get(format!("{base}/health"));
        response.send().await?.error_for_status()?.json::<Value>().await
    };
    match asked.await {
        Ok(body) if args.json => println!("{body:#}"),
        Ok(body) => println!("{}", body.get("status").and_then(Value::as_str).unwrap_or_default()),
        Err(error) => {
            eprintln!("no healthy daemon at {base}: {error}");
            return Ok(Answer::No);
        }
    }
    Ok(Answer::Yes)
}

/// Whoever listens everywhere is asked on this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        return SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), address.port());
    }
    address
}
