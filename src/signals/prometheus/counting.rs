//! What is counted request by request in Prometheus: canary beside control in closed bins, for comparisons, and the
//! canary's trials of a stage, for proofs. Pure.
//!
//! As in a [`Round`](super::Round), what differs in the flag alone is asked once for all flags. Bins of one length
//! begin at the same moments in every rollout, so their windows are the same.

use super::answer::{Answer, Sample, Series};
use super::bins::{Counters, arms, arms_over, edge_not_under, trials};
use super::buckets::Buckets;
use super::counters::{Bins, Witness, increase};
use super::measure::Found;
use super::pulse::Pulse;
use super::round::{CANARY, Part, Templates, Text, asking};
use super::template::Template;
use super::trouble::Trouble;
use super::window::covering;
use crate::controller::Watched;
use crate::signals::Board;
use crate::signals::ledger::{Counted, News, closed_before, first_of_stage, is_compared_elsewhere};
use crate::signals::live::MAX_BINS;
use rampart_core::policy::{Check, Policy, PrometheusAsk};
use rampart_core::rollout::{BinCounts, Rollout};
use rampart_core::stats::{Arms, Trials};
use rampart_core::{FlagKey, Millis, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Whose requests the canary is compared with.
const CONTROL: &str = "control";
/// How far before the first bin a counter is looked for: a scrape a minute, and one that was lost.
const LEAD: Millis = Millis::seconds(125);
/// A stage that lasts is looked at ever more seldom, after a sixtieth of its length.
const LOOKS: u64 = 60;
/// The longest pause between two looks at a stage.
const LONGEST_PAUSE: Millis = Millis::minutes(1);
/// So many of control's observations make a p95 to compare with.
const EDGE_REQUESTS: f64 = 200.0;

/// What is counted in one round.
#[derive(Debug)]
pub struct Counting {
    end: Timestamp,
    stale_after: Millis,
    texts: Vec<Text>,
    wanted: Vec<Want>,
    counted: Vec<Counted>,
}

#[derive(Debug)]
struct Want {
    watched: Arc<Watched>,
    check: usize,
    aim: Aim,
    parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug)]
enum Aim {
    Bins(Bins),
    Stage,
}

impl Counting {
    /// What has closed since it was counted last, up to the pulse.
    pub fn plan(watched: &[Arc<Watched>], pulse: &Pulse, board: &Board) -> Self {
        let (mut templates, mut wanted, mut counted) = (Templates::default(), Vec::new(), Vec::new());
        let (end, mut stale_after) = (pulse.sent_at, Millis(u64::MAX));
        for one in watched {
            let (policy, rollout) = (&one.policy, &one.rollout);
            stale_after = stale_after.min(policy.stale_after);
            for (place, check, source) in asking(one) {
                if !source.ask.counts_each_side() || pulse.within(policy.stale_after).is_err() {
                    continue;
                }
                let mut want = |aim, asked: Vec<Template>| {
                    let asked: Vec<usize> = asked.into_iter().map(|one| templates.want(one, &rollout.flag)).collect();
                    wanted.push((one.clone(), place, aim, asked));
                };
                if is_compared_elsewhere(policy, check) {
                    let until = closed_before(policy, end);
                    let known = board.binned_until(rollout.id, &check.name);
                    match due(policy, rollout, known, until) {
                        Some(bins) => want(Aim::Bins(bins), binned(&source.ask, window_of(&bins, end), bins.width)),
                        None if known.is_none_or(|known| known < until) => {
                            counted.push(counted_bins(rollout, check, until, Vec::new()));
                        }
                        None => {}
                    }
                }
                let look = board.counted_until(rollout, &check.name).is_none_or(|until| {
                    let pause = Millis(Millis::between(rollout.stage_since, end).0 / LOOKS);
                    Millis::between(until, end) >= pause.min(LONGEST_PAUSE).max(Millis(1))
                });
                if let Some(window) = covering(rollout.stage_since, end).filter(|_| look && check.advance_if.is_some())
                {
                    want(Aim::Stage, staged(&source.ask, window));
                }
            }
        }
        let (texts, places) = templates.texts(end);
        let placed = |(watched, check, aim, asked): (Arc<Watched>, usize, Aim, Vec<usize>)| {
            let flag = &watched.rollout.flag;
            let part = |template: &usize| {
                places.get(&(*template, Some(flag.clone()))).or(places.get(&(*template, None))).cloned()
            };
            let parts = asked.iter().filter_map(part).collect();
            Want { watched, check, aim, parts }
        };
        let wanted = wanted.into_iter().map(placed).collect();
        Self { end, stale_after, texts, wanted, counted }
    }

