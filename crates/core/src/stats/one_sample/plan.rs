//! How many requests it would take: the numbers a person can wait for.

use super::{ln_e_bad, ln_e_good};
use crate::stats::Trials;

/// Requests beyond which a float no longer counts by one.
const MOST: u64 = 1 << 53;

/// The smallest number of requests, `k` failures among them, at which "the rate is below `p0`" is proved with
/// `ln_threshold` (ln 20 for 20 to 1). Nothing where no number that can be counted would do.
pub fn requests_to_good(k: u64, p0: f64, ln_threshold: f64) -> Option<u64> {
    first_from(k, |n| ln_e_good(Trials { n, k }, p0) >= ln_threshold)
}

/// The largest number of requests within which the `k`-th failure proves "the rate is above `p0`" with
/// `ln_threshold`; 0 where that many failures never prove it.
pub fn bad_if_within(k: u64, p0: f64, ln_threshold: f64) -> u64 {
    let first_that_does_not = first_from(k, |n| ln_e_bad(Trials { n, k }, p0) < ln_threshold);
    match first_that_does_not {
        Some(n) if n == k => 0,
        Some(n) => n - 1,
        None => MOST,
    }
}

/// The first number from `from` on that `holds`, of a property that stays once it holds.
fn first_from(from: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    if holds(from) {
        return Some(from);
    }
    let (mut fails, mut step) = (from, 1);
    let mut found = loop {
        let next = from.checked_add(step).filter(|next| *next <= MOST)?;
        if holds(next) {
            break next;
        }
        fails = next;
        step *= 2;
    };
    while found - fails > 1 {
        let middle = fails + (found - fails) / 2;
        if holds(middle) {
            found = middle;
        } else {
            fails = middle;
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWENTY: f64 = 2.995_732_273_553_991;
    const HUNDRED: f64 = 4.605_170_185_988_091;

    #[test]
    fn the_numbers_an_operator_is_told() {
        let clean: Vec<_> = (0..=5).filter_map(|k| requests_to_good(k, 0.001, TWENTY)).collect();
        assert_eq!(clean, [3764, 6641, 8852, 10_824, 12_661, 14_409]);
        let bad: Vec<_> = [2, 3, 4, 5, 7, 10].iter().map(|k| bad_if_within(*k, 0.001, TWENTY)).collect();
        assert_eq!(bad, [110, 358, 671, 1036, 1879, 3348]);
        let worse: Vec<_> = [2, 3, 4, 5, 7, 10].iter().map(|k| bad_if_within(*k, 0.001, HUNDRED)).collect();
        assert_eq!(worse, [6, 175, 410, 698, 1399, 2675]);
    }

    #[test]
    fn one_failure_never_proves_harm_and_some_proofs_never_come() {
        assert_eq!(bad_if_within(1, 0.001, TWENTY), 0);
        assert_eq!(requests_to_good(0, 0.001, f64::INFINITY), None);
    }
}
