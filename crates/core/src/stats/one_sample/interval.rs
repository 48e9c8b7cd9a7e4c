//! Between which bounds the rate lies, at every look at once.

use super::{ln_e_bad, ln_e_good};
use crate::stats::Trials;

/// Halvings of the interval of ln p; it begins below 35 wide and ends beyond what is ever shown.
const HALVINGS: u32 = 48;
/// How far below the observed rate a lower bound is sought, as a factor: less than this is told as 0.
const LOWEST: f64 = 1e-9;

/// The rates that are not disproved at `alpha`: (lower, upper).
///
/// Each bound alone misses the true rate with a chance of at most `alpha`, however often one looks. A bound
/// crosses a limit exactly when the verdict of [`ln_e_bad`] or [`ln_e_good`] on that limit does.
pub fn bounds(trials: Trials, alpha: f64) -> (f64, f64) {
    let Some(rate) = trials.rate() else { return (0.0, 1.0) };
    let threshold = -libm::log(alpha);
    let disproved_from_below = |p: f64| ln_e_bad(trials, p) >= threshold;
    let disproved_from_above = |p: f64| ln_e_good(trials, p) >= threshold;

    let lowest = rate * LOWEST;
    let lower = if trials.k > 0 && disproved_from_below(lowest) {
        boundary(lowest, rate.min(1.0 - f64::EPSILON), |p| !disproved_from_below(p))
    } else {
        0.0
    };
    let (above, highest) = (rate.max(LOWEST / trials.n as f64), 1.0 - f64::EPSILON);
    let upper = if above < highest && disproved_from_above(highest) {
        boundary(above, highest, disproved_from_above)
    } else {
        1.0
    };
    (lower, upper)
}

/// The bound for something that has never happened in `n` requests (the "rule of three", which is valid at
/// every look as well): the largest rate not disproved at `alpha`.
pub fn zero_failure_bound(n: u64, alpha: f64) -> f64 {
    if n == 0 { 1.0 } else { -libm::expm1(libm::log(alpha) / n as f64) }
}

/// Where `beyond` turns from false at `low` to true at `high`, both positive.
fn boundary(low: f64, high: f64, beyond: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (libm::log(low), libm::log(high));
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if beyond(libm::exp(middle)) {
            high = middle;
        } else {
            low = middle;
        }
    }
    libm::exp(0.5 * (low + high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_tried_says_nothing() {
        assert_eq!(bounds(Trials::default(), 0.05), (0.0, 1.0));
        assert_eq!(zero_failure_bound(0, 0.05), 1.0);
    }

    #[test]
    fn the_rule_of_three() {
        assert!((zero_failure_bound(3000, 0.05) - 0.001).abs() < 2e-6);
    }

    #[test]
    fn one_failure_alone_proves_no_rate_at_all() {
        assert_eq!(bounds(Trials::new(10_000, 1), 0.05).0, 0.0);
    }

    #[test]
    fn when_everything_fails_only_the_lower_bound_speaks() {
        let (lower, upper) = bounds(Trials::new(50, 50), 0.05);
        assert!(lower > 0.5 && upper == 1.0, "{lower} {upper}");
    }

    #[test]
    fn a_bound_crosses_the_limit_when_the_verdict_does() {
        assert!(bounds(Trials::new(3764, 0), 0.05).1 < 0.001);
        assert!(bounds(Trials::new(3763, 0), 0.05).1 > 0.001);
        assert!(bounds(Trials::new(358, 3), 0.05).0 > 0.001);
        assert!(bounds(Trials::new(359, 3), 0.05).0 < 0.001);
    }
}
