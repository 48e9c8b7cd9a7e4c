//! What the daemon would know at one moment of the virtual world.

use crate::scenario::{Outage, Point, Scenario, What};
use crate::story::{Both, Counts, Slot, Story, Tally};
use rampart_core::policy::{Check, CheckName, Compare, Condition, Exception, Policy, Scope, Signal};
use rampart_core::rollout::{Bin, BinCounts, Build, Epoch, Evidence, Outcome, Reading, Rollout, Sample, Subjects};
use rampart_core::stats::{Arms, Trials};
use rampart_core::{Millis, Timestamp};
use std::collections::BTreeMap;

/// Requests of control before its p95 means anything.
const EDGE_REQUESTS: u64 = 200;

/// Something that a sweep, a probe or a person finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fact {
    NullSignature,
    RlsLeak,
    FailedRead,
    FailedWrite,
    DataInconsistency,
    Report,
    Crash,
}

/// Everything the signals of the virtual world rest on.
#[derive(Debug)]
pub(crate) struct Signals<'s> {
    policy: &'s Policy,
    scenario: &'s Scenario,
    story: Story,
    facts: Vec<(Timestamp, Fact)>,
    bins: Bins,
}

/// A moment at which somebody looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment<'w> {
    pub(crate) now: Timestamp,
    /// Since the world began.
    pub(crate) elapsed: Millis,
    pub(crate) build: &'w Build,
    pub(crate) subjects: Subjects,
    pub(crate) look: Look,
}

/// Why somebody looks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Look {
    /// Something bad was seen, and the tick is not waited for.
    Between,
    /// The tick; closed bins are handed out to these alone, and once.
    Tick { since_last: Option<Millis> },
}

#[derive(Debug)]
struct Bins {
    length: Millis,
    /// Not handed out yet, oldest first.
    waiting: Vec<OpenBin>,
    /// Control over the whole rollout.
    control: Tally,
}

#[derive(Debug)]
struct OpenBin {
    start: Timestamp,
    epoch: Epoch,
    share: f64,
    both: Both,
}

impl<'s> Signals<'s> {
    pub(crate) fn new(policy: &'s Policy, scenario: &'s Scenario) -> Self {
        let bins = Bins::new(policy);
        Self { policy, scenario, story: Story::of(policy), facts: Vec::new(), bins }
    }

    /// A rollout begins.
    pub(crate) fn begin_rollout(&mut self) {
        self.bins = Bins::new(self.policy);
        self.story.begin_epoch();
    }

    /// An epoch begins.
    pub(crate) fn begin_epoch(&mut self) {
        self.story.begin_epoch();
    }

    /// Takes in a finished second of the rollout that began at `at`.
    pub(crate) fn take(&mut self, slot: Slot, rollout: &Rollout, at: Timestamp) {
        self.bins.take(&slot, rollout, at);
        self.story.take(slot);
    }

    /// Takes in what was found at `at`.
    pub(crate) fn learn(&mut self, at: Timestamp, what: &What) {
        let fact = match what {
            What::NullSignature => Fact::NullSignature,
            What::RlsLeak => Fact::RlsLeak,
            What::FailedRead => Fact::FailedRead,
            What::FailedWrite => Fact::FailedWrite,
            What::DataInconsistency => Fact::DataInconsistency,
            What::Report => Fact::Report,
            What::Crash { .. } => Fact::Crash,
            What::Dismiss => {
                return self.facts.retain(|(_, fact)| !matches!(fact, Fact::DataInconsistency | Fact::Report));
            }
            What::Build(_) | What::Order { .. } => return,
        };
        self.facts.push((at, fact));
    }

    /// What is known of a rollout at a moment.
    pub(crate) fn evidence(&mut self, rollout: &Rollout, moment: Moment<'_>) -> Evidence {
        let Moment { now, elapsed, build, subjects, look } = moment;
        let blind = |check: &Check| self.scenario.outages.iter().any(|outage| covers(outage, check, elapsed));
        let readings = self.policy.checks.iter().map(|check| {
            let outcome = if blind(check) {
                Outcome::Fault("no answer".to_owned())
            } else {
                self.outcome(check, rollout, elapsed)
            };
            let begun_at = if check.signal.is_live() { rollout.stage_since } else { now };
            let reading = Reading {
                rollout: rollout.id,
                epoch: rollout.epoch,
                begun_at,
                observed_at: now,
                outcome,
                control: None,
            };
            (check.name.clone(), reading)
        });
        let readings = readings.collect();
        let counted: Vec<&Check> =
            self.policy.checks.iter().filter(|check| is_counted(check) && !blind(check)).collect();
        let canary = &self.story.total().canary;
        let counts = counted.iter().filter_map(|check| {
            let limit = check.advance_if.as_ref()?;
            Some((check.name.clone(), trials(check, canary, Some(limit.limit))?))
        });
        let counts = counts.collect();
        let (since_last_tick, bins) = match look {
            Look::Between => (None, Vec::new()),
            Look::Tick { since_last } => (since_last, self.bins.closed(&counted, rollout, now)),
        };
        Evidence {
            readings,
            canary_requests: self.story.canary_requests(),
            since_last_tick,
            counts,
            bins,
            subjects,
            ..Evidence::of(build.clone())
        }
    }

