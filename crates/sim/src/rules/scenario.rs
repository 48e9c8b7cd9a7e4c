//! What goes wrong in a rollout, or only swings.

/// The error rate of control, and of a canary that is as good.
pub(super) const HEALTHY: f64 = 0.0002;
/// How far a day/night swing goes, as a share of the mean.
const SWING: f64 = 0.8;
/// What a shared incident adds to the error rate of both sides.
const INCIDENT: f64 = 0.01;
/// How long it lasts.
pub(super) const INCIDENT_MINUTES: u32 = 10;

/// One kind of rollout.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Scenario {
    /// Canary and control are equally good.
    Healthy,
    /// As healthy, and the common error rate swings by ±80 % over a day.
    SwingingErrors,
    /// As healthy, and the traffic swings by ±80 % over a day.
    SwingingTraffic,
    /// As healthy, and for ten minutes one request in a hundred more fails on both sides.
    SharedIncident,
    /// The canary fails at this rate from its first request on.
    Bad(f64),
}

/// A kind of rollout at some traffic.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Setting {
    /// Requests a second, of both sides together.
    pub per_second: u16,
    /// What happens.
    pub scenario: Scenario,
}

impl Scenario {
    /// A number of its own, for the seed.
    pub(super) fn number(self) -> u64 {
        match self {
            Scenario::Healthy => 0,
            Scenario::SwingingErrors => 1,
            Scenario::SwingingTraffic => 2,
            Scenario::SharedIncident => 3,
            Scenario::Bad(rate) => 4 + (rate * 10_000.0) as u64,
        }
    }

    /// Error rates of (canary, control), where `wave` (−1..=1) is the hour of the day.
    pub(super) fn rates(self, wave: f64, in_incident: bool) -> (f64, f64) {
        match self {
            Scenario::Healthy | Scenario::SwingingTraffic => (HEALTHY, HEALTHY),
            Scenario::SwingingErrors => {
                let rate = HEALTHY * (1.0 + SWING * wave);
                (rate, rate)
            }
            Scenario::SharedIncident => {
                let rate = if in_incident { HEALTHY + INCIDENT } else { HEALTHY };
                (rate, rate)
            }
            Scenario::Bad(rate) => (rate, HEALTHY),
        }
    }

    /// What to multiply the mean traffic by.
    pub(super) fn traffic(self, wave: f64) -> f64 {
        match self {
            Scenario::SwingingTraffic => 1.0 + SWING * wave,
            Scenario::Healthy | Scenario::SwingingErrors | Scenario::SharedIncident | Scenario::Bad(_) => 1.0,
        }
    }
}
