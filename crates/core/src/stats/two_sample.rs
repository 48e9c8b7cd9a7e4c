//! The canary against control, at any share of traffic.
//!
//! Of all failures of a bin, which side did they come from, given how many requests each side had? The share of
//! the canary is read anew in every bin, and the mixture is over the *ratio* of the two rates, so stages of
//! 5, 20 and 50 % go into one number, and a common rate that changes from bin to bin (day and night, a shared
//! incident) cancels. Pooling bins before comparing them would bring all of that back (Simpson's paradox).
//!
//! The null is "the canary's rate is at most `r1` times control's, in every bin".

use super::{Arms, ln};

/// Alternatives: so many times worse than the margin allows.
pub const GRID: [f64; 12] = [1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 64.0];
/// Alternatives for "not worse": so many times better than the margin.
pub const GRID_NOT_WORSE: [f64; 8] =
    [1.0 / 1.25, 1.0 / 1.5, 1.0 / 2.0, 1.0 / 3.0, 1.0 / 4.0, 1.0 / 6.0, 1.0 / 8.0, 1.0 / 16.0];

/// Halvings of the interval of ln ratio, 28 wide.
const HALVINGS: u32 = 44;
/// Ratios looked at for a bound; a smaller one is told as 0.
const RATIOS: (f64, f64) = (1e-6, 1e6);

/// ln of the likelihood ratio of one bin: the canary is `r1`·`m` times as bad as control, against `r1` times.
/// 0 where either side had no requests: then nothing can be compared.
pub fn ln_lr(bin: Arms, r1: f64, m: f64) -> f64 {
    let failures = bin.canary.k.saturating_add(bin.control.k);
    if bin.canary.n == 0 || bin.control.n == 0 || failures == 0 {
        return 0.0;
    }
    let share = bin.share().unwrap_or(0.0);
    // 1 − ρ + ρR written as 1 + ρ(R − 1), exact for shares near 0.
    let null = libm::log1p(share * (r1 - 1.0));
    let alternative = libm::log1p(share * (r1 * m - 1.0));
    bin.canary.k as f64 * libm::log(m) + failures as f64 * (null - alternative)
}

/// ln of the e-value against "the canary's rate is at most `r1` times control's".
pub fn ln_e_worse(bins: &[Arms], r1: f64) -> f64 {
    ln_e(bins, r1, &GRID)
}

/// ln of the e-value against "the canary's rate is at least `r1` times control's" (2 is usual): large means
/// proved not worse.
pub fn ln_e_not_worse(bins: &[Arms], r1: f64) -> f64 {
    ln_e(bins, r1, &GRID_NOT_WORSE)
}

/// The largest ratio of the rates that is disproved from below at `alpha`, at every look; 0 where none is.
pub fn lower_ratio_bound(bins: &[Arms], alpha: f64) -> f64 {
    let threshold = -libm::log(alpha);
    let disproved = |ln_ratio: f64| ln_e_worse(bins, libm::exp(ln_ratio)) >= threshold;
    let (mut low, mut high) = (libm::log(RATIOS.0), libm::log(RATIOS.1));
    if !disproved(low) {
        return 0.0;
    }
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if disproved(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    libm::exp(0.5 * (low + high))
}

fn ln_e<const N: usize>(bins: &[Arms], r1: f64, grid: &[f64; N]) -> f64 {
    ln::mean(&grid.map(|m| bins.iter().map(|bin| ln_lr(*bin, r1, m)).sum()))
}
