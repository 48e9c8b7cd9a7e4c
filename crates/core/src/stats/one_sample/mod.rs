//! The rate of the canary against a fixed limit p₀: Robbins' mixture, cut at the limit.
//!
//! For one alternative rate θ each request multiplies the capital by θ/p₀ or (1−θ)/(1−p₀). Mixing θ over the
//! part of Beta(½, 0.1/p₀) above the limit gives the evidence that the rate is *worse*, over the part below the
//! evidence that it is *better*. The expectation is at most 1 whenever the chance of a failure is on the
//! right side of p₀ at every moment: it need not be constant, nor the requests independent.
//!
//! (1−I) E_bad + I E_good = M ties the two together, with I = I_p₀(½, 0.1/p₀) and M the uncut mixture.

mod interval;
mod plan;

pub use interval::{bounds, zero_failure_bound};
pub use plan::{bad_if_within, requests_to_good};

use super::Trials;
use super::beta::{ln_beta, ln_incomplete};

/// Prior successes for each unit of 1/p₀: the prior's bulk lies near and above the limit.
const PRIOR_SUCCESSES: f64 = 0.1;
const PRIOR_FAILURES: f64 = 0.5;

/// ln of the e-value against "the rate is at most `p0`": large means proved bad. 0, no evidence, where `p0` is
/// not between 0 and 1: such a limit cannot be crossed by degrees.
pub fn ln_e_bad(trials: Trials, p0: f64) -> f64 {
    Mixture::of(trials, p0).map_or(0.0, |mixture| mixture.ln_all + mixture.posterior.1 - mixture.prior.1)
}

/// ln of the e-value against "the rate is at least `p0`": large means proved good. 0, no evidence, where `p0`
/// is not between 0 and 1.
pub fn ln_e_good(trials: Trials, p0: f64) -> f64 {
    Mixture::of(trials, p0).map_or(0.0, |mixture| mixture.ln_all + mixture.posterior.0 - mixture.prior.0)
}

/// The uncut mixture, and how much of the prior and of the posterior lies below and above the limit.
struct Mixture {
    ln_all: f64,
    prior: (f64, f64),
    posterior: (f64, f64),
}

impl Mixture {
    fn of(trials: Trials, p0: f64) -> Option<Self> {
        if !(p0 > 0.0 && p0 < 1.0) {
            return None;
        }
        let (a, b) = (PRIOR_FAILURES, PRIOR_SUCCESSES / p0);
        let (failures, successes) = (trials.k as f64, trials.successes() as f64);
        let ln_null = failures * libm::log(p0) + successes * libm::log1p(-p0);
        Some(Self {
            ln_all: ln_beta(a + failures, b + successes) - ln_beta(a, b) - ln_null,
            prior: ln_incomplete(a, b, p0),
            posterior: ln_incomplete(a + failures, b + successes, p0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::ln;
    use super::*;
    use proptest::prelude::*;

    prop_compose! {
        fn trials()(n in 0_u64..2_000_000)(n in Just(n), k in 0..=n.min(2_000)) -> Trials {
            Trials { n, k }
        }
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-6 || (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
    }

    #[test]
    fn a_limit_that_no_rate_can_cross_by_degrees_proves_nothing() {
        for p0 in [0.0, 1.0, -0.5, 2.0, f64::NAN] {
            assert_eq!((ln_e_bad(Trials::new(10, 5), p0), ln_e_good(Trials::new(10, 5), p0)), (0.0, 0.0));
            assert_eq!(requests_to_good(0, p0, 3.0), None);
        }
    }

    proptest! {
        #[test]
        fn both_sides_add_up_to_the_mixture(trials in trials(), p0 in prop::sample::select(vec![0.001, 0.01, 0.05, 0.2])) {
            let mixture = Mixture::of(trials, p0).unwrap();
            let both = ln::add(mixture.prior.1 + ln_e_bad(trials, p0), mixture.prior.0 + ln_e_good(trials, p0));
            prop_assert!(close(both, mixture.ln_all), "{} and {}", both, mixture.ln_all);
        }

        /// On the edge of the null the next request neither adds nor takes on average: a fair game.
        #[test]
        fn the_game_is_fair_at_the_limit(trials in trials(), p0 in prop::sample::select(vec![0.001, 0.01, 0.05, 0.2])) {
            let failed = Trials::new(trials.n + 1, trials.k + 1);
            let passed = Trials::new(trials.n + 1, trials.k);
            for e in [ln_e_bad, ln_e_good] {
                let expected = ln::add(libm::log(p0) + e(failed, p0), libm::log1p(-p0) + e(passed, p0));
                prop_assert!(close(expected, e(trials, p0)), "{} and {}", expected, e(trials, p0));
            }
        }
    }
}