    /// Where every window ends.
    pub fn end(&self) -> Timestamp {
        self.end
    }

    /// What is to be asked, each once.
    pub fn queries(&self) -> Vec<String> {
        self.texts.iter().map(|text| text.query.clone()).collect()
    }

    /// Takes in the answer to one of them.
    pub fn answered(&mut self, place: usize, answer: Result<Answer, Trouble>) {
        if let Some(text) = self.texts.get_mut(place) {
            text.found = Some(answer.and_then(|answer| text.understand(&answer, self.end, self.stale_after)));
        }
    }

    /// All that could be counted. Of what was not answered nothing is said: it is asked again in the next round.
    pub fn counted(mut self) -> Vec<Counted> {
        let counted: Vec<_> = self.wanted.iter().filter_map(|want| self.count(want)).collect();
        self.counted.extend(counted);
        self.counted
    }

    fn count(&self, want: &Want) -> Option<Counted> {
        let (policy, rollout) = (&want.watched.policy, &want.watched.rollout);
        let check = policy.checks.get(want.check)?;
        let parts: Vec<&[Series]> = want.parts.iter().map(|part| self.series(part)).collect::<Option<_>>()?;
        match want.aim {
            Aim::Bins(bins) => {
                let found = match parts.as_slice() {
                    [failures, requests, control_failures, control_requests] => {
                        let canary = Counters { failures, requests };
                        let control = Counters { failures: control_failures, requests: control_requests };
                        let counts = |arms| BinCounts { limit: Some(arms), compared: Some(arms), tail_edge_ms: None };
                        arms(&bins, canary, control).into_iter().map(|(start, arms)| (start, counts(arms))).collect()
                    }
                    [canary, control] => slow(&bins, check, rollout, canary, control),
                    _ => return None,
                };
                Some(counted_bins(rollout, check, bins.start_of(bins.count), found))
            }
            Aim::Stage => {
                let parts: Vec<Vec<Series>> = parts.iter().map(|series| since(series, rollout.stage_since)).collect();
                let trials = trials_of(&parts, check, self.end, policy.stale_after)?;
                let news = News::Stage { until: self.end, trials };
                Some(Counted { rollout: rollout.id, epoch: rollout.epoch, check: check.name.clone(), news })
            }
        }
    }

    /// None of an answer that did not come; an answer that says nothing of a flag is an empty one.
    fn series(&self, (text, flag): &Part) -> Option<&[Series]> {
        let found = self.texts.get(*text)?.found.as_ref()?.as_ref().ok()?;
        match found.get(flag.as_ref().map_or("", FlagKey::as_str)) {
            Some(Found::Samples(series)) => Some(series),
            Some(Found::Number(_)) => None,
            None => Some(&[]),
        }
    }
}

/// The bins that are closed and not counted yet, of this stage alone: in one that two stages share nobody can tell
/// their requests apart.
fn due(policy: &Policy, rollout: &Rollout, known: Option<Timestamp>, until: Timestamp) -> Option<Bins> {
    let width = policy.bin();
    let start =
        known.map_or_else(|| first_of_stage(policy, rollout), |known| known.max(first_of_stage(policy, rollout)));
    let count = usize::try_from(Millis::between(start, until).0 / width.0.max(1)).ok().filter(|count| *count > 0)?;
    // What lies further back was waited for long enough.
    let skipped = count.saturating_sub(MAX_BINS);
    let start = Millis(width.0 * skipped as u64).after(start);
    Some(Bins { start, width, count: count - skipped })
}

/// One of few lengths, so that rollouts that began at different moments ask the same question.
fn window_of(bins: &Bins, end: Timestamp) -> Millis {
    let (needed, width) = (Millis::between(bins.start, end).0 + LEAD.0, bins.width.0.max(1));
    Millis(width * needed.div_ceil(width).next_power_of_two())
}

