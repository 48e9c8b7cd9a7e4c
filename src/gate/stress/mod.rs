//! The stress run: many requests, honestly timed.
//!
//! A **closed loop** sends the next request when an answer has come: a slow server is asked less, so its worst
//! moments are under-represented, and the report says so. An **open loop** has a schedule, as people have, and
//! counts from the moment a request should have started: one that had to wait for a slow one before it has its
//! wait counted (Gil Tene's "coordinated omission").

mod measure;
mod mix;
mod plot;

pub(crate) use measure::Measured;
pub(crate) use mix::Route;
pub(crate) use plot::{histogram_text, page};

use super::Target;
use super::book::{Book, build_of};
use super::report::{Artifact, Report};
use crate::clock::{self, monotonic};
use indicatif::{ProgressBar, ProgressStyle};
use measure::Tally;
use mix::Mix;
use rampart_core::policy::GateItem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// No run takes longer.
pub(crate) const MAX_DURATION: Duration = Duration::from_secs(600);
/// No run sends more.
pub(crate) const MAX_REQUESTS: u64 = 1_000_000;

/// How many it takes to prove anything.
pub(crate) const PROVING_REQUESTS: u64 = 50;

/// When requests start.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pace {
    /// The next one when an answer has come.
    Closed {
        /// How many in all.
        requests: u64,
    },
    /// By a schedule.
    Open {
        /// Requests a second.
        rate: f64,
        /// For how long.
        lasting: Duration,
    },
}

impl Pace {
    /// How many requests that makes.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded before it is asked")]
    pub(crate) fn requests(self) -> u64 {
        match self {
            Pace::Closed { requests } => requests,
            Pace::Open { rate, lasting } => (rate * lasting.as_secs_f64()).round() as u64,
        }
    }

    /// When request number `turn` should start.
    #[expect(clippy::cast_precision_loss, reason = "a million at the most")]
    fn starts(self, began: Instant, turn: u64) -> Option<Instant> {
        match self {
            Pace::Closed { .. } => None,
            Pace::Open { rate, .. } => Some(began + Duration::from_secs_f64(turn as f64 / rate)),
        }
    }
}

/// What is to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    /// When.
    pub(crate) pace: Pace,
    /// Requests under way at once, at the most.
    pub(crate) concurrency: usize,
    /// Which kinds.
    pub(crate) routes: Vec<Route>,
}

impl Load {
    /// Why a run like this proves too little, where it does.
    fn too_little(&self) -> Option<String> {
        let whole = Route::ALL.iter().all(|route| self.routes.contains(route));
        let enough = self.pace.requests() >= PROVING_REQUESTS;
        (!whole || !enough).then(|| format!("only all kinds of requests, {PROVING_REQUESTS} at least, are a proof"))
    }
}

/// Sends it all, and judges what came back.
pub(crate) async fn run(target: &Target, load: &Load, file: &'static str) -> Result<(Report, Measured), String> {
    let book = Book::open(target, &|_| ());
    let started_at = book.started_at();
    let build = build_of(&target.api).await;
    let mix = Mix::prepare(target, &load.routes).await?;
    let total = load.pace.requests();
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} {per_sec} {eta} left") {
        bar.set_style(style);
    }
    let (next, began) = (AtomicU64::new(0), monotonic());
    let workers = (0..load.concurrency).map(|_| work(target, &mix, load.pace, &next, began, &bar));
    let tallies = futures_util::future::join_all(workers).await;
    let elapsed = began.elapsed();
    bar.finish_and_clear();
    let left_over = mix.settle(target).await;

    let measured = Measured::of(tallies, load, elapsed)?;
    let mut checks = measured.verdict(total);
    checks.iter_mut().for_each(|check| check.artifact = Some(file));
    let mut document = measured.document(load);
    if let Some(document) = document.as_object_mut() {
        document.insert("api".to_owned(), target.api.base().into());
        document.insert("build".to_owned(), build.clone().into());
        document.insert("started_at".to_owned(), serde_json::json!(started_at));
        document.insert("finished_at".to_owned(), serde_json::json!(clock::wall()));
        document.insert("received_and_not_consumed".to_owned(), left_over.into());
        document.insert("passed".to_owned(), Report::all_passed(&checks).into());
        document.insert("verdict".to_owned(), serde_json::json!(checks));
    }
    let summary = measured.summary();
    let mut report = book.close(GateItem::Stress, build, summary);
    report.passed = Report::all_passed(&checks);
    report.checks = checks;
    report.no_proof = target.api.not_v2().map(str::to_owned).or_else(|| load.too_little());
    report.artifacts.push(Artifact::json(file, &target.api.redacted(document)));
    Ok((report, measured))
}

/// Takes turns until there are none left, or the time is over.
async fn work(target: &Target, mix: &Mix, pace: Pace, next: &AtomicU64, began: Instant, bar: &ProgressBar) -> Tally {
    let mut tally = Tally::default();
    loop {
        let turn = next.fetch_add(1, Ordering::Relaxed);
        if turn >= pace.requests() || began.elapsed() >= MAX_DURATION {
            return tally;
        }
        let intended = pace.starts(began, turn);
        if let Some(intended) = intended {
            tokio::time::sleep_until(intended.into()).await;
        }
        let (route, request) = mix.turn(target, turn);
        let sent = monotonic();
        let answer = target.api.send(request).await;
        let (done, from) = (monotonic(), intended.unwrap_or(sent));
        mix.answered(route, answer.as_ref().ok().map(|answer| answer.status));
        tally.add(route, &answer, done.saturating_duration_since(from), done.saturating_duration_since(sent));
        bar.inc(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_run_is_a_proof() {
        let load = |requests, routes: &[Route]| {
            Load { pace: Pace::Closed { requests }, concurrency: 1, routes: routes.to_vec() }.too_little()
        };
        assert_eq!(load(50, &Route::ALL), None);
        assert!(load(49, &Route::ALL).is_some() && load(50, &[Route::Details]).is_some());
    }

    #[test]
    fn a_schedule_does_not_wait_for_anybody() {
        let pace = Pace::Open { rate: 50.0, lasting: Duration::from_secs(3) };
        assert_eq!(pace.requests(), 150);
        let began = monotonic();
        assert_eq!(pace.starts(began, 100), Some(began + Duration::from_secs(2)));
        assert_eq!(Pace::Closed { requests: 50 }.starts(began, 7), None);
    }
}
