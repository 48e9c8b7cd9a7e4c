//! Requests, second by second: who comes, which lens serves them, how it goes.

use crate::latency::Latencies;
use crate::scenario::{self, Behaviour, Cohort, Manners};
use crate::story::{Counts, Served, Slot};
use chrono::Timelike;
use rampart_core::flag::{Bucket, bucket};
use rampart_core::rollout::{Rollout, Subjects};
use rampart_core::{FlagKey, Millis, Percent, Timestamp};
use rand::{RngExt, SeedableRng};
use rand_distr::{Binomial, Distribution, Poisson};
use rand_pcg::Pcg64Mcg;

/// Hours of a day.
const DAY: f64 = 24.0;

/// Draws the requests of one world.
pub(crate) struct Traffic {
    random: Pcg64Mcg,
    shape: scenario::Traffic,
    /// Everybody's place, lowest first, so that those with the flag are the first ones at every percent.
    people: Vec<Bucket>,
    /// Who was seen in this epoch.
    seen: Vec<bool>,
    seen_of: Subjects,
    /// Latencies by median and p95.
    latencies: Vec<((Millis, Millis), Latencies)>,
}

/// How requests of both cohorts go at one moment.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Now {
    pub(crate) canary: Manners,
    pub(crate) control: Manners,
}

impl Traffic {
    pub(crate) fn new(flag: &FlagKey, shape: scenario::Traffic, seed: u64) -> Self {
        let mut people: Vec<Bucket> = (0..shape.users).map(|n| bucket(flag.as_str(), &format!("user-{n}"))).collect();
        people.sort_by_key(|bucket| (bucket.number(), bucket.fine()));
        let seen = vec![false; people.len()];
        let random = Pcg64Mcg::seed_from_u64(seed);
        Self { random, shape, people, seen, seen_of: Subjects::default(), latencies: Vec::new() }
    }

    /// An epoch begins, and nobody has been seen in it.
    pub(crate) fn begin_epoch(&mut self) {
        self.seen.fill(false);
        self.seen_of = Subjects::default();
    }

    /// How many different people were seen in this epoch.
    pub(crate) const fn subjects(&self) -> Subjects {
        self.seen_of
    }

    /// The requests of the second that begins at `at`, `second` seconds after the world began.
    pub(crate) fn second(&mut self, second: i64, at: Timestamp, percent: Percent, now: Now) -> Slot {
        let with = self.people.partition_point(|bucket| bucket.within(percent));
        let share = with as f64 / self.people.len() as f64;
        let rate = self.rate(at);
        let canary = self.arrivals(rate * share);
        let control = self.arrivals(rate * (1.0 - share));
        self.meet(0, with, canary, true);
        self.meet(with, self.people.len(), control, false);
        Slot { second, canary: self.serve(canary, now.canary), control: self.serve(control, now.control) }
    }

    /// Requests a second at this time of the day.
    fn rate(&self, at: Timestamp) -> f64 {
        let hour = f64::from(at.num_seconds_from_midnight()) / 3600.0;
        let wave = libm::cos((hour - self.shape.busiest) / DAY * std::f64::consts::TAU);
        self.shape.per_second * (1.0 + self.shape.swing * wave)
    }

    fn arrivals(&mut self, expected: f64) -> u64 {
        Poisson::new(expected).map_or(0, |poisson| poisson.sample(&mut self.random) as u64)
    }

    /// Each request is of somebody; who was met before is not met again.
    fn meet(&mut self, first: usize, last: usize, requests: u64, canary: bool) {
        let met = if canary { &mut self.seen_of.canary } else { &mut self.seen_of.control };
        for _ in 0..requests {
            if *met == (last - first) as u64 {
                return;
            }
            let person = self.random.random_range(first..last);
            *met += u64::from(!std::mem::replace(&mut self.seen[person], true));
        }
    }

    fn serve(&mut self, requests: u64, manners: Manners) -> Served {
        let mut left = requests;
        let mut share = |random: &mut Pcg64Mcg, share: Option<f64>| {
            let chance = share.unwrap_or(0.0);
            let hit = if chance > 0.0 && left > 0 {
                Binomial::new(left, chance).map_or(0, |binomial| binomial.sample(random))
            } else {
                0
            };
            left -= hit;
            hit
        };
        let unavailable = share(&mut self.random, manners.unavailable);
        let errors = share(&mut self.random, manners.errors);
        let timeouts = share(&mut self.random, manners.timeouts);
        let rejections = share(&mut self.random, manners.rejections);
        let server_errors = unavailable + errors;
        let counts = Counts { requests, failures: server_errors + timeouts, server_errors, unavailable, rejections };
        let place = self.latencies(manners);
        let latencies = &self.latencies[place].1;
        Served { counts, latencies: (0..requests).map(|_| latencies.draw(&mut self.random)).collect() }
    }

