//! The counts of one rollout, minute by minute, drawn from a seed.

use super::ramp;
use super::scenario::{INCIDENT_MINUTES, Setting};
use rampart_core::stats::{Arms, Trials};
use rand::{RngExt, SeedableRng};
use rand_distr::{Binomial, Distribution};
use rand_pcg::Pcg64;
use std::f64::consts::TAU;

const MINUTES_OF_A_DAY: f64 = 1440.0;
const SECONDS: f64 = 60.0;

/// What one minute showed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Minute {
    /// Minutes since the rollout began, this one included.
    pub number: u32,
    /// Requests and failures on both sides.
    pub arms: Arms,
    /// Whether a stage began with it.
    pub stage_began: bool,
}

/// One rollout, to be iterated over.
pub struct Traffic {
    setting: Setting,
    rng: Pcg64,
    /// The hour of the day at which the rollout begins, as a share of the day.
    begins: f64,
    /// The minute in which the shared incident begins; there is still a control when it ends.
    incident: u32,
    /// The next minute, counted from 0.
    next: u32,
}

impl Traffic {
    /// Rollout number `run` of a setting. Seed, setting and number together make it, and nothing else.
    pub fn new(setting: Setting, seed: u16, run: u32) -> Self {
        let key = u64::from(seed) << 48 | u64::from(run) << 16 | u64::from(setting.per_second);
        // The scenario sits in numbers of its own, far from the keys of others.
        let mut rng = Pcg64::seed_from_u64(key ^ setting.scenario.number().wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let begins = rng.random_range(0.0..1.0);
        let incident = rng.random_range(0..=ramp::CONTROL_ENDS - INCIDENT_MINUTES);
        Self { setting, rng, begins, incident, next: 0 }
    }

    /// How many of `n` an event of chance `rate` happens to.
    fn draw(&mut self, n: u64, rate: f64) -> u64 {
        // A rate of the scenarios is always a chance; were it none, nothing would happen.
        Binomial::new(n, rate).map_or(0, |binomial| binomial.sample(&mut self.rng))
    }
}

impl Iterator for Traffic {
    type Item = Minute;

    fn next(&mut self) -> Option<Minute> {
        let minute = self.next;
        if minute >= ramp::MINUTES {
            return None;
        }
        self.next += 1;

        let wave = libm::sin(TAU * (self.begins + f64::from(minute) / MINUTES_OF_A_DAY));
        let in_incident = (self.incident..self.incident + INCIDENT_MINUTES).contains(&minute);
        let (share, stage_began) = ramp::at(minute);
        let scenario = self.setting.scenario;
        let (canary_rate, control_rate) = scenario.rates(wave, in_incident);

        let requests = (f64::from(self.setting.per_second) * SECONDS * scenario.traffic(wave)).round() as u64;
        let canary = (requests as f64 * share).round() as u64;
        let control = requests - canary;
        let arms = Arms {
            canary: Trials::new(canary, self.draw(canary, canary_rate)),
            control: Trials::new(control, self.draw(control, control_rate)),
        };
        Some(Minute { number: self.next, arms, stage_began })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Scenario;
    use super::*;

    fn total(scenario: Scenario) -> Arms {
        let mut sum = Arms::default();
        for run in 0..20 {
            for minute in Traffic::new(Setting { per_second: 100, scenario }, 1, run) {
                sum += minute.arms;
            }
        }
        sum
    }

    #[test]
    fn the_rates_are_those_of_the_scenario() {
        let close = |found: Option<f64>, wanted: f64| (found.unwrap() / wanted - 1.0).abs() < 0.03;
        let healthy = total(Scenario::Healthy);
        assert!(close(healthy.canary.rate(), 0.0002) && close(healthy.control.rate(), 0.0002), "{healthy:?}");
        let bad = total(Scenario::Bad(0.005));
        assert!(close(bad.canary.rate(), 0.005) && close(bad.control.rate(), 0.0002), "{bad:?}");
        // 5 % of an hour, 20 % of two, half of four and all of eight, of 15 hours.
        assert!(close(healthy.share(), (0.05 + 0.4 + 2.0 + 8.0) / 15.0), "{healthy:?}");
    }

    #[test]
    fn the_same_seed_makes_the_same_rollout_and_another_does_not() {
        let draw =
            |scenario, seed, run| Traffic::new(Setting { per_second: 100, scenario }, seed, run).collect::<Vec<_>>();
        let first = draw(Scenario::Healthy, 7, 3);
        assert_eq!(first, draw(Scenario::Healthy, 7, 3));
        for other in
            [draw(Scenario::Healthy, 8, 3), draw(Scenario::Healthy, 7, 4), draw(Scenario::SharedIncident, 7, 3)]
        {
            assert_ne!(first, other);
        }
    }
}