    fn outcome(&self, check: &Check, rollout: &Rollout, elapsed: Millis) -> Outcome {
        if check.signal.is_live() {
            return live(&self.story, check, self.policy.stale_after);
        }
        if let Some(points) = self.scenario.values.get(&check.name) {
            let point = points.iter().rev().find(|point| point.at <= elapsed);
            return point.map_or_else(
                || Outcome::NoEvidence("the scenario says nothing yet".to_owned()),
                |Point { sample, .. }| Outcome::Measured { window: *sample, newest: *sample },
            );
        }
        let count = |since: Timestamp, facts: &[Fact]| {
            let found = self.facts.iter().filter(|(at, fact)| *at >= since && facts.contains(fact)).count();
            Outcome::measured(found as f64, 1)
        };
        let (whole, stage) = (rollout.started_at, rollout.stage_since);
        match check.signal {
            Signal::AuditViolations => count(whole, &[Fact::NullSignature]),
            Signal::ProbeRls => count(whole, &[Fact::RlsLeak]),
            Signal::ReportDataInconsistency => count(whole, &[Fact::DataInconsistency]),
            Signal::ReportOther => count(whole, &[Fact::Report]),
            Signal::ReportAny => count(whole, &[Fact::DataInconsistency, Fact::Report]),
            Signal::ProbeRead => count(stage, &[Fact::FailedRead]),
            Signal::ProbeWrite => count(stage, &[Fact::FailedWrite]),
            Signal::LiveCrashes => count(stage, &[Fact::Crash]),
            Signal::Prometheus(_)
            | Signal::Sql(_)
            | Signal::Live5xx
            | Signal::LiveErrorRate
            | Signal::LiveP95
            | Signal::LiveRejections => healthy(check),
        }
    }
}

/// What a live check reads, as the daemon measures it: over its window, and over the newest requests.
fn live(story: &Story, check: &Check, stale_after: Millis) -> Outcome {
    let both = story.window(check.window);
    let sum;
    let window = match check.scope {
        Scope::Canary => &both.canary,
        Scope::All => {
            let mut all = both.canary.clone();
            all.merge(&both.control);
            sum = all;
            &sum
        }
    };
    let newest = story.newest(check.min_samples);
    if check.except.contains(&Exception::Unavailable) && story.unavailable_within(stale_after) > 0 {
        return Outcome::NoEvidence("the database was away".to_owned());
    }
    match (value(check, window), value(check, &newest)) {
        // A count needs no newest part of its own.
        (Some(window), _) if check.signal == Signal::Live5xx => Outcome::Measured { window, newest: window },
        (Some(window), Some(newest)) => Outcome::Measured { window, newest },
        _ if story.canary_requests() == 0 => {
            Outcome::NoEvidence("nobody has been in this stage's canary yet".to_owned())
        }
        _ => Outcome::NoEvidence("0 of 0 requests in the window".to_owned()),
    }
}

fn value(check: &Check, tally: &Tally) -> Option<Sample> {
    let Counts { requests, failures, server_errors, rejections, .. } = tally.counts;
    let excepted = excused(check, tally.counts);
    let share = |part: u64| (requests > 0).then(|| part as f64 / requests as f64);
    let value = match check.signal {
        Signal::Live5xx => Some(server_errors.saturating_sub(excepted) as f64),
        Signal::LiveErrorRate => share(failures.saturating_sub(excepted)),
        Signal::LiveRejections => share(rejections),
        Signal::LiveP95 => tally.cells.p95_ms(),
        Signal::LiveCrashes
        | Signal::AuditViolations
        | Signal::ProbeRls
        | Signal::ProbeRead
        | Signal::ProbeWrite
        | Signal::ReportDataInconsistency
        | Signal::ReportOther
        | Signal::ReportAny
        | Signal::Prometheus(_)
        | Signal::Sql(_) => None,
    };
    value.map(|value| Sample { value, samples: requests })
}

/// Failures that the check does not count.
fn excused(check: &Check, counts: Counts) -> u64 {
    if check.except.contains(&Exception::Unavailable) { counts.unavailable } else { 0 }
}

/// Whether nothing but a scenario's own values tells what this check reads.
pub(crate) const fn is_unknowable(signal: &Signal) -> bool {
    matches!(signal, Signal::Prometheus(_) | Signal::Sql(_))
}