    /// The place of the latencies with this median and p95.
    fn latencies(&mut self, manners: Manners) -> usize {
        let key = (manners.p50.unwrap_or(Millis(1)), manners.p95.unwrap_or(Millis(1)));
        self.latencies.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
            self.latencies.push((key, Latencies::new(key.0.0 as f64, key.1.0 as f64)));
            self.latencies.len() - 1
        })
    }
}

/// Whether a behaviour is in force, `elapsed` after the start.
pub(crate) fn in_force(behaviour: &Behaviour, rollout: Option<&Rollout>, elapsed: Millis, at: Timestamp) -> bool {
    let since_stage = match (behaviour.stage, rollout) {
        (None, _) => None,
        (Some(stage), Some(rollout)) if rollout.stage == Some(stage) && rollout.percent > Percent::ZERO => {
            Some(Millis::between(rollout.stage_since, at))
        }
        (Some(_), _) => return false,
    };
    let begun = elapsed >= behaviour.from && since_stage.is_none_or(|since| since >= behaviour.after);
    let first = since_stage.map_or(behaviour.from, |_| behaviour.after);
    let clock = since_stage.unwrap_or(elapsed);
    begun && behaviour.lasts.is_none_or(|lasts| clock < first + lasts)
}

/// How requests go under these behaviours, later ones overruling earlier ones.
pub(crate) fn manners_of<'b>(behaviours: impl Iterator<Item = &'b Behaviour>) -> Now {
    let mut now = Now { canary: Manners::default(), control: Manners::default() };
    for behaviour in behaviours {
        if behaviour.cohort != Cohort::Control {
            now.canary = overruled(now.canary, behaviour.manners);
        }
        if behaviour.cohort != Cohort::Canary {
            now.control = overruled(now.control, behaviour.manners);
        }
    }
    now
}

fn overruled(before: Manners, by: Manners) -> Manners {
    let (p50, p95) = latency(before, by);
    Manners {
        errors: by.errors.or(before.errors),
        timeouts: by.timeouts.or(before.timeouts),
        unavailable: by.unavailable.or(before.unavailable),
        rejections: by.rejections.or(before.rejections),
        p50,
        p95,
    }
}

/// Where only one of the two is given, the other keeps its proportion.
fn latency(before: Manners, by: Manners) -> (Option<Millis>, Option<Millis>) {
    let scaled = |own: Option<Millis>, from: Option<Millis>, to: Millis| {
        let (own, from) = (own?, from?);
        Some(Millis((own.0 * to.0 / from.0.max(1)).max(1)))
    };
    match (by.p50, by.p95) {
        (None, None) => (before.p50, before.p95),
        (Some(p50), None) => (Some(p50), scaled(before.p95, before.p50, p50)),
        (None, Some(p95)) => (scaled(before.p50, before.p95, p95), Some(p95)),
        (Some(p50), Some(p95)) => (Some(p50), Some(p95)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: scenario::Traffic = scenario::Traffic { per_second: 50.0, swing: 0.8, busiest: 12.0, users: 500 };

    fn drawn(seed: u64, hour: i64, percent: u8) -> (Counts, Counts, Subjects) {
        let flag: FlagKey = "part_lens_v2".parse().unwrap();
        let mut traffic = Traffic::new(&flag, SHAPE, seed);
        let ordinary =
            Manners { timeouts: Some(0.1), p50: Some(Millis(80)), p95: Some(Millis(200)), ..Manners::default() };
        let (mut canary, mut control) = (Counts::default(), Counts::default());
        for second in 0..600 {
            let at = Timestamp::UNIX_EPOCH + chrono::Duration::seconds(hour * 3600 + second);
            let slot = traffic.second(second, at, Percent::whole(percent), Now { canary: ordinary, control: ordinary });
            canary.add(slot.canary.counts);
            control.add(slot.control.counts);
        }
        (canary, control, traffic.subjects())
    }

    #[test]
    fn the_same_seed_makes_the_same_traffic() {
        assert_eq!(drawn(3, 12, 20), drawn(3, 12, 20));
        assert_ne!(drawn(3, 12, 20), drawn(4, 12, 20));
    }

    #[test]
    fn the_flag_splits_the_traffic_and_nights_are_quiet() {
        let (canary, control, subjects) = drawn(1, 12, 20);
        let share = canary.requests as f64 / (canary.requests + control.requests) as f64;
        assert!((0.15..0.26).contains(&share), "{share}");
        assert_eq!(subjects.canary + subjects.control, 500);
        assert!((canary.failure_rate().unwrap() - 0.1).abs() < 0.02);
        let (night, ..) = drawn(1, 0, 20);
        assert!(night.requests * 5 < canary.requests, "{night:?} {canary:?}");
        assert_eq!(drawn(1, 12, 0).0, Counts::default());
    }

    #[test]
    fn a_latency_that_is_given_alone_keeps_the_proportion() {
        let usual = Manners { p50: Some(Millis(100)), p95: Some(Millis(250)), ..Manners::default() };
        let slower = overruled(usual, Manners { p95: Some(Millis(750)), ..Manners::default() });
        assert_eq!((slower.p50, slower.p95), (Some(Millis(300)), Some(Millis(750))));
    }
}
