//! `rampart stress`

use super::gate::{Common, Intent, say};
use super::{Answer, WrongUse};
use crate::gate::{self, Load, MAX_DURATION, MAX_REQUESTS, PROVING_REQUESTS, Pace, Route};
use anyhow::Context;
use std::path::{Path, PathBuf};
use std::time::Duration;

const FILE: &str = "stress-results.json";

/// Arguments of `rampart stress`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: rampart stress --rate 200 --for 30s --html stress.html

Exit codes: 0 within the limits, 1 not, 2 wrong use. Limits: > 99 % success, p95 < 500 ms, zero 5xx.
TEST_JWT says in whose name; else HOD_JWT, else a head of department of the yacht.")]
pub(super) struct Args {
    #[command(flatten)]
    common: Common,
    /// Requests under way at once, at the most.
    #[arg(long, env = "CONCURRENCY", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    concurrency: u16,
    /// How many requests, each when an answer has come: a closed loop.
    #[arg(long, env = "REQUESTS", default_value_t = PROVING_REQUESTS, value_parser = clap::value_parser!(u64).range(1..=MAX_REQUESTS))]
    requests: u64,
    /// Requests a second, by a schedule: an open loop.
    #[arg(long, requires = "lasting")]
    rate: Option<f64>,
    /// For how long, at that rate; as `30s` or `5m`.
    #[arg(long = "for", value_name = "DURATION", requires = "rate", value_parser = seconds)]
    lasting: Option<Duration>,
    /// Move no parts.
    #[arg(long)]
    read_only: bool,
    /// Only these kinds of requests.
    #[arg(long, value_enum, value_delimiter = ',')]
    routes: Vec<Route>,
    /// Where the figures are written.
    #[arg(long, env = "OUTPUT_JSON", default_value = "test-evidence/stress-results.json", value_name = "FILE")]
    out: PathBuf,
    /// Also draw them into a page.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Answer> {
    let load = load(&args)?;
    let intent = if load.routes.iter().any(|route| route.writes()) { Intent::Write } else { Intent::Read };
    let target = args.common.target(intent).await?;
    let (report, measured) =
        gate::stress(&target, &load, FILE).await.map_err(|why| anyhow::anyhow!("nothing was sent: {why}"))?;

    let document = report.artifacts.first().map(|artifact| artifact.text.as_str()).unwrap_or_default();
    put(&args.out, document)?;
    if let Some(page) = &args.html {
        put(page, &gate::stress_page(&measured, document))?;
    }
    let out = args.out.canonicalize()?;
    let recorded = args.common.record(&target, &[&report], &|_| out.clone()).await;
    if args.common.json {
        say(document.trim_end());
    } else {
        say(gate::histogram_text(&measured).trim_end());
        report.checks.iter().for_each(|check| args.common.tell(check));
    }
    Ok(if report.passed { recorded } else { Answer::No })
}

fn load(args: &Args) -> Result<Load, WrongUse> {
    let pace = match (args.rate, args.lasting) {
        (Some(rate), Some(lasting)) => open(rate, lasting)?,
        _ => Pace::Closed { requests: args.requests },
    };
    let chosen = if args.routes.is_empty() { Route::ALL.to_vec() } else { args.routes.clone() };
    let routes: Vec<Route> = chosen.into_iter().filter(|route| !args.read_only || !route.writes()).collect();
    if routes.is_empty() {
        return Err(WrongUse("--read-only leaves none of --routes".to_owned()));
    }
    Ok(Load { pace, concurrency: usize::from(args.concurrency), routes })
}

#[expect(clippy::cast_precision_loss, reason = "a million")]
fn open(rate: f64, lasting: Duration) -> Result<Pace, WrongUse> {
    let wrong = |what: String| Err(WrongUse(what));
    if !rate.is_finite() || rate <= 0.0 {
        return wrong(format!("--rate: expected more than 0 a second, got {rate}"));
    }
    if lasting > MAX_DURATION {
        return wrong(format!("--for: expected at most {} minutes", MAX_DURATION.as_secs() / 60));
    }
    let requests = rate * lasting.as_secs_f64();
    if !(1.0..=MAX_REQUESTS as f64).contains(&requests) {
        return wrong(format!("--rate and --for: expected 1 to {MAX_REQUESTS} requests, got {requests}"));
    }
    Ok(Pace::Open { rate, lasting })
}

fn put(path: &Path, text: &str) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    gate::whole(path, text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

/// A duration as policies write it.
fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.trim_end_matches(char::is_alphabetic);
    let unit = text.strip_prefix(number).unwrap_or_default();
    let number: u64 = number.parse().map_err(|_| format!("expected a duration such as 30s or 5m, got {text}"))?;
    match unit {
        "s" | "" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number.saturating_mul(60))),
        other => Err(format!("expected s or m, got {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_run_is_longer_or_larger_than_allowed() {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        assert!(open(100.0, minutes(10)).is_ok());
        assert!(open(100.0, minutes(11)).is_err());
        assert!(open(2000.0, minutes(9)).is_err(), "more than a million");
        for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(open(rate, minutes(1)).is_err());
        }
    }

    #[test]
    fn durations_are_seconds_or_minutes() {
        assert_eq!(seconds("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(seconds("5m"), Ok(Duration::from_secs(300)));
        assert!(seconds("1h").is_err() && seconds("soon").is_err() && seconds("").is_err());
        assert_eq!(seconds("5µ"), Err("expected s or m, got µ".to_owned()));
    }
}
