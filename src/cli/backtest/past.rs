//! Over what a Prometheus remembers: the questions of the daemon, asked as of each tick that would have been.

use super::progress::Progress;
use crate::cli::WrongUse;
use crate::controller::Watched;
use crate::signals::prometheus::{Client, PrometheusSettings, canary_requests, readings_at};
use anyhow::Context;
use rampart_core::policy::{Policy, Signal};
use rampart_core::rollout::{Incident, Rehearsal, Retrospect};
use rampart_core::{Millis, Timestamp};
use std::sync::Arc;

/// The most ticks of one back-test: a month of minutes, with room to spare.
const MAX_TICKS: u64 = 100_000;

/// What stretch of the past, and what is known of it.
#[derive(Debug, clap::Args)]
pub(super) struct Past {
    /// Over what the Prometheus of --prometheus-url remembers, from this time on: 2026-11-23T20:00:00Z.
    #[arg(long, value_name = "TIME", group = "source", requires = "to", value_parser = time)]
    pub(super) from: Option<Timestamp>,
    /// To this time.
    #[arg(long, value_name = "TIME", requires = "from", value_parser = time)]
    to: Option<Timestamp>,
    /// Decide so often; the policy's tick where left out. Longer is quicker and coarser.
    #[arg(long, value_name = "SECONDS", requires = "from", value_parser = clap::value_parser!(u64).range(1..=3600))]
    step: Option<u64>,
    /// When something is known to have been wrong; may be repeated.
    #[arg(long, value_name = "FROM..TO", requires = "from", value_parser = incident)]
    incident: Vec<Incident>,
    #[command(flatten)]
    prometheus: PrometheusSettings,
}

fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "expected a time with its zone, like 2026-11-23T20:00:00Z".to_owned())
}

fn incident(text: &str) -> Result<Incident, String> {
    let (from, to) = text.split_once("..").ok_or_else(|| "expected FROM..TO, two times".to_owned())?;
    let incident = Incident { from: time(from)?, to: time(to)? };
    if incident.from < incident.to { Ok(incident) } else { Err("expected it to end after it began".to_owned()) }
}

pub(super) async fn run(past: &Past, policy: &Policy, assume_healthy: bool) -> anyhow::Result<Retrospect> {
    let (Some(from), Some(to)) = (past.from, past.to) else { return Err(wrong("expected --from and --to")) };
    let step = past.step.map_or(policy.tick, Millis::seconds);
    let ticks = Millis::between(from, to).0.checked_div(step.0).unwrap_or(0);
    if !(1..=MAX_TICKS).contains(&ticks) {
        return Err(wrong(&format!("expected from 1 to {MAX_TICKS} ticks, --from to --to every {step} are {ticks}")));
    }
    if !policy.checks.iter().any(|check| matches!(check.signal, Signal::Prometheus(_))) {
        return Err(wrong("this policy asks Prometheus nothing: expected a check with a `prometheus:` signal"));
    }
    let client = Client::new(&past.prometheus)?.ok_or_else(|| wrong("expected --prometheus-url"))?;
    // A tick credits two tick lengths at the most, so whoever ticks less often must say so.
    let stale_after = policy.stale_after.max(Millis(step.0.saturating_mul(2)));
    let policy = Policy { tick: step, stale_after, ..policy.clone() };
    let mut rehearsal = Rehearsal::new(&policy, from, assume_healthy).context("the policy has no stage")?;
    let progress = Progress::default();
    progress.of(ticks);
    let mut counted = false;
    for n in 1..=ticks {
        let at = Millis(step.0 * n).after(from);
        if rehearsal.is_over() {
            break;
        }
        let rollout = rehearsal.rollout().clone();
        let requests = canary_requests(&client, rollout.stage_since, at).await?;
        counted |= requests.is_some();
        let watched = Watched { policy: policy.clone(), rollout, ticks: n, audit_baseline: String::new() };
        let told = readings_at(&client, Arc::new(watched), at).await?;
        rehearsal.tick(told.into_iter().map(|told| (told.check, told.reading)).collect(), requests, at);
        progress.step();
    }
    progress.done();
    if !counted {
        let meanwhile = if assume_healthy { "as if there had been enough" } else { "as if nobody had come" };
        eprintln!("note: the server knows no rampart_http_requests_total of the canary; stages are judged {meanwhile}");
    }
    Ok(rehearsal.finish(past.incident.clone()))
}

fn wrong(what: &str) -> anyhow::Error {
    WrongUse(what.to_owned()).into()
}
