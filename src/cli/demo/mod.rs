//! `rampart demo`: the real daemon, on real traffic, under a policy in which an hour lasts eight seconds.

mod breakage;
mod policy;
mod traffic;

use super::client::Client;
use super::{Answer, serve};
use crate::clock::Stopwatch;
use crate::config::Settings;
use crate::daemon::Daemon;
use crate::notify::NotifySettings;
use crate::signals::prometheus::PrometheusSettings;
use crate::store;
use crate::store::Pooler;
use anyhow::Context;
use breakage::Breakage;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const FLAG: &str = "part_lens_v2";
/// A whole ramp takes two minutes; whatever takes longer than this does not end.
const LONGEST: Duration = Duration::from_secs(300);
/// How often the line is written where nothing changes.
const SAY_EVERY: Duration = Duration::from_secs(4);

/// Arguments of `rampart demo`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: rampart demo --break audit --at 20")]
pub(super) struct Args {
    /// What to break, for real, through the database.
    #[arg(long = "break", value_enum, default_value = "none")]
    breakage: Breakage,
    /// At which percent to break it.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u8).range(1..=100))]
    at: u8,
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

pub(super) async fn run(args: Args) -> anyhow::Result<Answer> {
    if !args.listen.ip().is_loopback() {
        return Err(super::WrongUse(format!("expected a loopback address, got {}", args.listen)).into());
    }
    // What breaks is told in lines of its own; the failed requests of a broken API are no news here.
    serve::start_logging("error,sqlx=off,rampart::parts=off")?;
    let folder = Folder::make()?;
    policy::write(&folder.path.join("policies"))?;
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
        prometheus: PrometheusSettings::default(),
    };
    println!("starting PostgreSQL and the daemon …");
    let daemon = Daemon::start(&settings).await?;
    let answer = tokio::select! {
        answer = play(&args, &daemon) => answer,
        () = serve::asked_to_stop()? => Ok(Answer::No),
    };
    if args.keep && answer.is_ok() {
        println!("still serving; interrupt to end");
        serve::asked_to_stop()?.await;
    }
    daemon.stop().await?;
    answer
}

async fn play(args: &Args, daemon: &Daemon) -> anyhow::Result<Answer> {
    let generated = daemon.generated.as_ref().context("the demo has a private database")?;
    let owner = daemon.private.as_ref().context("the demo has a private database")?.url();
    let base = format!("http://{}", daemon.address);
    println!("page      {base}/");
    println!("token     {}   (release owner)", generated.ops_token("release_owner").unwrap_or_default());
    println!("database  {}\n", daemon.private.as_ref().map(rampart_postgres::Login::psql_line).unwrap_or_default());

    let stop = CancellationToken::new();
    let _stopped_at_the_end = stop.clone().drop_guard();
    let people = store::people(&owner).await?;
    let driven = traffic::drive(&base, people, &generated.jwt_secret, stop).await?;
    let client = Client::new(&base, generated.ops_token("release_owner").unwrap_or_default())?;
    match client.post(&format!("/rollouts/{FLAG}/start"), &json!({ "reason": "demo" })).await? {
        Ok(_) => {}
        Err(refused) => return Ok(refused.tell()),
    }
    watch(args, &client, &owner, &driven).await
}

/// Follows the rollout to its end, and breaks what is to be broken when its percent is reached.
async fn watch(args: &Args, client: &Client, owner: &str, driven: &traffic::Driven) -> anyhow::Result<Answer> {
    let began = Stopwatch::start();
    let (mut said, mut said_at, mut broken) = (String::new(), Stopwatch::start(), args.breakage == Breakage::None);
    while began.elapsed() < LONGEST {
        let status = match client.get(&format!("/rollouts/{FLAG}")).await? {
            Ok(status) => status,
            Err(refused) => return Ok(refused.tell()),
        };
        let standing = format!("{} {}", status["phase"], status["percent"]);
        if standing != said || said_at.elapsed() > SAY_EVERY {
            println!("{}", line(&status, began.elapsed(), driven));
            (said, said_at) = (standing, Stopwatch::start());
        }
        if !broken && status["percent"].as_f64().is_some_and(|percent| percent >= f64::from(args.at)) {
            // A little into the stage, so that there is something good to compare with.
            tokio::time::sleep(Duration::from_secs(2)).await;
            println!("         now breaking: {}", args.breakage.words());
            args.breakage.inflict(owner).await?;
            broken = true;
        }
        match status["phase"].as_str() {
            Some("completed" | "rolled_back") => return Ok(verdict(args, &status)),
            _ => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
    println!("the rollout did not end within {} s", LONGEST.as_secs());
    Ok(Answer::No)
}

fn line(status: &Value, since: Duration, driven: &traffic::Driven) -> String {
    let track: String =
        status["stages"].as_array().into_iter().flatten().map(stage_mark).collect::<Vec<_>>().join(" ─ ");
    let sentence = status["sentence"].as_str().unwrap_or_default();
    format!(
        "{:>6.1} s {track}  {sentence}  [{} requests, {} failed]",
        since.as_secs_f64(),
        driven.answered(),
        driven.failed()
    )
}

fn stage_mark(stage: &Value) -> String {
    let mark = match stage["state"].as_str() {
        Some("done") => "●",
        Some("current") => "◐",
        _ => "○",
    };
    format!("{mark} {}", stage["percent"].as_f64().unwrap_or_default())
}

/// Whether the end was the expected one, with the expected cause.
fn verdict(args: &Args, status: &Value) -> Answer {
    let (phase, percent) =
        (status["phase"].as_str().unwrap_or_default(), status["percent"].as_f64().unwrap_or_default());
    println!("\n{phase} at {percent} %: {}", status["sentence"].as_str().unwrap_or_default());
    let cause = status["cause"]["check"].as_str();
    let expected = match args.breakage.check() {
        None => phase == "completed" && percent == 100.0,
        Some(check) => phase == "rolled_back" && percent == 0.0 && cause == Some(check),
    };
    println!("{}", if expected { "this is the expected end" } else { "this is NOT the expected end" });
    if expected { Answer::Yes } else { Answer::No }
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