fn binned(ask: &PrometheusAsk, window: Millis, bin: Millis) -> Vec<Template> {
    let of = |selector: &String, cohort| Template::binned(selector, window, cohort, bin);
    match ask {
        PrometheusAsk::Value { .. } => Vec::new(),
        PrometheusAsk::Ratio { failures, requests } => {
            [CANARY, CONTROL].iter().flat_map(|cohort| [of(failures, cohort), of(requests, cohort)]).collect()
        }
        PrometheusAsk::Histogram { buckets } => [CANARY, CONTROL].map(|cohort| of(buckets, cohort)).to_vec(),
    }
}

fn staged(ask: &PrometheusAsk, window: Millis) -> Vec<Template> {
    let of = |selector: &String| Template::samples(selector, window, CANARY);
    match ask {
        PrometheusAsk::Value { .. } => Vec::new(),
        PrometheusAsk::Ratio { failures, requests } => vec![of(failures), of(requests)],
        PrometheusAsk::Histogram { buckets } => vec![of(buckets)],
    }
}

fn counted_bins(rollout: &Rollout, check: &Check, until: Timestamp, bins: Vec<(Timestamp, BinCounts)>) -> Counted {
    let news = News::Bins { until, share: rollout.percent.share(), bins };
    Counted { rollout: rollout.id, epoch: rollout.epoch, check: check.name.clone(), news }
}

/// The bins of a histogram: what is over the limit surely, and what is over the edge that the comparison is frozen at.
/// Where there is none yet, control's edge so far goes with the last bin, for the bins behind it.
fn slow(
    bins: &Bins,
    check: &Check,
    rollout: &Rollout,
    canary: &[Series],
    control: &[Series],
) -> Vec<(Timestamp, BinCounts)> {
    let mut found: BTreeMap<Timestamp, BinCounts> = BTreeMap::new();
    let over = |edge: Option<f64>| edge.map(|edge| arms_over(bins, canary, control, edge)).unwrap_or_default();
    let limit = check.rollback_if.as_ref().or(check.advance_if.as_ref());
    let edge = rollout.statistics.tail_edge_ms(&check.name);
    let compared: BTreeMap<Timestamp, Arms> = over(edge.map(|ms| ms / 1000.0)).into_iter().collect();
    for (start, arms) in over(limit.and_then(|limit| edge_not_under(canary, limit.limit))) {
        found.entry(start).or_default().limit = Some(arms);
    }
    for (start, arms) in compared {
        found.entry(start).or_default().compared = Some(arms);
    }
    if edge.is_none()
        && let Some(last) = bins.count.checked_sub(1)
    {
        let before = until(control, bins.start_of(bins.count));
        let seen = Buckets::of(&before, &Witness::of(&before)).filter(|seen| seen.total() >= EDGE_REQUESTS);
        if let Some(edge) = seen.and_then(|seen| seen.tail_edge()) {
            found.entry(bins.start_of(last)).or_default().tail_edge_ms = Some(edge * 1000.0);
        }
    }
    found.into_iter().collect()
}

/// The canary's trials; none where the counters are gone, or were never there.
fn trials_of(parts: &[Vec<Series>], check: &Check, end: Timestamp, stale_after: Millis) -> Option<Trials> {
    let fresh = |series: &[Series]| {
        let newest = series.iter().flat_map(|one| &one.samples).map(|sample| sample.at).max();
        newest.is_some_and(|newest| Millis::between(newest, end) <= stale_after)
    };
    match parts {
        [failures, requests] => {
            let witness = Witness::of(failures.iter().chain(requests));
            fresh(requests).then(|| trials(increase(requests, &witness), increase(failures, &witness)))?
        }
        [buckets] => {
            let limit = check.advance_if.as_ref()?.limit;
            let buckets = fresh(buckets).then(|| Buckets::of(buckets, &Witness::of(buckets)))??;
            trials(buckets.total(), buckets.possibly_over(limit))
        }
        _ => None,
    }
}

fn since(series: &[Series], from: Timestamp) -> Vec<Series> {
    kept(series, |sample| sample.at > from)
}

fn until(series: &[Series], end: Timestamp) -> Vec<Series> {
    kept(series, |sample| sample.at <= end)
}

fn kept(series: &[Series], keep: impl Fn(&Sample) -> bool) -> Vec<Series> {
    let samples = |one: &Series| one.samples.iter().copied().filter(|sample| keep(sample)).collect();
    series.iter().map(|one| Series { labels: one.labels.clone(), samples: samples(one) }).collect()
}

#[cfg(test)]
#[path = "counting_tests.rs"]
mod tests;
