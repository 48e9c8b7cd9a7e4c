//! `rampart demo`: the real daemon, on real traffic, under a policy in which an hour lasts eight seconds.

mod breakage;
mod follow;
mod outage;
mod policy;
mod prometheus;
mod traffic;

use super::client::Client;
use super::{Answer, WrongUse, serve};
use crate::config::Settings;
use crate::daemon::Daemon;
use crate::notify::NotifySettings;
use crate::signals::prometheus::PrometheusSettings;
use crate::store;
use crate::store::Pooler;
use anyhow::Context;
use breakage::Breakage;
use prometheus::Prometheus;
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

const FLAG: &str = "part_lens_v2";
/// No stage may be over before two ticks have looked at it.
const SHORTEST_HOUR: u64 = 2;

/// Arguments of `rampart demo`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: rampart demo --break audit --at 20\n         \
                        rampart demo --signals prometheus --break prometheus")]
pub(super) struct Args {
    /// What to break, for real.
    #[arg(long = "break", value_enum, default_value = "none")]
    breakage: Breakage,
    /// At which percent to break it.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=100))]
    at: u8,
    /// What requests are measured by.
    #[arg(long, value_enum, default_value = "live")]
    signals: Signals,
    /// How many seconds an hour of the policy lasts.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(SHORTEST_HOUR..=60))]
    hour: u64,
    /// Where to listen; only loopback.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Keep serving after the end, to look around, until interrupted.
    #[arg(long)]
    keep: bool,
    /// Where PostgreSQL's programs are, if not in the usual places.
    #[arg(long, env = "RAMPART_POSTGRES_BIN")]
    postgres_bin: Option<PathBuf>,
}

/// What requests are measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Signals {
    /// The daemon itself, in memory.
    Live,
    /// A real Prometheus that asks the daemon for its metrics every second.
    Prometheus,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Answer> {
    if !args.listen.ip().is_loopback() {
        return Err(WrongUse(format!("expected a loopback address, got {}", args.listen)).into());
    }
    if args.breakage == Breakage::Prometheus && args.signals != Signals::Prometheus {
        return Err(WrongUse("`--break prometheus` needs `--signals prometheus`".to_owned()).into());
    }
    // What breaks is told in lines of its own; the failed requests of a broken API are no news here.
    serve::start_logging("error,sqlx=off,rampart::parts=off")?;
    let folder = Folder::make()?;
    policy::write(&folder.path.join("policies"), args.hour, args.signals)?;
    let mut prometheus = match args.signals {
        Signals::Live => None,
        Signals::Prometheus => Some(Prometheus::prepare(folder.path.join("prometheus"))?),
    };
    let settings = Settings {
        database_url: None,
        db_pooler: Pooler::None,
        listen_url: None,
        listen: args.listen,
        ops_listen: None,
        data_dir: folder.path.clone(),
        policies: folder.path.join("policies"),
        open_metrics: false,
        postgres_port: None,
        postgres_bin: args.postgres_bin.clone(),
        notify: NotifySettings::default(),
        prometheus: PrometheusSettings {
            url: prometheus.as_ref().map(Prometheus::url),
            ..PrometheusSettings::default()
        },
    };
    println!("starting PostgreSQL and the daemon …");
    let daemon = Daemon::start(&settings).await?;
    let answer = tokio::select! {
        answer = play(&args, &daemon, prometheus.as_mut()) => answer,
        () = serve::asked_to_stop()? => Ok(Answer::No),
    };
    if args.keep && answer.is_ok() {
        println!("still serving; interrupt to end");
        serve::asked_to_stop()?.await;
    }
    daemon.stop().await?;
    answer
}

async fn play(args: &Args, daemon: &Daemon, mut prometheus: Option<&mut Prometheus>) -> anyhow::Result<Answer> {
    let generated = daemon.generated.as_ref().context("the demo has a private database")?;
    let owner = daemon.private.as_ref().context("the demo has a private database")?.url();
    let base = format!("http://{}", daemon.address);
    println!("page      {base}/");
    println!("token     {}   (release owner)", generated.ops_token("release_owner").unwrap_or_default());
    println!("database  {}", daemon.private.as_ref().map(rampart_postgres::Login::psql_line).unwrap_or_default());
    if let Some(prometheus) = &mut prometheus {
        prometheus.watch(daemon.address, &generated.ops_token("viewer").unwrap_or_default()).await?;
        println!("metrics   {}/", prometheus.url());
    }
    println!();

    let stop = CancellationToken::new();
    let _stopped_at_the_end = stop.clone().drop_guard();
    let people = store::people(&owner).await?;
    let driven = traffic::drive(&base, people, &generated.jwt_secret, stop).await?;
    let client = Client::new(&base, generated.ops_token("release_owner").unwrap_or_default())?;
    match client.post(&format!("/rollouts/{FLAG}/start"), &json!({ "reason": "demo" })).await? {
        Ok(_) => {}
        Err(refused) => return Ok(refused.tell()),
    }
    follow::Follow::new(args, &client, &owner, &driven, prometheus).until_the_end().await
}

/// A folder that goes when the demo ends.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn make() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("rampart-demo-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self { path })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Left behind where it cannot be removed: a temporary folder harms nobody.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
