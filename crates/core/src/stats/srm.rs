//! Sample-ratio mismatch: do the cohorts hold as many people as the percentage says?
//!
//! Where they do not, somebody is lost or pinned to one side, the two groups are not the same kind of people,
//! and no comparison of theirs means anything. Count distinct people, not requests: requests of one person are
//! not independent.

use super::beta::ln_beta;

/// How many people's worth of trust the configured share gets: a mismatch of a few percent is found, one of a few
/// in a thousand is let be.
const CONCENTRATION: f64 = 100.0;

/// ln of the e-value against "a person meets the canary with chance `share`": 1000 to 1 voids the comparison.
/// 0 at a share of 0 or 1, where there is nothing to divide.
pub fn ln_e(canary_users: u64, control_users: u64, share: f64) -> f64 {
    if !(share > 0.0 && share < 1.0) {
        return 0.0;
    }
    let (canary, control) = (canary_users as f64, control_users as f64);
    let (a, b) = (CONCENTRATION * share, CONCENTRATION * (1.0 - share));
    ln_beta(a + canary, b + control) - ln_beta(a, b) - canary * libm::log(share) - control * libm::log1p(-share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_or_nothing_to_divide_says_nothing() {
        assert_eq!(ln_e(0, 0, 0.05), 0.0);
        assert_eq!(ln_e(500, 3, 1.0), 0.0);
        assert_eq!(ln_e(0, 500, 0.0), 0.0);
    }
}