/// A value that breaks no limit of the check, on enough samples.
fn healthy(check: &Check) -> Outcome {
    let limit = check.advance_if.as_ref().map_or(0.0, |condition| condition.limit);
    let fits = |value: &f64| {
        let holds = |condition: &Option<Condition>| condition.as_ref().map(|condition| condition.holds(*value));
        holds(&check.advance_if).unwrap_or(true) && !holds(&check.rollback_if).unwrap_or(false)
    };
    let value = [0.0, limit, limit / 2.0].into_iter().find(fits).unwrap_or(0.0);
    Outcome::measured(value, check.min_samples.max(1))
}

fn covers(outage: &Outage, check: &Check, elapsed: Millis) -> bool {
    let named = outage.checks.as_ref().is_none_or(|names| names.contains(&check.name));
    let over = outage.lasts.is_some_and(|lasts| elapsed >= outage.from + lasts);
    named && elapsed >= outage.from && !over
}

/// Whether a check can be counted request by request.
const fn is_counted(check: &Check) -> bool {
    matches!(check.signal, Signal::LiveErrorRate | Signal::LiveP95 | Signal::LiveRejections)
}

/// Requests, and how many of them speak against the check: `limit` is that of a latency.
fn trials(check: &Check, tally: &Tally, limit: Option<f64>) -> Option<Trials> {
    let n = tally.counts.requests;
    let k = match check.signal {
        Signal::LiveErrorRate => tally.counts.failures.saturating_sub(excused(check, tally.counts)),
        Signal::LiveRejections => tally.counts.rejections,
        Signal::LiveP95 => tally.cells.above(limit?),
        Signal::Live5xx
        | Signal::LiveCrashes
        | Signal::AuditViolations
        | Signal::ProbeRls
        | Signal::ProbeRead
        | Signal::ProbeWrite
        | Signal::ReportDataInconsistency
        | Signal::ReportOther
        | Signal::ReportAny
        | Signal::Prometheus(_)
        | Signal::Sql(_) => return None,
    };
    Some(Trials { n, k })
}

impl Bins {
    fn new(policy: &Policy) -> Self {
        Self { length: policy.bin(), waiting: Vec::new(), control: Tally::default() }
    }

    fn take(&mut self, slot: &Slot, rollout: &Rollout, at: Timestamp) {
        if slot.canary.counts.requests + slot.control.counts.requests == 0 {
            return;
        }
        let length = i64::try_from(self.length.0 / 1000).unwrap_or(60).max(1);
        let start = at - chrono::Duration::seconds(at.timestamp().rem_euclid(length));
        let (epoch, share) = (rollout.epoch, rollout.percent.share());
        match self.waiting.last_mut().filter(|bin| bin.start == start && bin.epoch == epoch) {
            Some(bin) => bin.both.add(slot),
            None => {
                let mut both = Both::default();
                both.add(slot);
                self.waiting.push(OpenBin { start, epoch, share, both });
            }
        }
    }

    /// The bins that are over at `now` and were not handed out before.
    fn closed(&mut self, checks: &[&Check], rollout: &Rollout, now: Timestamp) -> Vec<Bin> {
        let over = |bin: &OpenBin| (self.length + Compare::WATERMARK).after(bin.start) <= now;
        let ready = self.waiting.partition_point(over);
        let ready: Vec<OpenBin> = self.waiting.drain(..ready).collect();
        ready.into_iter().map(|bin| self.close(bin, checks, rollout)).collect()
    }

    fn close(&mut self, bin: OpenBin, checks: &[&Check], rollout: &Rollout) -> Bin {
        let OpenBin { start, epoch, share, both } = bin;
        self.control.merge(&both.control);
        let known = self.control.counts.requests >= EDGE_REQUESTS;
        let so_far = if known { self.control.cells.p95_ms() } else { None };
        let counted = |check: &&Check| {
            let arms = |limit: Option<f64>| {
                let side = |tally| trials(check, tally, limit);
                Some(Arms { canary: side(&both.canary)?, control: side(&both.control)? })
            };
            let edge = rollout.statistics.tail_edge_ms(&check.name);
            let is_tail = check.signal == Signal::LiveP95;
            let limit = check.rollback_if.as_ref().or(check.advance_if.as_ref());
            let counts = BinCounts {
                limit: arms(limit.map(|condition| condition.limit)),
                compared: arms(edge),
                tail_edge_ms: so_far.filter(|_| is_tail && edge.is_none()),
            };
            (check.name.clone(), counts)
        };
        let counts: BTreeMap<CheckName, BinCounts> = checks.iter().map(counted).collect();
        let (canary, control) = (both.canary.counts.requests, both.control.counts.requests);
        Bin { start, epoch, share, canary, control, counts }
    }
}
